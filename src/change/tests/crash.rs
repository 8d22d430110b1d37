//! Killed or failed at every place, and resumed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::Reach;
use super::host::{Mode, Stops};
use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::StepId;

/// Strikes at the n-th place that is asked (from 1), once; counts.
fn nth(n: usize, strike: Strike, count: Rc<RefCell<Places>>) -> Hook {
    Box::new(move |place, may_fail| {
        let mut places = count.borrow_mut();
        if strike == Strike::Fail && !may_fail {
            return None;
        }
        places.asked += 1;
        if places.asked == n {
            place.clone_into(&mut places.struck);
            return Some(strike);
        }
        None
    })
}

#[derive(Default)]
struct Places {
    asked: usize,
    struck: String,
}

/// What comes before, the procedure, and the version that serves afterwards.
pub(super) type Case = (fn(Kind) -> World, Verb, &'static str);

pub(super) fn backed_out(kind: Kind) -> World {
    let world = upgraded(kind);
    world.run(Verb::Keep);
    world
}

fn backed_out_in_place(kind: Kind) -> World {
    let world = upgraded(kind);
    world.run(Verb::InPlace);
    world
}

pub(super) fn half_way(kind: Kind) -> World {
    let world = upgraded(kind);
    let plan = world.plan(Verb::Keep, &world.state());
    let hook: Hook = Box::new(|at, _| (at == "point restore:started").then_some(Strike::Kill));
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
    world
}

const CASES: [Case; 9] = [
    (World::new, Verb::Snapshot, "1.0"),
    (World::new, Verb::Upgrade, "2.0"),
    (upgraded, Verb::Keep, "1.0"),
    (upgraded, Verb::InPlace, "1.0"),
    (upgraded, Verb::Commit, "2.0"),
    (half_way, Verb::Abort, "2.0"),
    (backed_out, Verb::Undo, "2.0"),
    (backed_out, Verb::Commit, "1.0"),
    (backed_out_in_place, Verb::Commit, "1.0"),
];

fn everywhere(reach: Reach, kind: Kind, strike: Strike, reboot: bool) {
    cases_everywhere(reach, &CASES, kind, strike, reboot, 20);
}

/// `least`: fewer places than that are none.
pub(super) fn cases_everywhere(
    reach: Reach,
    cases: &[Case],
    kind: Kind,
    strike: Strike,
    reboot: bool,
    least: usize,
) {
    let stride = if reach == Reach::Every { 1 } else { 17 };
    for (before, verb, version) in cases.iter().copied() {
        // Nothing in a commit opens a service that a boot could not.
        let kind = Kind { noauto: kind.noauto && !(reboot && verb == Verb::Commit), ..kind };
        let straight = before(kind);
        straight.run(verb);
        straight.serves(version);
        let picture = straight.picture();
        for n in (1 + kind.method as usize..).step_by(stride) {
            let world = before(kind);
            let places = Rc::new(RefCell::new(Places::default()));
            let what = || format!("{kind:?} {verb:?} {strike:?} at {}", places.borrow().struck);
            let mut first = true;
            world.finish(
                verb,
                &mut || std::mem::take(&mut first).then(|| nth(n, strike, Rc::clone(&places))),
                &mut |_| {
                    // Behind the end it is no interruption any more.
                    if reboot && world.state().runs.last().is_none_or(|run| !run.finished) {
                        world.product.reboot();
                    }
                },
            );
            if places.borrow().struck.is_empty() {
                assert!(n > least, "{verb:?} was struck at {n} places only");
                break;
            }
            assert_eq!(world.picture(), picture, "{}", what());
            assert_eq!(world.product.host().faults, Vec::<String>::new(), "{}", what());
            world.serves(version);
        }
    }
}

/// A product that only its own commands start and install, and that refuses what is done already.
const STRICT: Kind = Kind { told: true, strict: true, uninstall: true, ..ROUGH };

/// A product that loads at its start what was restored before.
const LOADS: Kind = Kind { resumable: false, loads: true, ..PLAIN };

some_and_every_place! {
    fn s8_killed_at_every_place_with_units(reach: Reach) {
        everywhere(reach, PLAIN, Strike::Kill, false);
    }

    fn s8_killed_at_every_place_without_units(reach: Reach) {
        everywhere(reach, ROUGH, Strike::Kill, false);
    }

    fn s8_killed_at_every_place_with_packages_that_refuse_what_is_done(reach: Reach) {
        everywhere(reach, STRICT, Strike::Kill, false);
    }

    fn s8_killed_at_every_place_with_a_rollback_before_the_next_restore(reach: Reach) {
        everywhere(reach, Kind { resumable: false, ..PLAIN }, Strike::Kill, false);
    }

    fn s8_killed_at_every_place_with_a_restore_before_the_start(reach: Reach) {
        everywhere(reach, LOADS, Strike::Kill, false);
    }

    fn s8_failed_at_every_place_with_units(reach: Reach) {
        everywhere(reach, PLAIN, Strike::Fail, false);
    }

    fn s8_failed_at_every_place_without_units(reach: Reach) {
        everywhere(reach, ROUGH, Strike::Fail, false);
    }

    fn s8_rebooted_at_every_place_with_units(reach: Reach) {
        everywhere(reach, Kind { resumable: false, ..PLAIN }, Strike::Kill, true);
    }
}

/// The places that were struck.
pub(super) type Fired = Rc<RefCell<BTreeSet<String>>>;

pub(super) fn everything() -> Fired {
    Rc::default()
}

/// Each place is struck once, the first time that it is reached.
pub(super) fn each_once(fired: &Fired) -> Hook {
    let fired = Rc::clone(fired);
    Box::new(move |place, _| fired.borrow_mut().insert(place.to_owned()).then_some(Strike::Kill))
}

#[test]
fn s8_killed_at_every_place_one_after_the_other() {
    for kind in [PLAIN, ROUGH, STRICT, Kind { resumable: false, cloned: true, ..PLAIN }] {
        for (before, verb, version) in CASES {
            let straight = before(kind);
            straight.run(verb);
            let world = before(kind);
            let fired = everything();
            world.finish(verb, &mut || Some(each_once(&fired)), &mut |_| {});
            assert!(fired.borrow().len() > 20);
            assert_eq!(world.picture(), straight.picture(), "{kind:?} {verb:?}");
            world.serves(version);
        }
    }
}

/// Without units, a server that runs without clients looks like the open service, unless the
/// playbook names its processes: then it is left running.
#[test]
fn s5_without_units_the_server_without_clients_is_known_by_its_processes() {
    for (told, stops) in [(true, 1), (false, 2)] {
        let world = upgraded(Kind { told, ..ROUGH });
        let begun = |world: &World| {
            String::from_utf8_lossy(&world.journal())
                .matches(r#""record":"started","step":"stop""#)
                .count()
        };
        let before = begun(&world);
        let plan = world.plan(Verb::Keep, &world.state());
        let hook: Hook =
            Box::new(|at, _| (at == "point inventory:items:done").then_some(Strike::Kill));
        assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
        world.go_on();
        assert_eq!(begun(&world) - before, stops, "told: {told}");
        world.serves("1.0");
    }
}

/// A watchdog that opens the service in the middle is seen by the process that serves clients.
#[test]
fn s5_without_units_a_service_that_was_opened_in_the_middle_is_closed_again() {
    let world = upgraded(STRICT);
    let plan = world.plan(Verb::Keep, &world.state());
    let hook: Hook = Box::new(|at, _| (at == "point inventory:items:done").then_some(Strike::Kill));
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
    world.product.watchdog();
    assert!(world.product.client(), "clients write");
    world.go_on();
    world.serves("1.0");
}

/// Systemd asks a server once. What goes on asks it again, when it may have what it lacked.
#[test]
fn a_unit_that_refused_to_stop_is_asked_again_by_a_resume() {
    for verb in [Verb::Keep, Verb::InPlace] {
        let world = upgraded(PLAIN);
        let plan = world.plan(verb, &world.state());
        world.product.host().stops = Stops::Refuses;
        match world.once(Some(plan), None) {
            Ended::Outcome(Outcome::Failed { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(world.product.host().stops, Stops::Refused);
        world.go_on();
        world.serves("1.0");
    }
}

/// Without units nothing keeps a boot from opening the service: what clients write then is brought
/// back as well, as long as the upgraded data is in its place.
#[test]
fn s1_what_clients_write_after_a_boot_in_the_middle_is_not_lost() {
    for kind in [Kind { unit: false, noauto: false, ..PLAIN }, ROUGH] {
        for verb in [Verb::Keep, Verb::InPlace] {
            let plan = {
                let world = upgraded(kind);
                world.plan(verb, &world.state())
            };
            for step in &plan.steps {
                if step.id == StepId::VERIFY {
                    break;
                }
                for moment in ["started", "applied", "done"] {
                    let world = upgraded(kind);
                    let place = format!("point {}:{moment}", step.id);
                    let at = place.clone();
                    let mut once = Some(Box::new(move |found: &str, _: bool| {
                        (found == at).then_some(Strike::Kill)
                    }) as Hook);
                    let mut wrote = false;
                    world.finish(verb, &mut || once.take(), &mut |_| {
                        world.product.reboot();
                        wrote |= world.product.client();
                    });
                    assert!(wrote, "{place}");
                    assert_eq!(world.product.host().mode, Mode::Open);
                    world.serves("1.0");
                }
            }
        }
    }
}
