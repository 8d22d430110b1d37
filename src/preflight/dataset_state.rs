//! Whether each dataset is as a snapshot and a rollback need it.

use std::path::{Path, PathBuf};

use super::datasets::DatasetFact;
use super::{Facts, Finding, Kind};
use crate::host::quote::quote;

/// Checks that each is mounted in its place, with its key loaded, and writable.
pub(super) fn state(facts: &Facts) -> Vec<Finding> {
    facts.datasets().flat_map(one).collect()
}

fn one(dataset: &DatasetFact) -> Vec<Finding> {
    let name = &dataset.info.name;
    let word = quote(name.as_str());
    let mut findings = Vec::new();
    if dataset.info.keystatus.as_deref() == Some("unavailable") {
        findings.push(
            Finding::refuse(Kind::Key, format!("The encryption key of {name} is not loaded."))
                .remedy([
                    format!("zfs load-key -r {}", quote(name.pool().as_str())),
                    format!("zfs mount {word}"),
                ]),
        );
        return findings;
    }
    if dataset.info.readonly {
        findings.push(
            Finding::refuse(Kind::Readonly, format!("{name} is read-only."))
                .detail([
                    "A replica is read-only on purpose. If it is one, this is the wrong host.",
                ])
                .remedy([format!("zfs set readonly=off {word}")]),
        );
    }
    if dataset.is_volume() {
        return findings;
    }
    let Some(mountpoint) = &dataset.info.mountpoint else {
        if let Some(place) = dataset.mounted_at.first() {
            let place = quote(place);
            findings.push(
                Finding::refuse(
                    Kind::LegacyMount,
                    format!(
                        "{name} is mounted by /etc/fstab or by \
                    hand, not by ZFS."
                    ),
                )
                .detail(["Its mountpoint is `legacy`: neither `zfs mount` nor `zfs unmount` \
                        works on it."])
                .remedy([
                    format!(
                        "Remove the line of {name} from /etc/fstab, stop the service, \
                            then:"
                    ),
                    format!("umount {place}"),
                    format!("zfs set mountpoint={place} {word}"),
                ]),
            );
        }
        // Not meant to be mounted: only a node of the tree. If data should be on it, the check of
        // the data paths says so.
        return findings;
    };
    let place = mountpoint.display();
    if let Some(cover) = &dataset.hidden_by {
        findings.push(
            Finding::refuse(
                Kind::Hidden,
                format!(
                    "{name} is mounted at {place}, but {cover} is \
                mounted over it."
                ),
            )
            .detail(["The service sees the upper one; a snapshot of the lower one would not \
                    hold its data."])
            .remedy([format!("umount {}", quote(mountpoint)), "findmnt --real".to_owned()]),
        );
    } else if !dataset.info.mounted {
        match dataset.info.canmount.as_str() {
            "off" => {}
            "noauto" => findings.push(
                Finding::warn(
                    Kind::NotMounted,
                    format!("{name} is not mounted (canmount=noauto)."),
                )
                .detail([
                    "It is rolled back with the others, but what is in it cannot be checked now.",
                ])
                .remedy([format!("zfs mount {word}")]),
            ),
            _ => findings.push(
                Finding::refuse(Kind::NotMounted, format!("{name} is not mounted at {place}."))
                    .remedy([format!("zfs mount {word}")]),
            ),
        }
    } else {
        findings.extend(elsewhere(dataset, mountpoint));
    }
    if dataset.info.mounted && dataset.info.canmount != "on" {
        findings.push(
            Finding::warn(
                Kind::Canmount,
                format!("{name} is mounted, but has canmount={}.", dataset.info.canmount),
            )
            .detail(["It is not mounted automatically after a reboot. backout leaves this \
                    value as it is."])
            .remedy([format!("zfs set canmount=on {word}")]),
        );
    }
    findings
}

/// A second mount, such as a bind mount, outlives the unmount. After a downgrade that exchanges the
/// datasets, it would still show the upgraded data, and a server that sees its data there would
/// write to that.
fn elsewhere(dataset: &DatasetFact, mountpoint: &Path) -> Option<Finding> {
    let name = &dataset.info.name;
    let word = quote(name.as_str());
    let others: Vec<&PathBuf> =
        dataset.mounted_at.iter().filter(|place| *place != mountpoint).collect();
    let first = others.first()?;
    let list: Vec<String> = others.iter().map(|place| place.display().to_string()).collect();
    let (list, own) = (list.join(", "), mountpoint.display());
    let so = "After a downgrade that place would still show the upgraded data.";
    let finding = if dataset.mounted_at.iter().any(|place| place == mountpoint) {
        Finding::refuse(
            Kind::MountedElsewhere,
            format!("{name} is mounted at {list}, too, beside its mountpoint {own}."),
        )
    } else {
        Finding::refuse(
            Kind::MountedElsewhere,
            format!("{name} is mounted at {list}, not at its mountpoint {own}."),
        )
    };
    let mut remedy = vec![
        "Stop the service, and remove the mount from /etc/fstab or the unit that makes it, then:"
            .to_owned(),
    ];
    remedy.extend(others.iter().map(|place| format!("umount {}", quote(*place))));
    remedy.push(format!(
        "If the service needs its data at {}: zfs set mountpoint={} {word}",
        first.display(),
        quote(*first)
    ));
    remedy.push(format!(
        "Or, for a folder in it, a symbolic link: ln -s {own}/FOLDER {}",
        quote(*first)
    ));
    Some(finding.detail([so]).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{self, facts, show};
    use super::*;
    use crate::zfs::{DatasetInfo, DatasetKind};

    fn with(change: impl Fn(&mut DatasetFact)) -> String {
        let mut facts = facts(Occasion::Upgrade);
        change(fixture::dataset(&mut facts, 0));
        show(&state(&facts))
    }

    #[test]
    fn states() {
        insta::assert_snapshot!(with(|d| d.info.keystatus = Some("unavailable".into())), @r"
            refused: The encryption key of tank/db is not loaded. [key]
              to do: zfs load-key -r tank
                     zfs mount tank/db
            ");
        assert_eq!(with(|d| d.info.keystatus = Some("available".into())), "");
        insta::assert_snapshot!(with(|d| d.info.readonly = true), @r"
            refused: tank/db is read-only. [readonly]
                     A replica is read-only on purpose. If it is one, this is the wrong host.
              to do: zfs set readonly=off tank/db
            ");
        insta::assert_snapshot!(with(|d| d.info.mountpoint = None), @r"
            refused: tank/db is mounted by /etc/fstab or by hand, not by ZFS. [legacy-mount]
                     Its mountpoint is `legacy`: neither `zfs mount` nor `zfs unmount` works on it.
              to do: Remove the line of tank/db from /etc/fstab, stop the service, then:
                     umount /srv/db
                     zfs set mountpoint=/srv/db tank/db
            ");
        insta::assert_snapshot!(with(|d| d.hidden_by = Some("tmpfs (tmpfs)".into())), @r"
            refused: tank/db is mounted at /srv/db, but tmpfs (tmpfs) is mounted over it. [hidden]
                     The service sees the upper one; a snapshot of the lower one would not hold its data.
              to do: umount /srv/db
                     findmnt --real
            ");
        let unmount = |d: &mut DatasetFact, canmount: &str| {
            d.info.mounted = false;
            d.mounted_at.clear();
            d.info.canmount = canmount.into();
        };
        insta::assert_snapshot!(with(|d| unmount(d, "on")), @r"
            refused: tank/db is not mounted at /srv/db. [not-mounted]
              to do: zfs mount tank/db
            ");
        insta::assert_snapshot!(with(|d| unmount(d, "noauto")), @r"
            warning: tank/db is not mounted (canmount=noauto). [not-mounted]
                     It is rolled back with the others, but what is in it cannot be checked now.
              to do: zfs mount tank/db
            ");
        assert_eq!(with(|d| unmount(d, "off")), "");
        insta::assert_snapshot!(with(|d| d.mounted_at = vec!["/mnt".into()]), @r"
            refused: tank/db is mounted at /mnt, not at its mountpoint /srv/db. [mounted-elsewhere]
                     After a downgrade that place would still show the upgraded data.
              to do: Stop the service, and remove the mount from /etc/fstab or the unit that makes it, then:
                     umount /mnt
                     If the service needs its data at /mnt: zfs set mountpoint=/mnt tank/db
                     Or, for a folder in it, a symbolic link: ln -s /srv/db/FOLDER /mnt
            ");
        let bound = with(|d| d.mounted_at.push("/var/lib/db".into()));
        let title =
            "refused: tank/db is mounted at /var/lib/db, too, beside its mountpoint /srv/db.";
        assert!(bound.starts_with(title), "{bound}");
        insta::assert_snapshot!(with(|d| d.info.canmount = "noauto".into()), @r"
            warning: tank/db is mounted, but has canmount=noauto. [canmount]
                     It is not mounted automatically after a reboot. backout leaves this value as it is.
              to do: zfs set canmount=on tank/db
            ");
        assert_eq!(
            with(|d| *d = DatasetFact {
                info: DatasetInfo {
                    kind: DatasetKind::Volume,
                    mountpoint: None,
                    mounted: false,
                    ..d.info.clone()
                },
                mounted_at: Vec::new(),
                ..d.clone()
            }),
            ""
        );
    }
}
