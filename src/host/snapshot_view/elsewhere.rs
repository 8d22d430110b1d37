//! Snapshots where `.zfs/snapshot` cannot show them: only Linux can mount one at no place.

use std::io;
use std::path::PathBuf;

/// See Linux.
///
/// # Errors
/// Always.
pub fn open(snapshot: &str) -> io::Result<PathBuf> {
    let system = std::env::consts::OS;
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("on {system}, {snapshot} is only seen in `.zfs/snapshot`"),
    ))
}

/// See Linux: there is none.
pub fn close() {}
