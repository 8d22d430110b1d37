//! A downgrade with a standby: it takes over within a deadline, or nothing has changed.

use std::cell::RefCell;
use std::rc::Rc;

use super::Reach;
use super::crash::{each_once, everything};
use super::host::Mode;
use super::kind::Kind;
use super::procedures::{Ended, Verb};
use super::standby::{KINDS, STANDBY, beside, no_standby};
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::{Phase, StepId};
use crate::report::{Command, offers, permitted};
use crate::step::flushes;

/// Until the change is in this phase, however often the switch is cut off, and given up.
fn switched(
    phase: Phase,
    world: &World,
    mut hook: impl FnMut() -> Option<Hook>,
    mut between: impl FnMut(&Ended),
) {
    let verb = if phase == Phase::BackedOut { Verb::Keep } else { Verb::Undo };
    let mut last = Ended::Killed;
    for _ in 0..500 {
        let state = world.state();
        if state.phase == phase && state.current().is_none() {
            return;
        }
        let begins = state.current().is_none();
        if begins && !state.has_standby() {
            world.run(Verb::StandbyStart);
            continue;
        }
        let plan = begins.then(|| world.plan(verb, &state));
        last = world.once(plan, hook());
        match &last {
            Ended::Outcome(Outcome::Halted { why, .. }) if !why.starts_with("it was tried") => {
                panic!("{why}")
            }
            ended => between(ended),
        }
    }
    panic!("it does not come to an end: {last:?}");
}

#[test]
fn s1_the_standby_takes_over_with_everything_that_was_written() {
    for kind in KINDS {
        let world = beside(kind);
        world.client();
        world.run(Verb::Keep);
        world.serves("1.0");
        no_standby(&world);
        assert!(!world.product.host().beside.serving, "the service's own units serve");
        let partly = if kind.ahead { vec![] } else { vec![("items".to_owned(), 7)] };
        assert_eq!(world.state().partly_compared(), partly);
        world.client();
        // Back, and once more.
        let truth = world.product.host().truth.clone();
        world.run(Verb::Undo);
        assert_ne!(world.product.host().items(), truth, "what was written since stays aside");
        let items = world.product.host().items();
        world.product.host().truth = items;
        world.serves("2.0");
        no_standby(&world);
        world.run(Verb::StandbyStart);
        world.client();
        world.run(Verb::Keep);
        world.serves("1.0");
        world.run(Verb::Commit);
        world.serves("1.0");
        world.nothing_left();
    }
}

/// Each flush makes the clients wait. Within the deadline one is enough: what is cut off there goes
/// back. What ZFS changed is on disk.
#[test]
fn clients_wait_for_few_flushes() {
    let world = beside(KINDS[0]);
    let plan = world.plan(Verb::Keep, &world.state());
    let hook: Hook = Box::new(|at, _| (at == "point refuse:done").then_some(Strike::Kill));
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
    let state = world.state();
    let run = state.current().expect("it was killed");
    let ids = || run.plan.steps.iter().map(|step| step.id.as_str());
    let (refuse, serve) = (ids().position(|id| id == "refuse"), ids().position(|id| id == "serve"));
    let window = refuse.expect("a switch")..serve.expect("a switch");
    let flushed = ids().enumerate().filter(|(at, _)| window.contains(at) && flushes(run, *at));
    let flushed: Vec<&str> = flushed.map(|(_, id)| id).collect();
    assert_eq!(flushed, ["standby-stop", "put-config"]);
}

/// Between the exchange and the end, clients are served from the private root.
#[test]
fn s1_what_is_written_while_the_packages_are_brought_back_is_not_lost() {
    for kind in KINDS {
        let world = beside(kind);
        let plan = world.plan(Verb::Keep, &world.state());
        let hook: Hook =
            Box::new(|at, _| (at == "point reinstall:started").then_some(Strike::Kill));
        assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
        assert!(world.product.host().beside.serving);
        world.client();
        assert!(permitted(&world.state(), Command::Abort).is_err());
        world.go_on();
        world.serves("1.0");
    }
}

#[test]
fn a_switch_that_passes_its_deadline_goes_back_by_itself() {
    for kind in KINDS {
        let world = beside(kind);
        let picture = world.picture();
        world.product.host().beside.slow = 31;
        let plan = world.plan(Verb::Keep, &world.state());
        let ended = world.once(Some(plan), None);
        let Ended::Outcome(Outcome::GivenUp { why }) = ended else { panic!("{ended:?}") };
        assert_eq!(why, "the deadline of 30 s passed before step `unmount`");
        assert_eq!(world.picture(), picture);
        world.serves("2.0");
        world.client();
        world.product.host().beside.slow = 1;
        world.run(Verb::Keep);
        world.serves("1.0");
    }
}

#[test]
fn a_switch_whose_feed_hangs_or_brings_something_else_goes_back_by_itself() {
    for kind in KINDS {
        for fault in 0..2 {
            let world = beside(kind);
            let plan = world.plan(Verb::Keep, &world.state());
            let product = world.product.clone();
            let hook: Hook = Box::new(move |at, _| {
                if at == "command s-refuse before" {
                    let mut host = product.host();
                    (host.beside.stuck, host.beside.mangles) = (fault == 0, fault == 1);
                    drop(host);
                    assert!(product.client(), "clients write until it is refused");
                }
                None
            });
            let ended = world.once(Some(plan), Some(hook));
            let Ended::Outcome(Outcome::GivenUp { why }) = ended else { panic!("{ended:?}") };
            let wanted = ["step `drain` failed", "at step `prove`: proof"][fault];
            assert!(why.starts_with(wanted), "{why}");
            world.serves("2.0");
            world.client();
            // What the standby has is of no use any more, and the usual way is not touched by it.
            world.run(Verb::Plain);
            world.serves("1.0");
            no_standby(&world);
        }
    }
}

/// Struck at the n-th place; then it is seen to.
fn at_place(n: usize, strike: Strike, place: &Rc<RefCell<String>>) -> Hook {
    let (mut left, place) = (n, Rc::clone(place));
    Box::new(move |found, may_fail| {
        if strike == Strike::Fail && !may_fail {
            return None;
        }
        left = left.checked_sub(1)?;
        (left == 0).then(|| {
            found.clone_into(&mut place.borrow_mut());
            strike
        })
    })
}

/// A switch, and where it leads.
pub(super) struct Way {
    /// The world before it.
    pub(super) before: fn(Kind) -> World,
    /// What begins it.
    pub(super) verb: Verb,
    /// The phase that it ends in.
    pub(super) phase: Phase,
    /// The version that serves then.
    pub(super) version: &'static str,
}

const DOWN: Way = Way { before: beside, verb: Verb::Keep, phase: Phase::BackedOut, version: "1.0" };

fn everywhere(reach: Reach, kind: Kind, strike: Strike, reboot: bool) {
    DOWN.everywhere(reach, kind, strike, reboot);
}

impl Way {
    /// Each place of it is struck once; it comes to its end, and nothing is lost.
    pub(super) fn everywhere(&self, reach: Reach, kind: Kind, strike: Strike, reboot: bool) {
        // A boot opens nothing that lacks its log.
        let kind = Kind { noauto: kind.noauto && !reboot, ..kind };
        let straight = (self.before)(kind);
        straight.run(self.verb);
        let picture = straight.picture();
        let stride = if reach == Reach::Every { 1 } else { 17 };
        for n in (1..).step_by(stride) {
            let world = (self.before)(kind);
            let place = Rc::new(RefCell::new(String::new()));
            let mut hook = Some(at_place(n, strike, &place));
            switched(
                self.phase,
                &world,
                || hook.take(),
                |ended| {
                    let state = world.state();
                    if reboot && state.phase != self.phase {
                        world.product.reboot();
                    }
                    // Clients that are served write, and what they are told counts.
                    let served = world.product.client();
                    let given_up = matches!(ended, Ended::Outcome(Outcome::GivenUp { .. }));
                    assert!(served || !given_up || reboot, "{}", place.borrow());
                },
            );
            let place = place.borrow();
            if place.is_empty() {
                assert!(n > 40, "{n} places only");
                break;
            }
            let host = world.product.host();
            assert_eq!(host.faults, Vec::<String>::new(), "{place}");
            assert_eq!(host.items(), host.truth, "{place}");
            drop(host);
            world.serves(self.version);
            if !reboot && strike == Strike::Kill && world.given_up.borrow().is_empty() {
                // Nothing was written in between that would show.
                assert_eq!(world.picture().len(), picture.len(), "{place}");
            }
            world.run(Verb::Commit);
            world.nothing_left();
        }
    }
}

some_and_every_place! {
    fn s8_a_switch_is_killed_at_every_place(reach: Reach) {
        KINDS.into_iter().for_each(|kind| everywhere(reach, kind, Strike::Kill, false));
    }

    fn s8_a_switch_fails_at_every_place(reach: Reach) {
        KINDS.into_iter().for_each(|kind| everywhere(reach, kind, Strike::Fail, false));
    }

    fn s8_a_switch_is_rebooted_at_every_place(reach: Reach) {
        KINDS.into_iter().for_each(|kind| everywhere(reach, kind, Strike::Kill, true));
    }
}

/// A kill within the deadline: the next run goes back, and clients are served again.
#[test]
fn s8_a_switch_that_is_killed_within_its_deadline_is_given_up_by_the_next_run() {
    for kind in [STANDBY] {
        let plan = {
            let world = beside(kind);
            world.plan(Verb::Keep, &world.state())
        };
        let at = |id: &StepId| plan.position(id).expect("there");
        for step in &plan.steps[at(&StepId::REFUSE)..at(&StepId::UNMOUNT)] {
            for moment in ["started", "done"] {
                let world = beside(kind);
                let plan = world.plan(Verb::Keep, &world.state());
                let place = format!("point {}:{moment}", step.id);
                let hook: Hook = Box::new(move |found, _| (found == place).then_some(Strike::Kill));
                if world.once(Some(plan), Some(hook)) != Ended::Killed {
                    // It was ended before, and is found stopped.
                    assert_eq!(step.id, StepId::STOP, "{moment}");
                    continue;
                }
                let ended = world.once(None, None);
                assert!(matches!(ended, Ended::Outcome(Outcome::GivenUp { .. })), "{ended:?}");
                world.serves("2.0");
                world.client();
                world.run(Verb::Keep);
                world.serves("1.0");
            }
        }
    }
}

/// Each place of the abort is killed once, and the way back to version 2.0 is found.
#[test]
fn s8_the_abort_of_a_switch_is_killed_at_every_place() {
    for kind in KINDS {
        for place in
            ["point drain:done", "point stop:done", "point unmount:done", "point mount:done"]
        {
            let world = beside(kind);
            let plan = world.plan(Verb::Keep, &world.state());
            let hook: Hook = Box::new(move |found, _| (found == place).then_some(Strike::Kill));
            assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
            let fired = everything();
            world.finish(Verb::Abort, &mut || Some(each_once(&fired)), &mut |_| {});
            assert!(fired.borrow().len() > 5, "{place}: {:?}", fired.borrow());
            world.serves("2.0");
            let exchanged = place == "point mount:done";
            assert_eq!(world.state().has_standby(), !exchanged, "{place}");
            if exchanged {
                no_standby(&world);
                world.run(Verb::StandbyStart);
            }
            world.client();
            world.run(Verb::Keep);
            world.serves("1.0");
            world.run(Verb::Commit);
            world.nothing_left();
        }
    }
}

#[test]
fn s8_the_undo_of_a_switch_is_killed_at_every_place_one_after_the_other() {
    for kind in KINDS {
        let straight = beside(kind);
        straight.run(Verb::Keep);
        straight.run(Verb::Undo);
        straight.serves("2.0");
        let world = beside(kind);
        world.run(Verb::Keep);
        let fired = everything();
        world.finish(Verb::Undo, &mut || Some(each_once(&fired)), &mut |_| {});
        assert!(fired.borrow().len() > 20);
        world.serves("2.0");
        assert_eq!(world.picture(), straight.picture());
    }
}

/// The version that takes over does not start at the service's place, so the switch fails there,
/// and nothing is open.
pub(super) fn does_not_open(world: &World, verb: Verb) {
    world.product.host().beside.shut = true;
    let plan = world.plan(verb, &world.state());
    let ended = world.once(Some(plan), None);
    let Ended::Outcome(Outcome::Failed { step, error }) = ended else { panic!("{ended:?}") };
    assert_eq!(step, StepId::SERVE);
    assert!(error.contains("it crashes"), "{error}");
    assert_eq!(world.product.host().mode, Mode::Down);
}

/// Version 1.0 does not start at the service's place: there is a way back to version 2.0 as long as
/// it was never open.
#[test]
fn a_previous_version_that_does_not_open_leaves_the_way_forward_and_the_way_back() {
    for kind in KINDS {
        for back in [false, true] {
            let world = beside(kind);
            world.client();
            does_not_open(&world, Verb::Keep);
            let offered =
                |command: &str| offers(&world.state()).iter().any(|next| next.command == command);
            assert!(offered("backout resume") && offered("backout abort"));
            if back {
                // Twice: what is left aside has another name then.
                for _ in 0..2 {
                    world.run(Verb::Abort);
                    world.serves("2.0");
                    no_standby(&world);
                    world.client();
                    world.run(Verb::StandbyStart);
                    does_not_open(&world, Verb::Keep);
                }
            }
            world.product.host().beside.shut = false;
            world.go_on();
            world.serves("1.0");
            world.run(Verb::Commit);
            world.nothing_left();
        }
    }
}

/// Its files hold what the feed had not brought over yet.
#[test]
fn s1_the_standby_of_a_version_that_is_dead_takes_over_with_what_its_files_hold() {
    for reach in 0..2 {
        let world = beside(STANDBY);
        world.client();
        {
            let mut host = world.product.host();
            // The feed did not bring it over.
            host.beside.stuck = reach == 1;
        }
        world.client();
        {
            let mut host = world.product.host();
            host.stop();
            (host.dead, host.beside.stuck) = (true, false);
        }
        world.run(Verb::Keep);
        // What its log does not carry cannot be carried whole from a version that is dead.
        let carried = |items: &[String]| {
            let whole = |item: &&String| !item.starts_with("odd") && !item.starts_with("even");
            items.iter().filter(whole).cloned().collect::<Vec<_>>()
        };
        let found = world.product.host().items();
        assert_eq!(carried(&found), carried(&world.product.host().truth));
        world.product.host().truth = found;
        world.serves("1.0");
        no_standby(&world);
        let now = crate::report::report(&world.state()).now.join(" ");
        assert!(now.contains("Nothing was compared"), "{now}");
        assert!(now.contains("do not carry faithfully"), "{now}");
    }
}
