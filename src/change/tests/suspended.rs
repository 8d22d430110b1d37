//! A pool's I/O is suspended.

use std::fs;
use std::path::PathBuf;

use super::kind::{PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};

/// The file that tells the pool's state, in a folder that is there.
fn state_file(world: &World, pool: &str) -> PathBuf {
    let folder = world.root.join("proc/spl/kstat/zfs").join(pool);
    fs::create_dir_all(&folder).expect("folder");
    folder.join("state")
}

fn suspend(world: &World, pool: &str, yes: bool) {
    fs::write(state_file(world, pool), if yes { "SUSPENDED\n" } else { "ONLINE\n" })
        .expect("written");
}

#[test]
fn s8_nothing_is_begun_on_a_suspended_pool() {
    for (kind, pool) in [(PLAIN, "t"), (ROUGH, "u")] {
        for verb in [Verb::Keep, Verb::InPlace] {
            let ids: Vec<String> = {
                let world = upgraded(kind);
                world
                    .plan(verb, &world.state())
                    .steps
                    .iter()
                    .map(|step| step.id.to_string())
                    .collect()
            };
            for id in ids {
                let world = upgraded(kind);
                let plan = world.plan(verb, &world.state());
                let place = format!("point {id}:done");
                let hook: Hook = Box::new(move |found, _| (found == place).then_some(Strike::Kill));
                // A step that is found there has that point as well.
                assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed, "{id}");
                let (calls, journal) = (world.engine.fake.calls().len(), world.journal());
                suspend(&world, pool, true);
                let ended = world.once(None, None);
                let Ended::Outcome(Outcome::Failed { error, .. }) = &ended else {
                    panic!("{id}: {ended:?}")
                };
                assert!(error.contains(&format!("the I/O of pool {pool} is suspended")), "{error}");
                assert!(error.ends_with(&format!("zpool clear {pool}")), "{error}");
                assert_eq!(
                    (world.engine.fake.calls().len(), world.journal()),
                    (calls, journal),
                    "{id}"
                );
                suspend(&world, pool, false);
                world.go_on();
                world.serves("1.0");
            }
        }
    }
}

#[test]
fn a_pool_that_is_suspended_in_the_middle_stops_the_next_step() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::Keep, &world.state());
    let file = state_file(&world, "t");
    let hook: Hook = Box::new(move |found, _| {
        if found == "point snapshot-upgraded:done" {
            fs::write(&file, "SUSPENDED\n").expect("written");
        }
        None
    });
    let ended = world.once(Some(plan), Some(hook));
    assert!(
        matches!(&ended, Ended::Outcome(Outcome::Failed { step, .. }) if *step == *"clone:t/app"),
        "{ended:?}"
    );
    suspend(&world, "t", false);
    world.go_on();
    world.serves("1.0");
}

#[test]
fn a_step_that_fails_on_a_suspended_pool_says_so() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::Keep, &world.state());
    let file = state_file(&world, "t");
    let hook: Hook = Box::new(move |place, _| {
        (place == "command restore before").then(|| {
            fs::write(&file, "SUSPENDED\n").expect("written");
            Strike::Fail
        })
    });
    let ended = world.once(Some(plan), Some(hook));
    let Ended::Outcome(Outcome::Failed { step, error }) = &ended else { panic!("{ended:?}") };
    assert_eq!(step, "restore");
    assert!(error.contains("struck") && error.ends_with("then: zpool clear t"), "{error}");
    suspend(&world, "t", false);
    world.go_on();
    world.serves("1.0");
}
