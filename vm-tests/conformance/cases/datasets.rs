//! Clones, names, promotion, mounts, and the end of datasets.

use backout::zfs::{Change, DatasetKind, Guid};

use crate::world::{World, refused};

/// DESCRIPTION: a clone has its properties locally, its origin, the snapshot's content, and is not
/// mounted, whatever its canmount is. STRATEGY: clones with canmount noauto, on, and not given.
pub fn a_clone_has_its_properties_and_is_not_mounted(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    world.write(&dataset, "one");
    let snapshot = world.take("a@x");
    world.write(&dataset, "two");
    for (name, properties, canmount) in [
        (
            "c1",
            &[("canmount", "noauto"), ("backout:role", "candidate"), ("recordsize", "16384")][..],
            "noauto",
        ),
        ("c2", &[("backout:role", "candidate"), ("canmount", "on")][..], "on"),
        ("c3", &[("backout:role", "candidate")][..], "on"),
    ] {
        let clone = world.name(name);
        engine.clone_snapshot(&snapshot, &clone, properties).unwrap();
        let info = engine.dataset(&clone).unwrap().unwrap();
        assert_eq!(
            (info.mounted, info.canmount.as_str(), info.origin.as_ref()),
            (false, canmount, Some(&snapshot)),
            "{name}"
        );
        assert_ne!(info.guid, world.guid_of(&dataset));
        let mut expected: Vec<(String, String)> = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        expected.sort();
        assert_eq!(engine.locals(&clone).unwrap(), expected);
        assert_eq!(world.look(&clone), ["one"]);
    }
    let clones = engine.snapshot_info(&snapshot).unwrap().unwrap().clones;
    assert_eq!(clones.len(), 3);
    assert_eq!(world.content(&dataset), ["one", "two"]);
}

/// DESCRIPTION: a clone that cannot be made is refused and leaves nothing.
/// STRATEGY: a name that is taken, a missing snapshot, a missing parent.
pub fn a_clone_that_cannot_be_made_leaves_nothing(world: &dyn World) {
    let engine = world.engine();
    let (dataset, other) = (world.fs("a"), world.fs("b"));
    let snapshot = world.take("a@x");
    let guid = world.guid_of(&other);
    refused!(engine.clone_snapshot(&snapshot, &other, &[("canmount", "noauto")]), Exists(_));
    assert_eq!(world.guid_of(&other), guid);
    refused!(engine.clone_snapshot(&world.snap("a@missing"), &world.name("c"), &[]), NotFound(_));
    refused!(engine.clone_snapshot(&snapshot, &world.name("missing/c"), &[]), NotFound(_));
    assert_eq!(engine.tree(&world.pool().as_str().parse().unwrap()).unwrap().len(), 3);
    assert_eq!(engine.snapshot_info(&snapshot).unwrap().unwrap().clones, []);
    assert_eq!(world.shorts(&dataset), ["x"]);
}

/// DESCRIPTION: a dataset with children is cloned one by one below a new name.
/// STRATEGY: clone parent and child; both have their content.
pub fn children_are_cloned_one_by_one(world: &dyn World) {
    let engine = world.engine();
    let (parent, child) = (world.fs("a"), world.fs("a/b"));
    world.write(&parent, "p");
    world.write(&child, "c");
    let names = [world.snap("a@x"), world.snap("a/b@x")];
    engine.snapshot(&names, &[]).unwrap();
    engine.clone_snapshot(&names[0], &world.name("a.new"), &[("canmount", "noauto")]).unwrap();
    engine.clone_snapshot(&names[1], &world.name("a.new/b"), &[("canmount", "noauto")]).unwrap();
    engine.mount(&world.name("a.new")).unwrap();
    engine.mount(&world.name("a.new/b")).unwrap();
    assert_eq!(world.content(&world.name("a.new")), ["p"]);
    assert_eq!(world.content(&world.name("a.new/b")), ["c"]);
}

/// DESCRIPTION: an empty file system that holds room back is made with its properties, is not
/// mounted, and gives the room back. STRATEGY: one beside a dataset; the same name once more, a
/// missing parent; then destroyed.
pub fn a_file_system_holds_room_back(world: &dyn World) {
    let engine = world.engine();
    world.fs("a");
    let reserve = world.name("a.reserve");
    let properties = [
        ("canmount", "off"),
        ("mountpoint", "none"),
        ("refreservation", "1048576"),
        ("backout:role", "reserve"),
    ];
    engine.create_filesystem(&reserve, &properties).unwrap();
    let info = engine.dataset(&reserve).unwrap().unwrap();
    assert_eq!((info.mounted, info.canmount.as_str(), info.mountpoint), (false, "off", None));
    let mut expected: Vec<(String, String)> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    expected.sort();
    assert_eq!(engine.locals(&reserve).unwrap(), expected);
    refused!(engine.create_filesystem(&reserve, &properties), Exists(_));
    refused!(engine.create_filesystem(&world.name("missing/a.reserve"), &properties), NotFound(_));
    assert_eq!(engine.destroy_dataset(&reserve, info.guid).unwrap(), Change::Made);
    assert_eq!(engine.dataset(&reserve).unwrap(), None);
}

/// DESCRIPTION: volumes are cloned, renamed, promoted and destroyed, too.
/// STRATEGY: one volume through all of it; a clone with `canmount`, which a volume does not have,
/// is not taken for what was asked.
pub fn a_volume_is_cloned_and_renamed(world: &dyn World) {
    let engine = world.engine();
    let volume = world.name("v 1");
    world.create(&volume, DatasetKind::Volume);
    let snapshot = world.take("v 1@x");
    let (clone, moved) = (world.name("v 2"), world.name("v 3"));
    engine.clone_snapshot(&snapshot, &clone, &[("backout:role", "candidate")]).unwrap();
    assert_eq!(engine.local(&clone, "backout:role").unwrap().as_deref(), Some("candidate"));
    engine.rename(&clone, &moved).unwrap();
    assert_eq!(engine.dataset(&moved).unwrap().unwrap().kind, DatasetKind::Volume);
    assert_eq!(engine.promote(&moved).unwrap(), Change::Made);
    assert_eq!(engine.destroy_dataset(&volume, world.guid_of(&volume)).unwrap(), Change::Made);
    let snapshot = world.take("v 3@y");
    refused!(
        engine.clone_snapshot(&snapshot, &world.name("v 4"), &[("canmount", "noauto")]),
        Unexpected { .. }
    );
}

/// DESCRIPTION: a rename keeps guids, takes children and snapshots along, and mounts and unmounts
/// nothing. STRATEGY: rename an unmounted dataset with a mounted child, whose mount stays where it
/// was; then a mounted one.
pub fn a_rename_moves_children_and_leaves_mounts(world: &dyn World) {
    let engine = world.engine();
    let (old, child) = (world.fs("a"), world.fs("a/b"));
    world.write(&child, "c");
    world.take("a/b@x");
    let guids = (world.guid_of(&old), world.guid_of(&child));
    let (new, new_child) = (world.name("a.upgraded"), world.name("a.upgraded/b"));
    engine.rename(&old, &new).unwrap();
    assert_eq!((world.guid_of(&new), world.guid_of(&new_child)), guids);
    assert_eq!(engine.dataset(&old).unwrap(), None);
    assert_eq!(engine.dataset(&child).unwrap(), None);
    assert_eq!(world.shorts(&new_child), ["x"]);
    assert!(engine.dataset(&new).unwrap().unwrap().mounted);
    assert!(engine.dataset(&new_child).unwrap().unwrap().mounted);
    assert_eq!(engine.unmount(&new_child).unwrap(), Change::Made);
    assert_eq!(engine.unmount(&new).unwrap(), Change::Made);
    engine.rename(&new, &old).unwrap();
    assert!(!engine.dataset(&old).unwrap().unwrap().mounted);
    engine.mount(&old).unwrap();
    assert_eq!(world.look(&child), ["c"]);
}

/// DESCRIPTION: a rename to a name that is taken, from one that is missing, or below a missing
/// parent is refused. STRATEGY: try each; guids stay.
pub fn a_rename_that_cannot_be_is_refused(world: &dyn World) {
    let engine = world.engine();
    let (a, b) = (world.fs("a"), world.fs("b"));
    let guids = (world.guid_of(&a), world.guid_of(&b));
    refused!(engine.rename(&a, &b), Exists(_));
    refused!(engine.rename(&world.name("missing"), &world.name("c")), NotFound(_));
    refused!(engine.rename(&a, &world.name("missing/c")), NotFound(_));
    assert_eq!((world.guid_of(&a), world.guid_of(&b)), guids);
}

/// DESCRIPTION: a promotion moves the snapshots up to the origin, with guids and holds, and turns
/// the relation around. STRATEGY: a snapshot before, the origin, one after; promote; promote again;
/// destroy what is left of the old one.
pub fn a_promotion_moves_the_snapshots(world: &dyn World) {
    let engine = world.engine();
    let old = world.fs("a");
    world.take("a@before");
    let origin = world.take("a@x");
    let guid = world.guid(&origin);
    engine.hold(&origin, "keep").unwrap();
    world.take("a@after");
    let clone = world.name("c");
    engine.clone_snapshot(&origin, &clone, &[("canmount", "noauto")]).unwrap();
    world.take("c@own");
    assert_eq!(engine.promote(&clone).unwrap(), Change::Made);
    assert_eq!(engine.promote(&clone).unwrap(), Change::WasThere);
    assert_eq!(world.shorts(&clone), ["before", "x", "own"]);
    assert_eq!(world.shorts(&old), ["after"]);
    let moved = world.snap("c@x");
    assert_eq!(world.guid(&moved), guid);
    assert_eq!(engine.holds(&moved).unwrap(), ["keep"]);
    assert_eq!(engine.dataset(&clone).unwrap().unwrap().origin, None);
    assert_eq!(engine.dataset(&old).unwrap().unwrap().origin, Some(moved));
    let after = world.snap("a@after");
    engine.destroy_snapshot(&after, world.guid(&after)).unwrap();
    engine.unmount(&old).unwrap();
    engine.destroy_dataset(&old, world.guid_of(&old)).unwrap();
}

/// DESCRIPTION: a promotion that would give two snapshots one name is refused and changes nothing.
/// STRATEGY: a snapshot of the clone with the name of one that would move.
pub fn a_promotion_with_a_name_twice_is_refused(world: &dyn World) {
    let engine = world.engine();
    let old = world.fs("a");
    world.take("a@same");
    let origin = world.take("a@x");
    let clone = world.name("c");
    engine.clone_snapshot(&origin, &clone, &[("canmount", "noauto")]).unwrap();
    world.take("c@same");
    refused!(engine.promote(&clone), Exists(_));
    assert_eq!(world.shorts(&old), ["same", "x"]);
    assert_eq!(engine.dataset(&clone).unwrap().unwrap().origin, Some(origin));
}

/// DESCRIPTION: mounting what is mounted and unmounting what is not is fine; canmount=noauto can be
/// mounted by asking. STRATEGY: each twice.
pub fn mounts_may_be_made_and_unmade_twice(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    world.write(&dataset, "one");
    assert_eq!(engine.mount(&dataset).unwrap(), Change::WasThere);
    engine.set(&dataset, "canmount", "noauto").unwrap();
    assert!(engine.dataset(&dataset).unwrap().unwrap().mounted, "noauto does not unmount");
    assert_eq!(engine.unmount(&dataset).unwrap(), Change::Made);
    assert_eq!(engine.unmount(&dataset).unwrap(), Change::WasThere);
    engine.set(&dataset, "canmount", "on").unwrap();
    assert!(!engine.dataset(&dataset).unwrap().unwrap().mounted, "on does not mount");
    engine.set(&dataset, "canmount", "noauto").unwrap();
    assert_eq!(engine.mount(&dataset).unwrap(), Change::Made);
    assert_eq!(engine.mount(&dataset).unwrap(), Change::WasThere);
    assert_eq!(world.content(&dataset), ["one"]);
}

/// DESCRIPTION: a file system in use is not unmounted.
/// STRATEGY: an open file; unmount; close; unmount.
pub fn an_unmount_of_what_is_in_use_is_refused(world: &dyn World) {
    let engine = world.engine();
    let dataset = world.fs("a");
    world.occupy(&dataset, true);
    refused!(engine.unmount(&dataset), Busy { .. });
    assert!(engine.dataset(&dataset).unwrap().unwrap().mounted);
    world.occupy(&dataset, false);
    assert_eq!(engine.unmount(&dataset).unwrap(), Change::Made);
}

/// DESCRIPTION: unmounting a parent does not unmount its children behind one's back: they come
/// first. STRATEGY: a mounted child that inherits its mountpoint.
pub fn an_unmount_leaves_children_alone(world: &dyn World) {
    let engine = world.engine();
    let (parent, child) = (world.fs("a"), world.fs("a/b"));
    refused!(engine.unmount(&parent), Busy { .. });
    assert!(
        engine.dataset(&child).unwrap().unwrap().mounted
            && engine.dataset(&parent).unwrap().unwrap().mounted
    );
    engine.unmount(&child).unwrap();
    engine.unmount(&parent).unwrap();
    // Nor those that are mounted elsewhere.
    let elsewhere = format!("/run/backout-{}", child.as_str().replace('/', "-"));
    engine.set(&child, "mountpoint", &elsewhere).unwrap();
    engine.mount(&child).unwrap();
    engine.mount(&parent).unwrap();
    engine.unmount(&parent).unwrap();
    assert!(engine.dataset(&child).unwrap().unwrap().mounted);
    engine.unmount(&child).unwrap();
}

/// DESCRIPTION: a dataset is destroyed by name and guid, unmounted, without children and snapshots;
/// one that is gone is fine. STRATEGY: each of these in turn.
pub fn are_destroyed_only_alone_and_when_they_are_the_right_ones(world: &dyn World) {
    let engine = world.engine();
    let (parent, child) = (world.fs("a"), world.fs("a/b"));
    let (guid, child_guid) = (world.guid_of(&parent), world.guid_of(&child));
    refused!(engine.destroy_dataset(&child, child_guid), Busy { .. });
    engine.unmount(&child).unwrap();
    engine.unmount(&parent).unwrap();
    refused!(engine.destroy_dataset(&parent, guid), Busy { .. });
    refused!(engine.destroy_dataset(&child, Guid(child_guid.0 ^ 1)), Replaced { .. });
    let snapshot = world.take("a/b@x");
    refused!(engine.destroy_dataset(&child, child_guid), Busy { .. });
    engine.destroy_snapshot(&snapshot, world.guid(&snapshot)).unwrap();
    assert_eq!(engine.destroy_dataset(&child, child_guid).unwrap(), Change::Made);
    assert_eq!(engine.destroy_dataset(&child, child_guid).unwrap(), Change::WasThere);
    assert_eq!(engine.destroy_dataset(&parent, guid).unwrap(), Change::Made);
}

/// DESCRIPTION: the reversible way back: the old state comes back under the old name, the new state
/// stays beside it, and both ways round it can be undone. STRATEGY: clone, swap names, mount; look;
/// swap back; look; swap again, promote, destroy the failed one.
pub fn the_way_back_with_keep(world: &dyn World) {
    let engine = world.engine();
    let (live, candidate, failed) =
        (world.fs("srv"), world.name("srv.new"), world.name("srv.upgraded"));
    world.write(&live, "old");
    let pre = world.take("srv@pre");
    world.write(&live, "new");
    let guid = world.guid_of(&live);
    engine
        .clone_snapshot(&pre, &candidate, &[("canmount", "noauto"), ("backout:role", "candidate")])
        .unwrap();
    engine.unmount(&live).unwrap();
    engine.set(&live, "canmount", "noauto").unwrap();
    engine.rename(&live, &failed).unwrap();
    engine.rename(&candidate, &live).unwrap();
    engine.mount(&live).unwrap();
    assert_eq!(world.content(&live), ["old"]);

    engine.unmount(&live).unwrap();
    engine.rename(&live, &candidate).unwrap();
    engine.rename(&failed, &live).unwrap();
    engine.mount(&live).unwrap();
    assert_eq!(world.content(&live), ["new", "old"]);
    assert_eq!(world.guid_of(&live), guid);

    engine.unmount(&live).unwrap();
    engine.rename(&live, &failed).unwrap();
    engine.rename(&candidate, &live).unwrap();
    engine.promote(&live).unwrap();
    assert_eq!(world.shorts(&live), ["pre"]);
    engine.destroy_dataset(&failed, guid).unwrap();
    engine.mount(&live).unwrap();
    assert_eq!(world.content(&live), ["old"]);
}

/// DESCRIPTION: a rename that would make the name of a snapshot longer than 255 bytes is refused
/// and changes nothing. STRATEGY: a snapshot whose name just fits; rename its dataset, and the
/// parent of that, to names seven bytes longer.
pub fn a_rename_to_names_too_long_is_refused(world: &dyn World) {
    let engine = world.engine();
    let (parent, child) = (world.fs("a"), world.fs("a/b"));
    let short = "s".repeat(255 - child.as_str().len() - 1);
    engine.snapshot(&[child.at(&short).unwrap()], &[]).unwrap();
    let guids = (world.guid_of(&parent), world.guid_of(&child));
    for (from, to) in [(&child, world.name("a/b.upgraded")), (&parent, world.name("a.upgraded"))] {
        assert!(engine.rename(from, &to).is_err(), "{from} became {to}");
        assert_eq!(engine.dataset(&to).unwrap(), None);
    }
    assert_eq!((world.guid_of(&parent), world.guid_of(&child)), guids);
    assert_eq!(world.shorts(&child), [short]);
}

/// DESCRIPTION: a rename takes children along that are not mounted or cannot be, and changes no
/// property of anything. STRATEGY: children with mountpoint none and legacy, with canmount off and
/// noauto, and a volume; compare what is local.
pub fn a_rename_keeps_properties_and_children_that_are_not_mounted(world: &dyn World) {
    let engine = world.engine();
    let old = world.fs("a");
    engine.set(&old, "site:note", "a: b\tc").unwrap();
    for (child, property, value) in [
        ("a/1", "mountpoint", "none"),
        ("a/2", "mountpoint", "legacy"),
        ("a/3", "canmount", "off"),
        ("a/3/x", "canmount", "noauto"),
    ] {
        let child = world.fs(child);
        engine.unmount(&child).unwrap();
        engine.set(&child, property, value).unwrap();
    }
    world.create(&world.name("a/v"), DatasetKind::Volume);
    engine.unmount(&old).unwrap();
    let locals = |root: &backout::zfs::Dataset| -> Vec<_> {
        engine
            .tree(root)
            .unwrap()
            .iter()
            .map(|info| (info.guid, info.mounted, engine.locals(&info.name).unwrap()))
            .collect()
    };
    let before = locals(&old);
    assert_eq!(before.len(), 6);
    let new = world.name("a.upgraded");
    engine.rename(&old, &new).unwrap();
    assert_eq!(locals(&new), before);
    engine.rename(&new, &old).unwrap();
    assert_eq!(locals(&old), before);
}

/// DESCRIPTION: clones of clones are promoted one after the other, from either end; the snapshots
/// stand where they should. STRATEGY: a chain of three; promote the last to the top, then destroy
/// the others.
pub fn clones_of_clones_are_promoted(world: &dyn World) {
    let engine = world.engine();
    let first = world.fs("a");
    world.write(&first, "1");
    let one = world.take("a@1");
    let (second, third) = (world.name("b"), world.name("c"));
    engine.clone_snapshot(&one, &second, &[("canmount", "noauto")]).unwrap();
    engine.mount(&second).unwrap();
    world.write(&second, "2");
    let two = world.take("b@2");
    engine.clone_snapshot(&two, &third, &[("canmount", "noauto")]).unwrap();
    let guids = (world.guid(&one), world.guid(&two));
    assert_eq!(engine.promote(&third).unwrap(), Change::Made);
    assert_eq!(engine.dataset(&third).unwrap().unwrap().origin, Some(one));
    assert_eq!(engine.dataset(&second).unwrap().unwrap().origin, Some(world.snap("c@2")));
    assert_eq!(engine.promote(&third).unwrap(), Change::Made);
    assert_eq!(engine.dataset(&third).unwrap().unwrap().origin, None);
    assert_eq!(engine.dataset(&first).unwrap().unwrap().origin, Some(world.snap("c@1")));
    assert_eq!((world.guid(&world.snap("c@1")), world.guid(&world.snap("c@2"))), guids);
    for dataset in [&second, &first] {
        engine.unmount(dataset).unwrap();
        engine.destroy_dataset(dataset, world.guid_of(dataset)).unwrap();
    }
    assert_eq!(world.look(&third), ["1", "2"]);
}

/// DESCRIPTION: a snapshot tells its clones by the names that they have now.
/// STRATEGY: two clones; rename one, destroy the other; promote the one that is left.
pub fn the_clones_of_a_snapshot_are_listed(world: &dyn World) {
    let engine = world.engine();
    world.fs("a");
    let snapshot = world.take("a@x");
    let (one, two, moved) = (world.name("c 1"), world.name("c 2"), world.name("c 3"));
    let clones = |snapshot: &backout::zfs::Snapshot| {
        let mut clones = engine.snapshot_info(snapshot).unwrap().unwrap().clones;
        clones.sort();
        clones
    };
    for clone in [&one, &two] {
        engine.clone_snapshot(&snapshot, clone, &[("canmount", "noauto")]).unwrap();
    }
    assert_eq!(clones(&snapshot), [one.clone(), two.clone()]);
    engine.rename(&one, &moved).unwrap();
    assert_eq!(clones(&snapshot), [two.clone(), moved.clone()]);
    engine.destroy_dataset(&two, world.guid_of(&two)).unwrap();
    assert_eq!(clones(&snapshot), std::slice::from_ref(&moved));
    engine.promote(&moved).unwrap();
    assert_eq!(clones(&world.snap("c 3@x")), [world.name("a")]);
}
