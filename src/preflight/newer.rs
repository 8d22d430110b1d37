//! Snapshots and bookmarks newer than the one to go back to: a rollback in place destroys them.

use super::datasets::DatasetFact;
use super::history::{SnapshotFact, is_our_clone, is_our_tag, line};
use super::text::{are, at_most, count};
use super::{Facts, Finding, Kind};
use crate::host::quote::quote;
use crate::zfs::{self, BookmarkInfo, Guid, Snapshot};

/// The snapshots of a dataset that are newer than the one to go back to.
fn newer_of<'a>(
    facts: &'a Facts,
    dataset: &'a DatasetFact,
) -> impl Iterator<Item = &'a SnapshotFact> {
    let target = facts.target(dataset);
    let all = dataset.snapshots.iter().flatten();
    target.into_iter().flat_map(move |target| zfs::newer(all.clone(), target))
}

/// The bookmarks of a dataset that are newer than the snapshot to go back to.
fn bookmarks_of<'a>(
    facts: &'a Facts,
    dataset: &'a DatasetFact,
) -> impl Iterator<Item = &'a BookmarkInfo> {
    let target = facts.target(dataset);
    let all = dataset.bookmarks.iter().flatten();
    target.into_iter().flat_map(move |target| zfs::newer(all.clone(), target))
}

/// Everything that a rollback in place destroys, the change's own later snapshots included:
/// snapshots, and the names of bookmarks.
pub fn destroyed(facts: &Facts) -> (Vec<(Snapshot, Guid)>, Vec<String>) {
    let snapshots = facts.datasets().flat_map(|dataset| newer_of(facts, dataset));
    let bookmarks = facts.datasets().flat_map(|dataset| bookmarks_of(facts, dataset));
    (
        snapshots.map(|snapshot| (snapshot.info.name.clone(), snapshot.info.guid)).collect(),
        bookmarks.map(|bookmark| bookmark.name.clone()).collect(),
    )
}

/// A rollback in place destroys newer snapshots (`zfs-rollback(8)`): only those that a yes names,
/// and never a held or cloned one (invariant S4).
pub(super) fn newer(facts: &Facts) -> Vec<Finding> {
    if !facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let newer = facts.datasets().flat_map(|dataset| newer_of(facts, dataset));
    let (own, newer): (Vec<_>, Vec<_>) = newer.partition(|snapshot| facts.is_ours(snapshot));
    let mut findings = Vec::new();
    if !facts.in_place() {
        if !newer.is_empty() {
            findings.push(
                Finding::warn(
                    Kind::NewerSnapshots,
                    format!("There {} newer than the upgrade's own.", are(newer.len(), "snapshot")),
                )
                .detail(at_most(newer.iter().map(|snapshot| line(facts, snapshot))))
                .detail(["They stay with the upgraded state, and are destroyed with it."]),
            );
        }
        return findings;
    }
    let free: Vec<&&SnapshotFact> = newer
        .iter()
        .filter(|snapshot| snapshot.holds == Ok(Vec::new()) && snapshot.clones.is_empty())
        .collect();
    if !free.is_empty() {
        findings.push(
            Finding::confirm(
                Kind::NewerSnapshots,
                format!("The rollback in place destroys {}.", count(free.len(), "newer snapshot")),
            )
            .detail(at_most(free.iter().map(|snapshot| line(facts, snapshot))))
            .remedy(["Confirm, or keep the upgraded state: backout downgrade --keep".to_owned()])
            .remedy(["To save one elsewhere first: zfs send SNAPSHOT > FILE"])
            .about(free.iter().map(|snapshot| snapshot.info.name.to_string())),
        );
    }
    for snapshot in newer {
        findings.extend(blockers(
            facts,
            snapshot,
            &format!("{} is newer than the snapshot to go back to", snapshot.info.name),
        ));
    }
    // The change's own later snapshots are destroyed, too. A hold or clone that is not ours
    // prevents that as well.
    for snapshot in own {
        let foreign = SnapshotFact {
            holds: snapshot
                .holds
                .clone()
                .map(|tags| tags.into_iter().filter(|tag| !is_our_tag(facts, tag)).collect()),
            clones: snapshot
                .clones
                .iter()
                .filter(|clone| !is_our_clone(facts, clone))
                .cloned()
                .collect(),
            ..snapshot.clone()
        };
        findings.extend(blockers(
            facts,
            &foreign,
            &format!("{} is in the way of the rollback", snapshot.info.name),
        ));
    }
    findings
}

/// Why a snapshot could not be destroyed.
fn blockers(facts: &Facts, snapshot: &SnapshotFact, what: &str) -> Vec<Finding> {
    let name = quote(snapshot.info.name.as_str());
    let mut findings = Vec::new();
    match &snapshot.holds {
        Ok(tags) if tags.is_empty() => {}
        Ok(tags) => findings.push(
            Finding::refuse(Kind::NewerHeld, format!("{what}, and is held."))
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
                Finding::refuse(
                    Kind::NewerHeld,
                    format!("{what}, and its holds could not be read."),
                )
                .detail([why.clone()])
                .remedy([format!("zfs holds {name}")]),
            );
        }
    }
    if !snapshot.clones.is_empty() {
        findings.push(
            Finding::refuse(Kind::NewerCloned, format!("{what}, and has clones."))
                .detail([line(facts, snapshot)])
                .detail(snapshot.clones.iter().map(|clone| format!("clone: {}", clone.name)))
                .remedy(snapshot.clones.iter().map(|clone| {
                    format!("To give up the clone: zfs destroy {}", quote(clone.name.as_str()))
                }))
                .remedy(["Or keep the upgraded state: backout downgrade --keep"]),
        );
    }
    findings
}

/// Bookmarks newer than the target are destroyed as well: `zfs rollback` refuses them, and for a
/// channel program they must be removed first.
pub(super) fn newer_bookmarks(facts: &Facts) -> Vec<Finding> {
    if !(facts.occasion.is_downgrade() && facts.in_place()) {
        return Vec::new();
    }
    let newer = facts.datasets().flat_map(|dataset| bookmarks_of(facts, dataset));
    let names: Vec<String> = newer.map(|bookmark| bookmark.name.clone()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::confirm(
            Kind::NewerBookmarks,
            format!("The rollback in place destroys {}.", count(names.len(), "newer bookmark")),
        )
        .detail(at_most(names.iter().cloned()))
        .detail(["A replication that continues from one of them must start over."])
        .remedy(["Confirm, or keep the upgraded state: backout downgrade --keep"])
        .about(names),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{dataset, facts, show, snapshot, snapshots};
    use super::super::history::CloneFact;
    use super::super::{Occasion, Severity, check};
    use super::*;

    const IN_PLACE: Occasion = Occasion::Downgrade { in_place: true };
    const KEEP: Occasion = Occasion::Downgrade { in_place: false };

    fn with_newer(occasion: Occasion) -> Facts {
        let mut facts = facts(occasion);
        snapshots(&mut facts, 0).push(snapshot(
            "tank/db@autosnap_2026-03-01_02:00:00_hourly",
            55,
            1,
        ));
        snapshots(&mut facts, 1).push(snapshot(
            "tank/db/log@autosnap_2026-03-01_02:00:00_hourly",
            56,
            1,
        ));
        facts
    }

    fn clone(name: &str, change: Option<&str>) -> CloneFact {
        CloneFact { name: name.parse().expect("name"), change: change.map(Into::into) }
    }

    #[test]
    fn newer_ones_need_a_yes_by_name() {
        let facts = with_newer(IN_PLACE);
        let found = newer(&facts);
        insta::assert_snapshot!(show(&found), @r"
            confirm: The rollback in place destroys 2 newer snapshots. [newer-snapshots]
                     tank/db@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, uses 12 MiB
                     tank/db/log@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, uses 12 MiB
              to do: Confirm, or keep the upgraded state: backout downgrade --keep
                     To save one elsewhere first: zfs send SNAPSHOT > FILE
            ");
        assert_eq!(found[0].subjects.len(), 2);
        let kept = newer(&with_newer(KEEP));
        insta::assert_snapshot!(show(&kept), @r"
            warning: There are 2 snapshots newer than the upgrade's own. [newer-snapshots]
                     tank/db@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, uses 12 MiB
                     tank/db/log@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, uses 12 MiB
                     They stay with the upgraded state, and are destroyed with it.
            ");
        assert!(newer(&with_newer(Occasion::Upgrade)).is_empty());
    }

    #[test]
    fn older_ones_do_not_matter() {
        let mut facts = facts(IN_PLACE);
        snapshots(&mut facts, 0).push(snapshot("tank/db@old", 55, 3));
        assert!(newer(&facts).is_empty());
    }

    #[test]
    fn held_or_cloned_ones_refuse() {
        let mut facts = with_newer(IN_PLACE);
        snapshots(&mut facts, 0).last_mut().expect("newer").holds =
            Ok(vec!["keep me".into(), ".send-123-1".into()]);
        snapshots(&mut facts, 1).last_mut().expect("newer").clones = vec![clone("tank/test", None)];
        let found = newer(&facts);
        assert!(found.iter().all(|finding| finding.severity == Severity::Refuse));
        insta::assert_snapshot!(show(&found), @r"
            refused: tank/db@autosnap_2026-03-01_02:00:00_hourly is newer than the snapshot to go back to, and is held. [newer-held]
                     tank/db@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, uses 12 MiB
                     holds: keep me, .send-123-1
              to do: zfs release 'keep me' tank/db@autosnap_2026-03-01_02:00:00_hourly
                     Wait for the `zfs send` that holds it.
                     Or keep the upgraded state: backout downgrade --keep

            refused: tank/db/log@autosnap_2026-03-01_02:00:00_hourly is newer than the snapshot to go back to, and has clones. [newer-cloned]
                     tank/db/log@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, uses 12 MiB
                     clone: tank/test
              to do: To give up the clone: zfs destroy tank/test
                     Or keep the upgraded state: backout downgrade --keep
            ");
        snapshots(&mut facts, 0).last_mut().expect("newer").holds = Err("no answer".into());
        assert_eq!(newer(&facts).len(), 2, "holds that could not be read refuse");
    }

    #[test]
    fn our_own_later_snapshot_goes_without_a_word() {
        let mut facts = facts(IN_PLACE);
        let mut post = snapshot("tank/db@c1-post", 77, 1);
        post.holds = Ok(vec!["backout:c1".into()]);
        post.clones = vec![clone("tank/db.new", Some("c1"))];
        facts.ours.push((post.info.name.clone(), post.info.guid));
        snapshots(&mut facts, 0).push(post);
        assert_eq!(show(&check(&facts)), "");
        snapshots(&mut facts, 0).last_mut().expect("post").clones.push(clone("tank/theirs", None));
        assert_eq!(newer(&facts).len(), 1);
    }

    /// The tag of the change `c10` has the name of the change `c1` in it.
    #[test]
    fn s4_a_hold_of_another_change_is_not_ours() {
        let mut facts = facts(IN_PLACE);
        let mut own = snapshot("tank/db@c1-post", 57, 1);
        own.holds = Ok(vec!["backout:c1".into(), "backout:c10".into()]);
        facts.ours.push((own.info.name.clone(), own.info.guid));
        snapshots(&mut facts, 0).push(own);
        let found = newer(&facts);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, Kind::NewerHeld);
        assert_eq!(found[0].remedy[0], "zfs release backout:c10 tank/db@c1-post");
    }

    #[test]
    fn bookmarks() {
        let mut facts = facts(IN_PLACE);
        let mark =
            |name: &str, createtxg| BookmarkInfo { name: name.into(), guid: Guid(5), createtxg };
        dataset(&mut facts, 0).bookmarks =
            Ok(vec![mark("tank/db#old", 5), mark("tank/db#new", 99_999)]);
        insta::assert_snapshot!(show(&newer_bookmarks(&facts)), @r"
            confirm: The rollback in place destroys one newer bookmark. [newer-bookmarks]
                     tank/db#new
                     A replication that continues from one of them must start over.
              to do: Confirm, or keep the upgraded state: backout downgrade --keep
            ");
    }
}
