//! Without ZFS: what a full backup and a restore into an empty store need.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use walkdir::WalkDir;

use super::{Facts, Finding, Kind, Sources};
use crate::host::disk;
use crate::host::files::beside;
use crate::playbook::{DataStrategy, Template};
use crate::zfs::ENDING_ASIDE;

/// The estimated size of a full backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FullSize {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Whether the sizes of the files were added up. If there are too many, the used space of their
    /// file systems counts.
    pub counted: bool,
}

/// The limit for adding up: a message store has millions of files.
const MANY: usize = 100_000;

/// The unit of `st_blocks`, in bytes (`inode(7)`).
const BLOCK: u64 = 512;

/// Each folder, with the reason if it cannot be moved aside.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<(PathBuf, Option<String>)> {
    let Some(full) = sources
        .playbook
        .full
        .as_ref()
        .filter(|_| DataStrategy::of(sources.playbook, sources.site) == DataStrategy::Full)
    else {
        return Vec::new();
    };
    let look = |text: &Template| match sources.text(text) {
        Ok(path) => (PathBuf::from(&path), trouble(Path::new(&path)).err()),
        Err(why) => (PathBuf::from(text.to_string()), Some(why)),
    };
    full.paths.iter().map(look).collect()
}

/// Why a folder cannot be renamed, and created again in its place.
fn trouble(path: &Path) -> Result<(), String> {
    let it = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !it.is_dir() {
        return Err("it is not a folder, but a file or a link".into());
    }
    let above = path.parent().ok_or("it is the root of the file system")?;
    if fs::metadata(above).map_err(|error| format!("{}: {error}", above.display()))?.dev()
        != it.dev()
    {
        return Err("it is a mount point, which cannot be renamed".into());
    }
    // What an undo left belongs to an earlier round.
    let aside = beside(path, ENDING_ASIDE);
    if fs::symlink_metadata(&aside).is_ok() {
        return Err(format!("{} already exists", aside.display()));
    }
    Ok(())
}

/// The estimated size of a backup of the folders; `None` if there are none, or one cannot be read
/// completely.
pub(super) fn size(folders: &[(PathBuf, Option<String>)]) -> Option<FullSize> {
    let paths: Vec<&Path> = folders.iter().map(|(path, _)| path.as_path()).collect();
    if paths.is_empty() {
        return None;
    }
    let mut bytes = 0_u64;
    for (count, entry) in paths.iter().flat_map(WalkDir::new).enumerate() {
        if count == MANY {
            let used = disk::used(paths.iter().copied()).ok();
            return used.map(|bytes| FullSize { bytes, counted: false });
        }
        match entry.and_then(|entry| entry.metadata()) {
            Ok(it) => bytes = bytes.saturating_add(it.blocks().saturating_mul(BLOCK)),
            // The server is running. A file that is gone meanwhile has no size.
            Err(error)
                if error.depth() > 0
                    && error
                        .io_error()
                        .is_some_and(|error| error.kind() == ErrorKind::NotFound) => {}
            Err(_) => return None,
        }
    }
    Some(FullSize { bytes, counted: true })
}

/// Checks that each folder can be renamed and created again.
pub(super) fn folders(facts: &Facts) -> Vec<Finding> {
    let stuck = facts.folders.iter().filter_map(|(path, why)| Some((path, why.as_ref()?)));
    stuck
        .map(|(path, why)| {
            Finding::refuse(
                Kind::MoveAside,
                format!("{} cannot be moved aside for the restore.", path.display()),
            )
            .detail([why.clone()])
            .remedy(["Correct the path in the site file's variables, or find out what is \
                    there and move it away."])
        })
        .collect()
}

/// Asks for a backup: without a snapshot, what an upgrade damages stays damaged.
pub(super) fn backup(facts: &Facts) -> Vec<Finding> {
    if facts.data_strategy != DataStrategy::Full || facts.occasion.is_downgrade() {
        return Vec::new();
    }
    vec![
        Finding::confirm(
            Kind::Backup,
            "There is no snapshot to go back to: have a backup of data \
            and configuration at hand.",
        )
        .detail(["If the upgrade itself damages the data, only that backup brings it back."])
        .remedy(["Make one, and test it. Or move the data to ZFS datasets first: going back \
                then takes seconds."]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn what_cannot_be_moved_aside() {
        let mut facts = facts(Occasion::Check);
        facts.data_strategy = DataStrategy::Full;
        facts.folders = vec![
            ("/srv/store".into(), Some("it is a mount point, which cannot be renamed".into())),
            ("/srv/other".into(), None),
        ];
        insta::assert_snapshot!(show(&folders(&facts)), @r"
            refused: /srv/store cannot be moved aside for the restore. [move-aside]
                     it is a mount point, which cannot be renamed
              to do: Correct the path in the site file's variables, or find out what is there and move it away.
            ");
        facts.places[0].path = "/srv/other/backout".into();
        insta::assert_snapshot!(show(&super::super::places::in_store(&facts)), @r"
            refused: /srv/other/backout (the journal) is inside the data that is moved aside. [place-in-store]
              to do: Set `store` in the site file, or the state folder, to another place.
            ");
    }

    #[test]
    fn there_must_be_a_backup() {
        let mut facts = facts(Occasion::Upgrade);
        assert!(backup(&facts).is_empty());
        facts.data_strategy = DataStrategy::Full;
        insta::assert_snapshot!(show(&backup(&facts)), @r"
            confirm: There is no snapshot to go back to: have a backup of data and configuration at hand. [backup]
                     If the upgrade itself damages the data, only that backup brings it back.
              to do: Make one, and test it. Or move the data to ZFS datasets first: going back then takes seconds.
            ");
        facts.occasion = Occasion::Downgrade { in_place: false };
        assert!(backup(&facts).is_empty());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn what_the_folders_take_up() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("mail"), vec![1_u8; 1 << 20]).expect("a file");
        let folders = [(folder.path().to_owned(), None)];
        let found = size(&folders).expect("a size");
        assert!(found.counted && found.bytes >= 1 << 20 && found.bytes < 2 << 20, "{found:?}");
        assert!(disk::used([folder.path()].into_iter()).expect("queried") >= found.bytes);
        assert_eq!(size(&[]), None);
        assert_eq!(size(&[(folder.path().join("none"), None)]), None);
    }
}
