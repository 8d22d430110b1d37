//! What is at a path. An error of a disk or of a suspended pool is never taken for nothing, as [`Path::exists`] and [`Path::is_file`] do.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use nix::errno::Errno;

/// What is there, links followed; `None`: nothing.
///
/// # Errors
/// When that cannot be told: the system's reason.
pub fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match path.metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)) => Ok(None),
        Err(error) => Err(error),
    }
}
