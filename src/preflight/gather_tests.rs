//! The facts, on a host of a test's own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::host_fixture::{Host, checks};
use super::*;
use crate::zfs::{Dataset, Engine as _};

#[test]
fn a_host_before_the_upgrade() {
    let host = Host::new();
    let facts = host.gather(Occasion::Upgrade, |_| {});
    assert_eq!(
        facts.datasets().map(|dataset| dataset.info.name.as_str()).collect::<Vec<_>>(),
        ["tank/db", "tank/db/log"]
    );
    assert_eq!(facts.data[0].on.as_ref().expect("read").dataset, "tank/db".parse().ok());
    assert_eq!(facts.places[0].nearest, host.root, "the folder does not exist yet");
    assert_eq!(facts.places[0].on.as_ref().expect("read").source, "/dev/vda1");
    assert!(facts.places[0].free.is_ok());
    assert_eq!(facts.versions.installed, Ok("1.0.5".into()));
    assert_eq!(facts.versions.candidate, Some(Ok("2.0.1".into())));
    assert_eq!(facts.asked[0].value, Ok("0-1-7".into()));
    assert_eq!(facts.servers.as_ref().expect("read").len(), 1);
    assert!(
        facts.users.as_ref().expect("read").found.is_empty(),
        "the service's own processes are no strangers"
    );
    assert_eq!(
        facts.installers.at_hand.as_ref().map(|found| found.as_ref().map(Vec::len)),
        Some(Ok(1))
    );
    let missing: Vec<&str> = facts
        .programs
        .iter()
        .filter(|program| program.found == Ok(None))
        .map(|program| program.program.as_str())
        .collect();
    assert_eq!(missing, ["no-such-program-at-all"]);
    // The fake has no sizes: its pools look full and empty at once, so the room is not judged
    // here.
    let found: Vec<_> = checks(&facts)
        .into_iter()
        .filter(|(check, _)| !check.contains("room") && *check != "pool-fill")
        .collect();
    assert_eq!(
        found,
        [
            ("place-on-dataset", Severity::Refuse),
            ("snapshot-jobs", Severity::Warn),
            ("limits", Severity::Warn),
            ("program", Severity::Warn)
        ]
    );
}

#[test]
fn each_command_runs_once_in_a_check() {
    let host = Host::new();
    for occasion in [Occasion::Check, Occasion::Upgrade] {
        host.asked.take();
        host.gather(occasion, |_| {});
        let asked = host.asked.take();
        let once: BTreeSet<&String> = asked.iter().collect();
        assert_eq!(asked.len(), once.len(), "{asked:?}");
        assert!(
            ["db --version", "db position", "db log"]
                .iter()
                .all(|command| once.contains(&(*command).to_owned())),
            "{asked:?}"
        );
    }
    // What a change has recorded is not asked for again.
    let facts = host.gather(Occasion::Upgrade, |sources| {
        drop(sources.values.insert("position".into(), "0-1-5".into()))
    });
    assert_eq!(facts.asked[0].value, Ok("0-1-5".into()));
    assert!(!host.asked.take().contains(&"db position".to_owned()));
}

#[test]
fn what_cannot_be_learnt_is_said() {
    let mut host = Host::new();
    host.answers.clear();
    fs::remove_file(host.root.join("proc/self/mountinfo")).expect("removed");
    fs::remove_file(host.root.join("proc/self/status")).expect("removed");
    let facts = host.gather(Occasion::Upgrade, |_| {});
    let found = checks(&facts);
    for check in [
        "rights",
        "zfs",
        "data-path",
        "place-on-dataset",
        "foreign-mount",
        "unit",
        "installed",
        "candidate",
        "requirement",
        "ask",
    ] {
        assert!(found.contains(&(check, Severity::Refuse)), "{check}: {found:?}");
    }
    for check in ["snapshot-jobs", "data-users"] {
        assert!(found.contains(&(check, Severity::Warn)), "{check}: {found:?}");
    }
}

#[test]
fn a_missing_dataset_and_a_missing_pool() {
    let host = Host::new();
    host.engine.remove_pool(&"tank".parse().expect("name"));
    let found = checks(&host.gather(Occasion::Check, |_| {}));
    assert!(found.contains(&("pool-missing", Severity::Refuse)), "{found:?}");
    assert!(found.contains(&("dataset-missing", Severity::Refuse)), "{found:?}");
}

#[test]
fn before_the_downgrade() {
    let host = Host::new();
    let dataset: Dataset = "tank/db".parse().expect("name");
    let child: Dataset = "tank/db/log".parse().expect("name");
    let take = |name: &str| {
        let both = [dataset.at(name).expect("name"), child.at(name).expect("name")];
        host.engine.snapshot(&both, &[]).expect("taken");
        both
    };
    let ours = take("c1");
    for snapshot in &ours {
        host.engine.hold(snapshot, "backout:c1").expect("held");
    }
    let newer = take("autosnap_2026-03-01_02:00:00_hourly");
    host.engine.hold(&newer[1], "theirs").expect("held");
    host.engine.bookmark(&newer[0], "mark").expect("bookmark");
    let guid = |snapshot: &Snapshot| {
        host.engine.snapshot_info(snapshot).expect("read").expect("there").guid
    };
    let with: Vec<(Snapshot, Guid)> =
        ours.iter().map(|snapshot| (snapshot.clone(), guid(snapshot))).collect();
    host.write("saved.deb", "package");
    let facts = host.gather(Occasion::Downgrade { in_place: true }, |sources| {
        sources.change = Some("c1".into());
        sources.ours.clone_from(&with);
        sources.previous = Some("1.0.4".into());
        let sum = "c8a8df70c5a8b9a7cb2c2b1e41cfa2b9a4a4e2b5e4b4b4d6a1d60f0ad4f0b0a0";
        sources.installers = vec![
            (host.root.join("saved.deb"), sum.into()),
            (host.root.join("gone.deb"), sum.into()),
        ];
        // The fake's snapshots may be of this very moment.
        sources.now = i64::MAX / 2;
    });
    let found = checks(&facts);
    for expected in [
        ("newer-held", Severity::Refuse),
        ("newer-snapshots", Severity::Confirm),
        ("newer-bookmarks", Severity::Confirm),
        ("installer", Severity::Refuse),
    ] {
        assert!(found.contains(&expected), "{expected:?}: {found:?}");
    }
    assert_eq!(found.iter().filter(|(check, _)| *check == "installer").count(), 2);
    assert!(!found.iter().any(|(check, _)| check.starts_with("target")), "{found:?}");
    assert!(
        facts.asked.is_empty() && facts.requirements.is_empty(),
        "those stand before the upgrade"
    );
    let sum = facts.installers.saved[0].now.clone().expect("read").expect("there");
    assert_eq!(sum.len(), 64);
}

/// A child dataset of other use, written to since the snapshot: its capture is nobody's.
#[test]
fn s4_what_others_wrote_below_is_asked_for_before_a_rollback_in_place() {
    let host = Host::new();
    let dumps: Dataset = "tank/db/dumps".parse().expect("name");
    let place = host.root.join("dumps");
    let mountpoint = [("mountpoint", place.to_str().expect("text"))];
    host.engine.create(&dumps, crate::zfs::DatasetKind::Filesystem, &mountpoint).expect("made");
    let all = ["tank/db", "tank/db/log", "tank/db/dumps"];
    let all = all.map(|name| name.parse::<Dataset>().expect("name").at("c1").expect("name"));
    host.engine.snapshot(&all, &[]).expect("taken");
    let guid = |snapshot: &Snapshot| {
        host.engine.snapshot_info(snapshot).expect("read").expect("there").guid
    };
    let ours: Vec<_> = all.iter().map(|name| (name.clone(), guid(name))).collect();
    let found = |in_place| {
        let facts = host.gather(Occasion::Downgrade { in_place }, |sources| {
            sources.change = Some("c1".into());
            sources.ours.clone_from(&ours);
            sources.previous = Some("1.0.4".into());
        });
        check(&facts).into_iter().find(|finding| finding.kind.name() == "other-data")
    };
    assert_eq!((found(true), found(false)), (None, None), "nothing was written");
    for dataset in [&dumps, &"tank/db/log".parse().expect("name")] {
        host.engine.write(dataset, "tuesday").expect("written");
    }
    let asks = found(true).expect("asks");
    assert_eq!((asks.severity, &asks.subjects[..]), (Severity::Confirm, &[dumps.to_string()][..]));
    assert_eq!(asks.detail[0], "tank/db/dumps: 4 KiB since tank/db/dumps@c1");
    let tells = found(false).expect("tells");
    assert_eq!((tells.severity, tells.subjects.len()), (Severity::Warn, 0));
    assert!(tells.detail.iter().any(|line| line.contains("tank/db.upgraded/dumps")), "{tells}");
}

#[test]
fn gathering_changes_nothing() {
    let host = Host::new();
    let list = |folder: &Path| {
        let mut names: Vec<PathBuf> =
            glob::glob(&format!("{}/**/*", folder.display())).expect("pattern").flatten().collect();
        names.sort();
        names
    };
    let before = list(host.dir.path());
    host.gather(Occasion::Upgrade, |_| {});
    assert_eq!(list(host.dir.path()), before);
    let calls = host.engine.calls();
    let reads = [
        "pool",
        "dataset",
        "tree",
        "snapshot_info",
        "snapshots",
        "bookmarks",
        "holds",
        "local",
        "locals",
        "own",
        "written_since",
        "snapshot_local",
    ];
    assert!(calls.iter().all(|call| reads.iter().any(|read| call.starts_with(read))), "{calls:?}");
}
