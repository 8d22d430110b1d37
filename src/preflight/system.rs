//! The system must not go back with the data.

use std::path::Path;

use super::places::{self, Place};
use super::sources::Role;
use super::storage::StorageMap;
use super::{Facts, Finding, Kind};
use crate::host::files::stat_optional;

/// What must not go back with the data: the system, and the databases of package managers.
const SYSTEM: &[&str] =
    &["/", "/boot", "/etc", "/usr", "/var/lib/dpkg", "/var/lib/rpm", "/var/lib/systemd"];

/// Those of its parts that exist.
pub(super) fn gather(map: &StorageMap<'_>) -> Vec<Place> {
    let there =
        SYSTEM.iter().map(Path::new).filter(|path| !matches!(stat_optional(path), Ok(None)));
    there.map(|path| places::place(map, Role::System, path)).collect()
}

/// The system must not go back with the data.
pub(super) fn system(facts: &Facts) -> Vec<Finding> {
    let on = |place: &Place| {
        place.on.as_ref().ok()?.dataset.clone().filter(|dataset| facts.goes_back(dataset))
    };
    let mut lines = Vec::new();
    for place in &facts.system {
        if let Some(dataset) = on(place) {
            lines.push(format!("{} is on {dataset}", place.path.display()));
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::refuse(
            Kind::System,
            "A dataset that would be rolled back holds parts of the system.",
        )
        .detail(lines)
        .remedy([
            "Give the service's data a dataset of its own, and name only that in the site file.",
        ]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::storage::StorageLocation;
    use super::*;

    #[test]
    fn the_system_on_it() {
        let mut facts = facts(Occasion::Check);
        let lies = StorageLocation {
            mount: "/".into(),
            fstype: "zfs".into(),
            source: "tank/db".into(),
            dataset: Some("tank/db".parse().expect("name")),
        };
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
            refused: A dataset that would be rolled back holds parts of the system. [system]
                     / is on tank/db
                     /var/lib/dpkg is on tank/db
              to do: Give the service's data a dataset of its own, and name only that in the site file.
            ");
    }
}
