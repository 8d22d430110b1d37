//! What stands in playbooks, site files and state folders is run with the rights of root: files that others can write to are not used (S9).

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Why a file or folder is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It cannot be looked at.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others than root could have written it.
    #[error("{} is not used, since it runs with the rights of root and {why}\n  remedy: {remedy}", .path.display())]
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// Who could have written it.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

/// Whether a file or folder, and every folder that its name leads through, was made by root or the caller alone.
///
/// # Errors
/// Names the first one that others could have changed, or that cannot be looked at.
pub fn whole_way(path: &Path) -> Result<(), Distrust> {
    let read = |path: &Path| {
        let path = path.to_owned();
        |source| Distrust::Read { path, source }
    };
    let real = fs::canonicalize(path).map_err(read(path))?;
    let named = std::path::absolute(path).map_err(read(path))?;
    // Of the link as well as of the file: whoever may write to either folder chooses what is read.
    let folder = fs::canonicalize(named.parent().unwrap_or(Path::new("/"))).map_err(read(path))?;
    for part in real.ancestors().chain(folder.ancestors()) {
        let metadata = fs::metadata(part).map_err(read(part))?;
        own(if part == real { path } else { part }, &metadata)?;
    }
    Ok(())
}

/// Whether a file or folder belongs to root or the caller, and nobody else may write to it.
///
/// # Errors
/// When it does not.
pub fn own(path: &Path, metadata: &Metadata) -> Result<(), Distrust> {
    const STICKY: u32 = 0o1000;
    let name = crate::exec::quote(&path.display().to_string());
    let refuse = |why: String| {
        let remedy = format!("look at what is in it, then: chown root: {name}; chmod go-w {name}");
        Err(Distrust::Writable { path: path.to_owned(), why, remedy })
    };
    let (owner, me) = (metadata.uid(), geteuid().as_raw());
    if owner != 0 && owner != me {
        return refuse(format!("it belongs to user {owner}"));
    }
    // In a sticky folder others can put files, but not exchange ours; the file's own owner is looked at anyway.
    let sticky_dir = metadata.is_dir() && metadata.mode() & STICKY != 0;
    match metadata.mode() & 0o022 {
        0 => Ok(()),
        _ if sticky_dir => Ok(()),
        0o020 => refuse(format!("its group {} may write to it", metadata.gid())),
        _ => refuse("everyone may write to it".to_owned()),
    }
}
