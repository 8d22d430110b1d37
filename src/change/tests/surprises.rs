//! Others at work on the pool in the middle of a downgrade.

use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::{until, upgraded};
use super::world::World;
use crate::change::event::Outcome;
use crate::zfs::{Dataset, DatasetKind, Engine, Guid, RollbackMethod, Snapshot};

fn dataset(name: &str) -> Dataset {
    name.parse().expect("a name")
}

fn take(world: &World, name: &str) -> (Snapshot, Guid) {
    let name: Snapshot = name.parse().expect("a name");
    world.engine.fake.snapshot(std::slice::from_ref(&name), &[]).expect("snapshot");
    let guid = guid(world, &name).expect("there");
    (name, guid)
}

fn guid(world: &World, name: &Snapshot) -> Option<Guid> {
    world.engine.fake.snapshot_info(name).expect("readable").map(|info| info.guid)
}

/// A downgrade that is cut off when a step is done.
fn cut(world: &World, verb: Verb, step: &str) {
    let plan = world.plan(verb, &world.state());
    assert_eq!(world.once(Some(plan), Some(until(step, true))), Ended::Killed, "{step}");
}

#[track_caller]
fn halted(world: &World, words: &str) {
    match world.once(None, None) {
        Ended::Outcome(Outcome::Halted { why, .. }) if why.contains(words) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn s4_a_newer_snapshot_in_the_middle_stops_the_rollback_and_leaves_the_way_back() {
    for kind in [PLAIN, ROUGH] {
        for step in ["stop", "verify", "unmount"] {
            let world = upgraded(kind);
            cut(&world, Verb::InPlace, step);
            let (theirs, before) = take(&world, "t/app@theirs");
            halted(&world, "t/app@theirs");
            assert!(!world.state().current().expect("under way").beyond_return());
            world.run(Verb::Abort);
            world.serves("2.0");
            assert_eq!(guid(&world, &theirs), Some(before));

            world.engine.fake.destroy_snapshot(&theirs, before).expect("destroyed");
            cut(&world, Verb::InPlace, step);
            let (theirs, before) = take(&world, "t/app@theirs");
            halted(&world, "t/app@theirs");
            world.engine.fake.destroy_snapshot(&theirs, before).expect("destroyed");
            world.go_on();
            world.serves("1.0");
        }
    }
}

#[test]
fn s4_a_newer_snapshot_in_the_middle_stays_with_what_is_kept() {
    for step in ["stop", "verify", "unmount", "snapshot-upgraded", "clone:t/app"] {
        let world = upgraded(PLAIN);
        cut(&world, Verb::Keep, step);
        let (_, before) = take(&world, "t/app@theirs");
        world.go_on();
        world.serves("1.0");
        assert_eq!(guid(&world, &"t/app.upgraded@theirs".parse().expect("a name")), Some(before));
    }
}

#[test]
fn a_snapshot_made_again_under_our_name_is_not_gone_back_to() {
    for (verb, step) in [
        (Verb::Keep, "stop"),
        (Verb::Keep, "unmount"),
        (Verb::InPlace, "stop"),
        (Verb::InPlace, "unmount"),
    ] {
        let world = upgraded(PLAIN);
        cut(&world, verb, step);
        let ours: Snapshot = "t/app@backout-app-1".parse().expect("a name");
        world.engine.fake.release(&ours, "backout:app-1").expect("released");
        world
            .engine
            .fake
            .destroy_snapshot(&ours, guid(&world, &ours).expect("there"))
            .expect("destroyed");
        halted(&world, "is gone");
        take(&world, ours.as_str());
        halted(&world, "is another snapshot");
        world.run(Verb::Abort);
        world.serves("2.0");
    }
}

#[test]
fn a_candidate_that_is_not_ours_does_not_take_the_place() {
    let world = upgraded(PLAIN);
    cut(&world, Verb::Keep, "set-aside:t/app");
    let fake = &world.engine.fake;
    fake.rename(&dataset("t/app.new"), &dataset("t/away")).expect("renamed");
    fake.create(&dataset("t/app.new"), DatasetKind::Filesystem, &[("canmount", "noauto")])
        .expect("made");
    halted(&world, "t/app.new is not a dataset of this change");
}

#[test]
fn a_dataset_that_is_gone_is_not_taken_for_an_empty_folder() {
    let world = upgraded(PLAIN);
    cut(&world, Verb::Keep, "stop");
    let fake = &world.engine.fake;
    fake.rename(&dataset("t/app"), &dataset("t/other")).expect("renamed");
    match world.once(None, None) {
        Ended::Outcome(Outcome::Failed { error, .. })
            if error.contains("the dataset t/app is gone") => {}
        other => panic!("{other:?}"),
    }
    fake.rename(&dataset("t/other"), &dataset("t/app")).expect("renamed");
    world.go_on();
    world.serves("1.0");
}

/// Made after the snapshot, and mounted below the data.
fn late(world: &World, name: &str, properties: &[(&str, &str)]) {
    world.engine.fake.create(&dataset(name), DatasetKind::Filesystem, properties).expect("made");
    world.engine.fake.write(&dataset(name), "theirs").expect("written");
}

fn look(world: &World, name: &str) -> (bool, Option<String>, Vec<String>, usize) {
    let fake = &world.engine.fake;
    let name = dataset(name);
    let ours = fake
        .locals(&name)
        .expect("locals")
        .iter()
        .filter(|(name, _)| name.starts_with("backout:"))
        .count();
    let mounted = fake.dataset(&name).expect("readable").expect("there").mounted;
    (
        mounted,
        fake.local(&name, "canmount").expect("local"),
        fake.content(&name).expect("content"),
        ours,
    )
}

#[test]
fn late_datasets_stay_with_the_kept_state_and_come_back_with_it() {
    for (step, own) in [(None, None), (Some("stop"), Some("on")), (Some("clone:t/app"), None)] {
        let world = upgraded(PLAIN);
        let properties: Vec<(&str, &str)> =
            own.map(|value| ("canmount", value)).into_iter().collect();
        let make = || late(&world, "t/app/late", &properties);
        match step {
            None => {
                make();
                world.run(Verb::Keep);
            }
            Some(step) => {
                cut(&world, Verb::Keep, step);
                make();
                world.go_on();
            }
        }
        world.serves("1.0");
        assert_eq!(
            look(&world, "t/app.upgraded/late"),
            (false, Some("noauto".into()), vec!["theirs".into()], 1)
        );
        late(&world, "t/app/later", &[]);
        let before = world.product.host().truth.clone();
        world.product.host().truth = before;
        world.run(Verb::Undo);
        world.serves("2.0");
        assert_eq!(
            look(&world, "t/app/late"),
            (true, own.map(Into::into), vec!["theirs".into()], 0)
        );
        assert_eq!(
            look(&world, "t/app.undone/later"),
            (false, Some("noauto".into()), vec!["theirs".into()], 1)
        );
    }
}

#[test]
fn late_datasets_come_back_after_an_abort() {
    for step in ["stop", "unmount", "clone:t/app", "set-aside:t/app", "mount"] {
        let world = upgraded(PLAIN);
        late(&world, "t/app/late", &[]);
        cut(&world, Verb::Keep, step);
        world.run(Verb::Abort);
        world.serves("2.0");
        assert_eq!(look(&world, "t/app/late"), (true, None, vec!["theirs".into()], 0), "{step}");
    }
}

#[test]
fn late_datasets_stay_where_they_are_in_place() {
    let world = upgraded(PLAIN);
    late(&world, "t/app/late", &[]);
    world.run(Verb::InPlace);
    world.serves("1.0");
    assert_eq!(look(&world, "t/app/late"), (true, None, vec!["theirs".into()], 0));
}

#[test]
fn a_volume_that_is_open_stops_it_before_the_point_of_no_return() {
    let world = upgraded(Kind { method: RollbackMethod::Program, ..ROUGH });
    cut(&world, Verb::InPlace, "unmount");
    world.engine.fake.set_users(&dataset("u/index/volume"), 1).expect("there");
    match world.once(None, None) {
        Ended::Outcome(Outcome::Failed { error, .. })
            if error.contains("u/index/volume is in use") => {}
        other => panic!("{other:?}"),
    }
    world.engine.fake.set_users(&dataset("u/index/volume"), 0).expect("there");
    world.run(Verb::Abort);
    world.serves("2.0");
}

/// As `zfs receive` leaves a dataset: its properties are not local ones, and a clone has none of
/// them.
#[test]
fn a_clone_gets_what_the_dataset_received() {
    let world = upgraded(PLAIN);
    for name in ["t/app", "t/app/log", "t/index"] {
        world.engine.fake.set_received(&dataset(name)).expect("there");
    }
    world.run(Verb::Keep);
    let info = world.engine.fake.dataset(&dataset("t/app")).expect("readable").expect("there");
    assert_eq!(
        (info.mountpoint.as_deref(), info.mounted),
        (Some(std::path::Path::new("/srv/app")), true)
    );
    let local = |name: &str| world.engine.fake.local(&dataset("t/app"), name).expect("local");
    assert_eq!(
        (local("mountpoint").as_deref(), local("compression").as_deref()),
        (Some("/srv/app"), Some("lz4"))
    );
}

#[test]
fn s4_a_clone_that_is_not_as_the_dataset_does_not_take_its_place() {
    let world = upgraded(PLAIN);
    cut(&world, Verb::Keep, "clone:t/app");
    let fake = &world.engine.fake;
    let before = fake.dataset(&dataset("t/app")).expect("readable").expect("there").guid;
    fake.set(&dataset("t/app"), "mountpoint", "/srv/other").expect("set");
    fake.set(&dataset("t/app.new/log"), "recordsize", "128K").expect("set");
    fake.set(&dataset("t/app.new/log"), "atime", "off").expect("set");
    halted(&world, "mountpoint is /srv/other on t/app, and /srv/app on t/app.new");
    halted(&world, "atime is not set on t/app/log, and off on t/app.new/log");
    halted(&world, "recordsize is 16K on t/app/log, and 128K on t/app.new/log");
    assert_eq!(
        fake.dataset(&dataset("t/app")).expect("readable").expect("there").guid,
        before,
        "nothing was exchanged"
    );
    fake.set(&dataset("t/app"), "mountpoint", "/srv/app").expect("set");
    fake.set(&dataset("t/app.new/log"), "recordsize", "16K").expect("set");
    fake.inherit(&dataset("t/app.new/log"), "atime").expect("inherited");
    world.go_on();
    world.serves("1.0");
}
