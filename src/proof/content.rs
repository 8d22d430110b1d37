//! Whether a file of now is the one in a snapshot, or goes on from it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context as _, Result};

/// How much of a file that was touched since is compared with the one in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All of it.
    Whole,
    /// Its beginning and its end: quick, whatever the size.
    Glance,
}

/// How much of each end a glance compares, in bytes.
const GLANCE: u64 = 64 * 1024;

/// Whether the file is the same one as in the snapshot. A change of any kind gives a file another
/// ctime, and nobody can set that.
fn untouched(now: &Path, old: &Path) -> bool {
    let stamp = |path: &Path| {
        path.metadata().map(|meta| (meta.len(), meta.ino(), meta.ctime(), meta.ctime_nsec()))
    };
    matches!((stamp(now), stamp(old)), (Ok(now), Ok(then)) if now == then)
}

/// Whether two files have the same content.
///
/// # Errors
/// When one cannot be read.
pub fn same(now: &Path, old: &Path) -> Result<bool> {
    same_at(now, old, Depth::Whole)
}

pub(super) fn same_at(now: &Path, old: &Path, depth: Depth) -> Result<bool> {
    let size = |path: &Path| {
        path.metadata()
            .map(|meta| meta.len())
            .with_context(|| format!("cannot look at {}", path.display()))
    };
    Ok(untouched(now, old) || (size(now)? == size(old)? && begins_with(now, old, depth)?))
}

/// Whether a file begins with all that another one holds.
pub(super) fn begins_with(now: &Path, old: &Path, depth: Depth) -> Result<bool> {
    if untouched(now, old) {
        return Ok(true);
    }
    let open =
        |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut now_file, mut old_file) = (open(now)?, open(old)?);
    if depth == Depth::Whole {
        return agree(&mut now_file, &mut old_file, u64::MAX)
            .with_context(|| format!("cannot compare {} with {}", now.display(), old.display()));
    }
    let mut glance = || -> io::Result<bool> {
        let length = old_file.metadata()?.len();
        if now_file.metadata()?.len() < length || !agree(&mut now_file, &mut old_file, GLANCE)? {
            return Ok(false);
        }
        let end = SeekFrom::Start(length.saturating_sub(GLANCE));
        now_file.seek(end)?;
        old_file.seek(end)?;
        agree(&mut now_file, &mut old_file, GLANCE)
    };
    glance().with_context(|| format!("cannot compare {} with {}", now.display(), old.display()))
}

/// Whether one has the bytes of the other, from where both stand, up to so many.
fn agree(now: &mut File, old: &mut File, most: u64) -> io::Result<bool> {
    let (mut is, mut was) = (vec![0u8; 256 * 1024], vec![0u8; 256 * 1024]);
    let mut old = old.take(most);
    loop {
        let count = old.read(&mut was)?;
        if count == 0 {
            return Ok(true);
        }
        match now.read_exact(&mut is[..count]) {
            Ok(()) if is[..count] == was[..count] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
