//! Interruptions, resumes, aborts, boots and clients in any order: it always comes to an end, with
//! everything that clients were told.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::{Phase, Procedure, StepId};
use crate::step::Record;

#[derive(Debug, Clone)]
struct Turn {
    /// The places until the strike.
    places: usize,
    kill: bool,
    boot: bool,
    abort: bool,
    in_place: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    (
        1..400usize,
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(places, kill, boot, abort, in_place)| Turn {
            places,
            kill,
            boot,
            abort,
            in_place,
        })
}

fn after(places: usize, kill: bool) -> Hook {
    let left = Rc::new(RefCell::new(places));
    Box::new(move |_, may_fail| {
        let mut left = left.borrow_mut();
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        *left = usize::MAX;
        if kill { Some(Strike::Kill) } else { may_fail.then_some(Strike::Fail) }
    })
}

fn config(cases: u32, rng_seed: RngSeed) -> ProptestConfig {
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

fn comes_to_an_end(
    turns: &[Turn],
    units: bool,
    resumable: bool,
    rough: bool,
) -> Result<(), TestCaseError> {
    let base = if rough { ROUGH } else { PLAIN };
    // Without units a boot opens whatever is installed, half-restored data too: that is not
    // promised.
    let kind = Kind { unit: units, resumable, noauto: false, ..base };
    let world = upgraded(kind);
    for turn in turns {
        let state = world.state();
        if state.phase == Phase::BackedOut && state.current().is_none() {
            break;
        }
        let plan = match state.current() {
            None => {
                Some(world.plan(if turn.in_place { Verb::InPlace } else { Verb::Keep }, &state))
            }
            Some(run) if turn.abort && run.plan.procedure != Procedure::Abort => {
                let plan = world.plan(Verb::Abort, &state);
                state.clone().apply(&Record::Planned { plan: plan.clone() }).is_ok().then_some(plan)
            }
            Some(_) => None,
        };
        let ended = world.once(plan, Some(after(turn.places, turn.kill)));
        let halted = matches!(&ended, Ended::Outcome(Outcome::Halted { why, .. }) if !why.starts_with("it was tried"));
        prop_assert!(!halted, "{:?}", ended);
        if turn.boot && units {
            world.product.reboot();
        }
        let state = world.state();
        if state.current().is_none()
            || state.current().is_some_and(|run| !run.was_begun(&StepId::STOP))
        {
            world.product.client();
        }
    }
    let state = world.state();
    if state.current().is_some_and(|run| run.plan.procedure == Procedure::Abort) {
        world.go_on();
    }
    if world.state().current().is_some() {
        world.go_on();
    } else if world.state().phase == Phase::Upgraded {
        world.run(Verb::Keep);
    }
    if world.state().phase == Phase::Upgraded {
        world.run(Verb::Keep);
    }
    world.product.client();
    world.serves("1.0");
    world.run(Verb::Commit);
    world.serves("1.0");
    world.nothing_left();
    Ok(())
}

proptest! {
    // The same interleavings each time.
    #![proptest_config(config(96, RngSeed::Fixed(20_261_123)))]

    #[test]
    fn s1_any_interleaving_comes_to_an_end(turns in prop::collection::vec(turn(), 1..14), units in any::<bool>(), resumable in any::<bool>(), rough in any::<bool>()) {
        comes_to_an_end(&turns, units, resumable, rough)?;
    }
}

/// What random turns have found: the strike of each turn, as it was told.
mod found {
    use super::*;

    const STRIKE: Turn = Turn { places: 0, kill: true, boot: false, abort: false, in_place: false };

    #[test]
    fn a_server_without_clients_that_a_second_stop_ends_is_started_again() {
        let turns = [Turn { places: 341, ..STRIKE }, Turn { places: 3, ..STRIKE }];
        comes_to_an_end(&turns, false, true, false).unwrap();
    }

    #[test]
    fn a_boot_in_the_middle_and_a_killed_abort_leave_the_data_mounted() {
        let turns = [
            Turn { places: 123, kill: false, boot: true, ..STRIKE },
            Turn { places: 3, abort: true, ..STRIKE },
        ];
        comes_to_an_end(&turns, true, true, true).unwrap();
    }
}

mod every_place {
    use super::*;

    proptest! {
        // Others each time, and more of them.
        #![proptest_config(config(1000, RngSeed::Random))]

        #[test]
        #[ignore = "every place takes minutes"]
        fn s1_any_interleaving_comes_to_an_end(turns in prop::collection::vec(turn(), 1..14), units in any::<bool>(), resumable in any::<bool>(), rough in any::<bool>()) {
            comes_to_an_end(&turns, units, resumable, rough)?;
        }
    }
}
