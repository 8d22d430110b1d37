//! Does all data lie on the datasets, and only on them? (A snapshot that misses a part of it is worth nothing.)

use super::Finding;
use super::facts::{DataPath, Facts};
use super::text::at_most;

/// Each data path lies on one of the site's datasets.
pub(super) fn paths(facts: &Facts) -> Vec<Finding> {
    facts.data.iter().filter_map(|data| path(facts, data)).collect()
}

fn path(facts: &Facts, data: &DataPath) -> Option<Finding> {
    const ID: &str = "data-path";
    let path = &data.path;
    let real = match &data.real {
        Ok(real) => real,
        Err(why) => {
            return Some(
                Finding::refuse(ID, format!("the data path {path} cannot be followed"))
                    .detail([why.clone()])
                    .remedy(["Correct the path in the site file's variables, or mount its dataset."]),
            );
        }
    };
    let on = match &data.on {
        Ok(on) => on,
        Err(why) => return Some(Finding::refuse(ID, format!("what {path} lies on could not be found out")).detail([why.clone()])),
    };
    let followed = if real.as_os_str() == path.as_str() { String::new() } else { format!("{path} leads to {}. ", real.display()) };
    match &on.dataset {
        _ if !facts.way.is_zfs() => None,
        Some(dataset) if facts.goes_back(dataset) => None,
        Some(dataset) => Some(
            Finding::refuse(ID, format!("{path} lies on {dataset}, which the site file does not name"))
                .detail([format!("{followed}It would neither be in the snapshot nor go back.")])
                .remedy([format!("Add \"{dataset}\" to `datasets` in the site file.")]),
        ),
        None => Some(
            Finding::refuse(ID, format!("{path} does not lie on ZFS"))
                .detail([format!("{followed}It lies on {} ({}), mounted at {}.", on.source, on.fstype, on.mount.display())])
                .remedy(["Move it to a dataset of its own, with the service stopped, and name that in the site file."]),
        ),
    }
}

/// What must not go back with the data lies elsewhere: rolled back, it would lose what came in since.
pub(super) fn outside(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "outside";
    let finding = |it: &DataPath| match (&it.real, &it.on) {
        (Err(why), _) => Some(
            Finding::refuse(ID, format!("{} cannot be followed, and must not go back with the data", it.path))
                .detail([why.clone()])
                .remedy(["Correct the path in the site file's variables."]),
        ),
        (_, Err(why)) => Some(Finding::refuse(ID, format!("what {} lies on could not be found out", it.path)).detail([why.clone()])),
        (_, Ok(on)) => {
            let dataset = on.dataset.as_ref().filter(|dataset| facts.goes_back(dataset))?;
            Some(
                Finding::refuse(ID, format!("{} lies on {dataset}, and must not go back with the data", it.path))
                    .detail(["What came in there since the snapshot would be lost."])
                    .remedy([
                        "Move it to a dataset of its own that the site file does not name, or to another disk, with the service stopped.",
                    ]),
            )
        }
    };
    facts.outside.iter().filter_map(finding).collect()
}

/// Each of the site's datasets holds data of the product: a name mistyped would roll back someone else's.
pub(super) fn idle(facts: &Facts) -> Vec<Finding> {
    let on: Vec<_> = facts.data.iter().filter_map(|data| data.on.as_ref().ok()?.dataset.as_ref()).collect();
    let mut findings = Vec::new();
    for root in &facts.roots {
        let Ok(Some(tree)) = &root.tree else { continue };
        // A volume given to the product as a device has no path.
        if tree.iter().any(|dataset| dataset.volume) || on.iter().any(|dataset| dataset.is_within(&root.name)) {
            continue;
        }
        // Mounted inside the data, such as a partition of its own.
        let inside =
            |place: &std::path::PathBuf| facts.data.iter().any(|data| data.real.as_ref().is_ok_and(|real| place.starts_with(real)));
        if tree.iter().flat_map(|dataset| &dataset.mounted_at).any(inside) {
            continue;
        }
        findings.push(
            Finding::confirm("dataset-idle", format!("no data path lies on {}, but it would go back with the rest", root.name))
                .detail(["All that is written to it after the snapshot would be lost, and nothing brings it back."])
                .remedy([format!("Take \"{}\" out of `datasets` in the site file, or say yes.", root.name)])
                .about([root.name.to_string()]),
        );
    }
    findings
}

/// Links from the data to elsewhere, such as a tablespace.
pub(super) fn links(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "data-links";
    let mut findings = Vec::new();
    if !facts.links.is_empty() {
        let lines = facts.links.iter().map(|link| {
            let on = link.dataset.as_ref().map_or_else(String::new, |dataset| format!(" on {dataset}"));
            format!("{} -> {}{on}", link.link.display(), link.target.display())
        });
        let title = "links in the data lead to places that do not go back with it";
        let finding = if facts.occasion.is_downgrade() { Finding::warn(ID, title) } else { Finding::confirm(ID, title) };
        let mut datasets: Vec<String> = facts.links.iter().filter_map(|link| Some(link.dataset.as_ref()?.to_string())).collect();
        datasets.sort();
        datasets.dedup();
        let add = datasets.into_iter().map(|name| format!("Add \"{name}\" to `datasets` in the site file."));
        findings.push(
            finding
                .detail(at_most(lines))
                .remedy(add.chain(["If it is data (a tablespace, a linked folder), move it to the datasets; if not, say yes.".to_owned()]))
                .about(facts.links.iter().map(|link| link.link.display().to_string())),
        );
    }
    if !facts.links_unsearched.is_empty() {
        findings.push(
            Finding::warn(ID, "folders too large to be searched for links to the end")
                .detail(facts.links_unsearched.iter().cloned())
                .remedy(facts.links_unsearched.iter().map(|path| format!("find {} -type l", crate::host::quote::quote(path)))),
        );
    }
    findings
}

/// Other file systems mounted below the datasets: they do not go back, and a dataset under a mount cannot be unmounted.
pub(super) fn mounts(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "foreign-mount";
    let mounts = match &facts.foreign_mounts {
        Ok(mounts) if mounts.is_empty() => return Vec::new(),
        Ok(mounts) => mounts,
        Err(why) => return vec![Finding::refuse(ID, "the mounts could not be read").detail([why.clone()])],
    };
    let title = "other file systems are mounted below the datasets";
    let finding = if facts.occasion.is_downgrade() { Finding::refuse(ID, title) } else { Finding::warn(ID, title) };
    vec![
        finding
            .detail(at_most(mounts.iter().map(|mount| format!("{} ({}) at {}", mount.source, mount.fstype, mount.point.display()))))
            .detail(["They are not in the snapshot, and as long as they are mounted the dataset cannot be unmounted for the rollback."])
            .remedy(mounts.iter().map(|mount| format!("umount {}", crate::host::quote::quote(&mount.point.display().to_string())))),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::facts::LinkOut;
    use super::super::fixture::{facts, lies, show};
    use super::*;
    use crate::host::mounts::Mount;

    #[test]
    fn off_the_datasets() {
        let mut facts = facts(Occasion::Check);
        facts.data[0].on = Ok(lies("/srv", "tank/srv"));
        facts.data[0].real = Ok("/srv/real".into());
        insta::assert_snapshot!(show(&paths(&facts)), @r#"
            refused: /srv/db lies on tank/srv, which the site file does not name [data-path]
                     /srv/db leads to /srv/real. It would neither be in the snapshot nor go back.
              to do: Add "tank/srv" to `datasets` in the site file.
            "#);
        facts.data[0].on = Ok(lies("/", "/dev/vda1"));
        facts.data[0].real = Ok("/srv/db".into());
        insta::assert_snapshot!(show(&paths(&facts)), @r"
            refused: /srv/db does not lie on ZFS [data-path]
                     It lies on /dev/vda1 (ext4), mounted at /.
              to do: Move it to a dataset of its own, with the service stopped, and name that in the site file.
            ");
        facts.data[0].real = Err("No such file or directory (os error 2)".into());
        insta::assert_snapshot!(show(&paths(&facts)), @r"
            refused: the data path /srv/db cannot be followed [data-path]
                     No such file or directory (os error 2)
              to do: Correct the path in the site file's variables, or mount its dataset.
            ");
        facts.data[0].on = Ok(lies("/srv/db/log", "tank/db/log"));
        facts.data[0].real = Ok("/srv/db".into());
        assert!(paths(&facts).is_empty(), "a child goes back too");
    }

    #[test]
    fn what_must_not_go_back_lies_on_what_goes_back() {
        let mut facts = facts(Occasion::Check);
        facts.outside[0].on = Ok(lies("/srv/db", "tank/db"));
        insta::assert_snapshot!(show(&outside(&facts)), @r"
            refused: /srv/queue lies on tank/db, and must not go back with the data [outside]
                     What came in there since the snapshot would be lost.
              to do: Move it to a dataset of its own that the site file does not name, or to another disk, with the service stopped.
            ");
        facts.outside[0].on = Ok(lies("/srv/queue", "tank/queue"));
        assert!(outside(&facts).is_empty(), "a dataset of its own stays");
        facts.outside[0].real = Err("No such file or directory (os error 2)".into());
        insta::assert_snapshot!(show(&outside(&facts)), @r"
            refused: /srv/queue cannot be followed, and must not go back with the data [outside]
                     No such file or directory (os error 2)
              to do: Correct the path in the site file's variables.
            ");
    }

    #[test]
    fn a_dataset_without_data() {
        let mut facts = facts(Occasion::Check);
        facts.roots.push(facts.roots[0].clone());
        facts.roots[1].name = "tank/home".parse().expect("name");
        assert!(idle(&facts).is_empty(), "what is mounted inside the data holds data");
        for dataset in facts.roots[1].tree.as_mut().expect("read").as_mut().expect("there") {
            dataset.mounted_at = vec!["/home".into()];
        }
        insta::assert_snapshot!(show(&idle(&facts)), @r#"
            confirm: no data path lies on tank/home, but it would go back with the rest [dataset-idle]
                     All that is written to it after the snapshot would be lost, and nothing brings it back.
              to do: Take "tank/home" out of `datasets` in the site file, or say yes.
            "#);
    }

    #[test]
    fn links_out() {
        let mut facts = facts(Occasion::Upgrade);
        let dataset = "fast/space".parse().ok();
        facts.links = vec![LinkOut { link: "/srv/db/pg_tblspc/16400".into(), target: "/fast/space".into(), dataset }];
        facts.links_unsearched = vec!["/srv/db".into()];
        insta::assert_snapshot!(show(&links(&facts)), @r#"
            confirm: links in the data lead to places that do not go back with it [data-links]
                     /srv/db/pg_tblspc/16400 -> /fast/space on fast/space
              to do: Add "fast/space" to `datasets` in the site file.
                     If it is data (a tablespace, a linked folder), move it to the datasets; if not, say yes.

            warning: folders too large to be searched for links to the end [data-links]
                     /srv/db
              to do: find /srv/db -type l
            "#);
    }

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
            warning: other file systems are mounted below the datasets [foreign-mount]
                     tmpfs (tmpfs) at /srv/db/my tmp
                     They are not in the snapshot, and as long as they are mounted the dataset cannot be unmounted for the rollback.
              to do: umount '/srv/db/my tmp'
            ");
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert_eq!(mounts(&facts)[0].severity, super::super::Severity::Refuse);
        facts.foreign_mounts = Err("gone".into());
        insta::assert_snapshot!(show(&mounts(&facts)), @r"
            refused: the mounts could not be read [foreign-mount]
                     gone
            ");
    }
}
