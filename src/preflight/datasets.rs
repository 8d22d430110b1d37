//! The datasets themselves.

use super::Finding;
use super::facts::{DatasetFact, Facts, Place};
use crate::host::quote::quote;
use crate::playbook::site::RollbackChoice;
use crate::zfs::{ENDING_ASIDE, ENDING_CANDIDATE, ENDING_UNDONE, MAX_NAME};

/// Each of the site's datasets is there.
pub(super) fn exist(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.roots.is_empty() && facts.way.is_zfs() {
        findings.push(
            Finding::refuse("dataset-missing", "the site file names no dataset").remedy(["Set `datasets` in the site file: zfs list"]),
        );
    }
    for root in &facts.roots {
        let finding = match &root.tree {
            Ok(Some(_)) => continue,
            Ok(None) => Finding::refuse("dataset-missing", format!("there is no dataset {}", root.name))
                .remedy([format!("zfs list -r {}", quote(root.name.pool().as_str())), "Correct `datasets` in the site file.".to_owned()]),
            Err(why) => Finding::refuse("dataset-missing", format!("dataset {} could not be read", root.name)).detail([why.clone()]),
        };
        findings.push(finding);
    }
    findings
}

/// Mounted where it should be, with its key, to be written.
pub(super) fn state(facts: &Facts) -> Vec<Finding> {
    facts.datasets().flat_map(one).collect()
}

fn one(dataset: &DatasetFact) -> Vec<Finding> {
    let name = &dataset.name;
    let word = quote(name.as_str());
    let mut findings = Vec::new();
    if dataset.keystatus.as_deref() == Some("unavailable") {
        findings.push(
            Finding::refuse("key", format!("the encryption key of {name} is not loaded"))
                .remedy([format!("zfs load-key -r {}", quote(name.pool().as_str())), format!("zfs mount {word}")]),
        );
        return findings;
    }
    if dataset.readonly {
        findings.push(
            Finding::refuse("readonly", format!("{name} is read-only"))
                .detail(["A replica is read-only on purpose: then this is the wrong host."])
                .remedy([format!("zfs set readonly=off {word}")]),
        );
    }
    if dataset.volume {
        return findings;
    }
    let Some(mountpoint) = &dataset.mountpoint else {
        if let Some(place) = dataset.mounted_at.first() {
            let place = quote(&place.display().to_string());
            findings.push(
                Finding::refuse("legacy-mount", format!("{name} is mounted by /etc/fstab or by hand, not by ZFS"))
                    .detail(["Its mountpoint is `legacy`: neither `zfs mount` nor `zfs unmount` works on it."])
                    .remedy([
                        format!("Remove the line of {name} from /etc/fstab, stop the service, then:"),
                        format!("umount {place}"),
                        format!("zfs set mountpoint={place} {word}"),
                    ]),
            );
        }
        // Not mounted and not to be: a node of the tree. If data should lie on it, the check of the data paths says so.
        return findings;
    };
    let place = mountpoint.display();
    if let Some(cover) = &dataset.hidden_by {
        findings.push(
            Finding::refuse("hidden", format!("{name} is mounted at {place}, but {cover} lies over it"))
                .detail(["The service sees the upper one; a snapshot of the lower one would not be of its data."])
                .remedy([format!("umount {}", quote(&place.to_string())), "findmnt --real".to_owned()]),
        );
    } else if !dataset.mounted {
        match dataset.canmount.as_str() {
            "off" => {}
            "noauto" => findings.push(
                Finding::warn("not-mounted", format!("{name} is not mounted (canmount=noauto)"))
                    .detail(["It goes back with the others, but nothing in it can be seen now."])
                    .remedy([format!("zfs mount {word}")]),
            ),
            _ => findings
                .push(Finding::refuse("not-mounted", format!("{name} is not mounted at {place}")).remedy([format!("zfs mount {word}")])),
        }
    } else if !dataset.mounted_at.is_empty() && !dataset.mounted_at.contains(mountpoint) {
        let elsewhere = dataset.mounted_at.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        findings.push(
            Finding::warn("mounted-elsewhere", format!("{name} is mounted at {elsewhere}, not at its mountpoint {place}"))
                .detail(["After the rollback it would be mounted at its mountpoint."])
                .remedy([format!("zfs set mountpoint={} {word}", quote(&elsewhere))]),
        );
    }
    if dataset.mounted && dataset.canmount != "on" {
        findings.push(
            Finding::warn("canmount", format!("{name} is mounted, but has canmount={}", dataset.canmount))
                .detail(["After a reboot it is not mounted by itself. It will be left with this value."])
                .remedy([format!("zfs set canmount=on {word}")]),
        );
    }
    findings
}

/// What a site file said while `auto` could mean in place.
pub(super) fn auto(facts: &Facts) -> Vec<Finding> {
    if facts.rollback != RollbackChoice::Auto {
        return Vec::new();
    }
    let title = "rollback = \"auto\" in the site file means \"keep\" now";
    let detail = ["The upgraded state is kept beside the restored one. In place, which destroys it, is chosen by name alone."];
    let remedy = ["Remove this line from the site file, or write rollback = \"keep\"."];
    vec![Finding::warn("rollback-auto", title).detail(detail).remedy(remedy)]
}

/// How the upgraded state is given up by name.
fn let_go(facts: &Facts) -> String {
    let how = if facts.occasion.is_downgrade() { "backout downgrade --in-place" } else { "rollback = \"in-place\" in the site file" };
    format!("Or let the upgraded state go: {how}")
}

/// What the rollback that keeps the upgraded state cannot do. That one renames; a pool's own dataset cannot be renamed (`zfs-rename(8)`).
pub(super) fn keep(facts: &Facts) -> Vec<Finding> {
    if facts.in_place() {
        return Vec::new();
    }
    let finding = |dataset: &DatasetFact| {
        if dataset.name.as_str().contains('/') {
            return None;
        }
        let title = format!("{} is the pool itself: the upgraded state cannot be kept beside the restored one", dataset.name);
        let remedy = ["Put the data on a dataset below it.".to_owned(), let_go(facts)];
        let so = ["A pool's own dataset cannot be renamed."];
        Some(Finding::refuse("pool-root", title).detail(so).remedy(remedy))
    };
    facts.datasets().filter_map(finding).collect()
}

/// The names that the keeping rollback gives are free: found taken after the stop, it would halt half-way.
pub(super) fn beside(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "name-beside";
    if facts.in_place() {
        return Vec::new();
    }
    let new = |title: String| Finding::refuse(ID, title);
    let mut findings = Vec::new();
    for other in facts.roots.iter().flat_map(|root| &root.beside) {
        match other {
            Err(why) => findings
                .push(new("the upgraded state cannot be kept beside the restored one: no name for it".to_owned()).detail([why.clone()])),
            Ok(other) if other.change.is_some() && other.change == facts.change => {}
            Ok(other) => {
                let of = match &other.change {
                    Some(change) => format!("It is left from the change {change}."),
                    None => "backout did not make it.".to_owned(),
                };
                let word = quote(other.name.as_str());
                let remedy = match &other.change {
                    Some(change) => format!("backout commit --change {change}   # removes it"),
                    None => format!("zfs rename {word} {}", quote(&format!("{}-old", other.name))),
                };
                findings.push(
                    new(format!("there is a dataset {}: the rollback that keeps both states needs this name", other.name))
                        .detail([of])
                        .remedy([remedy, let_go(facts)]),
                );
            }
        }
    }
    // A rename renames children and snapshots with it, and is refused when one of the names gets too long.
    let longest = [ENDING_ASIDE, ENDING_UNDONE, ENDING_CANDIDATE].iter().map(|ending| ending.len()).max().unwrap_or_default();
    let snapshots = facts.datasets().flat_map(|dataset| dataset.snapshots.iter().flatten()).map(|snapshot| snapshot.name.as_str());
    let names = facts.datasets().map(|dataset| dataset.name.as_str()).chain(snapshots);
    for name in names.filter(|name| name.len() + longest > MAX_NAME) {
        findings.push(
            new("the upgraded state cannot be kept beside the restored one: a name would be too long".to_owned())
                .detail([format!("{name} would get {longest} bytes more; ZFS takes {MAX_NAME}.")])
                .remedy([format!("zfs rename {} …", quote(name)), let_go(facts)]),
        );
    }
    findings
}

/// Snapshots and rollbacks are atomic in a pool only (`zfs-snapshot(8)`).
pub(super) fn pools(facts: &Facts) -> Vec<Finding> {
    if facts.pools.len() < 2 {
        return Vec::new();
    }
    let names: Vec<String> = facts.pools.iter().map(|pool| pool.name.to_string()).collect();
    vec![Finding::warn("several-pools", format!("the datasets are on {} pools", names.len())).detail([
        names.join(", "),
        "All of one pool are snapshot at one instant, the pools one after the other; the service is stopped meanwhile.".to_owned(),
    ])]
}

/// The system must not go back with the data.
pub(super) fn system(facts: &Facts) -> Vec<Finding> {
    let on = |place: &Place| place.on.as_ref().ok()?.dataset.clone().filter(|dataset| facts.goes_back(dataset));
    let mut lines = Vec::new();
    for place in &facts.system {
        if let Some(dataset) = on(place) {
            lines.push(format!("{} lies on {dataset}", place.path.display()));
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::refuse("system", "a dataset that would be rolled back holds parts of the system")
            .detail(lines)
            .remedy(["Give the service's data a dataset of its own, and name only that in the site file."]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::facts::{CloneFact, Lies, PoolFact, Role};
    use super::super::fixture::{self, facts, show};
    use super::*;

    fn with(change: impl Fn(&mut DatasetFact)) -> String {
        let mut facts = facts(Occasion::Upgrade);
        change(fixture::dataset(&mut facts, 0));
        show(&state(&facts))
    }

    #[test]
    fn missing() {
        let mut facts = facts(Occasion::Check);
        facts.roots[0].tree = Ok(None);
        insta::assert_snapshot!(show(&exist(&facts)), @r"
            refused: there is no dataset tank/db [dataset-missing]
              to do: zfs list -r tank
                     Correct `datasets` in the site file.
            ");
        facts.roots[0].tree = Err("permission denied".into());
        insta::assert_snapshot!(show(&exist(&facts)), @r"
            refused: dataset tank/db could not be read [dataset-missing]
                     permission denied
            ");
        facts.roots.clear();
        insta::assert_snapshot!(show(&exist(&facts)), @r"
            refused: the site file names no dataset [dataset-missing]
              to do: Set `datasets` in the site file: zfs list
            ");
    }

    #[test]
    fn states() {
        insta::assert_snapshot!(with(|d| d.keystatus = Some("unavailable".into())), @r"
            refused: the encryption key of tank/db is not loaded [key]
              to do: zfs load-key -r tank
                     zfs mount tank/db
            ");
        assert_eq!(with(|d| d.keystatus = Some("available".into())), "");
        insta::assert_snapshot!(with(|d| d.readonly = true), @r"
            refused: tank/db is read-only [readonly]
                     A replica is read-only on purpose: then this is the wrong host.
              to do: zfs set readonly=off tank/db
            ");
        insta::assert_snapshot!(with(|d| d.mountpoint = None), @r"
            refused: tank/db is mounted by /etc/fstab or by hand, not by ZFS [legacy-mount]
                     Its mountpoint is `legacy`: neither `zfs mount` nor `zfs unmount` works on it.
              to do: Remove the line of tank/db from /etc/fstab, stop the service, then:
                     umount /srv/db
                     zfs set mountpoint=/srv/db tank/db
            ");
        insta::assert_snapshot!(with(|d| d.hidden_by = Some("tmpfs (tmpfs)".into())), @r"
            refused: tank/db is mounted at /srv/db, but tmpfs (tmpfs) lies over it [hidden]
                     The service sees the upper one; a snapshot of the lower one would not be of its data.
              to do: umount /srv/db
                     findmnt --real
            ");
        let unmount = |d: &mut DatasetFact, canmount: &str| {
            d.mounted = false;
            d.mounted_at.clear();
            d.canmount = canmount.into();
        };
        insta::assert_snapshot!(with(|d| unmount(d, "on")), @r"
            refused: tank/db is not mounted at /srv/db [not-mounted]
              to do: zfs mount tank/db
            ");
        insta::assert_snapshot!(with(|d| unmount(d, "noauto")), @r"
            warning: tank/db is not mounted (canmount=noauto) [not-mounted]
                     It goes back with the others, but nothing in it can be seen now.
              to do: zfs mount tank/db
            ");
        assert_eq!(with(|d| unmount(d, "off")), "");
        insta::assert_snapshot!(with(|d| d.mounted_at = vec!["/mnt".into()]), @r"
            warning: tank/db is mounted at /mnt, not at its mountpoint /srv/db [mounted-elsewhere]
                     After the rollback it would be mounted at its mountpoint.
              to do: zfs set mountpoint=/mnt tank/db
            ");
        insta::assert_snapshot!(with(|d| d.canmount = "noauto".into()), @r"
            warning: tank/db is mounted, but has canmount=noauto [canmount]
                     After a reboot it is not mounted by itself. It will be left with this value.
              to do: zfs set canmount=on tank/db
            ");
        assert_eq!(with(|d| *d = DatasetFact { volume: true, mountpoint: None, mounted: false, mounted_at: Vec::new(), ..d.clone() }), "");
    }

    #[test]
    fn the_pool_itself() {
        let mut facts = facts(Occasion::Check);
        fixture::dataset(&mut facts, 0).name = "tank".parse().expect("name");
        insta::assert_snapshot!(show(&keep(&facts)), @r#"
            refused: tank is the pool itself: the upgraded state cannot be kept beside the restored one [pool-root]
                     A pool's own dataset cannot be renamed.
              to do: Put the data on a dataset below it.
                     Or let the upgraded state go: rollback = "in-place" in the site file
            "#);
        let said = keep(&facts);
        facts.rollback = RollbackChoice::Auto;
        assert_eq!(keep(&facts), said);
        facts.rollback = RollbackChoice::InPlace;
        assert!(keep(&facts).is_empty());
    }

    #[test]
    fn s4_what_once_chose_in_place_by_itself_is_said() {
        let mut facts = facts(Occasion::Check);
        assert!(auto(&facts).is_empty());
        facts.rollback = RollbackChoice::Auto;
        insta::assert_snapshot!(show(&auto(&facts)), @r#"
            warning: rollback = "auto" in the site file means "keep" now [rollback-auto]
                     The upgraded state is kept beside the restored one. In place, which destroys it, is chosen by name alone.
              to do: Remove this line from the site file, or write rollback = "keep".
            "#);
    }

    #[test]
    fn names_taken() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        let other = |name: &str, change: Option<&str>| Ok(CloneFact { name: name.parse().expect("name"), change: change.map(Into::into) });
        facts.roots[0].beside = vec![other("tank/db.new", Some("c1")), other("tank/db.failed", Some("c0")), other("tank/db.undone", None)];
        insta::assert_snapshot!(show(&beside(&facts)), @r"
            refused: there is a dataset tank/db.failed: the rollback that keeps both states needs this name [name-beside]
                     It is left from the change c0.
              to do: backout commit --change c0   # removes it
                     Or let the upgraded state go: backout downgrade --in-place

            refused: there is a dataset tank/db.undone: the rollback that keeps both states needs this name [name-beside]
                     backout did not make it.
              to do: zfs rename tank/db.undone tank/db.undone-old
                     Or let the upgraded state go: backout downgrade --in-place
            ");
        facts.occasion = Occasion::Check;
        assert!(beside(&facts).iter().all(|finding| finding.severity == super::super::Severity::Refuse));
        facts.rollback = RollbackChoice::InPlace;
        assert!(beside(&facts).is_empty());
    }

    #[test]
    fn names_too_long() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        let dataset = fixture::dataset(&mut facts, 0);
        let snapshots = dataset.snapshots.as_mut().expect("read");
        let long = |bytes: usize| format!("tank/db@{}", "x".repeat(bytes - "tank/db@".len())).parse().expect("a name");
        snapshots[0].name = long(MAX_NAME - 7);
        assert!(beside(&facts).is_empty());
        let dataset = fixture::dataset(&mut facts, 0);
        dataset.snapshots.as_mut().expect("read")[0].name = long(MAX_NAME - 6);
        let found = beside(&facts);
        assert_eq!((found.len(), found[0].severity), (1, super::super::Severity::Refuse));
        assert!(found[0].detail[0].ends_with("would get 7 bytes more; ZFS takes 255."));
        facts.rollback = RollbackChoice::InPlace;
        facts.occasion = Occasion::Check;
        assert!(beside(&facts).is_empty());
    }

    #[test]
    fn two_pools() {
        let mut facts = facts(Occasion::Check);
        facts.pools.push(PoolFact { name: "fast".parse().expect("name"), ..facts.pools[0].clone() });
        insta::assert_snapshot!(show(&pools(&facts)), @r"
            warning: the datasets are on 2 pools [several-pools]
                     tank, fast
                     All of one pool are snapshot at one instant, the pools one after the other; the service is stopped meanwhile.
            ");
    }

    #[test]
    fn the_system_on_it() {
        let mut facts = facts(Occasion::Check);
        let lies =
            Lies { mount: "/".into(), fstype: "zfs".into(), source: "tank/db".into(), dataset: Some("tank/db".parse().expect("name")) };
        let place = |path: &str| Place {
            role: Role::System,
            path: path.into(),
            nearest: path.into(),
            on: Ok(lies.clone()),
            free: Ok(0),
            others: None,
        };
        facts.system = vec![place("/"), place("/var/lib/dpkg")];
        insta::assert_snapshot!(show(&system(&facts)), @r"
            refused: a dataset that would be rolled back holds parts of the system [system]
                     / lies on tank/db
                     /var/lib/dpkg lies on tank/db
              to do: Give the service's data a dataset of its own, and name only that in the site file.
            ");
    }
}
