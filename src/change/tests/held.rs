//! Connections of clients are held while the service is closed, and let through in any case.

use std::cell::RefCell;
use std::rc::Rc;

use super::Reach;
use super::crash::{Case, cases_everywhere, everything};
use super::host::Mode;
use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::standby::STANDBY;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::StepId;
use crate::playbook::model::HoldDuring;

/// Version 1.0 serves; what stands before it can hold connections.
fn before(kind: Kind) -> World {
    let mut world = World::new(kind);
    let hold = r#"
        start = { argv = ["app", "hold"] }
        stop = { argv = ["app", "let-through"] }
        held = { argv = ["app", "held"] }
    "#;
    world.playbook.hold = Some(toml::from_str(hold).expect("a hold"));
    world.product.host().held = Some(false);
    world
}

fn upgraded(kind: Kind) -> World {
    let world = before(kind);
    world.run(Verb::Upgrade);
    world.client();
    world
}

fn beside(kind: Kind) -> World {
    let world = upgraded(kind);
    world.run(Verb::StandbyStart);
    world
}

fn half_way(kind: Kind) -> World {
    let world = upgraded(kind);
    let plan = world.plan(Verb::Keep, &world.state());
    let hook: Hook = Box::new(|at, _| (at == "point restore:started").then_some(Strike::Kill));
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
    world
}

/// Fails the first of these places.
fn fails(place: &'static str) -> Hook {
    let mut struck = false;
    Box::new(move |at, _| {
        (at == place && !std::mem::replace(&mut struck, true)).then_some(Strike::Fail)
    })
}

#[test]
fn nobody_is_refused_whenever_the_service_is_closed() {
    for kind in [PLAIN, ROUGH, STANDBY] {
        let world = before(kind);
        let verbs = [Verb::Snapshot, Verb::Upgrade, Verb::Keep, Verb::Undo, Verb::InPlace];
        for verb in verbs {
            world.run(verb);
            world.client();
            let items = world.product.host().items();
            world.product.host().truth = items;
            assert_eq!(world.product.host().refusals, 0, "{kind:?} {verb:?}");
            world.serves(if [Verb::Upgrade, Verb::Undo].contains(&verb) { "2.0" } else { "1.0" });
        }
    }
}

/// Twice: for the switch, and for the packages. The deadline counts from the hold on.
#[test]
fn a_switch_holds_twice_and_its_deadline_begins_with_the_first() {
    let mut world = beside(STANDBY);
    world.playbook.hold.as_mut().expect("there").during = HoldDuring::Switch;
    let plan = world.plan(Verb::Keep, &world.state());
    let at = |id: &StepId| plan.position(id).expect("in the plan");
    let order = [
        at(&StepId::HOLD_CONNECTIONS),
        at(&StepId::REFUSE),
        at(&StepId::STOP),
        at(&StepId::SERVE),
        at(&StepId::LET_THROUGH),
        at(&StepId::HOLD_CONNECTIONS_AGAIN),
        at(&StepId::SERVE_STOP),
        at(&StepId::START),
        at(&StepId::LET_THROUGH_AGAIN),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(order[1], order[0] + 1);
    assert!(plan.steps[order[0]].deadline.is_some() && plan.steps[order[1]].deadline.is_none());
    world.run(Verb::Keep);
    assert_eq!(world.product.host().refusals, 0);
    world.serves("1.0");
    // Not in anything else.
    let undo = world.plan(Verb::Undo, &world.state());
    assert_eq!(undo.position(&StepId::HOLD_CONNECTIONS), None);
}

#[test]
fn a_switch_that_is_given_up_lets_through() {
    let world = beside(STANDBY);
    world.product.host().beside.slow = 31;
    let plan = world.plan(Verb::Keep, &world.state());
    let Ended::Outcome(Outcome::GivenUp { .. }) = world.once(Some(plan), None) else {
        panic!("it is given up")
    };
    world.serves("2.0");
}

/// A clear word is better than to wait without an end.
#[test]
fn a_run_that_ends_while_the_service_is_closed_lets_through_and_the_next_one_holds_again() {
    for interrupted in [false, true] {
        let world = upgraded(PLAIN);
        let plan = world.plan(Verb::Keep, &world.state());
        let interrupt = world.runner.interrupt.clone();
        let mut fail = fails("command restore +a3");
        let hook: Hook = Box::new(move |at, may_fail| {
            if interrupted && at == "point restore:started" {
                interrupt.request();
                return None;
            }
            if interrupted { None } else { fail(at, may_fail) }
        });
        let ended = world.once(Some(plan), Some(hook));
        assert!(matches!(ended, Ended::Outcome(Outcome::Failed { .. } | Outcome::Interrupted)));
        world.runner.interrupt.heard();
        assert_ne!(world.product.host().mode, Mode::Open);
        assert_eq!(world.product.host().held, Some(false), "{interrupted}");
        let watched = Rc::new(RefCell::new(Vec::new()));
        let (seen, product) = (Rc::clone(&watched), world.product.clone());
        let hook: Hook = Box::new(move |at, _| {
            if at == "command start before" {
                seen.borrow_mut().push(product.host().held);
            }
            None
        });
        assert_eq!(world.once(None, Some(hook)), Ended::Outcome(Outcome::Finished));
        assert_eq!(*watched.borrow(), [Some(true)], "held until it is open");
        world.serves("1.0");
    }
}

#[test]
fn what_cannot_be_held_is_said_and_stops_nothing() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::Keep, &world.state());
    let ended = world.once(Some(plan), Some(fails("command hold before")));
    assert_eq!(ended, Ended::Outcome(Outcome::Finished));
    let said = world.said.borrow();
    assert!(said.iter().any(|it| it.starts_with("connections could not be held")), "{said:?}");
    assert!(world.product.host().refusals > 0);
    world.serves("1.0");
}

#[test]
fn clients_that_are_held_still_are_let_through_by_a_resume() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::Keep, &world.state());
    let ended = world.once(Some(plan), Some(fails("command let-through before")));
    assert!(matches!(ended, Ended::Outcome(Outcome::Failed { .. })), "{ended:?}");
    world.go_on();
    world.serves("1.0");
}

const CASES: [Case; 3] =
    [(upgraded, Verb::Keep, "1.0"), (half_way, Verb::Abort, "2.0"), (before, Verb::Upgrade, "2.0")];

#[test]
fn s8_killed_or_failed_anywhere_clients_are_let_through_in_the_end() {
    cases_everywhere(Reach::Some, &CASES, PLAIN, Strike::Kill, false, 20);
    cases_everywhere(Reach::Some, &CASES[..1], PLAIN, Strike::Fail, false, 20);
}

/// An abort of what was killed in the window.
#[test]
fn s8_a_switch_that_is_killed_anywhere_lets_clients_through_in_the_end() {
    let world = beside(STANDBY);
    let fired = everything();
    let about = ["connections", "let-through", "hold", "refuse", "serve", "stop"];
    for _ in 0..200 {
        let state = world.state();
        let begins = state.current().is_none();
        if begins && state.phase == crate::journal::Phase::BackedOut {
            break;
        }
        if begins && !state.has_standby() {
            world.run(Verb::StandbyStart);
            continue;
        }
        let plan = begins.then(|| world.plan(Verb::Keep, &state));
        let fired = Rc::clone(&fired);
        let hook: Hook = Box::new(move |at, _| {
            let strikes = about.iter().any(|word| at.contains(word));
            (strikes && fired.borrow_mut().insert(at.to_owned())).then_some(Strike::Kill)
        });
        world.once(plan, Some(hook));
        if world.state().current().is_none() {
            assert_ne!(world.product.host().held, Some(true));
        }
    }
    world.serves("1.0");
    assert!(fired.borrow().iter().any(|at| at.contains("hold-connections")));
}
