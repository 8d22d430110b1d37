//! Snapshots: the one to take, those to go back to, and who else holds them.

use std::collections::{BTreeMap, BTreeSet};

use super::datasets::DatasetFact;
use super::history::{CloneFact, SnapshotFact, is_our_clone, is_our_tag, line};
use super::text::{are, at_most, made, size};
use super::{Facts, Finding, Kind};
use crate::host::quote::quote;
use crate::zfs::{self, Dataset};

/// Datasets with unreadable snapshots are not checked.
pub(super) fn unread(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dataset in facts.datasets() {
        let snapshots = dataset.snapshots.as_ref().map(|_| ()).map_err(|why| ("snapshots", why));
        let bookmarks = dataset.bookmarks.as_ref().map(|_| ()).map_err(|why| ("bookmarks", why));
        let unread = snapshots.err().or(bookmarks.err());
        if let Some((what, why)) = unread {
            findings.push(
                Finding::refuse(
                    Kind::SnapshotsUnread,
                    format!("The {what} of {} could not be read.", dataset.info.name),
                )
                .detail([why.clone()]),
            );
        }
    }
    findings
}

/// Checks that the name of the new snapshot is free.
pub(super) fn name_taken(facts: &Facts) -> Vec<Finding> {
    if facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let Some(name) = &facts.snapshot_name else { return Vec::new() };
    let taken = facts.datasets().flat_map(|dataset| dataset.snapshots.iter().flatten());
    let taken: Vec<&SnapshotFact> = taken
        .filter(|snapshot| snapshot.info.name.short() == name && !facts.is_ours(snapshot))
        .collect();
    if taken.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::refuse(Kind::SnapshotName, format!("Snapshots named @{name} already exist."))
            .detail(at_most(taken.iter().map(|snapshot| line(facts, snapshot))))
            .remedy([
                "Run this again: a new upgrade gets a new name. If they are from an earlier \
                attempt: backout status"
                    .to_owned(),
            ]),
    ]
}

/// Checks that each dataset has the snapshot to go back to, and that it is the one that was taken.
pub(super) fn targets(facts: &Facts) -> Vec<Finding> {
    if !facts.occasion.is_downgrade() || !facts.data_strategy.is_zfs() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if facts.ours.is_empty() {
        findings.push(
            Finding::refuse(Kind::TargetMissing, "No snapshot to go back to is known.")
                .remedy(["zfs list -t snapshot -o name,creation,backout:change"]),
        );
    }
    let datasets: BTreeMap<&Dataset, &DatasetFact> =
        facts.datasets().map(|dataset| (&dataset.info.name, dataset)).collect();
    for (name, guid) in &facts.ours {
        let Some(dataset) = datasets.get(&name.dataset()) else {
            if facts.roots.iter().all(|root| matches!(root.tree, Ok(Some(_)))) {
                findings.push(
                    Finding::refuse(
                        Kind::TargetMissing,
                        format!("The dataset of {name} is missing."),
                    )
                    .detail([format!("It was there when the snapshot was made (guid {guid}).")])
                    .remedy([format!("zpool history {} | tail -n 50", name.dataset().pool())]),
                );
            }
            continue;
        };
        if dataset.snapshots.is_err() {
            // Another check says so.
            continue;
        }
        let all = dataset.snapshots.iter().flatten();
        match all.clone().find(|snapshot| snapshot.info.name == *name) {
            Some(snapshot) if snapshot.info.guid == *guid => {}
            Some(snapshot) => findings.push(
                Finding::refuse(
                    Kind::TargetReplaced,
                    format!(
                        "{name} was replaced (expected guid {guid}, found {}).",
                        snapshot.info.guid
                    ),
                )
                .detail([format!(
                    "The snapshot found was made {}.",
                    made(facts.now, snapshot.info.creation)
                )])
                .remedy([format!(
                    "zfs list -t snapshot -o name,guid,creation -r {}",
                    quote(name.dataset().as_str())
                )]),
            ),
            None => findings.push(
                Finding::refuse(Kind::TargetMissing, format!("The snapshot {name} is missing."))
                    .detail([format!("Its guid was {guid}.")])
                    .remedy([format!(
                        "zfs list -t snapshot -o name,guid,creation -r {}",
                        quote(name.dataset().as_str())
                    )]),
            ),
        }
    }
    let of_ours: BTreeSet<Dataset> = facts.ours.iter().map(|(name, _)| name.dataset()).collect();
    let known = |dataset: &DatasetFact| of_ours.contains(&dataset.info.name);
    let late: Vec<&DatasetFact> =
        facts.datasets().filter(|dataset| dataset.snapshots.is_ok() && !known(dataset)).collect();
    if !late.is_empty() && !facts.ours.is_empty() {
        let fate = if facts.in_place() {
            "They stay as they are, beside older data."
        } else {
            "They stay with the upgraded state, unmounted."
        };
        findings.push(
            Finding::confirm(
                Kind::LateDatasets,
                format!(
                    "There {} made after the snapshot, which the rollback does not cover.",
                    are(late.len(), "dataset")
                ),
            )
            .detail(at_most(late.iter().map(|dataset| {
                format!("{}, {}", dataset.info.name, size(dataset.info.referenced))
            })))
            .detail([fate])
            .remedy(["Save what is in them, or confirm."])
            .about(late.iter().map(|dataset| dataset.info.name.to_string())),
        );
    }
    findings
}

/// Other holds and clones of the snapshot to go back to do not prevent the rollback, but the
/// clean-up after it. Our own hold should exist.
pub(super) fn foreign_on_target(facts: &Facts) -> Vec<Finding> {
    if !facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for target in facts.datasets().filter_map(|dataset| facts.target(dataset)) {
        let name = quote(target.info.name.as_str());
        match &target.holds {
            Err(why) => findings.push(
                Finding::warn(
                    Kind::TargetHold,
                    format!("The holds of {} could not be read.", target.info.name),
                )
                .detail([why.clone()]),
            ),
            Ok(tags) => {
                if !tags.iter().any(|tag| is_our_tag(facts, tag)) {
                    findings.push(
                        Finding::warn(
                            Kind::TargetHold,
                            format!(
                                "{} is no longer held: anyone can destroy it.",
                                target.info.name
                            ),
                        )
                        .remedy([format!(
                            "zfs hold {} {name}",
                            quote(zfs::hold_tag(facts.change.as_deref().unwrap_or("CHANGE")))
                        )]),
                    );
                }
                let others: Vec<&String> =
                    tags.iter().filter(|tag| !is_our_tag(facts, tag)).collect();
                if !others.is_empty() {
                    findings.push(
                        Finding::warn(
                            Kind::TargetShared,
                            format!(
                                "Others hold {}, too: it cannot be removed at the end.",
                                target.info.name
                            ),
                        )
                        .remedy(
                            others.iter().map(|tag| format!("zfs release {} {name}", quote(tag))),
                        ),
                    );
                }
            }
        }
        let clones: Vec<&CloneFact> =
            target.clones.iter().filter(|clone| !is_our_clone(facts, clone)).collect();
        if !clones.is_empty() {
            findings.push(
                Finding::warn(
                    Kind::TargetShared,
                    format!("{} has clones: it cannot be removed at the end.", target.info.name),
                )
                .detail(clones.iter().map(|clone| format!("clone: {}", clone.name)))
                .remedy(clones.iter().map(|clone| {
                    format!("To give up the clone: zfs destroy {}", quote(clone.name.as_str()))
                })),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{GIB, dataset, facts, show, snapshot, snapshots};
    use super::*;
    use crate::playbook::DataStrategy;
    use crate::zfs::Guid;

    const IN_PLACE: Occasion = Occasion::Downgrade { in_place: true };
    const KEEP: Occasion = Occasion::Downgrade { in_place: false };

    fn clone(name: &str, change: Option<&str>) -> CloneFact {
        CloneFact { name: name.parse().expect("name"), change: change.map(Into::into) }
    }

    #[test]
    fn not_read() {
        let mut facts = facts(IN_PLACE);
        dataset(&mut facts, 0).snapshots = Err("pool I/O is suspended".into());
        dataset(&mut facts, 1).bookmarks = Err("pool I/O is suspended".into());
        insta::assert_snapshot!(show(&unread(&facts)), @r"
            refused: The snapshots of tank/db could not be read. [snapshots-unread]
                     pool I/O is suspended

            refused: The bookmarks of tank/db/log could not be read. [snapshots-unread]
                     pool I/O is suspended
            ");
        assert!(targets(&facts).is_empty(), "what could not be read is not called missing");
    }

    #[test]
    fn the_name_is_taken() {
        let mut facts = facts(Occasion::Upgrade);
        snapshots(&mut facts, 0).push(snapshot("tank/db@c1", 8, 24));
        insta::assert_snapshot!(show(&name_taken(&facts)), @r"
            refused: Snapshots named @c1 already exist. [snapshot-name]
                     tank/db@c1: 2026-02-28 03:00 UTC, 1 day ago, uses 12 MiB
              to do: Run this again: a new upgrade gets a new name. If they are from an earlier attempt: backout status
            ");
        facts.ours = vec![("tank/db@c1".parse().expect("name"), Guid(8))];
        assert!(name_taken(&facts).is_empty(), "a resumed upgrade finds its own");
    }

    #[test]
    fn the_target_is_gone_replaced_or_never_was() {
        let mut facts = facts(IN_PLACE);
        snapshots(&mut facts, 0).retain(|snapshot| snapshot.info.name.short() != "c1");
        snapshots(&mut facts, 1).last_mut().expect("target").info.guid = Guid(999);
        insta::assert_snapshot!(show(&targets(&facts)), @r"
            refused: The snapshot tank/db@c1 is missing. [target-missing]
                     Its guid was 100.
              to do: zfs list -t snapshot -o name,guid,creation -r tank/db

            refused: tank/db/log@c1 was replaced (expected guid 101, found 999). [target-replaced]
                     The snapshot found was made 2026-03-01 01:00 UTC, 2 hours ago.
              to do: zfs list -t snapshot -o name,guid,creation -r tank/db/log
            ");
        facts.ours.remove(1);
        facts.ours.push(("tank/db/gone@c1".parse().expect("name"), Guid(3)));
        insta::assert_snapshot!(show(&targets(&facts)), @r"
            refused: The snapshot tank/db@c1 is missing. [target-missing]
                     Its guid was 100.
              to do: zfs list -t snapshot -o name,guid,creation -r tank/db

            refused: The dataset of tank/db/gone@c1 is missing. [target-missing]
                     It was there when the snapshot was made (guid 3).
              to do: zpool history tank | tail -n 50

            confirm: There is one dataset made after the snapshot, which the rollback does not cover. [late-datasets]
                     tank/db/log, 1 GiB
                     They stay as they are, beside older data.
              to do: Save what is in them, or confirm.
            ");
        facts.ours.clear();
        insta::assert_snapshot!(show(&targets(&facts)), @r"
            refused: No snapshot to go back to is known. [target-missing]
              to do: zfs list -t snapshot -o name,creation,backout:change
            ");
    }

    #[test]
    fn others_on_the_target() {
        let mut facts = facts(KEEP);
        let target = snapshots(&mut facts, 0).last_mut().expect("target");
        target.holds = Ok(vec!["backup".into()]);
        target.clones = vec![clone("tank/test", None), clone("tank/db.new", Some("c1"))];
        insta::assert_snapshot!(show(&foreign_on_target(&facts)), @r"
            warning: tank/db@c1 is no longer held: anyone can destroy it. [target-hold]
              to do: zfs hold backout:c1 tank/db@c1

            warning: Others hold tank/db@c1, too: it cannot be removed at the end. [target-shared]
              to do: zfs release backup tank/db@c1

            warning: tank/db@c1 has clones: it cannot be removed at the end. [target-shared]
                     clone: tank/test
              to do: To give up the clone: zfs destroy tank/test
            ");
    }

    #[test]
    fn datasets_made_later() {
        let mut facts = facts(IN_PLACE);
        facts.ours.remove(1);
        snapshots(&mut facts, 1).clear();
        dataset(&mut facts, 1).info.referenced = GIB;
        insta::assert_snapshot!(show(&targets(&facts)), @r"
            confirm: There is one dataset made after the snapshot, which the rollback does not cover. [late-datasets]
                     tank/db/log, 1 GiB
                     They stay as they are, beside older data.
              to do: Save what is in them, or confirm.
            ");
    }

    #[test]
    fn without_zfs_there_is_no_snapshot_to_go_back_to() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        facts.ours.clear();
        assert!(!targets(&facts).is_empty());
        for way in [DataStrategy::Full, DataStrategy::Packages] {
            facts.data_strategy = way;
            assert!(targets(&facts).is_empty(), "{way:?}");
        }
    }
}
