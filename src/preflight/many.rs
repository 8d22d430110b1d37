//! How many commands the checks run when there are many datasets and snapshots.

use super::host_fixture::Host;
use super::{Facts, Occasion, check};
use crate::zfs::sim::command::Commands;
use crate::zfs::{Dataset, DatasetKind, Engine, Guid, Snapshot};

/// A host with so many child datasets of six snapshots each, and the change's own, held.
fn host(children: usize) -> (Host, Vec<(Snapshot, Guid)>) {
    let mut host = Host::new();
    let mut all: Vec<Dataset> = ["tank/db", "tank/db/log"].map(|n| n.parse().expect("name")).into();
    for child in 0..children {
        let name: Dataset = format!("tank/db/c{child:04}").parse().expect("name");
        host.engine.create(&name, DatasetKind::Filesystem, &[]).expect("made");
        for number in 0..6 {
            let auto = name.at(&format!("auto{number}")).expect("name");
            host.engine.snapshot(&[auto], &[]).expect("taken");
        }
        // The product's own: its folder belongs to the same user.
        host.write(&format!("db/c{child:04}/.keep"), "");
        all.push(name);
    }
    let ours: Vec<Snapshot> = all.iter().map(|name| name.at("c1").expect("name")).collect();
    host.engine.snapshot(&ours, &[]).expect("taken");
    let with = |name: &Snapshot| {
        host.engine.hold(name, "backout:c1").expect("held");
        let info = host.engine.snapshot_info(name).expect("read").expect("there");
        (name.clone(), info.guid)
    };
    let ours = ours.iter().map(with).collect();
    host.commands = Some(Commands::new(host.engine.clone()));
    (host, ours)
}

fn read(children: usize, occasion: Occasion) -> (Facts, Vec<Vec<String>>) {
    let (host, ours) = host(children);
    let facts = host.gather(occasion, |sources| {
        if occasion.is_downgrade() {
            sources.change = Some("c1".into());
            sources.ours.clone_from(&ours);
            sources.previous = Some("1.0.4".into());
        }
    });
    (facts, host.commands.expect("set").taken())
}

#[test]
fn the_checks_read_many_datasets_with_as_many_commands() {
    for occasion in [
        Occasion::Check,
        Occasion::Upgrade,
        Occasion::Downgrade { in_place: true },
        Occasion::Downgrade { in_place: false },
    ] {
        let (few, many) = (read(10, occasion).1, read(100, occasion).1);
        assert!(
            many.len() <= few.len(),
            "{occasion:?}: {} to {}: {:#?}",
            few.len(),
            many.len(),
            &many[..many.len().min(30)]
        );
    }
}

/// Everything is listed once. Before an upgrade, ZFS is asked for no more than the names of the
/// snapshots: all else of them takes it several times as long.
#[test]
fn a_check_lists_the_datasets_once_and_their_snapshots_by_name() {
    let (facts, commands) = read(100, Occasion::Check);
    let whole = commands.iter().filter(|argv| argv.contains(&"-r".to_owned()));
    let whole: Vec<String> = whole.map(|argv| argv[2..].join(" ")).collect();
    assert_eq!((whole.len(), facts.datasets().count()), (2, 102), "{commands:#?}");
    assert_eq!(whole[1], "-Hp -r -t snapshot -o name -- tank/db");
    assert!(commands.len() < 9, "{commands:#?}");
    let read: usize = facts.datasets().map(|it| it.snapshots.as_ref().map_or(0, Vec::len)).sum();
    assert!(read < 120, "{read} of 714: those named @c1, and some of tank/db");
}

/// What the checks before an upgrade look at is found among the names.
#[test]
fn a_snapshot_with_the_name_that_is_needed_or_a_name_that_is_too_long_is_read() {
    let (host, _) = host(3);
    let long = "x".repeat(crate::zfs::MAX_NAME - "tank/db/c0002@".len() - 2);
    for (dataset, short) in [("tank/db/c0001", "new"), ("tank/db/c0002", &long)] {
        let name: Dataset = dataset.parse().expect("name");
        host.engine.snapshot(&[name.at(short).expect("name")], &[]).expect("taken");
    }
    let facts = host.gather(Occasion::Upgrade, |it| it.snapshot_name = Some("new".into()));
    let found: Vec<_> = check(&facts).iter().map(|finding| finding.kind.name()).collect();
    for kind in ["snapshot-name", "name-beside"] {
        assert!(found.contains(&kind), "{kind} is not in {found:?}");
    }
}

/// 20,000 snapshots are judged in a moment: nothing looks at each for each.
#[test]
fn what_was_read_of_many_is_judged_quickly() {
    let (mut facts, _) = read(20, Occasion::Downgrade { in_place: true });
    let mut ours = Vec::new();
    if let Ok(Some(tree)) = &mut facts.roots[0].tree {
        let like = tree.last().cloned().expect("a dataset");
        for child in 0..1000 {
            let mut one = like.clone();
            one.info.name = format!("tank/db/d{child:04}").parse().expect("name");
            let snapshot = one.snapshots.as_ref().expect("read")[0].clone();
            let of = |number: u64| {
                let mut copy = snapshot.clone();
                copy.info.name = one.info.name.at(&format!("s{number}")).expect("name");
                copy.info.guid = Guid(child * 100 + number);
                copy.info.createtxg = 1000 + number;
                copy
            };
            let list: Vec<_> = (0..20).map(of).collect();
            ours.push((list[10].info.name.clone(), list[10].info.guid));
            one.snapshots = Ok(list);
            tree.push(one);
        }
    }
    facts.ours.extend(ours);
    let begin = std::time::Instant::now();
    let findings = check(&facts);
    assert!(!findings.is_empty());
    assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
}
