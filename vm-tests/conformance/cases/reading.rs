//! What is read, and properties.

use backout::zfs::{DatasetKind, Pool};

use crate::world::{World, refused};

/// DESCRIPTION: a pool is found under its name.
/// STRATEGY: ask for it.
pub fn pool_is_listed(world: &dyn World) {
    let pool = world.engine().pool(&world.pool()).unwrap().expect("there");
    assert_eq!((pool.name, pool.health.as_str(), pool.readonly), (world.pool(), "ONLINE", false));
    assert!(pool.free > 0 && pool.free <= pool.size);
}

/// DESCRIPTION: what does not exist is `None` where that is an answer, and `NotFound` where it is
/// not; never another error. STRATEGY: ask for a missing pool, dataset, dataset of a missing pool,
/// snapshot, snapshot of a missing dataset.
pub fn what_is_missing_is_none(world: &dyn World) {
    let engine = world.engine();
    world.fs("a");
    let nowhere: Pool = "nosuchpool".parse().unwrap();
    assert_eq!(engine.pool(&nowhere).unwrap(), None);
    for dataset in [
        world.name("b"),
        world.name("b/c d"),
        "nosuchpool".parse().unwrap(),
        "nosuchpool/a".parse().unwrap(),
    ] {
        assert_eq!(engine.dataset(&dataset).unwrap(), None);
        refused!(engine.tree(&dataset), NotFound(_));
        refused!(engine.snapshots(&dataset), NotFound(_));
        refused!(engine.bookmarks(&dataset), NotFound(_));
        refused!(engine.local(&dataset, "backout:x"), NotFound(_));
        refused!(engine.locals(&dataset), NotFound(_));
        refused!(engine.set(&dataset, "backout:x", "1"), NotFound(_));
        refused!(engine.inherit(&dataset, "backout:x"), NotFound(_));
        refused!(engine.mount(&dataset), NotFound(_));
        refused!(engine.unmount(&dataset), NotFound(_));
        refused!(engine.promote(&dataset), NotFound(_));
    }
    for snapshot in [world.snap("a@x"), world.snap("b@x"), "nosuchpool@x".parse().unwrap()] {
        assert_eq!(engine.snapshot_info(&snapshot).unwrap(), None);
        refused!(engine.holds(&snapshot), NotFound(_));
        refused!(engine.snapshot_local(&snapshot, "backout:x"), NotFound(_));
    }
}

/// DESCRIPTION: names with spaces and colons, as snapshot schedulers make them, are read and
/// changed like others. STRATEGY: a dataset, a child, a snapshot and a hold with such names through
/// every call that takes names.
pub fn names_may_hold_spaces_and_colons(world: &dyn World) {
    let engine = world.engine();
    let (parent, child) = (world.fs("a b"), world.fs("a b/c:d e"));
    world.write(&child, "one");
    let snapshot = world.take("a b/c:d e@auto 2024-01-01_10:00");
    assert_eq!(world.shorts(&child), ["auto 2024-01-01_10:00"]);
    engine.hold(&snapshot, "my tag: 1").unwrap();
    assert_eq!(engine.holds(&snapshot).unwrap(), ["my tag: 1"]);
    engine.set(&child, "backout:role", "a value: 1").unwrap();
    assert_eq!(engine.local(&child, "backout:role").unwrap().as_deref(), Some("a value: 1"));
    let names: Vec<String> =
        engine.tree(&parent).unwrap().iter().map(|info| info.name.to_string()).collect();
    assert_eq!(names, [parent.to_string(), child.to_string()]);
    let copy = world.name("a b/copy of: it");
    engine
        .clone_snapshot(&snapshot, &copy, &[("canmount", "noauto"), ("backout:role", "a b")])
        .unwrap();
    let moved = world.name("a b/moved: it");
    engine.rename(&copy, &moved).unwrap();
    assert_eq!(world.look(&moved), ["one"]);
    assert_eq!(
        engine.snapshot_info(&snapshot).unwrap().unwrap().clones,
        std::slice::from_ref(&moved)
    );
    engine.destroy_dataset(&moved, world.guid_of(&moved)).unwrap();
    engine.release(&snapshot, "my tag: 1").unwrap();
    engine.unmount(&child).unwrap();
    engine.destroy_snapshot(&snapshot, world.guid(&snapshot)).unwrap();
}

/// DESCRIPTION: a tree comes with parents before children, the root first, and nothing from beside
/// it. STRATEGY: names that sort around the slash: `x`, `x y`, `x.y`, `x/z`.
pub fn a_tree_has_parents_first(world: &dyn World) {
    for name in ["x", "x y", "x.y", "x/z", "x/z z", "x/z/1"] {
        world.fs(name);
    }
    let names: Vec<String> = world
        .engine()
        .tree(&world.name("x"))
        .unwrap()
        .iter()
        .map(|info| info.name.to_string())
        .collect();
    let expected: Vec<String> =
        ["x", "x/z", "x/z/1", "x/z z"].map(|name| world.name(name).to_string()).into();
    assert_eq!(names, expected);
}

/// DESCRIPTION: the facts of a dataset are the right ones.
/// STRATEGY: a file system and a volume; change canmount, readonly, refquota; unmount.
pub fn a_dataset_is_described(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    let info = engine.dataset(&dataset).unwrap().unwrap();
    assert_eq!(
        (info.name.clone(), info.kind, info.mounted, info.canmount.as_str()),
        (dataset.clone(), DatasetKind::Filesystem, true, "on")
    );
    assert!(info.mountpoint.is_some_and(|path| path.ends_with("a")));
    assert!(
        info.origin.is_none()
            && info.refquota.is_none()
            && info.keystatus.is_none()
            && !info.readonly
    );
    engine.set(&dataset, "canmount", "noauto").unwrap();
    engine.set(&dataset, "readonly", "on").unwrap();
    engine.set(&dataset, "refquota", "16777216").unwrap();
    engine.unmount(&dataset).unwrap();
    let info = engine.dataset(&dataset).unwrap().unwrap();
    assert_eq!(
        (info.mounted, info.canmount.as_str(), info.readonly, info.refquota),
        (false, "noauto", true, Some(16_777_216))
    );
    let volume = world.name("v");
    world.create(&volume, DatasetKind::Volume);
    let info = engine.dataset(&volume).unwrap().unwrap();
    assert_eq!(
        (info.kind, info.mounted, info.mountpoint, info.canmount.as_str()),
        (DatasetKind::Volume, false, None, "on")
    );
}

/// DESCRIPTION: only what is set on the dataset itself is local.
/// STRATEGY: set a user and a native property on a parent; ask the child; set, list and clear on
/// the child.
pub fn inherited_properties_are_not_local(world: &dyn World) {
    let engine = world.engine();
    let (parent, child) = (world.fs("a"), world.fs("a/b"));
    engine.set(&parent, "backout:role", "active").unwrap();
    engine.set(&parent, "readonly", "on").unwrap();
    assert_eq!(engine.local(&child, "backout:role").unwrap(), None);
    assert_eq!(engine.local(&child, "readonly").unwrap(), None);
    assert!(engine.dataset(&child).unwrap().unwrap().readonly);
    assert_eq!(engine.locals(&child).unwrap(), []);
    engine.set(&child, "backout:role", "active").unwrap();
    engine.set(&child, "backout:change", "c-1").unwrap();
    engine.set(&child, "canmount", "noauto").unwrap();
    let expected = [("backout:change", "c-1"), ("backout:role", "active"), ("canmount", "noauto")];
    assert_eq!(
        engine.locals(&child).unwrap(),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

/// DESCRIPTION: what a dataset got by `zfs receive` is not local, but its own; a clone has none of
/// it. STRATEGY: send a dataset with a native and a user property; ask what it received, with one
/// of them set locally, and a clone.
pub fn what_a_dataset_received_is_its_own(world: &dyn World) {
    let engine = world.engine();
    let source = world.fs("a");
    engine.set(&source, "recordsize", "16384").unwrap();
    engine.set(&source, "site:note", "x").unwrap();
    let received = world.name("b");
    world.receive(&world.take("a@s"), &received);
    let own = |dataset: &backout::zfs::Dataset, name: &str| {
        let all = engine.own(dataset).unwrap();
        all.into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    };
    assert_eq!(engine.local(&received, "recordsize").unwrap(), None);
    assert_eq!(own(&received, "recordsize").as_deref(), Some("16384"));
    assert_eq!(own(&received, "site:note").as_deref(), Some("x"));
    engine.set(&received, "recordsize", "32768").unwrap();
    assert_eq!(own(&received, "recordsize").as_deref(), Some("32768"));
    let clone = world.name("c");
    engine.clone_snapshot(&world.snap("b@s"), &clone, &[("canmount", "noauto")]).unwrap();
    assert_eq!(engine.own(&clone).unwrap(), [("canmount".to_owned(), "noauto".to_owned())]);
}

/// DESCRIPTION: a value may hold tabs and newlines, and does not become another property.
/// STRATEGY: a value whose second line looks like a row of the list; an empty value.
pub fn values_may_hold_tabs_and_newlines(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    let nasty = "first\ncanmount\toff\n";
    engine.set(&dataset, "site:note", nasty).unwrap();
    engine.set(&dataset, "site:empty", "").unwrap();
    assert_eq!(engine.local(&dataset, "site:note").unwrap().as_deref(), Some(nasty));
    assert_eq!(engine.local(&dataset, "site:empty").unwrap().as_deref(), Some(""));
    let expected = [("site:empty", ""), ("site:note", nasty)];
    assert_eq!(
        engine.locals(&dataset).unwrap(),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

/// DESCRIPTION: a property is cleared, also where `zfs inherit` refuses, and clearing it again is
/// fine. STRATEGY: a user property, canmount, refquota.
pub fn properties_are_cleared(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    for (property, value) in [
        ("backout:role", "active"),
        ("canmount", "noauto"),
        ("refquota", "16777216"),
        ("readonly", "on"),
    ] {
        engine.set(&dataset, property, value).unwrap();
        assert_eq!(engine.local(&dataset, property).unwrap().as_deref(), Some(value));
        engine.inherit(&dataset, property).unwrap();
        assert_eq!(engine.local(&dataset, property).unwrap(), None, "{property}");
        engine.inherit(&dataset, property).unwrap();
    }
    let info = engine.dataset(&dataset).unwrap().unwrap();
    assert_eq!((info.canmount.as_str(), info.refquota, info.mounted), ("on", None, true));
}

/// DESCRIPTION: snapshots and bookmarks are listed for the dataset itself, oldest first, whatever
/// their names. STRATEGY: snapshots whose names sort the other way, one of a child, bookmarks of
/// both.
pub fn snapshots_are_of_the_dataset_itself_and_in_order(world: &dyn World) {
    let (parent, _child) = (world.fs("a"), world.fs("a/b"));
    let first = world.take("a@z first");
    let second = world.take("a@a:second");
    let other = world.take("a/b@m");
    world.bookmark(&second, "1");
    world.bookmark(&first, "2 old");
    world.bookmark(&other, "3");
    assert_eq!(world.shorts(&parent), ["z first", "a:second"]);
    assert_eq!(world.marks(&parent), ["2 old", "1"]);
    let all = world.engine().snapshots(&parent).unwrap();
    assert!(
        all[0].createtxg < all[1].createtxg
            && all[0].guid != all[1].guid
            && all[0].creation <= all[1].creation
    );
    assert_eq!(world.engine().bookmarks(&parent).unwrap()[0].guid, all[0].guid);
}
