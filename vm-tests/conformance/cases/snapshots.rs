//! Making, holding and destroying snapshots.

use backout::zfs::{Change, Guid};

use crate::world::{World, refused};

/// DESCRIPTION: snapshots of several datasets are made in one transaction group.
/// STRATEGY: compare createtxg.
pub fn of_many_datasets_are_of_one_moment(world: &dyn World) {
    for name in ["a", "a/b", "c d"] {
        world.fs(name);
    }
    let names = [world.snap("a@x"), world.snap("a/b@x"), world.snap("c d@other name")];
    world.engine().snapshot(&names, &[]).unwrap();
    let txgs: Vec<u64> = names
        .iter()
        .map(|name| world.engine().snapshot_info(name).unwrap().unwrap().createtxg)
        .collect();
    assert!(txgs.iter().all(|txg| *txg == txgs[0]), "{txgs:?}");
}

/// DESCRIPTION: when one name is taken, none is made, and the error names it.
/// STRATEGY: make the second of three first.
pub fn one_that_exists_fails_the_set(world: &dyn World) {
    for name in ["a", "b", "c"] {
        world.fs(name);
    }
    let guid = world.guid(&world.take("b@x"));
    let names = [world.snap("a@x"), world.snap("b@x"), world.snap("c@x")];
    refused!(world.engine().snapshot(&names, &[("backout:change", "c-1")]), Exists(name) if name == names[1].as_str());
    assert_eq!(world.shorts(&world.name("a")), [""; 0]);
    assert_eq!(world.shorts(&world.name("c")), [""; 0]);
    assert_eq!(world.guid(&names[1]), guid);
}

/// DESCRIPTION: when one dataset is missing, no snapshot is made.
/// STRATEGY: a set with a missing dataset at its end.
pub fn a_missing_dataset_fails_the_set(world: &dyn World) {
    world.fs("a");
    refused!(
        world.engine().snapshot(&[world.snap("a@x"), world.snap("missing@x")], &[]),
        NotFound(_)
    );
    assert_eq!(world.shorts(&world.name("a")), [""; 0]);
}

/// DESCRIPTION: two snapshots of one dataset in a set are refused.
/// STRATEGY: two names for one dataset.
pub fn a_dataset_named_twice_is_refused(world: &dyn World) {
    let dataset = world.fs("a");
    refused!(
        world.engine().snapshot(&[world.snap("a@x"), world.snap("a@y")], &[]),
        Unexpected { .. }
    );
    assert_eq!(world.shorts(&dataset), [""; 0]);
}

/// DESCRIPTION: properties given with a snapshot are its own; those of its dataset, which it
/// inherits, are not. STRATEGY: the same property on the dataset and on one of two snapshots.
pub fn carry_their_own_properties(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    engine.set(&dataset, "backout:change", "older").unwrap();
    let (with, without) = (world.snap("a@with"), world.snap("a@without"));
    engine
        .snapshot(
            std::slice::from_ref(&with),
            &[("backout:change", "c 1"), ("backout:step", "snapshot")],
        )
        .unwrap();
    engine.snapshot(std::slice::from_ref(&without), &[]).unwrap();
    assert_eq!(engine.snapshot_local(&with, "backout:change").unwrap().as_deref(), Some("c 1"));
    assert_eq!(engine.snapshot_local(&with, "backout:step").unwrap().as_deref(), Some("snapshot"));
    assert_eq!(engine.snapshot_local(&without, "backout:change").unwrap(), None);
}

/// DESCRIPTION: an empty set is done.
/// STRATEGY: ask for it.
pub fn of_nothing_are_nothing(world: &dyn World) {
    world.engine().snapshot(&[], &[("backout:change", "c-1")]).unwrap();
}

/// DESCRIPTION: putting and taking a hold may be tried again; on a missing snapshot it is an error.
/// STRATEGY: each twice, two tags, then a missing snapshot and a missing dataset.
pub fn a_hold_may_be_put_and_taken_twice(world: &dyn World) {
    let engine = world.engine();
    world.fs("a");
    let snapshot = world.take("a@x");
    assert_eq!(engine.hold(&snapshot, "backout:c-1").unwrap(), Change::Made);
    assert_eq!(engine.hold(&snapshot, "backout:c-1").unwrap(), Change::WasThere);
    assert_eq!(engine.hold(&snapshot, "other").unwrap(), Change::Made);
    let mut tags = engine.holds(&snapshot).unwrap();
    tags.sort();
    assert_eq!(tags, ["backout:c-1", "other"]);
    assert_eq!(engine.snapshot_info(&snapshot).unwrap().unwrap().userrefs, 2);
    assert_eq!(engine.release(&snapshot, "backout:c-1").unwrap(), Change::Made);
    assert_eq!(engine.release(&snapshot, "backout:c-1").unwrap(), Change::WasThere);
    assert_eq!(engine.holds(&snapshot).unwrap(), ["other"]);
    for missing in [world.snap("a@missing"), world.snap("missing@x")] {
        refused!(engine.hold(&missing, "t"), NotFound(_));
        refused!(engine.release(&missing, "t"), NotFound(_));
    }
}

/// DESCRIPTION: a snapshot is destroyed by name and guid; one that is gone is fine; its neighbours
/// stay. STRATEGY: the wrong guid, the right one, again; a snapshot made again under the name.
pub fn are_destroyed_only_when_they_are_the_right_ones(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    world.take("a@w");
    let snapshot = world.take("a@x");
    world.take("a@y");
    let guid = world.guid(&snapshot);
    refused!(engine.destroy_snapshot(&snapshot, Guid(guid.0 ^ 1)), Replaced { .. });
    assert_eq!(engine.destroy_snapshot(&snapshot, guid).unwrap(), Change::Made);
    assert_eq!(engine.destroy_snapshot(&snapshot, guid).unwrap(), Change::WasThere);
    assert_eq!(engine.destroy_snapshot(&world.snap("missing@x"), guid).unwrap(), Change::WasThere);
    world.take("a@x");
    refused!(engine.destroy_snapshot(&snapshot, guid), Replaced { expected, .. } if *expected == guid.0);
    assert_eq!(world.shorts(&dataset), ["w", "y", "x"]);
}

/// DESCRIPTION: a held snapshot and one with clones are not destroyed, and the error says who keeps
/// them. STRATEGY: a hold, then a clone.
pub fn held_or_cloned_are_not_destroyed(world: &dyn World) {
    let engine = world.engine();
    world.fs("a");
    let snapshot = world.take("a@x");
    let guid = world.guid(&snapshot);
    engine.hold(&snapshot, "keep me").unwrap();
    refused!(engine.destroy_snapshot(&snapshot, guid), Held { tags, .. } if tags == &["keep me"]);
    engine.release(&snapshot, "keep me").unwrap();
    let clone = world.name("c");
    engine.clone_snapshot(&snapshot, &clone, &[("canmount", "noauto")]).unwrap();
    refused!(engine.destroy_snapshot(&snapshot, guid), Cloned { clones, .. } if clones == std::slice::from_ref(&clone));
    assert_eq!(world.guid(&snapshot), guid);
}

/// DESCRIPTION: a name may be as long as ZFS takes it (255 bytes), and not one byte longer.
/// STRATEGY: a snapshot of a dataset whose name is long itself; one byte more is no name at all.
pub fn of_the_longest_name(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs(&"d".repeat(120));
    let short = "s".repeat(255 - dataset.as_str().len() - 1);
    let snapshot = dataset.at(&short).unwrap();
    assert_eq!(snapshot.as_str().len(), 255);
    assert!(dataset.at(&format!("{short}s")).is_err());
    engine.snapshot(std::slice::from_ref(&snapshot), &[("backout:change", "c-1")]).unwrap();
    engine.hold(&snapshot, "backout:c-1").unwrap();
    assert_eq!(world.shorts(&dataset), [short]);
    engine.release(&snapshot, "backout:c-1").unwrap();
    engine.destroy_snapshot(&snapshot, world.guid(&snapshot)).unwrap();
}

/// DESCRIPTION: what was written to a dataset since a snapshot is told in bytes; to a clone, since
/// its origin. STRATEGY: ask right behind a snapshot, and when something was written and something
/// removed; ask a clone.
pub fn what_was_written_since_one_is_told(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    world.write(&dataset, "one");
    let snapshot = world.take("a@s");
    assert_eq!(engine.written_since(&dataset, &snapshot).unwrap(), 0);
    world.write_big(&dataset, "two");
    world.erase(&dataset, "one");
    assert!(engine.written_since(&dataset, &snapshot).unwrap() > 0);
    let clone = world.name("c");
    engine.clone_snapshot(&snapshot, &clone, &[("canmount", "noauto")]).unwrap();
    engine.written_since(&clone, &snapshot).unwrap();
    refused!(engine.written_since(&world.name("none"), &snapshot), NotFound(_));
}
