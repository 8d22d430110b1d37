//! Files and folders: what is at a path, and atomic writes.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use tempfile::NamedTempFile;

use super::failpoint;

/// What is at a path, following links; `None` for nothing. Unlike [`Path::exists`] and
/// [`Path::is_file`], it does not take an error of a disk or a suspended pool for nothing.
///
/// # Errors
/// When that is unknown: the system's reason.
pub fn stat_optional(path: &Path) -> io::Result<Option<Metadata>> {
    match path.metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(
                error.raw_os_error().map(Errno::from_raw),
                Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Creates a folder and its parents, mode 0700, and flushes each folder that got a new entry.
///
/// # Errors
/// When it cannot be made.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    let new =
        dir.ancestors().take_while(|folder| matches!(stat_optional(folder), Ok(None))).count();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    dir.ancestors()
        .take(new + 2)
        .filter(|folder| !folder.as_os_str().is_empty())
        .try_for_each(sync_dir)
}

/// Gives a folder the owner, the group and the mode that another one has.
///
/// # Errors
/// The system's reason.
pub fn owned_like(dir: &Path, like: &Metadata) -> io::Result<()> {
    lchown(dir, Some(like.uid()), Some(like.gid()))?;
    std::fs::set_permissions(dir, Permissions::from_mode(like.mode() & 0o7777))
}

/// Flushes a folder: its entries.
///
/// # Errors
/// When it cannot be opened or flushed.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Prefix of the name of an unfinished file. A kill may leave one behind.
pub const UNFINISHED: &str = ".backout-copy-";

/// Writes a file atomically: beside it, flushed, then renamed into its place. Mode 0600.
///
/// # Errors
/// When it cannot be written, or something else than a file is there. What was there still is then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| {
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(half)?;
        failpoint::full(&format!("write {}", path.file_name().unwrap_or_default().display()))?;
        file.write_all(rest)
    })
}

/// The folder that a file stands in. That of a bare name is the current one, not a nameless one.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An empty file (mode 0600) beside this one, to be renamed into its place.
fn unfinished(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder_of(path))
}

/// The same if it may be put in the place of what is there: not of a folder, nor of a device such as
/// /dev/null, which a rename would replace.
fn replacement(path: &Path) -> io::Result<NamedTempFile> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "what is there is not a file"))
        }
        _ => unfinished(path),
    }
}

/// The same with what `write` writes into the file, which is empty and has mode 0600.
///
/// # Errors
/// See [`write_atomic`].
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = replacement(path)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder_of(path))
}

/// Writes a file atomically that everyone may read: mode 0644.
///
/// # Errors
/// See [`write_atomic`].
pub fn write_readable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| {
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(0o644))
    })
}

/// Writes a file that everyone may read (mode 0644), where nothing is yet: all of it, or nothing.
///
/// # Errors
/// When something is there, or it cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = unfinished(path)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_dir(folder_of(path))
}

/// The same without a flush: after a crash the file may be the old one, or empty.
///
/// # Errors
/// See [`write_atomic`].
pub fn write_unflushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = replacement(path)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes a file, if it is there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_optional(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a file that is ours, and does not follow a link in its place. If `options` create it, it
/// is for the owner alone (mode 0600).
///
/// # Errors
/// When it cannot be opened, or is a link.
pub fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(0o600).custom_flags(nix::libc::O_NOFOLLOW).open(path)
}

/// The absolute target of a symbolic link; `None` if there is nothing, or no link.
///
/// # Errors
/// When that cannot be told.
pub fn link_target(link: &Path) -> io::Result<Option<PathBuf>> {
    match std::fs::read_link(link) {
        Ok(target) => Ok(Some(link.parent().unwrap_or(Path::new("/")).join(target))),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The name with this suffix.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--output /dev/null`, as root: a file in its place breaks the whole host.
    #[test]
    fn what_is_no_file_is_not_replaced_by_one() {
        let temp = tempfile::tempdir().unwrap();
        let pipe = temp.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for write in [write_atomic, write_unflushed] {
            let error = write(&pipe, b"text").unwrap_err();
            assert!(error.to_string().contains("not a file"), "{error}");
        }
        assert!(!std::fs::symlink_metadata(&pipe).unwrap().is_file());
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}
