//! Version 1.0 beside version 2.0: begun, ended, and ended before anything else that is done.

use super::crash::{each_once, everything};
use super::host::Mode;
use super::kind::{Kind, PLAIN};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::{Phase, StepId};
use crate::report::{Command, offers, permitted};
use crate::zfs::{ENDING_STANDBY, Engine as _};

pub(super) const STANDBY: Kind = Kind { standby: true, ..PLAIN };
/// With an index on a pool of its own, which a boot mounts; packages that are particular; and lists
/// that are compared while clients write.
pub(super) const POOLS: Kind = Kind {
    pools: true,
    noauto: false,
    strict: true,
    reinstall_first: true,
    ahead: true,
    ..STANDBY
};
pub(super) const KINDS: [Kind; 2] = [STANDBY, POOLS];

/// Version 2.0 serves, with a standby beside it.
pub(super) fn beside(kind: Kind) -> World {
    let world = upgraded(kind);
    world.run(Verb::StandbyStart);
    world
}

/// Nothing of a standby is there.
#[track_caller]
pub(super) fn no_standby(world: &World) {
    for root in &world.roots {
        let clone = root.with_suffix(ENDING_STANDBY).expect("a name");
        assert_eq!(world.engine.fake.dataset(&clone).expect("asked"), None, "{clone}");
    }
    assert!(!world.state().has_standby());
    let host = world.product.host();
    assert_eq!((&host.beside.root, &host.beside.feed), (&None, &None));
    assert!(!world.layout.feed().try_exists().expect("looked"));
}

#[test]
fn what_is_written_comes_to_the_standby_and_nothing_is_left_of_it() {
    for kind in KINDS {
        let picture = upgraded(kind).picture();
        let world = beside(kind);
        world.serves("2.0");
        assert_eq!(world.state().phase, Phase::Upgraded);
        assert!(world.state().has_standby());
        world.client();
        world.run(Verb::StandbyStart);
        let offered = offers(&world.state());
        for wanted in ["backout standby start", "backout standby stop", "backout downgrade"] {
            assert!(offered.iter().any(|next| next.command == wanted), "{wanted}");
        }
        world.run(Verb::StandbyStop);
        no_standby(&world);
        world.serves("2.0");
        let other = upgraded(kind);
        other.client();
        assert_ne!(other.picture(), picture);
        assert_eq!(world.picture(), other.picture());
    }
}

#[test]
fn a_change_without_the_programs_of_the_previous_version_has_no_standby() {
    let state = upgraded(PLAIN).state();
    let why = permitted(&state, Command::StandbyStart).unwrap_err().to_string();
    assert!(why.starts_with("there can be no standby: the programs"), "{why}");
    assert!(!offers(&state).iter().any(|next| next.command.contains("standby")));
    let why = permitted(&upgraded(STANDBY).state(), Command::StandbyStop).unwrap_err().to_string();
    assert!(why.starts_with("there is no standby"), "{why}");
}

#[test]
fn whatever_ends_the_change_or_its_data_ends_the_standby_first() {
    for kind in KINDS {
        for verb in [Verb::Plain, Verb::InPlace, Verb::Commit] {
            let world = beside(kind);
            world.client();
            world.run(verb);
            no_standby(&world);
            world.serves(if verb == Verb::Commit { "2.0" } else { "1.0" });
            if verb != Verb::Commit {
                world.run(Verb::Commit);
            }
            world.nothing_left();
        }
    }
}

#[test]
fn what_the_upgrade_made_for_a_standby_is_taken_back_though_none_began() {
    for kind in KINDS {
        for verb in [Verb::Plain, Verb::InPlace, Verb::Commit] {
            let world = upgraded(kind);
            assert!(!world.product.host().beside.forgotten);
            world.run(verb);
            assert!(world.product.host().beside.forgotten, "{verb:?}");
        }
        // A commit of the downgrade finds 1.0.
        let world = upgraded(kind);
        world.run(Verb::Plain);
        world.product.host().beside.forgotten = false;
        world.run(Verb::Commit);
        assert!(!world.product.host().beside.forgotten);
    }
}

/// Clones and mounts are there or gone, whatever is killed, and a boot takes only what runs.
#[test]
fn s8_a_standby_is_begun_and_ended_however_often_it_is_killed() {
    for kind in KINDS {
        for reboot in [false, true] {
            // A boot opens nothing that lacks its log.
            let kind = Kind { noauto: kind.noauto && !reboot, ..kind };
            for (verb, before) in [
                (Verb::StandbyStart, upgraded as fn(Kind) -> World),
                (Verb::StandbyStop, beside as fn(Kind) -> World),
            ] {
                let straight = before(kind);
                straight.run(verb);
                let world = before(kind);
                let fired = everything();
                world.finish(verb, &mut || Some(each_once(&fired)), &mut |_| {
                    if reboot && world.state().current().is_some() {
                        world.product.reboot();
                    }
                });
                assert!(fired.borrow().len() > 10, "{:?}", fired.borrow());
                if verb == Verb::StandbyStart {
                    // What ran before the boot is started by the next start.
                    world.run(Verb::StandbyStart);
                } else {
                    no_standby(&world);
                }
                assert_eq!(world.picture(), straight.picture(), "{kind:?} {verb:?} {reboot}");
                world.serves("2.0");
            }
        }
    }
}

/// From each place of the start there is a way back, and it leaves nothing.
#[test]
fn a_start_that_is_killed_anywhere_can_be_aborted() {
    for kind in KINDS {
        let picture = upgraded(kind).picture();
        for n in 1.. {
            let world = upgraded(kind);
            let plan = world.plan(Verb::StandbyStart, &world.state());
            let mut left = n;
            let hook: Hook = Box::new(move |_, _| {
                left -= 1;
                (left == 0).then_some(Strike::Kill)
            });
            let ended = world.once(Some(plan), Some(hook));
            if ended == Ended::Killed && world.state().current().is_none() {
                // Before the plan was written down, or after its end.
                continue;
            }
            if ended != Ended::Killed {
                assert!(n > 10, "{n} places only");
                break;
            }
            world.run(Verb::Abort);
            no_standby(&world);
            assert_eq!(world.picture(), picture);
            world.serves("2.0");
        }
    }
}

#[test]
fn a_standby_goes_on_after_a_boot() {
    let world = beside(STANDBY);
    world.client();
    world.product.reboot();
    assert_eq!(world.product.host().beside.root, None);
    if world.product.host().mode == Mode::Down {
        // The log is not mounted by a boot.
        world.engine.mount(&"t/app/log".parse().expect("a name")).expect("mounted");
        world.product.open();
    }
    world.client();
    world.run(Verb::StandbyStart);
    world.run(Verb::Keep);
    world.serves("1.0");
}

#[test]
fn a_feed_that_cannot_catch_up_is_told_and_the_start_can_be_given_up() {
    // One that is too slow is told with numbers.
    let slow = "0 s: it has come to 11, the version that serves to 14, 9 s, 3 transactions behind";
    for (lost, why) in [(true, "the log was purged"), (false, slow)] {
        let world = beside(STANDBY);
        {
            let mut host = world.product.host();
            (host.beside.lost, host.beside.stuck) = (lost, !lost);
        }
        world.client();
        let mut plan = world.plan(Verb::Keep, &world.state());
        for step in &mut plan.steps {
            if let crate::step::Action::CatchUp(it) = &mut step.action {
                it.within = Some(0);
            }
        }
        let ended = world.once(Some(plan), None);
        let Ended::Outcome(Outcome::Failed { step, error }) = ended else { panic!("{ended:?}") };
        assert_eq!(step, StepId::CATCH_UP);
        assert!(error.contains(why), "{error}");
        // Nothing was refused yet.
        world.client();
        world.run(Verb::Abort);
        world.serves("2.0");
        assert!(world.state().has_standby());
        world.run(Verb::StandbyStop);
        no_standby(&world);
    }
}

/// A rehearsal is a switch without its exchange, and leaves what was there before.
/// The origin went with it: the snapshot that everything goes back to.
#[test]
fn a_standby_that_somebody_promoted_is_told_and_nothing_is_touched() {
    let world = beside(STANDBY);
    let (fake, root) = (&world.engine.fake, &world.roots[0]);
    let clone = root.with_suffix(ENDING_STANDBY).expect("a name");
    fake.promote(&clone).expect("promoted");
    let plan = world.plan(Verb::StandbyStop, &world.state());
    let ended = world.once(Some(plan), None);
    let Ended::Outcome(Outcome::Failed { step, error }) = ended else { panic!("{ended:?}") };
    assert_eq!(step, StepId::STANDBY_DROP);
    assert!(error.contains(&format!("`zfs promote {root}` takes that back")), "{error}");
    world.client();
    fake.promote(root).expect("promoted");
    world.go_on();
    no_standby(&world);
    world.run(Verb::Plain);
    world.serves("1.0");
}

#[test]
fn a_switch_is_rehearsed_and_nothing_has_changed() {
    for kind in KINDS {
        for (before, stays) in [(upgraded as fn(Kind) -> World, false), (beside, true)] {
            let world = before(kind);
            let picture = world.picture();
            world.run(Verb::Rehearse);
            world.serves("2.0");
            world.client();
            let proof = world.state().rehearsed().expect("rehearsed");
            assert!(proof.holds() && proof.expected > 0, "{proof}");
            assert_eq!(world.state().has_standby(), stays);
            if !stays {
                no_standby(&world);
            }
            let other = before(kind);
            other.client();
            // The standby is fed while it is rehearsed.
            let same = world.picture() == other.picture();
            assert_eq!(same, !stays);
            assert_ne!(world.picture(), picture);
        }
    }
}

#[test]
fn s8_a_rehearsal_that_is_killed_fails_or_is_late_lets_clients_write_again() {
    for (before, stays) in [(upgraded as fn(Kind) -> World, false), (beside, true)] {
        for slow in [0, 31] {
            let world = before(STANDBY);
            world.product.host().beside.slow = slow;
            let plan = world.plan(Verb::Rehearse, &world.state());
            let hook: Hook =
                Box::new(move |at, _| (at == "point drain:done").then_some(Strike::Kill));
            let hook = (slow == 0).then_some(hook);
            if world.once(Some(plan), hook) == Ended::Killed {
                assert!(!world.product.client(), "writes are refused until the next run");
                world.once(None, None);
            }
            assert_eq!(world.given_up.borrow().len(), 1);
            world.serves("2.0");
            world.client();
            assert_eq!(world.state().has_standby(), stays);
            assert_eq!(world.state().rehearsed(), None);
        }
    }
}
