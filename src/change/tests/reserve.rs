//! Room that is held back for a downgrade in place.

use super::kind::{PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::{until, upgraded};
use super::world::World;
use crate::zfs::{Dataset, DatasetKind, Engine, PROP_ROLE, Pool};

fn name(text: &str) -> Dataset {
    text.parse().expect("a name")
}

/// The property that holds the room back, if there is such a dataset.
fn held_back(world: &World, dataset: &str) -> Option<String> {
    let engine = &world.engine.fake;
    let there = engine.dataset(&name(dataset)).expect("readable").is_some();
    there.then(|| {
        engine.local(&name(dataset), "refreservation").expect("readable").unwrap_or_default()
    })
}

fn least() -> Option<String> {
    Some((32 << 20).to_string())
}

#[test]
fn room_is_held_back_on_each_pool_until_it_is_accepted_or_needed() {
    let world = upgraded(ROUGH);
    assert_eq!(
        [held_back(&world, "t/app.reserve"), held_back(&world, "u/index.reserve")],
        [least(), least()]
    );
    world.run(Verb::Keep);
    assert_eq!(held_back(&world, "t/app.reserve"), least());
    world.run(Verb::Commit);
    assert_eq!(
        [held_back(&world, "t/app.reserve"), held_back(&world, "u/index.reserve")],
        [None, None]
    );

    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::InPlace, &world.state());
    assert_eq!(world.once(Some(plan), Some(until("verify", true))), Ended::Killed);
    assert_eq!(held_back(&world, "t/app.reserve"), None);
    world.run(Verb::Abort);
    assert_eq!(held_back(&world, "t/app.reserve"), least(), "for the next try");
    world.run(Verb::InPlace);
    world.serves("1.0");
    assert_eq!(held_back(&world, "t/app.reserve"), None);
}

#[test]
fn an_upgrade_that_is_given_up_holds_nothing_back() {
    let world = World::new(PLAIN);
    let plan = world.plan(Verb::Upgrade, &world.state());
    assert_eq!(world.once(Some(plan), Some(until("reserve", true))), Ended::Killed);
    assert_eq!(held_back(&world, "t/app.reserve"), least());
    world.run(Verb::Abort);
    assert_eq!(held_back(&world, "t/app.reserve"), None);
}

#[test]
fn without_room_or_name_none_is_held_back_and_all_goes_on() {
    let world = World::new(PLAIN);
    let plan = world.plan(Verb::Upgrade, &world.state());
    assert_eq!(world.once(Some(plan), Some(until("snapshot", true))), Ended::Killed);
    let pool: Pool = "t".parse().expect("a name");
    world.engine.fake.set_full(&pool, true).expect("there");
    assert_eq!(world.once(None, Some(until("reserve", true))), Ended::Killed);
    assert_eq!(held_back(&world, "t/app.reserve"), None);
    world.engine.fake.set_full(&pool, false).expect("there");
    world.go_on();
    assert!(
        world.said().iter().any(|text| text.starts_with("no room is held back")),
        "{:?}",
        world.said()
    );
    world.client();
    world.run(Verb::InPlace);
    world.serves("1.0");

    let world = World::new(PLAIN);
    world
        .engine
        .fake
        .create(&name("t/app.reserve"), DatasetKind::Filesystem, &[("canmount", "off")])
        .expect("made");
    world.run(Verb::Upgrade);
    world.client();
    world.run(Verb::InPlace);
    world.run(Verb::Commit);
    world.serves("1.0");
    assert_eq!(
        held_back(&world, "t/app.reserve"),
        Some(String::new()),
        "a stranger's stays as it was"
    );
}

#[test]
fn another_tools_snapshot_of_it_stays_and_the_room_is_given_back() {
    let world = upgraded(PLAIN);
    world
        .engine
        .fake
        .snapshot(&["t/app.reserve@theirs".parse().expect("a name")], &[])
        .expect("taken");
    world.run(Verb::InPlace);
    world.run(Verb::Commit);
    world.serves("1.0");
    assert_eq!(held_back(&world, "t/app.reserve").as_deref(), Some("none"));
    assert_eq!(
        world.engine.fake.local(&name("t/app.reserve"), PROP_ROLE).expect("readable").as_deref(),
        Some("reserve")
    );
    assert!(
        world.said().iter().any(|text| text.contains("it has snapshots")),
        "{:?}",
        world.said()
    );
}
