//! Every procedure without interruption.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::world::World;
use crate::change::event::Outcome;
use crate::journal::{Output, Phase, StepId};
use crate::step::recovery_metadata::RecoveryMetadata;
use crate::zfs::Engine;

const KINDS: [Kind; 4] = [
    PLAIN,
    ROUGH,
    Kind { unit: true, resumable: false, ..PLAIN },
    Kind { unit: false, uninstall: true, resumable: true, ..ROUGH },
];

/// Upgraded, with items written since.
pub(super) fn upgraded(kind: Kind) -> World {
    let world = World::new(kind);
    world.run(Verb::Upgrade);
    world.client();
    world.client();
    world
}

#[test]
fn upgrade_and_commit() {
    for kind in KINDS {
        let world = upgraded(kind);
        world.serves("2.0");
        world.run(Verb::Commit);
        world.serves("2.0");
        world.nothing_left();
    }
}

/// A platform may have no systemd.
#[test]
fn without_units_nobody_asks_systemd() {
    for (down, after) in [(Verb::Keep, Verb::Undo), (Verb::Keep, Verb::Commit)] {
        let world = upgraded(ROUGH);
        world.run(down);
        world.run(after);
        assert_eq!(world.product.host().faults, Vec::<String>::new());
    }
    let world = upgraded(ROUGH);
    world.run(Verb::InPlace);
    assert_eq!(world.product.host().faults, Vec::<String>::new());
}

#[test]
fn snapshot_upgrade_later_and_downgrade() {
    for kind in KINDS {
        let world = World::new(kind);
        world.run(Verb::Snapshot);
        world.client();
        assert_eq!(world.state().phase, Phase::Prepared);
        world.run(Verb::Upgrade);
        world.client();
        world.run(Verb::Keep);
        world.serves("1.0");
    }
}

#[test]
fn the_snapshot_says_all_that_its_change_needs() {
    for kind in KINDS {
        let world = World::new(kind);
        world.run(Verb::Upgrade);
        let state = world.state();
        let Some(Output::Snapshots { list }) = state.outputs.get(&StepId::SNAPSHOT) else {
            panic!("no snapshots")
        };
        let Some(Output::Files { list: installer }) = state.outputs.get(&StepId::SAVE_INSTALLER)
        else {
            panic!("no installer")
        };
        for (name, _) in list {
            let crumb = RecoveryMetadata::read(&world.engine, name).unwrap().expect("a crumb");
            assert_eq!(
                crumb,
                RecoveryMetadata { manifest: state.manifest.clone(), installer: installer.clone() }
            );
        }
    }
}

#[test]
fn snapshot_and_commit_gives_the_upgrade_up() {
    let world = World::new(PLAIN);
    world.run(Verb::Snapshot);
    world.client();
    world.run(Verb::Commit);
    world.serves("1.0");
    world.nothing_left();
}

#[test]
fn s1_every_downgrade_brings_everything_back_once() {
    for kind in KINDS.into_iter().chain([Kind { cloned: true, ..PLAIN }]) {
        for verb in [Verb::Keep, Verb::InPlace] {
            let world = upgraded(kind);
            world.run(verb);
            world.serves("1.0");
            world.client();
            world.run(Verb::Commit);
            world.serves("1.0");
            world.nothing_left();
            assert_eq!(world.state().phase, Phase::Closed);
        }
    }
}

#[test]
fn s9_what_is_written_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = upgraded(PLAIN);
    world.run(Verb::Keep);
    let (mut folders, mut files) = (vec![world.layout.folder().to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let metadata = path.symlink_metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
            files += usize::from(metadata.is_file());
            // These have the modes of the originals; the folders around them are closed.
            let saved = path.file_name().is_some_and(|name| {
                name == "upgraded-programs" || name.to_string_lossy().starts_with("config-")
            });
            folders.extend((metadata.is_dir() && !saved).then_some(path));
        }
    }
    assert!(files > 4, "{files} files");
}

#[test]
fn undo_and_a_second_downgrade() {
    for kind in KINDS {
        for second in [Verb::Keep, Verb::InPlace, Verb::Commit] {
            let world = upgraded(kind);
            world.run(Verb::Keep);
            world.serves("1.0");
            let before = world.product.host().truth.clone();
            world.client();
            world.product.host().truth = before;
            world.run(Verb::Undo);
            world.serves("2.0");
            world.client();
            world.run(second);
            if second != Verb::Commit {
                world.serves("1.0");
                world.client();
                world.run(Verb::Commit);
                world.serves("1.0");
            }
            world.nothing_left();
        }
    }
}

#[test]
fn undo_twice_keeps_both() {
    let world = upgraded(PLAIN);
    for _ in 0..2 {
        world.run(Verb::Keep);
        let before = world.product.host().truth.clone();
        world.client();
        world.product.host().truth = before;
        world.run(Verb::Undo);
        world.serves("2.0");
        world.client();
    }
    assert!(
        world.engine.dataset(&"t/app.undone".parse().expect("a name")).expect("dataset").is_some()
    );
    assert!(
        world
            .engine
            .dataset(&"t/app.undone-2".parse().expect("a name"))
            .expect("dataset")
            .is_some()
    );
    world.run(Verb::Keep);
    world.run(Verb::Commit);
    world.serves("1.0");
    world.nothing_left();
}

/// Ends the tool when the step of this id is about to be made, or was made.
pub(super) fn until(step: &str, done: bool) -> crate::host::failpoint::testing::Hook {
    let place = format!("point {step}:{}", if done { "done" } else { "started" });
    Box::new(move |at, _| (at == place).then_some(crate::host::failpoint::testing::Strike::Kill))
}

#[test]
fn every_abort_before_the_point_of_no_return_goes_back() {
    for kind in KINDS {
        for verb in [Verb::Keep, Verb::InPlace] {
            let straight = upgraded(kind);
            let plan = straight.plan(verb, &straight.state());
            let picture = straight.picture();
            let last = plan.point_of_no_return().unwrap_or(plan.steps.len() - 1);
            for (index, step) in plan.steps[..last].iter().enumerate() {
                for done in [false, true] {
                    if step.id == StepId::ROLLBACK_BASE && !done {
                        // It is found there.
                        continue;
                    }
                    let world = upgraded(kind);
                    let plan = world.plan(verb, &world.state());
                    assert_eq!(
                        world.once(Some(plan), Some(until(step.id.as_str(), done))),
                        Ended::Killed,
                        "{verb:?} {}",
                        step.id
                    );
                    world.run(Verb::Abort);
                    world.serves("2.0");
                    assert_eq!(
                        world.picture(),
                        picture,
                        "{kind:?} {verb:?} aborted at step {index} {} done={done}",
                        step.id
                    );
                    world.client();
                    world.run(verb);
                    world.serves("1.0");
                    world.run(Verb::Commit);
                    world.nothing_left();
                }
            }
        }
    }
}

#[test]
fn an_upgrade_aborted_before_its_packages_leaves_nothing() {
    for kind in KINDS {
        for (verb, steps) in [
            (Verb::Upgrade, &["save-installer", "save-config", "stop", "snapshot"][..]),
            (Verb::Snapshot, &["stop", "snapshot", "start"]),
        ] {
            for step in steps {
                for done in [false, true] {
                    if *step == "start" && done {
                        continue;
                    }
                    let world = World::new(kind);
                    let plan = world.plan(verb, &world.state());
                    assert_eq!(
                        world.once(Some(plan), Some(until(step, done))),
                        Ended::Killed,
                        "{step}"
                    );
                    world.run(Verb::Abort);
                    world.serves("1.0");
                    world.nothing_left();
                    assert_eq!(world.state().phase, Phase::Closed);
                }
            }
        }
    }
}

#[test]
fn an_upgrade_that_fails_in_its_packages_is_backed_out() {
    for kind in KINDS {
        for place in [
            "command upgrade before",
            "command upgrade one of two",
            "command upgrade main one of two",
            "command upgrade after",
        ] {
            for verb in [Verb::Keep, Verb::InPlace] {
                let world = World::new(kind);
                let plan = world.plan(Verb::Upgrade, &world.state());
                let strike = move |at: &str| {
                    (at == place).then_some(crate::host::failpoint::testing::Strike::Fail)
                };
                let ended = world.once(Some(plan), Some(Box::new(move |at, _| strike(at))));
                assert!(
                    matches!(&ended, Ended::Outcome(Outcome::Failed { step, .. }) if *step == StepId::UPGRADE),
                    "{ended:?}"
                );
                world.run(verb);
                world.serves("1.0");
                world.run(Verb::Commit);
                world.nothing_left();
            }
        }
    }
}

#[test]
fn a_failed_upgrade_s_downgrade_aborted_ends_upgraded() {
    for kind in KINDS {
        let world = World::new(kind);
        let plan = world.plan(Verb::Upgrade, &world.state());
        let strike: crate::host::failpoint::testing::Hook = Box::new(|at, _| {
            (at == "command upgrade main one of two")
                .then_some(crate::host::failpoint::testing::Strike::Fail)
        });
        world.once(Some(plan), Some(strike));
        let plan = world.plan(Verb::Keep, &world.state());
        assert_eq!(world.once(Some(plan), Some(until("snapshot-upgraded", true))), Ended::Killed);
        world.run(Verb::Abort);
        assert_eq!(world.state().phase, Phase::Upgraded);
        world.serves("2.0");
        world.client();
        world.run(Verb::Keep);
        world.serves("1.0");
    }
}

#[test]
fn an_upgrade_from_a_prepared_snapshot_that_fails_is_not_rolled_back_without_a_capture() {
    let world = World::new(PLAIN);
    world.run(Verb::Snapshot);
    world.client();
    let plan = world.plan(Verb::Upgrade, &world.state());
    let strike: crate::host::failpoint::testing::Hook = Box::new(|at, _| {
        (at == "command upgrade after").then_some(crate::host::failpoint::testing::Strike::Fail)
    });
    world.once(Some(plan), Some(strike));
    let state = world.state();
    let input = crate::strategy::DowngradeInput {
        keep: false,
        served: crate::strategy::ServedClients::Never,
        roots: world.roots.clone(),
        ..crate::strategy::DowngradeInput::default()
    };
    let plan =
        crate::strategy::downgrade(&world.playbook, &state.manifest, &input).expect("a plan");
    let why = state
        .clone()
        .apply(&crate::step::Record::Planned { plan })
        .expect_err("it would lose items");
    assert_eq!(why, "clients could write since the snapshot, and the plan captures nothing");
    world.run(Verb::Keep);
    world.serves("1.0");
}

#[test]
fn another_snapshot_under_the_same_name_is_not_cloned() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::Keep, &world.state());
    let fake = &world.engine.fake;
    let name: crate::zfs::Snapshot = "t/app@backout-app-1".parse().expect("a name");
    let guid = fake.snapshot_info(&name).expect("asked").expect("there").guid;
    fake.release(&name, "backout:app-1").expect("released");
    fake.destroy_snapshot(&name, guid).expect("destroyed");
    fake.snapshot(std::slice::from_ref(&name), &[]).expect("snapshot");
    let ended = world.once(Some(plan), None);
    let Ended::Outcome(Outcome::Halted { step, why, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(step.as_str(), "capture:1", "before the service is closed");
    assert!(why.contains("is another snapshot than the one that was taken"), "{why}");
}

/// What is left of an aborted downgrade is not taken for a part of the next one.
#[test]
fn a_second_downgrade_adopts_nothing_of_the_first() {
    for step in ["save-config-upgraded", "snapshot-upgraded"] {
        let world = upgraded(PLAIN);
        let plan = world.plan(Verb::Keep, &world.state());
        assert_eq!(world.once(Some(plan), Some(until("snapshot-upgraded", true))), Ended::Killed);
        world.run(Verb::Abort);
        let config = world.root.join("etc/app.conf");
        std::fs::write(&config, "for version 2, edited").expect("written");
        world.client();
        let plan = world.plan(Verb::Keep, &world.state());
        assert_eq!(world.once(Some(plan), Some(until(step, false))), Ended::Killed);
        world.go_on();
        let picture = world.picture().join("\n");
        let upgraded = picture
            .lines()
            .find(|line| line.starts_with("t/app.upgraded@backout-app-1-upgraded"))
            .expect("it is there")
            .to_owned();
        assert!(upgraded.contains("item b5"), "{upgraded}");
        world.run(Verb::Undo);
        assert_eq!(
            std::fs::read_to_string(&config).expect("readable"),
            "for version 2, edited",
            "{step}"
        );
    }
}

/// `pg_dropcluster` removes the folder of the last cluster of a version.
#[test]
fn a_configuration_comes_back_into_a_folder_that_went_with_the_upgrade() {
    for kind in KINDS {
        let world = World::new(kind);
        let etc = world.root.join("etc");
        std::fs::set_permissions(&etc, Permissions::from_mode(0o751)).expect("allowed");
        world.run(Verb::Upgrade);
        world.client();
        std::fs::remove_dir_all(&etc).expect("removed");
        world.run(Verb::Keep);
        let config = std::fs::read_to_string(etc.join("app.conf")).expect("readable");
        assert_eq!(config, "for version 1");
        assert_eq!(etc.metadata().expect("there").permissions().mode() & 0o7777, 0o751);
    }
}
