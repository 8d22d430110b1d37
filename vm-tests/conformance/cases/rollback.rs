//! Rollback in place, in both methods.

use backout::zfs::{
    Dataset, DatasetKind, PROP_ROLLED_BACK, RollbackMethod, RollbackTarget, Snapshot,
};

use crate::world::{World, refused};

const METHODS: [(RollbackMethod, &str); 2] =
    [(RollbackMethod::Program, "p"), (RollbackMethod::OneByOne, "o")];

/// A dataset with `old` in it at `@pre`, then `new`, unmounted.
fn prepared(world: &dyn World, name: &str) -> (Dataset, Snapshot) {
    let dataset = world.fs(name);
    world.write(&dataset, "old");
    let pre = world.take(&format!("{name}@pre"));
    world.write(&dataset, "new");
    (dataset, pre)
}

fn mark(world: &dyn World, dataset: &Dataset) -> Option<String> {
    world.engine().local(dataset, PROP_ROLLED_BACK).unwrap()
}

/// Nothing has changed: snapshots, content, no mark.
fn untouched(world: &dyn World, dataset: &Dataset, shorts: &[&str]) {
    assert_eq!(world.shorts(dataset), shorts);
    assert_eq!(mark(world, dataset), None);
    assert_eq!(world.look(dataset), ["new", "old"]);
}

/// DESCRIPTION: the dataset is as it was at the snapshot, named newer snapshots are gone, older
/// ones and properties stay, the mark is there. STRATEGY: an older snapshot, the target, two newer
/// ones, one of them already gone again.
pub fn goes_back_and_leaves_the_mark(world: &dyn World) {
    for (method, name) in METHODS {
        let dataset = world.fs(name);
        world.take(&format!("{name}@older"));
        world.write(&dataset, "old");
        let pre = world.take(&format!("{name}@pre"));
        world.write(&dataset, "new");
        let (one, two) =
            (world.take(&format!("{name}@auto 10:00")), world.take(&format!("{name}@auto 11:00")));
        let target = world.target(&pre, &[&one, &two]);
        world.engine().destroy_snapshot(&one, world.guid(&one)).unwrap();
        world.engine().set(&dataset, "backout:role", "active").unwrap();
        world.engine().unmount(&dataset).unwrap();
        world.engine().rollback(&[target], "c-1", method).unwrap();
        assert_eq!(world.shorts(&dataset), ["older", "pre"]);
        assert_eq!(mark(world, &dataset).as_deref(), Some("c-1"));
        assert_eq!(
            world.engine().local(&dataset, "backout:role").unwrap().as_deref(),
            Some("active")
        );
        assert!(!world.engine().dataset(&dataset).unwrap().unwrap().mounted);
        assert_eq!(world.look(&dataset), ["old"]);
    }
}

/// DESCRIPTION: several datasets go back together, each with its own newer snapshots and other
/// names. STRATEGY: two datasets with spaces in their names, one with a newer snapshot.
pub fn of_two_datasets_at_once(world: &dyn World) {
    for (method, name) in METHODS {
        let (first, pre_first) = prepared(world, &format!("{name} one"));
        let (second, pre_second) = prepared(world, &format!("{name} one/two"));
        let newer = world.take(&format!("{name} one/two@x"));
        world.engine().unmount(&second).unwrap();
        world.engine().unmount(&first).unwrap();
        let targets = [world.target(&pre_first, &[]), world.target(&pre_second, &[&newer])];
        world.engine().rollback(&targets, "c 1", method).unwrap();
        for dataset in [&first, &second] {
            assert_eq!(mark(world, dataset).as_deref(), Some("c 1"));
            world.engine().mount(dataset).unwrap();
            assert_eq!(world.content(dataset), ["old"]);
        }
    }
}

/// DESCRIPTION: a newer snapshot that was not named stops it, and the error names all of them.
/// STRATEGY: two newer ones, one named.
pub fn with_a_newer_snapshot_that_nobody_named_changes_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        let named = world.take(&format!("{name}@named"));
        let unnamed = world.take(&format!("{name}@un named"));
        world.engine().unmount(&dataset).unwrap();
        let target = world.target(&pre, &[&named]);
        refused!(world.engine().rollback(&[target], "c-1", method), Newer { newer, .. } if newer == &[unnamed.to_string()]);
        untouched(world, &dataset, &["pre", "named", "un named"]);
    }
}

/// DESCRIPTION: a newer snapshot that is held or has clones stops it before another one is
/// destroyed. STRATEGY: three newer ones; hold the middle one, then clone it.
pub fn with_a_held_or_cloned_newer_snapshot_changes_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        let newer = ["1", "2", "3"].map(|short| world.take(&format!("{name}@{short}")));
        world.engine().unmount(&dataset).unwrap();
        let target = world.target(&pre, &[&newer[0], &newer[1], &newer[2]]);
        let all = ["pre", "1", "2", "3"];
        world.engine().hold(&newer[1], "theirs").unwrap();
        refused!(world.engine().rollback(std::slice::from_ref(&target), "c-1", method), Held { tags, .. } if tags == &["theirs"]);
        untouched(world, &dataset, &all);
        world.engine().release(&newer[1], "theirs").unwrap();
        let clone = world.name(&format!("{name}-clone"));
        world.engine().clone_snapshot(&newer[1], &clone, &[("canmount", "noauto")]).unwrap();
        refused!(world.engine().rollback(&[target], "c-1", method), Cloned { snapshot, .. } if snapshot == &newer[1]);
        untouched(world, &dataset, &all);
    }
}

/// DESCRIPTION: a target that was made again under its name is another snapshot.
/// STRATEGY: destroy it and make it again.
pub fn to_another_snapshot_of_that_name_changes_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        let target = world.target(&pre, &[]);
        world.engine().destroy_snapshot(&pre, target.guid).unwrap();
        world.take(&format!("{name}@pre"));
        world.engine().unmount(&dataset).unwrap();
        refused!(world.engine().rollback(std::slice::from_ref(&target), "c-1", method), Replaced { expected, .. } if *expected == target.guid.0);
        untouched(world, &dataset, &["pre"]);
    }
}

/// DESCRIPTION: a named newer snapshot that was made again under its name is another one.
/// STRATEGY: destroy it and make it again.
pub fn with_another_newer_snapshot_of_that_name_changes_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        let newer = world.take(&format!("{name}@x"));
        let target = world.target(&pre, &[&newer]);
        world.engine().destroy_snapshot(&newer, world.guid(&newer)).unwrap();
        world.take(&format!("{name}@x"));
        world.engine().unmount(&dataset).unwrap();
        refused!(world.engine().rollback(&[target], "c-1", method), Replaced { .. });
        untouched(world, &dataset, &["pre", "x"]);
    }
}

/// DESCRIPTION: a mounted dataset is not rolled back under the feet of those who use it.
/// STRATEGY: leave it mounted.
pub fn of_a_mounted_dataset_changes_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        let newer = world.take(&format!("{name}@x"));
        let target = world.target(&pre, &[&newer]);
        refused!(world.engine().rollback(&[target], "c-1", method), Busy { .. });
        untouched(world, &dataset, &["pre", "x"]);
    }
}

/// DESCRIPTION: when one of several targets cannot go back, none does.
/// STRATEGY: the second has a newer snapshot that is not named; then it is mounted.
pub fn with_one_bad_target_changes_none(world: &dyn World) {
    for (method, name) in METHODS {
        let (good, pre_good) = prepared(world, &format!("{name}1"));
        let (bad, pre_bad) = prepared(world, &format!("{name}2"));
        let newer = world.take(&format!("{name}1@x"));
        let unnamed = world.take(&format!("{name}2@x"));
        world.engine().unmount(&good).unwrap();
        world.engine().unmount(&bad).unwrap();
        let targets = [world.target(&pre_good, &[&newer]), world.target(&pre_bad, &[])];
        refused!(world.engine().rollback(&targets, "c-1", method), Newer { .. });
        untouched(world, &good, &["pre", "x"]);
        world.engine().mount(&bad).unwrap();
        let targets = [targets[0].clone(), world.target(&pre_bad, &[&unnamed])];
        refused!(world.engine().rollback(&targets, "c-1", method), Busy { .. });
        untouched(world, &good, &["pre", "x"]);
        untouched(world, &bad, &["pre", "x"]);
    }
}

/// DESCRIPTION: a dataset that carries the mark already is left alone, so that an interrupted
/// rollback can be asked for again and what was written after it stays. STRATEGY: roll one of two
/// back, write to it, ask for both.
pub fn is_not_done_twice_for_one_mark(world: &dyn World) {
    for (method, name) in METHODS {
        let (first, pre_first) = prepared(world, &format!("{name}1"));
        let (second, pre_second) = prepared(world, &format!("{name}2"));
        world.engine().unmount(&first).unwrap();
        world.engine().unmount(&second).unwrap();
        let targets = [world.target(&pre_first, &[]), world.target(&pre_second, &[])];
        world.engine().rollback(&targets[..1], "c-1", method).unwrap();
        world.engine().mount(&first).unwrap();
        world.write(&first, "restored");
        world.engine().rollback(&targets, "c-1", method).unwrap();
        assert_eq!(world.content(&first), ["old", "restored"]);
        assert_eq!(world.look(&second), ["old"]);
        world.engine().rollback(&targets, "c-1", method).unwrap();
    }
}

/// DESCRIPTION: the mark of an earlier change does not stop a later one.
/// STRATEGY: roll back twice with different marks.
pub fn is_done_again_for_another_mark(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        let target = world.target(&pre, &[]);
        world.engine().unmount(&dataset).unwrap();
        world.engine().rollback(std::slice::from_ref(&target), "c-1", method).unwrap();
        world.engine().mount(&dataset).unwrap();
        world.write(&dataset, "again");
        world.engine().unmount(&dataset).unwrap();
        world.engine().rollback(&[target], "c-2", method).unwrap();
        assert_eq!(mark(world, &dataset).as_deref(), Some("c-2"));
        assert_eq!(world.look(&dataset), ["old"]);
    }
}

/// DESCRIPTION: a mark that a child inherits is not its own.
/// STRATEGY: the parent carries the mark; roll the child back.
pub fn with_an_inherited_mark_is_done(world: &dyn World) {
    for (method, name) in METHODS {
        let parent = world.fs(name);
        let (child, pre) = prepared(world, &format!("{name}/child"));
        world.engine().set(&parent, PROP_ROLLED_BACK, "c-1").unwrap();
        world.engine().unmount(&child).unwrap();
        world.engine().rollback(&[world.target(&pre, &[])], "c-1", method).unwrap();
        assert_eq!(mark(world, &child).as_deref(), Some("c-1"));
        assert_eq!(world.look(&child), ["old"]);
    }
}

/// DESCRIPTION: a newer bookmark stops it unless it is named; older ones, and the target's own,
/// stay. STRATEGY: bookmarks of an older snapshot, of the target, and of a newer one that is gone.
pub fn with_newer_bookmarks_wants_them_named(world: &dyn World) {
    for (method, name) in METHODS {
        let dataset = world.fs(name);
        let older = world.take(&format!("{name}@older"));
        world.write(&dataset, "old");
        let pre = world.take(&format!("{name}@pre"));
        world.write(&dataset, "new");
        let newer = world.take(&format!("{name}@newer"));
        for (snapshot, short) in [(&older, "b older"), (&pre, "b pre"), (&newer, "b newer")] {
            world.bookmark(snapshot, short);
        }
        let last = world.take(&format!("{name}@last"));
        world.engine().destroy_snapshot(&newer, world.guid(&newer)).unwrap();
        world.engine().unmount(&dataset).unwrap();
        let target = world.target(&pre, &[&last]);
        let bookmark = format!("{dataset}#b newer");
        refused!(world.engine().rollback(std::slice::from_ref(&target), "c-1", method), Newer { newer, .. } if newer == std::slice::from_ref(&bookmark));
        untouched(world, &dataset, &["older", "pre", "last"]);
        assert_eq!(world.marks(&dataset), ["b older", "b pre", "b newer"]);
        let gone = format!("{dataset}#gone");
        let target = RollbackTarget { newer_bookmarks: vec![bookmark, gone], ..target };
        world.engine().rollback(&[target], "c-1", method).unwrap();
        assert_eq!(world.marks(&dataset), ["b older", "b pre"]);
        assert_eq!(world.look(&dataset), ["old"]);
    }
}

/// DESCRIPTION: the target itself may be held and have clones.
/// STRATEGY: our hold and a candidate made of it.
pub fn to_a_held_and_cloned_target_works(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        world.engine().hold(&pre, "backout:c-1").unwrap();
        let clone = world.name(&format!("{name}-clone"));
        world.engine().clone_snapshot(&pre, &clone, &[("canmount", "noauto")]).unwrap();
        world.engine().unmount(&dataset).unwrap();
        world.engine().rollback(&[world.target(&pre, &[])], "c-1", method).unwrap();
        assert_eq!(world.look(&dataset), ["old"]);
        assert_eq!(world.engine().holds(&pre).unwrap(), ["backout:c-1"]);
    }
}

/// DESCRIPTION: a refquota smaller than the snapshot stops it before anything newer is destroyed.
/// STRATEGY: erase what is big after the snapshot; set a refquota between what it was and what it
/// is.
pub fn with_a_small_refquota_changes_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let dataset = world.fs(name);
        world.write(&dataset, "old");
        for item in ["big1", "big2"] {
            world.write_big(&dataset, item);
        }
        let pre = world.take(&format!("{name}@pre"));
        for item in ["big1", "big2"] {
            world.erase(&dataset, item);
        }
        let newer = world.take(&format!("{name}@x"));
        world.engine().unmount(&dataset).unwrap();
        let was = world.engine().snapshot_info(&pre).unwrap().unwrap().referenced;
        let is = world.engine().dataset(&dataset).unwrap().unwrap().referenced;
        world.engine().set(&dataset, "refquota", &u64::midpoint(was, is).to_string()).unwrap();
        refused!(
            world.engine().rollback(&[world.target(&pre, &[&newer])], "c-1", method),
            NoSpace(_)
        );
        assert_eq!(world.shorts(&dataset), ["pre", "x"]);
        assert_eq!(mark(world, &dataset), None);
    }
}

/// DESCRIPTION: a dataset named twice, a missing target and a missing dataset are refused before
/// anything is changed. STRATEGY: each beside a good one.
pub fn of_one_dataset_twice_or_a_missing_one_is_refused(world: &dyn World) {
    for (method, name) in METHODS {
        let (dataset, pre) = prepared(world, name);
        world.engine().unmount(&dataset).unwrap();
        let good = world.target(&pre, &[]);
        refused!(
            world.engine().rollback(&[good.clone(), good.clone()], "c-1", method),
            Unexpected { .. }
        );
        let (other, _) = prepared(world, &format!("{name}-other"));
        world.engine().unmount(&other).unwrap();
        for missing in [format!("{name}-other@missing"), format!("{name}-missing@pre")] {
            let bad = RollbackTarget { snapshot: world.snap(&missing), ..good.clone() };
            refused!(world.engine().rollback(&[good.clone(), bad], "c-1", method), NotFound(_));
        }
        untouched(world, &dataset, &["pre"]);
    }
}

/// DESCRIPTION: a rollback is of the named dataset alone.
/// STRATEGY: a child and a neighbour with snapshots of the same name keep their content.
pub fn leaves_children_and_neighbours_alone(world: &dyn World) {
    for (method, name) in METHODS {
        let (parent, pre) = prepared(world, name);
        let (child, _) = prepared(world, &format!("{name}/child"));
        let (neighbour, _) = prepared(world, &format!("{name} 2"));
        world.engine().unmount(&child).unwrap();
        world.engine().unmount(&parent).unwrap();
        world.engine().rollback(&[world.target(&pre, &[])], "c-1", method).unwrap();
        world.engine().mount(&parent).unwrap();
        assert_eq!(world.content(&parent), ["old"]);
        untouched(world, &child, &["pre"]);
        untouched(world, &neighbour, &["pre"]);
    }
}

/// DESCRIPTION: a volume goes back.
/// STRATEGY: a newer snapshot, which is named.
pub fn of_a_volume(world: &dyn World) {
    for (method, name) in METHODS {
        let volume = world.name(name);
        world.create(&volume, DatasetKind::Volume);
        let pre = world.take(&format!("{name}@pre"));
        let newer = world.take(&format!("{name}@x"));
        world.engine().rollback(&[world.target(&pre, &[&newer])], "c-1", method).unwrap();
        assert_eq!(world.shorts(&volume), ["pre"]);
        assert_eq!(mark(world, &volume).as_deref(), Some("c-1"));
    }
}

/// DESCRIPTION: an open volume does not go back, and that is known before.
/// STRATEGY: by the channel program; a command alone would do it.
pub fn of_an_open_volume_is_refused(world: &dyn World) {
    let volume = world.name("v");
    world.create(&volume, DatasetKind::Volume);
    let pre = world.take("v@pre");
    let newer = world.take("v@x");
    let targets = [world.target(&pre, &[&newer])];
    world.occupy(&volume, true);
    refused!(world.engine().may_roll_back(&targets, "c-1", RollbackMethod::Program), Busy { .. });
    refused!(world.engine().rollback(&targets, "c-1", RollbackMethod::Program), Busy { .. });
    assert_eq!(world.shorts(&volume), ["pre", "x"]);
    assert_eq!(mark(world, &volume), None);
    world.occupy(&volume, false);
    world.engine().may_roll_back(&targets, "c-1", RollbackMethod::Program).unwrap();
    world.engine().rollback(&targets, "c-1", RollbackMethod::Program).unwrap();
    assert_eq!(mark(world, &volume).as_deref(), Some("c-1"));
}

/// DESCRIPTION: many snapshots go in one go.
/// STRATEGY: 12 newer ones over two datasets.
pub fn over_many_newer_snapshots(world: &dyn World) {
    for (method, name) in METHODS {
        let mut targets = Vec::new();
        for number in 0..2 {
            let name = format!("{name}{number}");
            let (dataset, pre) = prepared(world, &name);
            let newer: Vec<Snapshot> =
                (0..6).map(|hour| world.take(&format!("{name}@auto {hour}:00"))).collect();
            world.engine().unmount(&dataset).unwrap();
            targets.push(world.target(&pre, &newer.iter().collect::<Vec<_>>()));
        }
        world.engine().rollback(&targets, "c-1", method).unwrap();
        for target in &targets {
            assert_eq!(world.shorts(&target.snapshot.dataset()), ["pre"]);
            assert_eq!(world.look(&target.snapshot.dataset()), ["old"]);
        }
    }
}

/// DESCRIPTION: on a full pool a snapshot and a clone are refused for want of space, and holds and
/// rollbacks work. STRATEGY: fill it through one of the datasets that go back.
pub fn works_when_the_pool_is_full(world: &dyn World) {
    let engine = world.engine();
    let sets = METHODS.map(|(method, name)| (method, prepared(world, name)));
    for (_, (dataset, _)) in &sets {
        engine.unmount(dataset).unwrap();
    }
    let filler = world.fs("filler");
    let before = world.take("filler@pre");
    world.fill(&filler);
    refused!(
        engine.snapshot(&[world.snap("filler@full")], &[("backout:change", "c-1")]),
        NoSpace(_)
    );
    assert_eq!(engine.snapshot_info(&world.snap("filler@full")).unwrap(), None);
    refused!(
        engine.clone_snapshot(
            &before,
            &world.name("clone"),
            &[("canmount", "noauto"), ("backout:role", "candidate")]
        ),
        NoSpace(_)
    );
    assert_eq!(engine.dataset(&world.name("clone")).unwrap(), None);
    engine.hold(&before, "backout:c-1").unwrap();
    for (method, (dataset, pre)) in &sets {
        engine.set(dataset, "canmount", "noauto").unwrap();
        engine.rollback(&[world.target(pre, &[])], "c-1", *method).unwrap();
        assert_eq!(mark(world, dataset).as_deref(), Some("c-1"));
        assert_eq!(world.look(dataset), ["old"]);
    }
    engine.unmount(&filler).unwrap();
    engine.rollback(&[world.target(&before, &[])], "c-1", RollbackMethod::Program).unwrap();
}

/// DESCRIPTION: whether a rollback would be refused is told with the same reason as by the
/// rollback, and changes nothing. STRATEGY: each reason in turn, then none; then the rollback,
/// after which there is nothing left to ask.
pub fn is_asked_about_without_a_change(world: &dyn World) {
    for (method, name) in METHODS {
        let engine = world.engine();
        let (dataset, pre) = prepared(world, name);
        let bare = world.target(&pre, &[]);
        let ask = |target: &RollbackTarget| {
            engine.may_roll_back(std::slice::from_ref(target), "c-1", method)
        };
        refused!(ask(&bare), Busy { .. });
        engine.unmount(&dataset).unwrap();
        ask(&bare).unwrap();
        let newer = world.take(&format!("{name}@x"));
        refused!(ask(&bare), Newer { .. });
        let named = world.target(&pre, &[&newer]);
        engine.hold(&newer, "theirs").unwrap();
        refused!(ask(&named), Held { .. });
        engine.release(&newer, "theirs").unwrap();
        let other = RollbackTarget { guid: named.newer[0].1, ..named.clone() };
        refused!(ask(&other), Replaced { .. });
        let gone =
            RollbackTarget { snapshot: world.snap(&format!("{name}@gone")), ..named.clone() };
        refused!(ask(&gone), NotFound(_));
        ask(&named).unwrap();
        untouched(world, &dataset, &["pre", "x"]);
        engine.rollback(std::slice::from_ref(&named), "c-1", method).unwrap();
        ask(&named).unwrap();
        assert_eq!(world.look(&dataset), ["old"]);
    }
}

/// DESCRIPTION: a child made after the parent's snapshot is mounted again after the parent went
/// back, though its folder went. STRATEGY: snapshot, then the child; both unmounted; back; parents
/// first.
pub fn of_a_parent_that_had_no_folder_for_its_child(world: &dyn World) {
    for (method, name) in METHODS {
        let engine = world.engine();
        let (parent, pre) = prepared(world, name);
        let child = world.fs(&format!("{name}/late"));
        world.write(&child, "theirs");
        engine.unmount(&child).unwrap();
        engine.unmount(&parent).unwrap();
        engine.rollback(&[world.target(&pre, &[])], "c-1", method).unwrap();
        engine.mount(&parent).unwrap();
        engine.mount(&child).unwrap();
        assert_eq!(world.content(&parent), ["old"]);
        assert_eq!(world.content(&child), ["theirs"]);
    }
}

/// DESCRIPTION: a snapshot of an empty dataset is a target like others.
/// STRATEGY: snapshot at once, write, back.
pub fn to_nothing(world: &dyn World) {
    for (method, name) in METHODS {
        let dataset = world.fs(name);
        let pre = world.take(&format!("{name}@pre"));
        world.write(&dataset, "new");
        world.engine().unmount(&dataset).unwrap();
        world.engine().rollback(&[world.target(&pre, &[])], "c-1", method).unwrap();
        assert_eq!(world.look(&dataset), [""; 0]);
    }
}
