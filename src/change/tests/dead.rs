//! The new version does not start any more: what was written comes back from its files.

use super::Reach;
use super::crash::{Case, cases_everywhere};
use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::host::failpoint::testing::Strike;
use crate::journal::StepId;
use crate::procedure::mended;
use crate::report::{Command, offers, permitted};

/// Upgraded and written to; then version 2.0 crashes, and never starts again.
fn dead(kind: Kind) -> World {
    let world = upgraded(Kind { from_files: true, ..kind });
    let mut host = world.product.host();
    host.stop();
    host.dead = true;
    drop(host);
    world
}

const CASES: [Case; 2] = [(dead, Verb::Keep, "1.0"), (dead, Verb::InPlace, "1.0")];

#[test]
fn s1_what_was_written_comes_back_from_the_files_of_a_version_that_is_dead() {
    for kind in [PLAIN, ROUGH, Kind { reinstall_first: true, ..PLAIN }] {
        for verb in [Verb::Keep, Verb::InPlace] {
            let world = dead(kind);
            world.run(verb);
            world.serves("1.0");
            // Nothing was listed, and it says so.
            assert!(!world.state().outputs.contains_key(&StepId::PROVE));
            let now = crate::report::report(&world.state()).now.join(" ");
            assert!(now.contains("Nothing was compared"), "{now}");
            assert!(now.contains("do not carry faithfully"), "{now}");
            assert!(!offers(&world.state()).iter().any(|next| next.command == "backout undo"));
        }
    }
}

#[test]
fn s7_an_abort_that_would_start_a_dead_version_again_is_asked_for_by_name() {
    let world = dead(PLAIN);
    let plan = world.plan(Verb::Keep, &world.state());
    let strike = |place: &str, _: bool| place.contains("restore:started").then_some(Strike::Kill);
    assert_eq!(world.once(Some(plan), Some(Box::new(strike))), Ended::Killed);
    let state = world.state();
    assert!(permitted(&state, Command::Abort).is_ok());
    assert!(!offers(&state).iter().any(|next| next.command == "backout abort"));
    let error = mended(&state, Command::Abort, &[]).expect_err("it would start it");
    assert!(error.next.iter().any(|next| next.command == "backout resume"), "{error:?}");
    let yes = "backout abort --accept not-answering";
    assert!(error.next.iter().any(|next| next.command == yes), "{error:?}");
    mended(&state, Command::Abort, &["not-answering".to_owned()]).expect("a person said so");
    assert!(crate::report::report(&state).now.join(" ").contains(yes));
    let alive = upgraded(PLAIN);
    alive.run(Verb::Keep);
    mended(&alive.state(), Command::Undo, &[]).expect("it answered");
}

#[test]
fn s8_killed_and_failed_at_places_on_the_way_back_from_a_dead_version() {
    for strike in [Strike::Kill, Strike::Fail] {
        cases_everywhere(Reach::Some, &CASES, PLAIN, strike, false, 20);
    }
    cases_everywhere(Reach::Some, &CASES, ROUGH, Strike::Kill, false, 20);
}
