//! The folders that are moved aside where the data is not on ZFS.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Sources;
use crate::plan;
use crate::playbook::Way;

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
