//! Before the service is opened, only what the capture touched is compared, where that can be told.

use super::kind::{PLAIN, ROUGH};
use super::procedures::Verb;
use super::straight::upgraded;
use super::world::World;
use crate::journal::{Family, Journal, Output, Proof, StepId};
use crate::report::{Command, Extent, offers, permitted, report, timeline};
use crate::step::{Action, Record};

fn proof(world: &World) -> Proof {
    match world.state().outputs.get(&StepId::PROVE) {
        Some(Output::Proof(proof)) => *proof,
        other => panic!("{other:?}"),
    }
}

/// What the two items of each write since the upgrade were called, and what was deleted by it.
fn touched(world: &World) -> Option<u64> {
    match world.state().outputs.get(&StepId::of(Family::Touched, "items")) {
        Some(Output::Inventory { items, .. }) => Some(*items),
        _ => None,
    }
}

#[test]
fn what_the_capture_did_not_touch_is_not_listed() {
    for kind in [PLAIN, ROUGH] {
        let world = upgraded(kind);
        world.run(Verb::Keep);
        world.serves("1.0");
        let all = world.product.host().truth.len() as u64;
        assert_eq!(touched(&world), Some(5), "a3, b3, a4, b4, and a2, which was deleted");
        let proof = proof(&world);
        assert!(proof.holds() && proof.expected < all, "{proof} of {all}");
    }
}

#[test]
fn what_was_compared_and_what_was_not_is_said_list_by_list() {
    let world = upgraded(PLAIN);
    world.run(Verb::Keep);
    let said = report(&world.state()).compared.expect("compared");
    assert_eq!(said.lists[0].name, "items");
    assert_eq!((said.lists[0].items, said.lists[0].of), (proof(&world).expected, Extent::Delta));
    assert_eq!(said.not_compared, ["items of colour are grey"]);
    proved(&world, Proof { expected: 8, found: 8, missing: 0, unexpected: 0 });
    let said = report(&world.state()).compared.expect("compared");
    assert_eq!((said.lists[0].items, said.lists[0].of), (8, Extent::All));
    let lines = crate::journal::file::read(&world.layout.journal()).expect("read").lines;
    assert_eq!(timeline(&lines).and_then(|story| story.compared), Some(said.clone()));
    world.run(Verb::Commit);
    let lines = crate::journal::file::read(&world.layout.journal()).expect("read").lines;
    assert_eq!(timeline(&lines).and_then(|story| story.compared), Some(said));
    assert_eq!(report(&world.state()).compared, None);
}

#[test]
fn everything_is_listed_when_what_was_touched_cannot_be_told_and_in_place() {
    for verb in [Verb::Keep, Verb::InPlace] {
        let world = upgraded(PLAIN);
        world.product.host().forgets = true;
        world.run(verb);
        world.serves("1.0");
        assert_eq!(touched(&world), None);
        assert_eq!(proof(&world).expected, world.product.host().truth.len() as u64);
    }
}

/// As `backout prove` writes it down.
fn proved(world: &World, proof: Proof) {
    let (mut journal, _) = Journal::open::<Action>(&world.layout.journal()).expect("readable");
    journal
        .append(Record::Proved { proof, lists: vec![("items".to_owned(), proof.expected)] })
        .expect("appended");
    world.forget();
}

#[test]
fn s7_everything_is_compared_afterwards_until_the_next_procedure() {
    let world = upgraded(PLAIN);
    assert!(permitted(&world.state(), Command::Prove).is_err());
    world.run(Verb::Keep);
    let state = world.state();
    assert_eq!(state.partly_compared(), [("items".to_owned(), 5)]);
    assert!(permitted(&state, Command::Prove).is_ok());
    assert!(offers(&state).iter().any(|next| next.command == "backout prove"));
    let found = Proof { expected: 8, found: 8, missing: 0, unexpected: 0 };
    proved(&world, found);
    assert_eq!(world.state().full_proof, Some(found));
    assert!(!offers(&world.state()).iter().any(|next| next.command == "backout prove"));
    world.run(Verb::Undo);
    let state = world.state();
    assert_eq!(state.full_proof, None);
    assert!(permitted(&state, Command::Prove).is_err());
    world.client();
    world.run(Verb::Keep);
    world.serves("1.0");
    world.run(Verb::Commit);
    world.nothing_left();
}
