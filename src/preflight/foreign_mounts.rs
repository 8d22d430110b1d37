//! Other file systems mounted below the datasets, and folders of the datasets that are mounted a
//! second time, for a jail or a zone.

use std::path::PathBuf;

use super::datasets::{self, Root};
use super::sources::Observed;
use super::text::at_most;
use super::{Facts, Finding, Kind};
use crate::host::mounts::Mount;
use crate::host::quote::quote;
use crate::zfs::Dataset;

/// Mounts below the datasets that do not belong to these datasets, without what ZFS itself mounts
/// under `.zfs`; and mounts elsewhere that show something of the datasets.
pub(super) fn gather(table: &Observed<Vec<Mount>>, roots: &[Root]) -> Observed<Vec<Mount>> {
    let points: Vec<&PathBuf> =
        datasets::all(roots).flat_map(|dataset| &dataset.mounted_at).collect();
    let below = |mount: &Mount| {
        points.iter().any(|point| mount.point.starts_with(point) && mount.point != **point)
    };
    // Those that are left alone are unmounted for the rollback, and mounted again: by ZFS, which
    // cannot do that with `mountpoint=legacy`.
    let by_hand: Vec<&Dataset> = roots
        .iter()
        .flat_map(|root| &root.left)
        .filter(|left| left.info.mountpoint.is_none())
        .map(|left| &left.info.name)
        .collect();
    let ours = |name: Dataset| {
        roots.iter().any(|root| name.is_within(&root.name)) && !by_hand.contains(&&name)
    };
    let ours = |mount: &Mount| mount.fstype == "zfs" && mount.source.parse().is_ok_and(ours);
    let shown = |mount: &Mount| mount.point.components().any(|part| part.as_os_str() == ".zfs");
    let foreign =
        |mount: &&Mount| (below(mount) && !ours(mount) && !shown(mount)) || is_second(mount, roots);
    Ok(table.as_ref().map_err(Clone::clone)?.iter().filter(foreign).cloned().collect())
}

/// Whether it shows something of the datasets at a second place.
fn is_second(mount: &Mount, roots: &[Root]) -> bool {
    let mut points = datasets::all(roots).flat_map(|dataset| &dataset.mounted_at);
    mount.shows().is_some_and(|source| points.any(|point| source.starts_with(point)))
}

/// Other file systems mounted below the datasets do not go back, and prevent the unmount.
pub(super) fn mounts(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::ForeignMount;
    let mounts = match &facts.foreign_mounts {
        Ok(mounts) if mounts.is_empty() => return Vec::new(),
        Ok(mounts) => mounts,
        Err(why) => {
            return vec![
                Finding::refuse(ID, "The mounts could not be read.").detail([why.clone()]),
            ];
        }
    };
    let line =
        |mount: &Mount| format!("{} ({}) at {}", mount.source, mount.fstype, mount.point.display());
    let umount = |mount: &Mount| format!("umount {}", quote(&mount.point));
    let (again, below): (Vec<&Mount>, Vec<&Mount>) =
        mounts.iter().partition(|mount| is_second(mount, &facts.roots));
    let mut findings = Vec::new();
    if !again.is_empty() {
        let title = "Folders of the datasets are mounted a second time.";
        findings.push(
            Finding::refuse(ID, title)
                .detail(at_most(again.iter().map(|mount| line(mount))))
                .detail(["While they are, the dataset cannot be unmounted for the rollback."])
                .remedy(["Stop the jail or the zone that uses it."])
                .remedy(again.iter().map(|mount| umount(mount))),
        );
    }
    if below.is_empty() {
        return findings;
    }
    let title = "Other file systems are mounted below the datasets.";
    findings.push(
        Finding::refuse(ID, title)
            .detail(at_most(below.iter().map(|mount| line(mount))))
            .detail([
                "They are not in the snapshot, and while they are mounted the dataset cannot be \
                      unmounted for the rollback.",
            ])
            .remedy(below.iter().map(|mount| umount(mount)))
            .remedy([
                "Where the product needs it (a folder for temporary files in memory, for one), have \
                 it use a place outside of its data.",
            ]),
    );
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::Host;
    use super::*;
    use std::fs;

    #[test]
    fn mounts_below() {
        let mut facts = facts(Occasion::Upgrade);
        let mount = |source: &str, point: &str| Mount {
            id: 1,
            parent: 1,
            device: "0:1".into(),
            root: "/".into(),
            point: point.into(),
            fstype: "tmpfs".into(),
            source: source.into(),
            shared: None,
            master: None,
        };
        facts.foreign_mounts = Ok(vec![mount("tmpfs", "/srv/db/my tmp")]);
        insta::assert_snapshot!(show(&mounts(&facts)), @r"
            refused: Other file systems are mounted below the datasets. [foreign-mount]
                     tmpfs (tmpfs) at /srv/db/my tmp
                     They are not in the snapshot, and while they are mounted the dataset cannot be unmounted for the rollback.
              to do: umount '/srv/db/my tmp'
                     Where the product needs it (a folder for temporary files in memory, for one), have it use a place outside of its data.
            ");
        let of_jail = Mount { fstype: "nullfs".into(), ..mount("/srv/db/sub", "/jails/a/db") };
        facts.foreign_mounts = Ok(vec![of_jail]);
        insta::assert_snapshot!(show(&mounts(&facts)), @r"
            refused: Folders of the datasets are mounted a second time. [foreign-mount]
                     /srv/db/sub (nullfs) at /jails/a/db
                     While they are, the dataset cannot be unmounted for the rollback.
              to do: Stop the jail or the zone that uses it.
                     umount /jails/a/db
            ");
        facts.foreign_mounts = Err("gone".into());
        insta::assert_snapshot!(show(&mounts(&facts)), @r"
            refused: The mounts could not be read. [foreign-mount]
                     gone
            ");
    }

    #[test]
    fn a_child_of_other_use_that_is_mounted_by_hand() {
        let host = Host::new();
        let child: Dataset = "tank/db/extra".parse().expect("name");
        let legacy = [("mountpoint", "legacy")];
        host.engine.create(&child, crate::zfs::DatasetKind::Filesystem, &legacy).expect("created");
        let at = host.root.display();
        let table = fs::read_to_string(host.root.join("proc/self/mountinfo")).expect("read");
        host.write("db/extra/.keep", "");
        host.write(
            "proc/self/mountinfo",
            &format!("{table}4 2 0:50 / {at}/db/extra rw - zfs tank/db/extra rw\n"),
        );
        let facts = host.gather(Occasion::Downgrade { in_place: false }, |sources| {
            sources.ours = vec![
                ("tank/db@s".parse().expect("name"), crate::zfs::Guid(1)),
                ("tank/db/log@s".parse().expect("name"), crate::zfs::Guid(2)),
            ];
        });
        let left = facts.roots.iter().flat_map(|root| &root.left);
        assert_eq!(left.map(|left| left.info.name.as_str()).collect::<Vec<_>>(), ["tank/db/extra"]);
        let foreign = facts.foreign_mounts.as_ref().expect("read");
        assert_eq!(
            foreign.iter().map(|it| it.source.as_str()).collect::<Vec<_>>(),
            ["tank/db/extra"]
        );
    }

    #[test]
    fn a_mount_below_and_one_on_top() {
        let host = Host::new();
        let at = host.root.display();
        let table = fs::read_to_string(host.root.join("proc/self/mountinfo")).expect("read");
        host.write(
            "proc/self/mountinfo",
            &format!(
                "{table}4 2 0:50 / {at}/db/tmp rw - tmpfs tmpfs rw\n5 2 0:51 / \
                {at}/db/.zfs/snapshot/x rw - zfs tank/db@x rw\n6 3 0:52 / {at}/db/log rw - zfs \
                tank/other rw\n7 1 0:53 / /jails/a/db rw - nullfs {at}/db/sub rw\n8 1 0:54 / \
                /jails/a/etc rw - nullfs /etc rw\n"
            ),
        );
        let facts = host.gather(Occasion::Check, |_| {});
        let foreign: Vec<&str> = facts
            .foreign_mounts
            .as_ref()
            .expect("read")
            .iter()
            .map(|mount| mount.source.as_str())
            .collect();
        assert_eq!(foreign, ["tmpfs", "tank/other", &format!("{at}/db/sub")]);
        let hidden: Vec<_> =
            facts.datasets().filter_map(|dataset| dataset.hidden_by.as_deref()).collect();
        assert_eq!(hidden, ["tank/other (zfs)"]);
    }
}
