//! The folders that are moved aside where the data is not on ZFS.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use walkdir::WalkDir;

use super::Sources;
use crate::plan;
use crate::playbook::Way;
use crate::preflight::facts::FullSize;

/// A message store has millions of files. More than these are not added up.
const MANY: usize = 100_000;
/// The unit of `st_blocks`, in bytes (`inode(7)`).
const BLOCK: u64 = 512;

pub(super) fn folders(sources: &Sources<'_>) -> Vec<(PathBuf, Option<String>)> {
    let Some(full) = sources.playbook.full.as_ref().filter(|_| Way::of(sources.playbook, sources.site) == Way::Full) else {
        return Vec::new();
    };
    let look = |text: &String| match (sources.text)(text) {
        Ok(path) => (PathBuf::from(&path), trouble(Path::new(&path)).err()),
        Err(why) => (PathBuf::from(text), Some(why)),
    };
    full.paths.iter().map(look).collect()
}

/// Why a folder cannot be renamed, and made anew in its place.
fn trouble(path: &Path) -> Result<(), String> {
    let it = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !it.is_dir() {
        return Err("it is no folder, but a file or a link".into());
    }
    let above = path.parent().ok_or("it is the root of the file system")?;
    if fs::metadata(above).map_err(|error| format!("{}: {error}", above.display()))?.dev() != it.dev() {
        return Err("it is a mount point, which cannot be renamed".into());
    }
    // What an undo left is of an earlier round.
    let aside = plan::beside(path, plan::ASIDE);
    if fs::symlink_metadata(&aside).is_ok() {
        return Err(format!("{} is there already", aside.display()));
    }
    Ok(())
}

/// How much a backup of the folders may take. `None` when there are none, or one cannot be read to its end.
pub(super) fn size(folders: &[(PathBuf, Option<String>)]) -> Option<FullSize> {
    let paths: Vec<&Path> = folders.iter().map(|(path, _)| path.as_path()).collect();
    if paths.is_empty() {
        return None;
    }
    let mut bytes = 0_u64;
    for (count, entry) in paths.iter().flat_map(WalkDir::new).enumerate() {
        if count == MANY {
            return in_use(&paths).map(|bytes| FullSize { bytes, counted: false });
        }
        match entry.and_then(|entry| entry.metadata()) {
            Ok(it) => bytes = bytes.saturating_add(it.blocks().saturating_mul(BLOCK)),
            // The server is at work: what went meanwhile takes nothing.
            Err(error) if error.depth() > 0 && error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound) => {}
            Err(_) => return None,
        }
    }
    Some(FullSize { bytes, counted: true })
}

/// What is in use on the file systems that the paths lie on.
fn in_use(paths: &[&Path]) -> Option<u64> {
    let mut each = BTreeMap::new();
    for path in paths {
        let of = statvfs(*path).ok()?;
        each.insert(fs::metadata(path).ok()?.dev(), of.blocks().saturating_sub(of.blocks_free()).saturating_mul(of.fragment_size()));
    }
    Some(each.into_values().fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn what_the_folders_take_up() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("mail"), vec![1_u8; 1 << 20]).expect("a file");
        let folders = [(folder.path().to_owned(), None)];
        let found = size(&folders).expect("a size");
        assert!(found.counted && found.bytes >= 1 << 20 && found.bytes < 2 << 20, "{found:?}");
        assert!(in_use(&[folder.path(), folder.path()]) >= Some(found.bytes));
        assert_eq!(size(&[]), None);
        assert_eq!(size(&[(folder.path().join("none"), None)]), None);
    }
}
