use super::super::facts::{BookmarkFact, OpenChange};
use super::super::fixture::{GIB, NOW, dataset, facts, show, snapshot, snapshots};
use super::super::{Severity, check};
use super::*;
use crate::playbook::Way;
use crate::zfs::Guid;

const IN_PLACE: Occasion = Occasion::Downgrade { in_place: true };
const KEEP: Occasion = Occasion::Downgrade { in_place: false };

fn with_newer(occasion: Occasion) -> Facts {
    let mut facts = facts(occasion);
    snapshots(&mut facts, 0).push(snapshot("tank/db@autosnap_2026-03-01_02:00:00_hourly", 55, 1));
    snapshots(&mut facts, 1).push(snapshot("tank/db/log@autosnap_2026-03-01_02:00:00_hourly", 56, 1));
    facts
}

fn clone(name: &str, change: Option<&str>) -> CloneFact {
    CloneFact { name: name.parse().expect("name"), change: change.map(Into::into) }
}

#[test]
fn not_read() {
    let mut facts = facts(IN_PLACE);
    dataset(&mut facts, 0).snapshots = Err("pool I/O is suspended".into());
    dataset(&mut facts, 1).bookmarks = Err("pool I/O is suspended".into());
    insta::assert_snapshot!(show(&unread(&facts)), @r"
        refused: the snapshots of tank/db could not be read [snapshots-unread]
                 pool I/O is suspended

        refused: the bookmarks of tank/db/log could not be read [snapshots-unread]
                 pool I/O is suspended
        ");
    assert!(targets(&facts).is_empty(), "what could not be read is not called missing");
}

#[test]
fn the_name_is_taken() {
    let mut facts = facts(Occasion::Upgrade);
    snapshots(&mut facts, 0).push(snapshot("tank/db@c1", 8, 24));
    insta::assert_snapshot!(show(&name_taken(&facts)), @r"
        refused: there are snapshots named @c1 already [snapshot-name]
                 tank/db@c1: 2026-02-28 03:00 UTC, 1 day ago, 12 MiB only in it
          to do: Another upgrade has another name: run this again. If they are an earlier try's: backout status
        ");
    facts.ours = vec![("tank/db@c1".parse().expect("name"), Guid(8))];
    assert!(name_taken(&facts).is_empty(), "a resumed upgrade finds its own");
}

#[test]
fn the_target_is_gone_replaced_or_never_was() {
    let mut facts = facts(IN_PLACE);
    snapshots(&mut facts, 0).retain(|snapshot| snapshot.name.short() != "c1");
    snapshots(&mut facts, 1).last_mut().expect("target").guid = Guid(999);
    insta::assert_snapshot!(show(&targets(&facts)), @r"
        refused: the snapshot tank/db@c1 is gone [target-missing]
                 guid 100
          to do: zfs list -t snapshot -o name,guid,creation -r tank/db

        refused: tank/db/log@c1 is not the snapshot that was made before the upgrade [target-replaced]
                 guid 101 then, 999 now; 2026-03-01 01:00 UTC, 2 hours ago
          to do: zfs list -t snapshot -o name,guid,creation -r tank/db/log
        ");
    facts.ours.remove(1);
    facts.ours.push(("tank/db/gone@c1".parse().expect("name"), Guid(3)));
    insta::assert_snapshot!(show(&targets(&facts)), @r"
        refused: the snapshot tank/db@c1 is gone [target-missing]
                 guid 100
          to do: zfs list -t snapshot -o name,guid,creation -r tank/db

        refused: the dataset of tank/db/gone@c1 is gone [target-missing]
                 It was there at the snapshot. guid 3
          to do: zpool history tank | tail -n 50

        confirm: one dataset made after the snapshot, which the way back does not cover [late-datasets]
                 tank/db/log, 1 GiB
                 They stay as they are beside older data.
          to do: Save what is in them, or say yes.
        ");
    facts.ours.clear();
    insta::assert_snapshot!(show(&targets(&facts)), @r"
        refused: no snapshot to go back to is known [target-missing]
          to do: zfs list -t snapshot -o name,creation,backout:change
        ");
}

#[test]
fn newer_ones_need_a_yes_by_name() {
    let facts = with_newer(IN_PLACE);
    let found = newer(&facts);
    insta::assert_snapshot!(show(&found), @r#"
        confirm: the rollback in place destroys 2 newer snapshots [newer-snapshots]
                 tank/db@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, 12 MiB only in it
                 tank/db/log@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, 12 MiB only in it
          to do: Say yes, or keep the upgraded state: backout downgrade --keep
                 To save one elsewhere first: zfs send SNAPSHOT > FILE
        "#);
    assert_eq!(found[0].subjects.len(), 2);
    let kept = newer(&with_newer(KEEP));
    insta::assert_snapshot!(show(&kept), @r"
        warning: 2 snapshots by others, newer than the upgrade's [newer-snapshots]
                 tank/db@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, 12 MiB only in it
                 tank/db/log@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, 12 MiB only in it
                 They stay with the upgraded state, and go with it when that is destroyed.
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
    snapshots(&mut facts, 0).last_mut().expect("newer").holds = Ok(vec!["keep me".into(), ".send-123-1".into()]);
    snapshots(&mut facts, 1).last_mut().expect("newer").clones = vec![clone("tank/test", None)];
    let found = newer(&facts);
    assert!(found.iter().all(|finding| finding.severity == Severity::Refuse));
    insta::assert_snapshot!(show(&found), @r#"
        refused: tank/db@autosnap_2026-03-01_02:00:00_hourly is newer than the snapshot to go back to, and held [newer-held]
                 tank/db@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, 12 MiB only in it
                 holds: keep me, .send-123-1
          to do: zfs release 'keep me' tank/db@autosnap_2026-03-01_02:00:00_hourly
                 Wait for the `zfs send` that holds it.
                 Or keep the upgraded state: backout downgrade --keep

        refused: tank/db/log@autosnap_2026-03-01_02:00:00_hourly is newer than the snapshot to go back to, and cloned [newer-cloned]
                 tank/db/log@autosnap_2026-03-01_02:00:00_hourly: 2026-03-01 02:00 UTC, 1 hour ago, 12 MiB only in it
                 clone: tank/test
          to do: To let the clone go: zfs destroy tank/test
                 Or keep the upgraded state: backout downgrade --keep
        "#);
    snapshots(&mut facts, 0).last_mut().expect("newer").holds = Err("no answer".into());
    assert_eq!(newer(&facts).len(), 2, "holds that could not be read refuse");
}

#[test]
fn our_own_later_snapshot_goes_without_a_word() {
    let mut facts = facts(IN_PLACE);
    let mut post = snapshot("tank/db@c1-post", 77, 1);
    post.holds = Ok(vec!["backout:c1".into()]);
    post.clones = vec![clone("tank/db.new", Some("c1"))];
    facts.ours.push((post.name.clone(), post.guid));
    snapshots(&mut facts, 0).push(post);
    assert_eq!(show(&check(&facts)), "");
    snapshots(&mut facts, 0).last_mut().expect("post").clones.push(clone("tank/theirs", None));
    assert_eq!(newer(&facts).len(), 1);
}

#[test]
fn bookmarks() {
    let mut facts = facts(IN_PLACE);
    let mark = |name: &str, createtxg| BookmarkFact { name: name.into(), createtxg };
    dataset(&mut facts, 0).bookmarks = Ok(vec![mark("tank/db#old", 5), mark("tank/db#new", 99_999)]);
    insta::assert_snapshot!(show(&newer_bookmarks(&facts)), @r#"
        confirm: the rollback in place destroys one newer bookmark [newer-bookmarks]
                 tank/db#new
                 A replication that goes on from one of them must begin anew.
          to do: Say yes, or keep the upgraded state: backout downgrade --keep
        "#);
}

#[test]
fn others_on_the_target() {
    let mut facts = facts(KEEP);
    let target = snapshots(&mut facts, 0).last_mut().expect("target");
    target.holds = Ok(vec!["backup".into()]);
    target.clones = vec![clone("tank/test", None), clone("tank/db.new", Some("c1"))];
    insta::assert_snapshot!(show(&foreign_on_target(&facts)), @r"
        warning: tank/db@c1 is no longer held: anyone can destroy it [target-hold]
          to do: zfs hold backout:c1 tank/db@c1

        warning: others hold tank/db@c1 too: it cannot be removed at the end [target-shared]
          to do: zfs release backup tank/db@c1

        warning: tank/db@c1 has clones: it cannot be removed at the end [target-shared]
                 clone: tank/test
          to do: To let the clone go: zfs destroy tank/test
        ");
}

#[test]
fn datasets_made_later() {
    let mut facts = facts(IN_PLACE);
    facts.ours.remove(1);
    snapshots(&mut facts, 1).clear();
    dataset(&mut facts, 1).referenced = GIB;
    insta::assert_snapshot!(show(&targets(&facts)), @r"
        confirm: one dataset made after the snapshot, which the way back does not cover [late-datasets]
                 tank/db/log, 1 GiB
                 They stay as they are beside older data.
          to do: Save what is in them, or say yes.
        ");
}

#[test]
fn a_clock_set_back() {
    let mut facts = facts(IN_PLACE);
    facts.now = NOW - 3 * 3600;
    insta::assert_snapshot!(show(&clock(&facts)), @r"
        refused: the clock says 2026-03-01 00:00 UTC, but tank/db/log@c1 is of 2026-03-01 01:00 UTC [clock]
                 What was written since the snapshot is found by time; with a clock set back some would be missed.
          to do: timedatectl status
                 chronyc makestep
        ");
    facts.now = 1000;
    insta::assert_snapshot!(show(&clock(&facts)), @r"
        refused: the clock is wrong: it says 1970-01-01 00:16 UTC [clock]
          to do: timedatectl status
                 chronyc makestep
        ");
    let mut facts = super::super::fixture::facts(Occasion::Upgrade);
    facts.now = NOW - 80 * 3600;
    assert_eq!(clock(&facts)[0].severity, Severity::Warn);
}

#[test]
fn another_change() {
    let mut facts = facts(Occasion::Upgrade);
    let open = |id: &str, dataset: &str| OpenChange { id: id.into(), datasets: vec![dataset.parse().expect("name")] };
    facts.open_changes = vec![open("c0", "tank/db/log"), open("c9", "tank/dbx"), open("c8", "tank")];
    insta::assert_snapshot!(show(&open_changes(&facts)), @r"
        refused: the change c0 is still open on these datasets [open-change]
                 tank/db/log
          to do: backout status --change c0
                 backout commit --change c0   # or: backout downgrade --change c0

        refused: the change c8 is still open on these datasets [open-change]
                 tank
          to do: backout status --change c8
                 backout commit --change c8   # or: backout downgrade --change c8
        ");
    facts.change = Some("c0".into());
    assert_eq!(open_changes(&facts).len(), 1);
}

#[test]
fn without_zfs_there_is_no_snapshot_to_go_back_to() {
    let mut facts = facts(Occasion::Downgrade { in_place: false });
    facts.ours.clear();
    assert!(!targets(&facts).is_empty());
    for way in [Way::Full, Way::Packages] {
        facts.way = way;
        assert!(targets(&facts).is_empty(), "{way:?}");
    }
}
