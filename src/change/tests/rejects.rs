//! What the previous version rejects: nothing of it is left out before a person has answered for
//! it, and then it is whole, named and counted.

use super::host::Mode;
use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::decide::MOST_ATTEMPTS;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::{HaltKind, OpenQuestion, Output, StepId};

const KINDS: [Kind; 2] = [PLAIN, ROUGH];

/// A downgrade on the way, stopped at the first of two operations that version 1.0 rejects.
fn rejected(kind: Kind, verb: Verb) -> World {
    let world = upgraded(kind);
    world.product.host().rejects = vec!["+b3".into(), "-a3".into()];
    let ended = world.once(Some(world.plan(verb, &world.state())), None);
    asks(&world, &ended);
    world
}

#[track_caller]
fn asks(world: &World, ended: &Ended) {
    let Ended::Outcome(Outcome::Halted { step, why, kind }) = ended else { panic!("{ended:?}") };
    assert_eq!(step, "restore");
    assert!(*kind == HaltKind::Rejects && why.contains("rejected +b3"), "{kind:?} {why}");
    assert!(world.state().current().expect("under way").asks_for_rejects());
}

/// After the rejects were answered for: halted at the proof, everything named once.
#[track_caller]
fn proves(world: &World, ended: &Ended) {
    let Ended::Outcome(Outcome::Halted { step, why, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(step, "prove", "{why}");
    let file = world.layout.folder().join("rejects");
    assert_eq!(
        world.state().outputs.get(&StepId::RESTORE),
        Some(&Output::Rejects { count: 2, file: file.clone() })
    );
    assert_eq!(std::fs::read_to_string(file).expect("readable"), "rejected +b3\nrejected -a3\n");
    world.answer(OpenQuestion::Differences);
    world.go_on();
    let host = world.product.host();
    let expected: Vec<String> =
        host.truth.iter().filter(|item| !item.ends_with(" b3")).cloned().collect();
    let mut found = host.items();
    found.retain(|item| !item.ends_with(" a3"));
    assert_eq!((found, host.mode), (expected, Mode::Open));
    assert_eq!(host.faults, Vec::<String>::new());
}

#[test]
fn s1_a_reject_stops_the_restore_until_a_person_answers_for_it() {
    for kind in KINDS {
        for verb in [Verb::Keep, Verb::InPlace] {
            let world = rejected(kind, verb);
            asks(&world, &world.once(None, None));
            if verb == Verb::Keep {
                world.run(Verb::Abort);
                world.serves("2.0");
                continue;
            }
            world.answer(OpenQuestion::Rejects);
            proves(&world, &world.once(None, None));
        }
    }
}

#[test]
fn the_rejects_are_named_once_however_the_restore_past_them_is_cut_off() {
    let places = |operation: &str| {
        [format!("command past {operation}"), format!("command past named {operation}")]
    };
    for kind in KINDS {
        for place in ["+a3", "+b3", "-a3", "+b4"].iter().flat_map(|operation| places(operation)) {
            for fail in [false, true] {
                let world = rejected(kind, Verb::Keep);
                world.answer(OpenQuestion::Rejects);
                let (at_place, strike) =
                    (place.clone(), if fail { || Strike::Fail } else { || Strike::Kill });
                let hook: Hook = Box::new(move |at, _| (at == at_place).then(strike));
                let mut ended = world.once(None, Some(hook));
                if !matches!(ended, Ended::Outcome(Outcome::Halted { .. })) {
                    ended = world.once(None, None);
                }
                proves(&world, &ended);
            }
        }
    }
}

/// Each `resume` without an answer counts as a try. The answer, as late as it comes, counts.
#[test]
fn an_answer_after_many_halts_is_not_stopped_by_the_limit_of_attempts() {
    for halts in [MOST_ATTEMPTS - 1, MOST_ATTEMPTS] {
        let world = rejected(PLAIN, Verb::Keep);
        for _ in 1..halts {
            asks(&world, &world.once(None, None));
        }
        world.answer(OpenQuestion::Rejects);
        let mut ended = world.once(None, None);
        for _ in 1..halts {
            let Ended::Outcome(Outcome::Halted { step, kind, .. }) = &ended else {
                panic!("{ended:?}")
            };
            assert_eq!((step.as_str(), *kind), ("prove", HaltKind::Differences));
            ended = world.once(None, None);
        }
        proves(&world, &ended);
    }
}
