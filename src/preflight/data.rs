//! Checks that all data is on the datasets, and only there. A snapshot that misses a part of it is
//! worthless.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::datasets::DatasetFact;
use super::sources::Observed;
use super::storage::{StorageLocation, StorageMap};
use super::{Facts, Finding, Kind, Sources};
use crate::playbook::Template;

/// A path of the product's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataPath {
    /// As the playbook has it, with its variables filled in.
    pub path: String,
    /// All symbolic links followed.
    pub real: Observed<PathBuf>,
    /// What it lies on.
    pub on: Observed<StorageLocation>,
}

/// Resolves these paths of the playbook.
pub(super) fn gather(
    sources: &Sources<'_>,
    map: &StorageMap<'_>,
    paths: &[Template],
) -> Vec<DataPath> {
    let mut found: Vec<DataPath> = Vec::new();
    for path in paths.iter().map(|path| data_path(sources, map, path)) {
        // Two variables may have the same value.
        if !found.iter().any(|known| known.path == path.path) {
            found.push(path);
        }
    }
    found
}

fn data_path(sources: &Sources<'_>, map: &StorageMap<'_>, raw: &Template) -> DataPath {
    let path = match sources.text(raw) {
        Ok(path) => path,
        Err(why) => {
            return DataPath { path: raw.to_string(), real: Err(why.clone()), on: Err(why) };
        }
    };
    let real = Path::new(&path).canonicalize().map_err(|error| error.to_string());
    let on = real.as_ref().map_err(Clone::clone).and_then(|real| map.location(real));
    DataPath { path, real, on }
}

/// Checks that each data path is on one of the site's datasets.
pub(super) fn paths(facts: &Facts) -> Vec<Finding> {
    facts.data.iter().filter_map(|data| path(facts, data)).collect()
}

fn path(facts: &Facts, data: &DataPath) -> Option<Finding> {
    const ID: Kind = Kind::DataPath;
    let path = &data.path;
    let real = match &data.real {
        Ok(real) => real,
        Err(why) => {
            return Some(
                Finding::refuse(ID, format!("The data path {path} cannot be resolved."))
                    .detail([why.clone()])
                    .remedy([
                        "Correct the path in the site file's variables, or mount its dataset.",
                    ]),
            );
        }
    };
    let on = match &data.on {
        Ok(on) => on,
        Err(why) => {
            return Some(
                Finding::refuse(ID, format!("Cannot tell what {path} is stored on."))
                    .detail([why.clone()]),
            );
        }
    };
    let followed = if real.as_os_str() == path.as_str() {
        String::new()
    } else {
        format!("{path} resolves to {}. ", real.display())
    };
    match &on.dataset {
        _ if !facts.data_strategy.is_zfs() => None,
        Some(dataset) if facts.goes_back(dataset) => None,
        Some(dataset) => Some(
            Finding::refuse(
                ID,
                format!(
                    "{path} is on {dataset}, which the site file does not \
                name."
                ),
            )
            .detail([format!("{followed}It would be neither in the snapshot nor rolled back.")])
            .remedy([format!("Add \"{dataset}\" to `datasets` in the site file.")]),
        ),
        None => Some(
            Finding::refuse(ID, format!("{path} is not on ZFS."))
                .detail([format!(
                    "{followed}It is on {} ({}), mounted at {}.",
                    on.source,
                    on.fstype,
                    on.mount.display()
                )])
                .remedy([
                    "Stop the service, move the data to a dataset of its own, and name that \
                    in the site file.",
                ]),
        ),
    }
}

/// Checks that what must not go back is elsewhere. Rolled back, it would lose what arrived since.
pub(super) fn outside(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Outside;
    let finding = |it: &DataPath| match (&it.real, &it.on) {
        (Err(why), _) => Some(
            Finding::refuse(
                ID,
                format!(
                    "{} cannot be resolved; it must not be rolled back with the data.",
                    it.path
                ),
            )
            .detail([why.clone()])
            .remedy(["Correct the path in the site file's variables."]),
        ),
        (_, Err(why)) => Some(
            Finding::refuse(ID, format!("Cannot tell what {} is stored on.", it.path))
                .detail([why.clone()]),
        ),
        (_, Ok(on)) => {
            let dataset = on.dataset.as_ref().filter(|dataset| facts.goes_back(dataset))?;
            Some(
                Finding::refuse(
                    ID,
                    format!(
                        "{} is on {dataset}, but must not be rolled back with the data.",
                        it.path
                    ),
                )
                .detail(["What arrived there since the snapshot would be lost."])
                .remedy([
                    "Stop the service, and move it to another disk, or to a dataset that the site \
                          file does not name.",
                ]),
            )
        }
    };
    facts.outside.iter().filter_map(finding).collect()
}

/// Checks that each of the site's datasets holds data of the product. A mistyped name would roll
/// back somebody else's data.
pub(super) fn idle(facts: &Facts) -> Vec<Finding> {
    let on: Vec<_> =
        facts.data.iter().filter_map(|data| data.on.as_ref().ok()?.dataset.as_ref()).collect();
    let mut findings = Vec::new();
    for root in &facts.roots {
        let Ok(Some(tree)) = &root.tree else { continue };
        // A volume that the product uses as a device has no path.
        if tree.iter().any(DatasetFact::is_volume)
            || on.iter().any(|dataset| dataset.is_within(&root.name))
        {
            continue;
        }
        // Mounted inside the data, such as a partition of its own.
        let inside = |place: &PathBuf| {
            facts
                .data
                .iter()
                .any(|data| data.real.as_ref().is_ok_and(|real| place.starts_with(real)))
        };
        if tree.iter().flat_map(|dataset| &dataset.mounted_at).any(inside) {
            continue;
        }
        findings.push(
            Finding::confirm(
                Kind::DatasetIdle,
                format!(
                    "No data path is on {}, but it would be rolled back with the rest.",
                    root.name
                ),
            )
            .detail([
                "Everything written to it after the snapshot would be lost; nothing restores it.",
            ])
            .remedy([format!(
                "Remove \"{}\" from `datasets` in the site file, or confirm.",
                root.name
            )])
            .about([root.name.to_string()]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, location, show};
    use super::*;

    #[test]
    fn off_the_datasets() {
        let mut facts = facts(Occasion::Check);
        facts.data[0].on = Ok(location("/srv", "tank/srv"));
        facts.data[0].real = Ok("/srv/real".into());
        insta::assert_snapshot!(show(&paths(&facts)), @r#"
            refused: /srv/db is on tank/srv, which the site file does not name. [data-path]
                     /srv/db resolves to /srv/real. It would be neither in the snapshot nor rolled back.
              to do: Add "tank/srv" to `datasets` in the site file.
            "#);
        facts.data[0].on = Ok(location("/", "/dev/vda1"));
        facts.data[0].real = Ok("/srv/db".into());
        insta::assert_snapshot!(show(&paths(&facts)), @r"
            refused: /srv/db is not on ZFS. [data-path]
                     It is on /dev/vda1 (ext4), mounted at /.
              to do: Stop the service, move the data to a dataset of its own, and name that in the site file.
            ");
        facts.data[0].real = Err("No such file or directory (os error 2)".into());
        insta::assert_snapshot!(show(&paths(&facts)), @r"
            refused: The data path /srv/db cannot be resolved. [data-path]
                     No such file or directory (os error 2)
              to do: Correct the path in the site file's variables, or mount its dataset.
            ");
        facts.data[0].on = Ok(location("/srv/db/log", "tank/db/log"));
        facts.data[0].real = Ok("/srv/db".into());
        assert!(paths(&facts).is_empty(), "a child goes back too");
    }

    #[test]
    fn what_must_not_go_back_lies_on_what_goes_back() {
        let mut facts = facts(Occasion::Check);
        facts.outside[0].on = Ok(location("/srv/db", "tank/db"));
        insta::assert_snapshot!(show(&outside(&facts)), @r"
            refused: /srv/queue is on tank/db, but must not be rolled back with the data. [outside]
                     What arrived there since the snapshot would be lost.
              to do: Stop the service, and move it to another disk, or to a dataset that the site file does not name.
            ");
        facts.outside[0].on = Ok(location("/srv/queue", "tank/queue"));
        assert!(outside(&facts).is_empty(), "a dataset of its own stays");
        facts.outside[0].real = Err("No such file or directory (os error 2)".into());
        insta::assert_snapshot!(show(&outside(&facts)), @r"
            refused: /srv/queue cannot be resolved; it must not be rolled back with the data. [outside]
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
            confirm: No data path is on tank/home, but it would be rolled back with the rest. [dataset-idle]
                     Everything written to it after the snapshot would be lost; nothing restores it.
              to do: Remove "tank/home" from `datasets` in the site file, or confirm.
            "#);
    }
}
