//! Many datasets and snapshots at once.

use backout::zfs::{Change, Dataset, DatasetKind, Guid, NewClone, Snapshot};

use crate::world::{World, refused};

/// A file system, two below it and one more below one of them, each with a file.
fn tree(world: &dyn World) -> Vec<Dataset> {
    let all: Vec<Dataset> = ["a", "a/b c", "a/b c/d", "a/e"].map(|name| world.fs(name)).into();
    all.iter().for_each(|name| world.write(name, "old"));
    all
}

fn at(all: &[Dataset], short: &str) -> Vec<Snapshot> {
    all.iter().map(|name| name.at(short).expect("a name")).collect()
}

fn with_guids(world: &dyn World, all: &[Snapshot]) -> Vec<(Snapshot, Guid)> {
    all.iter().map(|name| (name.clone(), world.guid(name))).collect()
}

/// DESCRIPTION: what is read of many is what is read of each, and what is missing is left out.
/// STRATEGY: a tree with snapshots, bookmarks, holds, a clone and properties, read in both ways.
pub fn many_are_read_like_each(world: &dyn World) {
    let engine = world.engine();
    let mut all = tree(world);
    let taken = at(&all, "x y");
    engine.snapshot(&taken, &[("backout:change", "c 1")]).unwrap();
    engine.hold(&taken[1], "tag one").unwrap();
    engine.hold(&taken[1], "tag two").unwrap();
    engine.set(&all[0], "backout:role", "one\nbackout:change\ttwo").unwrap();
    engine.set(&all[2], "canmount", "noauto").unwrap();
    world.bookmark(&taken[2], "mark");
    let clone = world.name("clone");
    engine.clone_snapshot(&taken[3], &clone, &[("canmount", "noauto")]).unwrap();
    for name in &all {
        world.write(name, "new");
    }
    // Which also waits until all of it is counted.
    world.write(&all[0], "gone");
    world.erase(&all[0], "gone");
    world.take("a/e@later");
    let missing = world.name("missing");
    all.push(missing.clone());
    let names: Vec<Dataset> =
        engine.datasets(&all).unwrap().into_iter().map(|info| info.name).collect();
    all.pop();
    assert_eq!(names, all);
    let history = engine.history(&all[0]).unwrap();
    let said: Vec<(Dataset, usize)> =
        history.iter().map(|(info, list)| (info.name.clone(), list.len())).collect();
    assert_eq!(
        said.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        all.iter().collect::<Vec<_>>()
    );
    for (info, list) in &history {
        assert_eq!(Some(info.guid), engine.dataset(&info.name).unwrap().map(|info| info.guid));
        assert_eq!(*list, engine.snapshots(&info.name).unwrap());
    }
    assert_eq!(history[3].1.len(), 2);
    assert_eq!(history[3].1[0].clones, [clone]);
    assert_eq!(engine.bookmarks_below(&all[0]).unwrap().len(), 1);
    refused!(engine.history(&missing), NotFound(_));
    let mut asked = taken.clone();
    asked.push(world.snap("a@no"));
    let found = engine.snapshot_infos(&asked).unwrap();
    assert_eq!(found.iter().map(|info| info.name.clone()).collect::<Vec<_>>(), taken);
    let tags = engine.holds_of(&taken).unwrap();
    let mut second = tags[1].clone();
    second.sort();
    assert_eq!((tags[0].len(), second), (0, vec!["tag one".to_owned(), "tag two".to_owned()]));
    let locals = engine.locals_of(&all, &["backout:role", "canmount", "backout:none"]).unwrap();
    assert_eq!(locals[0].get("backout:role").map(String::as_str), Some("one\nbackout:change\ttwo"));
    assert_eq!(locals[2].get("canmount").map(String::as_str), Some("noauto"));
    assert_eq!((locals[0].len(), locals[1].len(), locals[2].len()), (1, 0, 1));
    for (name, own) in all.iter().zip(engine.own_of(&all, &[]).unwrap()) {
        assert_eq!(own, engine.own(name).unwrap().into_iter().collect());
    }
    refused!(engine.locals_of(&[missing], &["backout:role"]), NotFound(_));
    for here in engine.snapshot_locals_of(&taken, &["backout:change"]).unwrap() {
        assert_eq!(here.get("backout:change").map(String::as_str), Some("c 1"));
    }
    let written = engine.written_since_each(&taken).unwrap();
    for (name, bytes) in taken.iter().zip(written) {
        assert_eq!(bytes > 0, engine.written_since(&name.dataset(), name).unwrap() > 0);
    }
}

/// DESCRIPTION: snapshots of many datasets are held, released and destroyed together; twice is
/// fine. STRATEGY: all, with one held before; destroyed with and without a hold of others.
pub fn many_snapshots_are_held_and_destroyed(world: &dyn World) {
    let engine = world.engine();
    let all = tree(world);
    let (old, taken) = (at(&all, "old"), at(&all, "x"));
    engine.snapshot(&old, &[]).unwrap();
    engine.snapshot(&taken, &[]).unwrap();
    engine.hold(&taken[2], "t").unwrap();
    for _ in 0..2 {
        engine.hold_all(&taken, "t").unwrap();
        assert!(engine.holds_of(&taken).unwrap().iter().all(|tags| tags == &["t"]));
    }
    assert!(engine.holds_of(&old).unwrap().iter().all(Vec::is_empty));
    let gone = with_guids(world, &taken);
    refused!(engine.destroy_snapshots(&gone), Held { .. });
    assert_eq!(engine.release(&taken[0], "t").unwrap(), Change::Made);
    for _ in 0..2 {
        engine.release_all(&taken, "t").unwrap();
        assert!(engine.holds_of(&taken).unwrap().iter().all(Vec::is_empty));
    }
    engine.destroy_snapshots(&gone).unwrap();
    engine.destroy_snapshots(&gone).unwrap();
    assert!(engine.snapshot_infos(&taken).unwrap().is_empty());
    assert_eq!(engine.snapshot_infos(&old).unwrap().len(), 4);
}

/// DESCRIPTION: another snapshot of that name, or one with a clone, is not destroyed.
/// STRATEGY: a wrong guid; then a clone of one of them.
pub fn many_snapshots_are_destroyed_only_when_they_are_the_right_ones(world: &dyn World) {
    let engine = world.engine();
    let all = tree(world);
    let taken = at(&all, "x");
    engine.snapshot(&taken, &[]).unwrap();
    let gone = with_guids(world, &taken);
    let mut wrong = gone.clone();
    wrong[0].1 = Guid(7);
    refused!(engine.destroy_snapshots(&wrong), Replaced { .. });
    let clone = world.name("clone");
    engine.clone_snapshot(&taken[0], &clone, &[("canmount", "noauto")]).unwrap();
    refused!(engine.destroy_snapshots(&gone), Cloned { .. });
    engine.destroy_dataset(&clone, world.guid_of(&clone)).unwrap();
    engine.destroy_snapshots(&gone).unwrap();
    assert!(engine.snapshot_infos(&taken).unwrap().is_empty());
}

/// DESCRIPTION: the way back with keep, with all datasets at once: cloned with their properties,
/// exchanged, promoted, and the others destroyed. STRATEGY: a tree; contents and properties before
/// and after.
pub fn many_take_the_way_back_with_keep(world: &dyn World) {
    let engine = world.engine();
    let all = tree(world);
    engine.set(&all[1], "recordsize", "16384").unwrap();
    let taken = at(&all, "x");
    engine.snapshot(&taken, &[]).unwrap();
    all.iter().for_each(|name| world.write(name, "new"));
    let moved = |to: &str| -> Vec<Dataset> {
        let to = world.name(to);
        all.iter().map(|name| name.moved(&all[0], &to).expect("a name")).collect()
    };
    let (fresh, aside) = (moved("a.new"), moved("a.aside"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let clones: Vec<NewClone> = taken
        .iter()
        .zip(&fresh)
        .map(|(snapshot, target)| NewClone {
            snapshot: snapshot.clone(),
            target: target.clone(),
            properties: vec![
                pair("backout:change", "c"),
                pair("canmount", "noauto"),
                pair("recordsize", "16384"),
            ],
        })
        .collect();
    engine.clone_all(&clones).unwrap();
    refused!(engine.clone_all(&clones), Exists(_));
    let mut inner_first = all.clone();
    inner_first.reverse();
    refused!(engine.unmount_all(&all), Busy { .. });
    engine.unmount_all(&inner_first).unwrap();
    engine.unmount_all(&inner_first).unwrap();
    engine.set_all(&all, &[("canmount", "noauto"), ("backout:role", "upgraded")]).unwrap();
    engine
        .rename_all(&[(all[0].clone(), aside[0].clone()), (fresh[0].clone(), all[0].clone())])
        .unwrap();
    engine.mount_all(&all).unwrap();
    engine.mount_all(&all).unwrap();
    for name in &all {
        assert!(world.content(name).contains(&"old".to_owned()));
        assert!(!world.content(name).contains(&"new".to_owned()));
    }
    engine.promote_all(&all).unwrap();
    engine.promote_all(&all).unwrap();
    engine.inherit_all(&all, &["backout:change", "backout:role"]).unwrap();
    for here in engine.locals_of(&all, &["backout:change", "canmount", "recordsize"]).unwrap() {
        assert_eq!((here.len(), here.get("canmount").map(String::as_str)), (2, Some("noauto")));
    }
    assert!(engine.datasets(&all).unwrap().iter().all(|info| info.origin.is_none()));
    let mut kept: Vec<(Dataset, Guid)> =
        aside.iter().map(|name| (name.clone(), world.guid_of(name))).collect();
    // A parent cannot go before its children.
    let parents_first = kept.clone();
    assert!(engine.destroy_datasets(&parents_first).is_err());
    kept.reverse();
    engine.destroy_datasets(&kept).unwrap();
    engine.destroy_datasets(&kept).unwrap();
    assert!(engine.datasets(&aside).unwrap().is_empty());
    engine.destroy_snapshots(&with_guids(world, &at(&all, "x"))).unwrap();
    for name in &all {
        assert!(world.content(name).contains(&"old".to_owned()));
    }
}

/// DESCRIPTION: what others may do with a dataset is read, and given to another one as it is.
/// STRATEGY: a set, a user and everybody; then on a volume.
pub fn many_may_be_allowed_something(world: &dyn World) {
    let engine = world.engine();
    let (one, other) = (world.fs("a b"), world.name("v"));
    world.create(&other, DatasetKind::Volume);
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let given = [
        words("-s @all hold,snapshot"),
        words("-c destroy"),
        words("-d -e compression"),
        words("-u root @all,send"),
    ];
    engine.delegate(&one, &given).unwrap();
    let all = engine.delegations_of(&[one.clone(), other.clone()]).unwrap();
    let mut said = all[0].given.clone();
    said.sort();
    let mut expected = given.to_vec();
    expected.sort();
    assert_eq!((said, all[0].unknown.len(), all[1].given.len()), (expected, 0, 0));
    engine.delegate(&other, &all[0].given).unwrap();
    assert_eq!(engine.delegations_of(&[other]).unwrap()[0].given.len(), all[0].given.len());
}
