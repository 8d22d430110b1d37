//! The places of everything that must outlive a rollback (S3).

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::full_backup::FullSize;
use super::sources::{Observed, Role};
use super::space::{LEAST, written};
use super::storage::{StorageLocation, StorageMap};
use super::text::size;
use super::{Facts, Finding, Kind};
use crate::host::disk;
use crate::host::files::stat_optional;
use crate::host::trust::{self, Distrust};

/// A folder that exists or will be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What it is for.
    pub role: Role,
    /// As it was given.
    pub path: PathBuf,
    /// The nearest folder that exists, links followed.
    pub nearest: PathBuf,
    /// What that lies on.
    pub on: Observed<StorageLocation>,
    /// Bytes free there.
    pub free: Observed<u64>,
    /// Who apart from root could change it, and what to do about that.
    pub others: Option<Others>,
}

/// A file or folder that others can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Others {
    /// What they could do.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
}

/// Looks at one place.
pub(super) fn place(map: &StorageMap<'_>, role: Role, path: &Path) -> Place {
    let nearest = path
        .ancestors()
        .find_map(|folder| folder.canonicalize().ok())
        .unwrap_or_else(|| PathBuf::from("/"));
    let free = disk::space(&nearest)
        .map(|space| space.free)
        .map_err(|error| format!("{}: {error}", nearest.display()));
    let there = path.ancestors().find(|folder| matches!(stat_optional(folder), Ok(Some(_))));
    let others = match trust::check_path(there.unwrap_or(&nearest)) {
        Ok(()) => None,
        Err(Distrust::Writable { path, why, remedy }) => {
            Some(Others { why: format!("{}: {why}", path.display()), remedy })
        }
        Err(error @ (Distrust::Read { .. } | Distrust::Link { .. })) => {
            Some(Others { why: error.to_string(), remedy: "See why, as root.".into() })
        }
    };
    Place { role, path: path.to_owned(), on: map.location(&nearest), nearest, free, others }
}

/// Checks that none of it is on a dataset that goes back.
pub(super) fn on_datasets(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::PlaceOnDataset;
    let finding = |place: &Place| {
        let (what, path) = (place.role.words(), place.path.display());
        match &place.on {
            Err(why) => Some(
                Finding::refuse(ID, format!("Cannot tell what {path} ({what}) is stored on."))
                    .detail([why.clone()]),
            ),
            Ok(on) => {
                let dataset = on.dataset.as_ref().filter(|dataset| facts.goes_back(dataset))?;
                Some(
                    Finding::refuse(
                        ID,
                        format!(
                            "{path} ({what}) is on {dataset}, which would be \
                        rolled back."
                        ),
                    )
                    .detail(["The rollback would destroy it, and with it the means to \
                            continue."])
                    .remedy([match place.role {
                        Role::Program => "Install backout on the system's own disk.",
                        Role::Settings => {
                            "Keep the site file and the playbooks under \
                                /etc/backout on the system's own disk."
                        }
                        _ => {
                            "Set `store` in the site file, or the state folder, to a folder \
                                on another dataset or disk."
                        }
                    }]),
                )
            }
        }
    };
    facts.places.iter().filter_map(finding).collect()
}

/// Checks that none of it is in memory: it must outlive a power failure.
pub(super) fn volatile(facts: &Facts) -> Vec<Finding> {
    let lasting =
        |place: &&Place| matches!(place.role, Role::Journal | Role::Captures | Role::Installers);
    let finding =
        |place: &Place| {
            let fstype = place.on.as_ref().ok().map(|on| on.fstype.as_str())?;
            let title = || {
                format!(
                    "{} ({}) is on a file system of type {fstype}.",
                    place.path.display(),
                    place.role.words()
                )
            };
            let finding = match fstype {
                "tmpfs" | "ramfs" => Finding::refuse(Kind::PlaceVolatile, title())
                    .detail(["It would not survive a reboot."]),
                // In a container, or on a system with an upper layer that may be in memory.
                "overlay" => Finding::warn(Kind::PlaceVolatile, title())
                    .detail(["Make sure that its upper layer survives a reboot."]),
                _ => return None,
            };
            Some(finding.remedy([
                "Set `store` in the site file, or the state folder, to a folder on a disk.",
            ]))
        };
    facts.places.iter().filter(lasting).filter_map(finding).collect()
}

/// Checks that only root can change it: the journal's plan and the saved packages run with the
/// rights of root (S9).
pub(super) fn writable(facts: &Facts) -> Vec<Finding> {
    let finding = |place: &Place| {
        let others = place.others.as_ref()?;
        let (what, path) = (place.role.words(), place.path.display());
        Some(
            Finding::refuse(
                Kind::PlaceWritable,
                format!("Users other than root can change {path} ({what})."),
            )
            .detail([others.why.clone()])
            .remedy([others.remedy.clone()]),
        )
    };
    facts.places.iter().filter_map(finding).collect()
}

/// Checks the free space for installers, captures and the journal.
pub(super) fn room(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::PlaceRoom;
    let down = facts.occasion.is_downgrade();
    let estimate: u64 = if let Some(full) = facts.full_size {
        full.bytes.saturating_add(full.bytes / LISTS).saturating_add(LEAST)
    } else if down {
        // A backup by the application is not compressed like the dataset.
        facts
            .datasets()
            .map(|dataset| {
                written(facts, dataset)
                    .saturating_mul(2)
                    .saturating_add(dataset.info.referenced / LISTS)
            })
            .fold(LEAST.saturating_add(facts.kept_programs), u64::saturating_add)
    } else {
        facts
            .datasets()
            .map(|dataset| dataset.info.referenced / 10)
            .fold(LEAST, u64::saturating_add)
    };
    let mut findings = Vec::new();
    for place in &facts.places {
        let needed = match place.role {
            Role::Captures => estimate,
            Role::Journal | Role::Installers => LEAST,
            Role::Log | Role::Settings | Role::Program | Role::System => continue,
        };
        let (what, path) = (place.role.words(), place.path.display());
        let remedy = [
            format!("df -h {}", place.nearest.display()),
            "Make room there, or set `store` in the site file to another disk.".to_owned(),
        ];
        match &place.free {
            Err(why) => findings.push(
                Finding::warn(
                    ID,
                    format!("The free space at {path} ({what}) could not be determined."),
                )
                .detail([why.clone()]),
            ),
            Ok(free) if *free < LEAST => findings.push(
                Finding::refuse(ID, format!("Only {} are free at {path} ({what}).", size(*free)))
                    .detail([format!("At least {} are needed.", size(LEAST))])
                    .remedy(remedy),
            ),
            Ok(free) if *free < needed => {
                findings.push(
                    Finding::warn(
                        ID,
                        format!(
                            "{} are free at {path} ({what}); about {} may be needed.",
                            size(*free),
                            size(needed)
                        ),
                    )
                    .detail([estimated(facts)])
                    .remedy(remedy),
                );
            }
            Ok(_) => {}
        }
    }
    findings
}

/// The fraction of the data that its two lists and a sort take, compressed: 40 bytes an item for
/// each list, of items of a few hundred bytes.
const LISTS: u64 = 3;

/// What the room for captures was estimated from.
fn estimated(facts: &Facts) -> String {
    let (from, then) = match facts.full_size {
        Some(FullSize { counted: true, .. }) => (
            "Estimated from what the data takes up, all of \
            which is backed up and listed.",
            "anything is moved",
        ),
        Some(FullSize { counted: false, .. }) => (
            "Estimated from all that is in use there: the data has too many files to add up.",
            "anything is moved",
        ),
        None if facts.occasion.is_downgrade() => (
            "Estimated from what was written since the \
            snapshot, a third of the data for its lists, and the programs that are kept. Tables \
            or other items that are carried whole are not known yet.",
            "the rollback",
        ),
        None => {
            return "Estimated as a tenth of the data; nobody knows how much will be written \
            before a downgrade."
                .to_owned();
        }
    };
    format!("{from} If it fills up, nothing is lost: the downgrade stops before {then}.")
}

/// Checks that journal, backup and installer are not in the folders that are moved aside.
pub(super) fn in_store(facts: &Facts) -> Vec<Finding> {
    let inside = |place: &&Place| {
        let keeps =
            matches!(place.role, Role::Journal | Role::Log | Role::Captures | Role::Installers);
        keeps
            && facts.folders.iter().any(|(folder, _)| {
                place.path.starts_with(folder) || place.nearest.starts_with(folder)
            })
    };
    let finding = |place: &Place| {
        Finding::refuse(
            Kind::PlaceInStore,
            format!(
                "{} ({}) is inside the data that is moved aside.",
                place.path.display(),
                place.role.words()
            ),
        )
        .remedy(["Set `store` in the site file, or the state folder, to another place."])
    };
    facts.places.iter().filter(inside).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{GIB, dataset, facts, location, show};
    use super::*;

    #[test]
    fn s9_a_folder_that_others_can_change() {
        let mut facts = facts(Occasion::Upgrade);
        facts.places[1].others = Some(Others {
            why: "/srv: everyone may write to it".into(),
            remedy: "chmod go-w /srv".into(),
        });
        insta::assert_snapshot!(show(&writable(&facts)), @r"
            refused: Users other than root can change /var/lib/backout/changes (the captures). [place-writable]
                     /srv: everyone may write to it
              to do: chmod go-w /srv
            ");
    }

    #[test]
    fn on_what_goes_back() {
        let mut facts = facts(Occasion::Upgrade);
        facts.places[0].on = Ok(location("/srv/db", "tank/db"));
        facts.places[1].on = Err("no mounts".into());
        insta::assert_snapshot!(show(&on_datasets(&facts)), @r"
            refused: /var/lib/backout (the journal) is on tank/db, which would be rolled back. [place-on-dataset]
                     The rollback would destroy it, and with it the means to continue.
              to do: Set `store` in the site file, or the state folder, to a folder on another dataset or disk.

            refused: Cannot tell what /var/lib/backout/changes (the captures) is stored on. [place-on-dataset]
                     no mounts
            ");
        facts.places[1].on = Ok(location("/tank/dbx", "tank/dbx"));
        assert_eq!(on_datasets(&facts).len(), 1, "a sibling with a longer name is another dataset");
    }

    #[test]
    fn in_memory() {
        let mut facts = facts(Occasion::Upgrade);
        facts.places[1].on =
            Ok(StorageLocation { fstype: "tmpfs".into(), ..location("/tmp", "tmpfs") });
        insta::assert_snapshot!(show(&volatile(&facts)), @r"
            refused: /var/lib/backout/changes (the captures) is on a file system of type tmpfs. [place-volatile]
                     It would not survive a reboot.
              to do: Set `store` in the site file, or the state folder, to a folder on a disk.
            ");
    }

    #[test]
    fn too_small() {
        let mut facts = facts(Occasion::Upgrade);
        facts.places[0].free = Ok(5 << 20);
        facts.places[1].free = Ok(GIB);
        insta::assert_snapshot!(show(&room(&facts)), @r"
            refused: Only 5 MiB are free at /var/lib/backout (the journal). [place-room]
                     At least 64 MiB are needed.
              to do: df -h /var/lib
                     Make room there, or set `store` in the site file to another disk.

            warning: 1 GiB are free at /var/lib/backout/changes (the captures); about 1.16 GiB may be needed. [place-room]
                     Estimated as a tenth of the data; nobody knows how much will be written before a downgrade.
              to do: df -h /var/lib
                     Make room there, or set `store` in the site file to another disk.
            ");
        facts.occasion = Occasion::Downgrade { in_place: false };
        facts.places[0].free = Err("gone".into());
        dataset(&mut facts, 0).info.written = GIB;
        facts.kept_programs = GIB / 2;
        insta::assert_snapshot!(show(&room(&facts)), @r"
            warning: The free space at /var/lib/backout (the journal) could not be determined. [place-room]
                     gone

            warning: 1 GiB are free at /var/lib/backout/changes (the captures); about 6.24 GiB may be needed. [place-room]
                     Estimated from what was written since the snapshot, a third of the data for its lists, and the programs that are kept. Tables or other items that are carried whole are not known yet. If it fills up, nothing is lost: the downgrade stops before the rollback.
              to do: df -h /var/lib
                     Make room there, or set `store` in the site file to another disk.
            ");
    }

    #[test]
    fn too_small_for_a_backup_of_everything() {
        let mut facts = facts(Occasion::Upgrade);
        facts.places[1].free = Ok(GIB);
        facts.full_size = Some(FullSize { bytes: 3 * GIB, counted: true });
        insta::assert_snapshot!(show(&room(&facts)), @r"
            warning: 1 GiB are free at /var/lib/backout/changes (the captures); about 4.06 GiB may be needed. [place-room]
                     Estimated from what the data takes up, all of which is backed up and listed. If it fills up, nothing is lost: the downgrade stops before anything is moved.
              to do: df -h /var/lib
                     Make room there, or set `store` in the site file to another disk.
            ");
        facts.full_size = Some(FullSize { bytes: GIB, counted: false });
        insta::assert_snapshot!(show(&room(&facts)), @r"
            warning: 1 GiB are free at /var/lib/backout/changes (the captures); about 1.40 GiB may be needed. [place-room]
                     Estimated from all that is in use there: the data has too many files to add up. If it fills up, nothing is lost: the downgrade stops before anything is moved.
              to do: df -h /var/lib
                     Make room there, or set `store` in the site file to another disk.
            ");
        facts.full_size = Some(FullSize { bytes: GIB / 2, counted: true });
        assert!(room(&facts).is_empty());
    }
}
