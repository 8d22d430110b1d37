//! What a step did is on the disks before the journal says that it is done: a journal that outlives a power cut must not be ahead of the world.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::unistd::syncfs;

/// Where packages, units and configuration stand. Only these file systems and the change's own are flushed: `sync(2)` would also wait for a pool that
/// is suspended and has nothing to do with this.
const SYSTEM: &[&str] = &["/", "/boot", "/etc", "/opt", "/usr", "/var", "/var/lib"];

/// Flushes the file systems of the system and of these paths, each once (`syncfs(2)`).
///
/// # Errors
/// When one of them has lost a write.
pub fn flush<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<()> {
    let mut flushed = BTreeSet::new();
    for path in SYSTEM.iter().map(PathBuf::from).chain(paths.map(Path::to_owned)) {
        // Not every host has every folder, and a dataset's may be gone while it is unmounted.
        let Ok(folder) = File::open(&path) else { continue };
        let device = folder.metadata().with_context(|| format!("cannot look at {}", path.display()))?.dev();
        if flushed.insert(device) {
            syncfs(&folder).with_context(|| format!("cannot flush the file system of {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_passed_over() {
        let dir = tempfile::tempdir().expect("temp dir");
        flush([dir.path(), Path::new("/no/such/folder")].into_iter()).expect("flushed");
    }
}
