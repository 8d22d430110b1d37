//! Files and folders: what is at a path, and how it is written so that a crash leaves no half.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::failpoint;

/// What is at a path, links followed; `None`: nothing. An error of a disk or of a suspended pool is
/// never taken for nothing, as [`Path::exists`] and [`Path::is_file`] do.
///
/// # Errors
/// When that cannot be told: the system's reason.
pub fn stat_optional(path: &Path) -> io::Result<Option<Metadata>> {
    match path.metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a folder and those above it, mode 0700, and flushes each folder that got a new name.
///
/// # Errors
/// When it cannot be made.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    let new = dir.ancestors().take_while(|folder| matches!(stat_optional(folder), Ok(None))).count();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    dir.ancestors().take(new + 2).filter(|folder| !folder.as_os_str().is_empty()).try_for_each(sync_dir)
}

/// Flushes a folder: the names in it.
///
/// # Errors
/// When it cannot be opened or flushed.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes a file whole or not at all: beside it, flushed, then renamed into its place. Mode 0600.
///
/// # Errors
/// When it cannot be written; the old one, if any, is then still there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all(half)?;
    failpoint::full(&format!("write {}", path.file_name().unwrap_or_default().display()))?;
    file.write_all(rest)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder)
}

/// Where a symbolic link leads, from the root on; `None` when there is none of that
/// name, or no link.
///
/// # Errors
/// When that cannot be told.
pub fn link_target(link: &Path) -> io::Result<Option<PathBuf>> {
    match std::fs::read_link(link) {
        Ok(target) => Ok(Some(link.parent().unwrap_or(Path::new("/")).join(target))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder's name with this behind it.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
