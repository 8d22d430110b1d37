//! Files that steps save: copied, flushed, checksummed, read back.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use walkdir::{DirEntry, WalkDir};

use crate::host::checksum;
use crate::host::files::{UNFINISHED, private_dir, replace, stat_optional, sync_dir};
use crate::journal::FileEntry;

/// The SHA-256 of a file, in hexadecimal digits, and its size.
pub(in crate::step) fn sha256(path: &Path) -> Result<(String, u64)> {
    sha256_of_first(path, u64::MAX)
}

/// The same for the first bytes of a file, `limit` at most.
pub(in crate::step) fn sha256_of_first(path: &Path, limit: u64) -> Result<(String, u64)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    checksum::sha256_of(file.take(limit)).with_context(|| format!("cannot read {}", path.display()))
}

/// What is at this path; `None` for nothing.
fn look(path: &Path) -> Result<Option<Metadata>> {
    stat_optional(path).with_context(|| format!("cannot look at {}", path.display()))
}

/// Whether anything exists there.
pub(in crate::step) fn is_there(path: &Path) -> Result<bool> {
    Ok(look(path)?.is_some())
}

/// Empties a folder, or creates it.
pub(in crate::step) fn fresh_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot empty {}", dir.display())),
    }
    private_dir(dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// Copies a file atomically, with its modification time, and flushes it.
pub(in crate::step) fn copy(from: &Path, to: &Path) -> Result<()> {
    copy_from(from, 0, to)
}

/// The same without the first `begin` bytes.
pub(in crate::step) fn copy_from(from: &Path, begin: u64, to: &Path) -> Result<()> {
    let folder = to.parent().context("a file stands in a folder")?;
    private_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let work = || -> io::Result<()> {
        let mut source = File::open(from)?;
        let meta = source.metadata()?;
        let (modified, runs) = (meta.modified()?, meta.permissions().mode() & 0o100);
        source.seek(io::SeekFrom::Start(begin))?;
        replace(to, |target| {
            io::copy(&mut source, target)?;
            crate::host::failpoint::full(&format!(
                "copy {}",
                to.file_name().unwrap_or_default().display()
            ))?;
            target.set_modified(modified)?;
            // An installer must stay executable, but only for the owner.
            target.set_permissions(Permissions::from_mode(0o600 | runs))
        })
    };
    work().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// As [`list`], and takes the rights of others away: a command may have made files readable to
/// everyone. Not for files that are put back where they came from.
pub(in crate::step) fn seal(dir: &Path) -> Result<Vec<FileEntry>> {
    sweep(dir)?;
    close(dir)?;
    list(dir)
}

/// Removes unfinished copies that a kill or a power cut left. Taken for captured files, they would
/// be restored.
fn sweep(dir: &Path) -> Result<()> {
    for entry in below(dir) {
        let entry = entry?;
        let unfinished = entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        if entry.file_type().is_file() && unfinished {
            let path = entry.path();
            fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Takes the rights of others away. The owner's rights stay, and always include reading and
/// writing.
fn close(dir: &Path) -> Result<()> {
    for entry in below(dir) {
        let entry = entry?;
        let path = entry.path();
        let mode = if entry.file_type().is_dir() {
            0o700
        } else if entry.file_type().is_file() {
            let found =
                path.metadata().with_context(|| format!("cannot look at {}", path.display()))?;
            found.permissions().mode() & 0o700 | 0o600
        } else {
            continue;
        };
        fs::set_permissions(path, Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    }
    Ok(())
}

/// Flushes and checksums every file below a folder, in order of name.
pub(in crate::step) fn list(dir: &Path) -> Result<Vec<FileEntry>> {
    let mut paths = Vec::new();
    for entry in below(dir) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            sync_dir(entry.path())
                .with_context(|| format!("cannot flush {}", entry.path().display()))?;
        } else if entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    sync_dir(dir).with_context(|| format!("cannot flush {}", dir.display()))?;
    paths.sort();
    let mut list = Vec::new();
    for path in paths {
        File::open(&path)
            .and_then(|file| file.sync_all())
            .with_context(|| format!("cannot flush {}", path.display()))?;
        let (sha256, size) = sha256(&path)?;
        let path = path.strip_prefix(dir).context("it was found there")?.to_owned();
        list.push(FileEntry { path, size, sha256 });
    }
    Ok(list)
}

/// Everything below a folder, what is in a folder before the folder itself. Links are not followed.
fn below(dir: &Path) -> impl Iterator<Item = Result<DirEntry>> {
    let all = WalkDir::new(dir).min_depth(1).contents_first(true);
    all.into_iter().map(|entry| entry.context("cannot list the files"))
}

/// Copies these files from one folder into another.
///
/// # Errors
/// When one cannot be copied.
pub fn copy_all(from: &Path, to: &Path, list: &[FileEntry]) -> Result<()> {
    list.iter().try_for_each(|entry| copy(&from.join(&entry.path), &to.join(&entry.path)))
}

/// Reads every file back and compares it with its checksum.
///
/// # Errors
/// Names the first file that is missing or changed.
pub fn read_back(dir: &Path, list: &[FileEntry]) -> Result<()> {
    for entry in list {
        let path = dir.join(&entry.path);
        let (found, size) = sha256(&path)?;
        if size != entry.size || found != entry.sha256 {
            bail!(
                "{} is damaged: {} bytes with SHA-256 {}, it was written with {} bytes and {}",
                path.display(),
                size,
                found,
                entry.size,
                entry.sha256
            );
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    /// A power cut within a capture left an unfinished copy, and the replay of a binary log took it
    /// for the first file.
    #[test]
    fn s8_what_was_cut_off_of_a_copy_is_no_file_of_the_list() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (from, to) = (dir.path().join("log.000001"), dir.path().join("capture/log.000001"));
        fs::write(&from, "all of it").expect("written");
        copy(&from, &to).expect("copied");
        fs::write(dir.path().join("capture").join(format!("{UNFINISHED}x7Hq")), "all")
            .expect("written");
        let names: Vec<_> = seal(&dir.path().join("capture"))
            .expect("sealed")
            .into_iter()
            .map(|entry| entry.path)
            .collect();
        assert_eq!(names, [Path::new("log.000001")]);
    }

    #[test]
    fn a_program_that_is_put_aside_still_runs_and_is_nobody_elses() {
        let dir = tempfile::tempdir().expect("temp dir");
        for (mode, kept) in [(0o755, 0o700), (0o644, 0o600), (0o4555, 0o700)] {
            let (from, to) = (dir.path().join("from"), dir.path().join("to"));
            let _ = fs::remove_file(&from);
            fs::write(&from, "#!/bin/true\n").expect("written");
            fs::set_permissions(&from, Permissions::from_mode(mode)).expect("mode");
            copy(&from, &to).expect("copied");
            assert_eq!(fs::metadata(&to).expect("there").permissions().mode() & 0o7777, kept);
        }
    }

    #[test]
    fn a_sealed_folder_is_read_back_and_damage_is_named() {
        let dir = tempfile::tempdir().expect("temp dir");
        fs::create_dir(dir.path().join("sub")).expect("dir");
        fs::write(dir.path().join("b"), "two").expect("write");
        fs::write(dir.path().join("sub/a"), "").expect("write");
        let list = seal(dir.path()).expect("sealed");
        for (path, mode) in [("b", 0o600), ("sub", 0o700), ("sub/a", 0o600)] {
            assert_eq!(
                dir.path().join(path).metadata().expect("there").permissions().mode() & 0o777,
                mode,
                "{path}"
            );
        }
        let names: Vec<_> = list.iter().map(|entry| entry.path.display().to_string()).collect();
        assert_eq!(names, ["b", "sub/a"]);
        assert_eq!(
            list[1].sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        read_back(dir.path(), &list).expect("whole");
        fs::write(dir.path().join("b"), "twx").expect("write");
        let text = read_back(dir.path(), &list).expect_err("damaged").to_string();
        assert!(text.contains("/b is damaged: 3 bytes"), "{text}");
    }

    #[test]
    fn what_is_sealed_stays_a_program_and_what_is_listed_stays_as_it_is() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("commpkg");
        fs::write(&path, "#!/bin/true\n").expect("written");
        let mode = || path.metadata().expect("there").permissions().mode() & 0o777;
        for (before, listed, sealed) in
            [(0o755, 0o755, 0o700), (0o644, 0o644, 0o600), (0o444, 0o444, 0o600)]
        {
            fs::set_permissions(&path, Permissions::from_mode(before)).expect("mode");
            list(dir.path()).expect("listed");
            assert_eq!(mode(), listed);
            seal(dir.path()).expect("sealed");
            assert_eq!(mode(), sealed);
        }
    }

    #[test]
    fn a_name_that_is_not_text_is_listed_and_read_back() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().expect("temp dir");
        let name = std::ffi::OsStr::from_bytes(b"a\xff");
        fs::write(dir.path().join(name), "").expect("write");
        let list = seal(dir.path()).expect("sealed");
        assert_eq!(list[0].path, Path::new(name));
        read_back(dir.path(), &list).expect("whole");
    }
}
