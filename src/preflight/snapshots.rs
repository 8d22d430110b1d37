//! Snapshots, holds, clones, bookmarks, and the clock.

use super::facts::{CloneFact, DatasetFact, Facts, SnapshotFact};
use super::text::{at_most, count, date, made, size};
use super::{Finding, Occasion};
use crate::host::quote::quote;

/// No clock of a host that runs this is right before 2025.
const EPOCH: i64 = 1_735_689_600;
/// Clocks may differ by so many seconds without meaning.
const SLACK: i64 = 60;

/// A dataset whose snapshots could not be read is not judged.
pub(super) fn unread(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dataset in facts.datasets() {
        let snapshots = dataset.snapshots.as_ref().map(|_| ()).map_err(|why| ("snapshots", why));
        let bookmarks = dataset.bookmarks.as_ref().map(|_| ()).map_err(|why| ("bookmarks", why));
        let unread = snapshots.err().or(bookmarks.err());
        if let Some((what, why)) = unread {
            findings.push(
                Finding::refuse("snapshots-unread", format!("the {what} of {} could not be read", dataset.name)).detail([why.clone()]),
            );
        }
    }
    findings
}

/// The name of the new snapshot is free.
pub(super) fn name_taken(facts: &Facts) -> Vec<Finding> {
    if facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let Some(name) = &facts.snapshot_name else { return Vec::new() };
    let taken = facts.datasets().flat_map(|dataset| dataset.snapshots.iter().flatten());
    let taken: Vec<&SnapshotFact> = taken.filter(|snapshot| snapshot.name.short() == name && !facts.is_ours(snapshot)).collect();
    if taken.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::refuse("snapshot-name", format!("there are snapshots named @{name} already"))
            .detail(at_most(taken.iter().map(|snapshot| line(facts, snapshot))))
            .remedy(["Another upgrade has another name: run this again. If they are an earlier try's: backout status".to_owned()]),
    ]
}

fn line(facts: &Facts, snapshot: &SnapshotFact) -> String {
    format!("{}: {}, {} only in it", snapshot.name, made(facts.now, snapshot.creation), size(snapshot.used))
}

/// Each dataset has the snapshot to go back to, and it is the one that was made.
pub(super) fn targets(facts: &Facts) -> Vec<Finding> {
    if !facts.occasion.is_downgrade() || !facts.way.is_zfs() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if facts.ours.is_empty() {
        findings.push(
            Finding::refuse("target-missing", "no snapshot to go back to is known")
                .remedy(["zfs list -t snapshot -o name,creation,backout:change"]),
        );
    }
    let all = || facts.datasets().flat_map(|dataset| dataset.snapshots.iter().flatten());
    for (name, guid) in &facts.ours {
        let Some(dataset) = facts.datasets().find(|dataset| dataset.name == name.dataset()) else {
            if facts.roots.iter().all(|root| matches!(root.tree, Ok(Some(_)))) {
                findings.push(
                    Finding::refuse("target-missing", format!("the dataset of {name} is gone"))
                        .detail([format!("It was there at the snapshot. guid {guid}")])
                        .remedy([format!("zpool history {} | tail -n 50", name.dataset().pool())]),
                );
            }
            continue;
        };
        if dataset.snapshots.is_err() {
            // Another check says so.
            continue;
        }
        match all().find(|snapshot| snapshot.name == *name) {
            Some(snapshot) if snapshot.guid == *guid => {}
            Some(snapshot) => findings.push(
                Finding::refuse("target-replaced", format!("{name} is not the snapshot that was made before the upgrade"))
                    .detail([format!("guid {guid} then, {} now; {}", snapshot.guid, made(facts.now, snapshot.creation))])
                    .remedy([format!("zfs list -t snapshot -o name,guid,creation -r {}", quote(name.dataset().as_str()))]),
            ),
            None => findings.push(
                Finding::refuse("target-missing", format!("the snapshot {name} is gone"))
                    .detail([format!("guid {guid}")])
                    .remedy([format!("zfs list -t snapshot -o name,guid,creation -r {}", quote(name.dataset().as_str()))]),
            ),
        }
    }
    let known = |dataset: &DatasetFact| facts.ours.iter().any(|(name, _)| name.dataset() == dataset.name);
    let late: Vec<&DatasetFact> = facts.datasets().filter(|dataset| dataset.snapshots.is_ok() && !known(dataset)).collect();
    if !late.is_empty() && !facts.ours.is_empty() {
        let fate =
            if facts.in_place() { "They stay as they are beside older data." } else { "They stay with the upgraded state, unmounted." };
        findings.push(
            Finding::confirm(
                "late-datasets",
                format!("{} made after the snapshot, which the way back does not cover", count(late.len(), "dataset")),
            )
            .detail(at_most(late.iter().map(|dataset| format!("{}, {}", dataset.name, size(dataset.referenced)))))
            .detail([fate])
            .remedy(["Save what is in them, or say yes."])
            .about(late.iter().map(|dataset| dataset.name.to_string())),
        );
    }
    findings
}

/// The snapshots newer than the one to go back to which are not the change's own, by dataset.
fn newer_of<'a>(facts: &'a Facts, dataset: &'a DatasetFact) -> Vec<&'a SnapshotFact> {
    let Some(target) = facts.target(dataset) else { return Vec::new() };
    let snapshots = dataset.snapshots.iter().flatten();
    snapshots.filter(|snapshot| snapshot.createtxg > target.createtxg && !facts.is_ours(snapshot)).collect()
}

/// A rollback in place destroys newer snapshots (`zfs-rollback(8)`): only those that a yes names, and never a held or cloned one (invariant S4).
pub(super) fn newer(facts: &Facts) -> Vec<Finding> {
    if !facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let newer: Vec<&SnapshotFact> = facts.datasets().flat_map(|dataset| newer_of(facts, dataset)).collect();
    let mut findings = Vec::new();
    if !facts.in_place() {
        if !newer.is_empty() {
            findings.push(
                Finding::warn("newer-snapshots", format!("{} by others, newer than the upgrade's", count(newer.len(), "snapshot")))
                    .detail(at_most(newer.iter().map(|snapshot| line(facts, snapshot))))
                    .detail(["They stay with the upgraded state, and go with it when that is destroyed."]),
            );
        }
        return findings;
    }
    let free: Vec<&&SnapshotFact> =
        newer.iter().filter(|snapshot| snapshot.holds == Ok(Vec::new()) && snapshot.clones.is_empty()).collect();
    if !free.is_empty() {
        findings.push(
            Finding::confirm("newer-snapshots", format!("the rollback in place destroys {}", count(free.len(), "newer snapshot")))
                .detail(at_most(free.iter().map(|snapshot| line(facts, snapshot))))
                .remedy(["Say yes, or keep the upgraded state: backout downgrade --keep".to_owned()])
                .remedy(["To save one elsewhere first: zfs send SNAPSHOT > FILE"])
                .about(free.iter().map(|snapshot| snapshot.name.to_string())),
        );
    }
    for snapshot in newer {
        findings.extend(bound(facts, snapshot, &format!("{} is newer than the snapshot to go back to", snapshot.name)));
    }
    // The change's own later snapshots go too; a hold or clone that is not ours stops that as well.
    for dataset in facts.datasets() {
        let Some(target) = facts.target(dataset) else { continue };
        let own = dataset.snapshots.iter().flatten().filter(|snapshot| snapshot.createtxg > target.createtxg && facts.is_ours(snapshot));
        for snapshot in own {
            let foreign = SnapshotFact {
                holds: snapshot.holds.clone().map(|tags| tags.into_iter().filter(|tag| !is_our_tag(facts, tag)).collect()),
                clones: snapshot.clones.iter().filter(|clone| !is_our_clone(facts, clone)).cloned().collect(),
                ..snapshot.clone()
            };
            findings.extend(bound(facts, &foreign, &format!("{} is in the way of the rollback", snapshot.name)));
        }
    }
    findings
}

/// Why a snapshot could not be destroyed.
fn bound(facts: &Facts, snapshot: &SnapshotFact, what: &str) -> Vec<Finding> {
    let name = quote(snapshot.name.as_str());
    let mut findings = Vec::new();
    match &snapshot.holds {
        Ok(tags) if tags.is_empty() => {}
        Ok(tags) => findings.push(
            Finding::refuse("newer-held", format!("{what}, and held"))
                .detail([line(facts, snapshot), format!("holds: {}", tags.join(", "))])
                .remedy(tags.iter().map(|tag| {
                    if tag.starts_with(".send-") {
                        "Wait for the `zfs send` that holds it.".to_owned()
                    } else {
                        format!("zfs release {} {name}", quote(tag))
                    }
                }))
                .remedy(["Or keep the upgraded state: backout downgrade --keep"]),
        ),
        Err(why) => {
            findings.push(
                Finding::refuse("newer-held", format!("{what}, and its holds could not be read"))
                    .detail([why.clone()])
                    .remedy([format!("zfs holds {name}")]),
            );
        }
    }
    if !snapshot.clones.is_empty() {
        findings.push(
            Finding::refuse("newer-cloned", format!("{what}, and cloned"))
                .detail([line(facts, snapshot)])
                .detail(snapshot.clones.iter().map(|clone| format!("clone: {}", clone.name)))
                .remedy(snapshot.clones.iter().map(|clone| format!("To let the clone go: zfs destroy {}", quote(clone.name.as_str()))))
                .remedy(["Or keep the upgraded state: backout downgrade --keep"]),
        );
    }
    findings
}

/// Bookmarks newer than the target go as well (seen: `zfs rollback` refuses them, a channel program must remove them first).
pub(super) fn newer_bookmarks(facts: &Facts) -> Vec<Finding> {
    if !(facts.occasion.is_downgrade() && facts.in_place()) {
        return Vec::new();
    }
    let newer = facts.datasets().flat_map(|dataset| {
        let txg = facts.target(dataset).map_or(u64::MAX, |target| target.createtxg);
        dataset.bookmarks.iter().flatten().filter(move |bookmark| bookmark.createtxg > txg)
    });
    let names: Vec<String> = newer.map(|bookmark| bookmark.name.clone()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::confirm("newer-bookmarks", format!("the rollback in place destroys {}", count(names.len(), "newer bookmark")))
            .detail(at_most(names.iter().cloned()))
            .detail(["A replication that goes on from one of them must begin anew."])
            .remedy(["Say yes, or keep the upgraded state: backout downgrade --keep"])
            .about(names),
    ]
}

fn is_our_tag(facts: &Facts, tag: &str) -> bool {
    // The hold is named after the change.
    facts.change.as_ref().is_some_and(|change| tag.contains(change.as_str()))
}

fn is_our_clone(facts: &Facts, clone: &CloneFact) -> bool {
    clone.change.is_some() && clone.change == facts.change
}

/// Holds and clones of others on the snapshot to go back to do not stop the rollback, but the clean-up after it; our own hold should be there.
pub(super) fn foreign_on_target(facts: &Facts) -> Vec<Finding> {
    if !facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for target in facts.datasets().filter_map(|dataset| facts.target(dataset)) {
        let name = quote(target.name.as_str());
        match &target.holds {
            Err(why) => {
                findings.push(Finding::warn("target-hold", format!("the holds of {} could not be read", target.name)).detail([why.clone()]))
            }
            Ok(tags) => {
                if !tags.iter().any(|tag| is_our_tag(facts, tag)) {
                    findings.push(
                        Finding::warn("target-hold", format!("{} is no longer held: anyone can destroy it", target.name))
                            .remedy([format!("zfs hold backout:{} {name}", facts.change.as_deref().unwrap_or("CHANGE"))]),
                    );
                }
                let others: Vec<&String> = tags.iter().filter(|tag| !is_our_tag(facts, tag)).collect();
                if !others.is_empty() {
                    findings.push(
                        Finding::warn("target-shared", format!("others hold {} too: it cannot be removed at the end", target.name))
                            .remedy(others.iter().map(|tag| format!("zfs release {} {name}", quote(tag)))),
                    );
                }
            }
        }
        let clones: Vec<&CloneFact> = target.clones.iter().filter(|clone| !is_our_clone(facts, clone)).collect();
        if !clones.is_empty() {
            findings.push(
                Finding::warn("target-shared", format!("{} has clones: it cannot be removed at the end", target.name))
                    .detail(clones.iter().map(|clone| format!("clone: {}", clone.name)))
                    .remedy(clones.iter().map(|clone| format!("To let the clone go: zfs destroy {}", quote(clone.name.as_str())))),
            );
        }
    }
    findings
}

/// The capture begins at the snapshot's time, so time must not have gone back since.
pub(super) fn clock(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "clock";
    let remedy = ["timedatectl status", "chronyc makestep"];
    if facts.now < EPOCH {
        return vec![Finding::refuse(ID, format!("the clock is wrong: it says {}", date(facts.now))).remedy(remedy)];
    }
    let snapshots: Vec<&SnapshotFact> = if facts.occasion.is_downgrade() {
        facts.datasets().filter_map(|dataset| facts.target(dataset)).collect()
    } else {
        facts.datasets().flat_map(|dataset| dataset.snapshots.iter().flatten()).collect()
    };
    let Some(latest) = snapshots.into_iter().max_by_key(|snapshot| snapshot.creation) else { return Vec::new() };
    if latest.creation <= facts.now + SLACK {
        return Vec::new();
    }
    let title = format!("the clock says {}, but {} is of {}", date(facts.now), latest.name, date(latest.creation));
    let finding = if facts.occasion.is_downgrade() { Finding::refuse(ID, title) } else { Finding::warn(ID, title) };
    vec![
        finding
            .detail(["What was written since the snapshot is found by time; with a clock set back some would be missed."])
            .remedy(remedy),
    ]
}

/// One change at a time for a dataset.
pub(super) fn open_changes(facts: &Facts) -> Vec<Finding> {
    let shared = |change: &super::facts::OpenChange| {
        let mine =
            |theirs: &crate::zfs::Dataset| facts.roots.iter().any(|root| root.name.is_within(theirs) || theirs.is_within(&root.name));
        change.datasets.iter().filter(|theirs| mine(theirs)).map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut findings = Vec::new();
    for change in facts.open_changes.iter().filter(|change| facts.change.as_ref() != Some(&change.id)) {
        let datasets = shared(change);
        if datasets.is_empty() {
            continue;
        }
        let severity = if facts.occasion == Occasion::Check { super::Severity::Warn } else { super::Severity::Refuse };
        findings.push(
            Finding::new("open-change", severity, format!("the change {} is still open on these datasets", change.id))
                .detail([datasets.join(", ")])
                .remedy([
                    format!("backout status --change {}", change.id),
                    format!("backout commit --change {0}   # or: backout downgrade --change {0}", change.id),
                ]),
        );
    }
    findings
}

#[cfg(test)]
#[path = "snapshots_tests.rs"]
mod tests;
