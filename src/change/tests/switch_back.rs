//! After a downgrade, version 2.0 stands by: an undo is a switch that loses nothing, or nothing has
//! changed.

use super::Reach;
use super::crash::{each_once, everything};
use super::kind::Kind;
use super::procedures::{Ended, Verb};
use super::standby::{KINDS, STANDBY, beside, no_standby};
use super::straight::upgraded;
use super::switch::{Way, does_not_open};
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::{Journal, Phase, Proof, StepId};
use crate::procedure::not_opened;
use crate::report::{Command, offers, permitted};
use crate::step::{Action, Record};
use crate::zfs::{Dataset, Engine as _};

/// Version 1.0 serves after a downgrade, with version 2.0 beside it. `switch`: the downgrade was
/// one.
fn back_beside(kind: Kind, switch: bool) -> World {
    let world = if switch { beside(kind) } else { upgraded(kind) };
    world.run(Verb::Keep);
    world.client();
    world.run(Verb::StandbyStart);
    world.client();
    world
}

/// What is kept of the upgraded data, with its snapshots.
fn kept(world: &World) -> Vec<String> {
    let picture = world.picture();
    let is_kept =
        |line: &String| line.split(' ').next().is_some_and(|name| name.contains(".upgraded"));
    picture.into_iter().filter(is_kept).collect()
}

#[test]
fn s1_an_undo_with_a_standby_takes_along_what_was_written_since() {
    for kind in KINDS {
        for switch in [true, false] {
            let world = back_beside(kind, switch);
            world.serves("1.0");
            assert_eq!(world.state().phase, Phase::BackedOut);
            let offered = offers(&world.state());
            for wanted in ["backout standby start", "backout standby stop", "backout undo"] {
                assert!(offered.iter().any(|next| next.command == wanted), "{wanted}");
            }
            world.run(Verb::Undo);
            world.serves("2.0");
            no_standby(&world);
            assert!(!world.product.host().beside.serving, "the service's own units serve");
            assert_eq!(kept(&world), Vec::<String>::new(), "it has taken its own place again");
            // Down and back once more, and accepted.
            world.client();
            world.run(Verb::StandbyStart);
            world.client();
            world.run(Verb::Keep);
            world.serves("1.0");
            world.client();
            world.run(Verb::StandbyStart);
            world.run(Verb::Undo);
            world.serves("2.0");
            world.client();
            world.run(Verb::Commit);
            world.serves("2.0");
            world.nothing_left();
        }
    }
}

/// After such an undo, each way goes on as after any upgrade.
#[test]
fn s1_after_it_every_way_back_brings_everything_back() {
    for kind in KINDS.into_iter().chain([Kind { cloned: true, ..STANDBY }]) {
        for verb in [Verb::Plain, Verb::InPlace] {
            let world = back_beside(kind, true);
            world.run(Verb::Undo);
            world.client();
            world.run(verb);
            world.serves("1.0");
            world.client();
            if verb == Verb::Plain {
                world.run(Verb::StandbyStart);
                world.client();
            }
            world.run(Verb::Commit);
            world.serves("1.0");
            world.nothing_left();
        }
    }
}

/// The upgraded data that is kept is not touched by a standby of it.
#[test]
fn what_is_kept_stays_as_it_was_and_nothing_is_left_of_the_standby() {
    for kind in KINDS {
        let world = beside(kind);
        world.run(Verb::Keep);
        let before = kept(&world);
        assert!(before.len() > 4, "{before:#?}");
        world.run(Verb::StandbyStart);
        world.client();
        assert_eq!(kept(&world), before);
        world.run(Verb::StandbyStop);
        no_standby(&world);
        assert_eq!(kept(&world), before);
        world.serves("1.0");
        // The usual undo leaves what was written since aside.
        world.run(Verb::StandbyStart);
        world.client();
        world.run(Verb::PlainUndo);
        no_standby(&world);
        let items = world.product.host().items();
        assert_ne!(items, world.product.host().truth);
        world.product.host().truth = items;
        world.serves("2.0");
    }
}

/// What was compared is told until the undo is through, and a full proof counts as long as that.
#[test]
fn s7_a_standby_and_an_undo_that_is_given_up_leave_what_was_compared() {
    let world = beside(STANDBY);
    world.client();
    world.run(Verb::Keep);
    let compared = world.state().partly_compared();
    assert_eq!(compared, [("items".to_owned(), 7)]);
    let proof = Proof { expected: 8, found: 8, missing: 0, unexpected: 0 };
    let (mut journal, _) = Journal::open::<Action>(&world.layout.journal()).expect("readable");
    let lists = vec![("items".to_owned(), 8)];
    journal.append(Record::Proved { proof, lists }).expect("appended");
    world.forget();
    world.run(Verb::StandbyStart);
    world.client();
    assert_eq!(world.state().full_proof, Some(proof));
    let outputs = world.state().outputs.get(&StepId::PROVE).cloned();
    world.product.host().beside.slow = 31;
    let plan = world.plan(Verb::Undo, &world.state());
    let ended = world.once(Some(plan), None);
    assert!(matches!(ended, Ended::Outcome(Outcome::GivenUp { .. })), "{ended:?}");
    let state = world.state();
    assert_eq!((state.phase, state.full_proof), (Phase::BackedOut, Some(proof)));
    assert_eq!(state.outputs.get(&StepId::PROVE), outputs.as_ref());
    assert_eq!(state.partly_compared(), compared);
    world.forget();
    assert_eq!(world.state().full_proof, Some(proof));
    world.product.host().beside.slow = 0;
    world.run(Verb::Undo);
    assert_eq!(world.state().full_proof, None);
    world.serves("2.0");
}

#[test]
fn an_undo_that_passes_its_deadline_hangs_or_differs_goes_back_by_itself() {
    for kind in KINDS {
        for fault in 0..3 {
            let world = back_beside(kind, true);
            world.run(Verb::StandbyStart);
            let picture = world.picture();
            let plan = world.plan(Verb::Undo, &world.state());
            let product = world.product.clone();
            let hook: Hook = Box::new(move |at, _| {
                if at == "command s-refuse before" {
                    let mut host = product.host();
                    (host.beside.stuck, host.beside.mangles) = (fault == 0, fault == 1);
                    host.beside.slow = if fault == 2 { 31 } else { 0 };
                    drop(host);
                    assert!(fault == 2 || product.client(), "clients write until it is refused");
                }
                None
            });
            let ended = world.once(Some(plan), Some(hook));
            let Ended::Outcome(Outcome::GivenUp { why }) = ended else { panic!("{ended:?}") };
            let wanted = ["step `drain` failed", "at step `prove`: proof", "the deadline of 30 s"];
            assert!(why.starts_with(wanted[fault]), "{why}");
            if fault == 2 {
                assert_eq!(world.picture(), picture);
            }
            world.serves("1.0");
            world.client();
            // What the standby has is of no use any more, and what is kept is whole.
            world.run(Verb::StandbyStop);
            {
                let mut host = world.product.host();
                (host.beside.stuck, host.beside.mangles) = (false, false);
                host.beside.slow = 0;
            }
            world.run(Verb::StandbyStart);
            world.run(Verb::Undo);
            world.serves("2.0");
        }
    }
}

/// Back to version 2.0.
const UP: Way = Way {
    before: |kind| back_beside(kind, true),
    verb: Verb::Undo,
    phase: Phase::Upgraded,
    version: "2.0",
};

fn everywhere(reach: Reach, kind: Kind, strike: Strike, reboot: bool) {
    UP.everywhere(reach, kind, strike, reboot);
}

some_and_every_place! {
    fn s8_an_undo_that_is_a_switch_is_killed_at_every_place(reach: Reach) {
        KINDS.into_iter().for_each(|kind| everywhere(reach, kind, Strike::Kill, false));
    }

    fn s8_an_undo_that_is_a_switch_fails_at_every_place(reach: Reach) {
        KINDS.into_iter().for_each(|kind| everywhere(reach, kind, Strike::Fail, false));
    }

    fn s8_an_undo_that_is_a_switch_is_rebooted_at_every_place(reach: Reach) {
        KINDS.into_iter().for_each(|kind| everywhere(reach, kind, Strike::Kill, true));
    }
}

/// Each place of its abort is killed once, and version 1.0 serves again; what is kept of version 2.0
/// is as it was.
#[test]
fn s8_the_abort_of_such_an_undo_is_killed_at_every_place() {
    for kind in KINDS {
        for place in
            ["point drain:done", "point stop:done", "point unmount:done", "point mount:done"]
        {
            let world = back_beside(kind, true);
            let before = kept(&world);
            let plan = world.plan(Verb::Undo, &world.state());
            let hook: Hook = Box::new(move |found, _| (found == place).then_some(Strike::Kill));
            assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
            let fired = everything();
            world.finish(Verb::Abort, &mut || Some(each_once(&fired)), &mut |_| {});
            assert!(fired.borrow().len() > 5, "{place}: {:?}", fired.borrow());
            world.serves("1.0");
            assert_eq!(kept(&world), before, "{place}");
            let exchanged = place == "point mount:done";
            assert_eq!(world.state().has_standby(), !exchanged, "{place}");
            if exchanged {
                no_standby(&world);
                world.run(Verb::StandbyStart);
            }
            world.client();
            world.run(Verb::Undo);
            world.serves("2.0");
            world.run(Verb::Commit);
            world.nothing_left();
        }
    }
}

/// Version 2.0 does not start at the service's place: there is a way back to version 1.0 as long as
/// it was never open.
#[test]
fn an_upgraded_version_that_does_not_open_leaves_the_way_forward_and_the_way_back() {
    for kind in KINDS {
        for back in [false, true] {
            for end in [Verb::Undo, Verb::PlainUndo, Verb::Commit] {
                let world = back_beside(kind, true);
                let before = kept(&world);
                does_not_open(&world, Verb::Undo);
                let offered = |command: &str| {
                    offers(&world.state()).iter().any(|next| next.command == command)
                };
                assert!(offered("backout resume") && !offered("backout abort"));
                let state = world.state();
                let now = crate::report::report(&state).now.join(" ");
                assert!(now.contains("`backout abort --accept not-opened`"), "{now}");
                let abort = |yes: &[String]| not_opened(&state, Command::Abort, yes);
                assert!(abort(&[]).is_err() && abort(&["not-opened".to_owned()]).is_ok());
                if !back {
                    world.product.host().beside.shut = false;
                    world.go_on();
                    world.serves("2.0");
                    break;
                }
                for _ in 0..2 {
                    world.run(Verb::Abort);
                    world.serves("1.0");
                    no_standby(&world);
                    assert_eq!(kept(&world), before);
                    world.client();
                    world.run(Verb::StandbyStart);
                    does_not_open(&world, Verb::Undo);
                }
                world.run(Verb::Abort);
                world.product.host().beside.shut = false;
                match end {
                    Verb::Undo => {
                        world.run(Verb::StandbyStart);
                        world.run(Verb::Undo);
                        world.serves("2.0");
                        world.client();
                        world.run(Verb::Keep);
                    }
                    Verb::PlainUndo => {
                        world.run(Verb::PlainUndo);
                        let items = world.product.host().items();
                        world.product.host().truth = items;
                        world.serves("2.0");
                        world.client();
                        world.run(Verb::Keep);
                    }
                    _ => {}
                }
                world.serves("1.0");
                world.run(Verb::Commit);
                world.serves("1.0");
                world.nothing_left();
            }
        }
    }
}

/// From the moment at which version 2.0 may have been opened there is no way but forward.
#[test]
fn s1_what_is_written_while_its_packages_are_brought_back_is_not_lost() {
    for kind in KINDS {
        let world = back_beside(kind, true);
        let plan = world.plan(Verb::Undo, &world.state());
        let hook: Hook =
            Box::new(|at, _| (at == "point upgrade-again:started").then_some(Strike::Kill));
        assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
        assert!(world.product.host().beside.serving);
        world.client();
        let why = permitted(&world.state(), Command::Abort).unwrap_err().to_string();
        assert_eq!(why, "the undo cannot be aborted; it can be finished");
        world.go_on();
        world.serves("2.0");
    }
}

/// A snapshot of somebody else's on what is kept is not destroyed without a yes, and holds nothing
/// up but the end.
#[test]
fn s4_a_snapshot_of_others_on_what_is_kept_is_not_destroyed() {
    let world = back_beside(STANDBY, true);
    let kept: Dataset = "t/app.upgraded".parse().expect("a name");
    let hourly = kept.at("hourly").expect("a name");
    world.engine.fake.snapshot(std::slice::from_ref(&hourly), &[]).expect("snapshot");
    let plan = world.plan(Verb::Undo, &world.state());
    let ended = world.once(Some(plan), None);
    let Ended::Outcome(Outcome::Failed { step, error }) = ended else { panic!("{ended:?}") };
    assert_eq!(step, StepId::SUCCEED);
    assert!(error.contains("somebody took a snapshot of the upgraded data that was kept"));
    world.serves("2.0");
    world.client();
    let guid = world.engine.fake.snapshot_info(&hourly).expect("asked").expect("there").guid;
    world.engine.fake.destroy_snapshot(&hourly, guid).expect("destroyed");
    world.go_on();
    world.client();
    world.run(Verb::Keep);
    world.serves("1.0");
}

#[test]
fn a_downgrade_in_place_and_a_playbook_without_a_way_back_have_no_standby_back() {
    let world = upgraded(STANDBY);
    world.run(Verb::InPlace);
    assert!(permitted(&world.state(), Command::StandbyStart).is_err());
    let world = upgraded(STANDBY);
    world.run(Verb::Keep);
    let mut state = world.state();
    assert!(permitted(&state, Command::StandbyStart).is_ok());
    // Both versions are on this host: no programs were kept.
    state.manifest.standby_on_host = true;
    state.outputs.remove(&StepId::KEEP_PROGRAMS);
    assert!(permitted(&state, Command::StandbyStart).is_ok());
    state.manifest.stands_back = false;
    let why = permitted(&state, Command::StandbyStart).unwrap_err().to_string();
    assert!(why.starts_with("the upgraded version cannot stand by"), "{why}");
    assert!(!offers(&state).iter().any(|next| next.command.contains("standby")));
}
