//! One pass of the incremental backup of what was written since the snapshot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::sys::statfs::{FsType, statfs};

use crate::journal::Mount;
use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::Effect;
use crate::step::Step;
use crate::step::files::copy;
use crate::step::{Context, Probe};
use serde::{Deserialize, Serialize};

/// See [`crate::step::Action::Capture`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapturePass {
    /// Run first.
    pub command: Option<CommandTemplate>,
    /// Glob patterns of files to copy if the snapshot lacks them.
    pub new_files: Vec<String>,
    /// Glob patterns of files of which the part after the snapshot's end is copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown_files: Vec<String>,
    /// Where the datasets are mounted.
    pub mounts: Vec<Mount>,
    /// The snapshot's name.
    pub snapshot: String,
    /// Whether this is the last pass, so that the list of files is final.
    pub last: bool,
}

/// `ZFS_SUPER_MAGIC`, as `stat -f` shows it.
const ZFS: FsType = FsType(0x2fc1_2fc1);

impl Effect for CapturePass {
    fn preview(&self) -> Vec<String> {
        let files = self.new_files.iter().map(|pattern| format!("copy what @{} lacks of {pattern}", self.snapshot));
        let growth = self.grown_files.iter().map(|pattern| format!("copy what was appended since @{} to {pattern}", self.snapshot));
        self.command.iter().map(ToString::to_string).chain(files).chain(growth).collect()
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        // An interrupted pass is repeated. It copies what is missing or incomplete.
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        crate::step::zfs::mounts::needed(context)?;
        crate::step::zfs::snapshot::unchanged(context)?;
        let dir = context.capture_dir();
        crate::host::files::private_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        if let Some(command) = &self.command {
            context.command(command).context("the capture failed")?;
        }
        let mut taken = BTreeMap::new();
        for pattern in &self.new_files {
            for path in crate::host::pattern::find(pattern)? {
                if copy::is_file(&path)? && self.is_new(&path)? {
                    let target = place(&dir, &path, &mut taken)?;
                    if !looks_same(&path, &target) {
                        copy::copy(&path, &target)?;
                    }
                }
            }
        }
        for pattern in &self.grown_files {
            self.growth(pattern, &dir, &mut taken)?;
        }
        let list = copy::seal(&dir)?;
        if self.last && list.is_empty() {
            bail!("nothing was captured: {} is empty", dir.display());
        }
        Ok(Output::Files { list })
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl CapturePass {
    /// Whether the snapshot lacks the file, or has one with other content.
    fn is_new(&self, path: &Path) -> Result<bool> {
        let old = self.in_snapshot(path)?;
        if !copy::is_there(&old)? {
            return Ok(true);
        }
        // Any change gives a file another ctime, which nobody can set.
        let stamp = |path: &Path| path.metadata().map(|meta| (meta.len(), meta.ino(), meta.ctime(), meta.ctime_nsec()));
        if matches!((stamp(path), stamp(&old)), (Ok(now), Ok(then)) if now == then) {
            return Ok(false);
        }
        Ok(copy::sha256(path)? != copy::sha256(&old)?)
    }

    /// Copies what was appended since the snapshot. A file that did not grow becomes an empty one.
    ///
    /// # Errors
    /// When a file no longer begins with what the snapshot holds, so that what was appended cannot
    /// be determined.
    fn growth(&self, pattern: &str, dir: &Path, taken: &mut BTreeMap<OsString, PathBuf>) -> Result<()> {
        let find = |pattern: &str| -> Result<Vec<PathBuf>> {
            let mut found = Vec::new();
            for path in crate::host::pattern::find(pattern)? {
                if copy::is_file(&path)? {
                    found.push(path);
                }
            }
            Ok(found)
        };
        let now = find(pattern)?;
        let old_names: Vec<_> =
            find(&self.pattern_in_snapshot(pattern)?)?.iter().filter_map(|old| old.file_name().map(ToOwned::to_owned)).collect();
        if let Some(gone) = old_names.iter().find(|old| !now.iter().any(|path| path.file_name() == Some(old))) {
            bail!("{} of @{} is gone: what was appended to it cannot be captured", Path::new(gone).display(), self.snapshot);
        }
        for path in now {
            let old = self.in_snapshot(&path)?;
            let (sha256, begin) = if copy::is_there(&old)? { copy::sha256(&old)? } else { copy::sha256_of_first(&path, 0)? };
            if copy::sha256_of_first(&path, begin)? != (sha256, begin) {
                bail!("{} was written over since @{}: what was appended to it cannot be captured", path.display(), self.snapshot);
            }
            copy::copy_from(&path, begin, &place(dir, &path, taken)?)?;
        }
        Ok(())
    }

    /// The file's place under `.zfs/snapshot` of the dataset it is on.
    fn in_snapshot(&self, path: &Path) -> Result<PathBuf> {
        let home = |mount: &&Mount| mount.mountpoint.as_ref().is_some_and(|point| path.starts_with(point));
        let depth = |mount: &&Mount| mount.mountpoint.as_ref().map_or(0, |point| point.components().count());
        let mount = self.mounts.iter().filter(home).max_by_key(depth);
        let point = mount.and_then(|mount| mount.mountpoint.as_ref());
        let point = point.with_context(|| format!("{} is on none of the datasets", path.display()))?;
        Ok(self.root(point)?.join(path.strip_prefix(point).unwrap_or(path)))
    }

    /// The same for a pattern, with the names of mountpoints escaped.
    fn pattern_in_snapshot(&self, pattern: &str) -> Result<String> {
        let escaped = |point: &Path| glob::Pattern::escape(&point.to_string_lossy());
        let home = |point: &&PathBuf| Path::new(pattern).starts_with(escaped(point)) || Path::new(pattern).starts_with(point);
        let point =
            self.mounts.iter().filter_map(|mount| mount.mountpoint.as_ref()).filter(home).max_by_key(|point| point.components().count());
        let point = point.with_context(|| format!("{pattern} is on none of the datasets"))?;
        let rest = Path::new(pattern).strip_prefix(escaped(point)).or_else(|_| Path::new(pattern).strip_prefix(point))?;
        Ok(Path::new(&escaped(&self.root(point)?)).join(rest).to_string_lossy().into_owned())
    }

    /// The path where a dataset shows the snapshot.
    ///
    /// # Errors
    /// When it does not. ZFS mounts a snapshot when something within is accessed (`zfsprops(7)`,
    /// snapdir). If that fails, for example on a pool that is being suspended, the folder exists
    /// and is empty, and all files would seem to be new.
    fn root(&self, point: &Path) -> Result<PathBuf> {
        let root = point.join(".zfs/snapshot").join(&self.snapshot);
        if !root.is_dir() {
            bail!("the snapshot is not to be seen at {}", root.display());
        }
        // The dot accesses what is within.
        let within = root.join(".").metadata().with_context(|| format!("cannot look at {}", root.display()))?;
        let home = point.metadata().with_context(|| format!("cannot look at {}", point.display()))?;
        let kind = statfs(point).with_context(|| format!("cannot tell what {} is on", point.display()))?.filesystem_type();
        if kind == ZFS && within.dev() == home.dev() {
            let mount = self.mounts.iter().find(|mount| mount.mountpoint.as_deref() == Some(point));
            let pool = mount.map_or_else(String::new, |mount| mount.dataset.pool().to_string());
            bail!(
                "the snapshot could not be mounted at {}, so what it holds cannot be told. See `zpool status {pool}`; where its I/O is suspended, \
                 bring its devices back, then: zpool clear {pool}",
                root.display()
            );
        }
        Ok(root)
    }
}

/// The place of a file in the capture. All files go into one folder, so one of two files with the
/// same name would be lost.
fn place(dir: &Path, path: &Path, taken: &mut BTreeMap<OsString, PathBuf>) -> Result<PathBuf> {
    let name = path.file_name().context("a file has a name")?;
    if let Some(other) = taken.insert(name.to_owned(), path.to_owned()).filter(|other| other != path) {
        bail!("{} and {} have the same name: only one of them would be in the capture", other.display(), path.display());
    }
    Ok(dir.join(name))
}

/// Whether an earlier pass copied the file, and it was not changed since.
fn looks_same(path: &Path, copy: &Path) -> bool {
    match (path.metadata(), copy.metadata()) {
        (Ok(a), Ok(b)) => a.len() == b.len() && (a.mtime(), a.mtime_nsec()) == (b.mtime(), b.mtime_nsec()),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::fs;

    use super::*;
    use crate::zfs::Guid;

    /// A dataset with a snapshot that holds `log`, and a pass over `*.log`.
    fn data() -> (tempfile::TempDir, CapturePass, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let then = dir.path().join(".zfs/snapshot/before");
        fs::create_dir_all(&then).unwrap();
        fs::write(then.join("a.log"), "one\n").unwrap();
        fs::create_dir(dir.path().join("capture")).unwrap();
        let mount = Mount {
            dataset: "tank/a".parse().unwrap(),
            guid: Guid(1),
            mountpoint: Some(dir.path().to_owned()),
            canmount: None,
            mounted: true,
        };
        let pass = CapturePass {
            command: None,
            new_files: Vec::new(),
            grown_files: Vec::new(),
            mounts: vec![mount],
            snapshot: "before".into(),
            last: true,
        };
        let pattern = dir.path().join("*.log");
        (dir, pass, pattern)
    }

    #[test]
    fn what_was_appended_is_captured_and_nothing_else() {
        let (dir, pass, pattern) = data();
        let capture = dir.path().join("capture");
        fs::write(dir.path().join("a.log"), "one\ntwo\n").unwrap();
        fs::write(dir.path().join("b.log"), "new\n").unwrap();
        pass.growth(&pattern.to_string_lossy(), &capture, &mut BTreeMap::new()).unwrap();
        assert_eq!(fs::read_to_string(capture.join("a.log")).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(capture.join("b.log")).unwrap(), "new\n");
        fs::write(dir.path().join("a.log"), "one\n").unwrap();
        pass.growth(&pattern.to_string_lossy(), &capture, &mut BTreeMap::new()).unwrap();
        assert_eq!(fs::read_to_string(capture.join("a.log")).unwrap(), "");
    }

    #[test]
    fn a_mountpoint_may_hold_what_is_special_in_a_pattern() {
        let (dir, mut pass, _) = data();
        let point = dir.path().join("my [data]; *");
        fs::create_dir_all(point.join(".zfs/snapshot/before")).unwrap();
        fs::write(point.join(".zfs/snapshot/before/-rf.log"), "one\n").unwrap();
        fs::write(point.join("-rf.log"), "one\ntwo\n").unwrap();
        pass.mounts[0].mountpoint = Some(point.clone());
        let pattern = format!("{}/*.log", glob::Pattern::escape(&point.to_string_lossy()));
        let capture = dir.path().join("capture");
        pass.growth(&pattern, &capture, &mut BTreeMap::new()).unwrap();
        assert_eq!(fs::read_to_string(capture.join("-rf.log")).unwrap(), "two\n");
        fs::remove_file(point.join("-rf.log")).unwrap();
        let error = pass.growth(&pattern, &capture, &mut BTreeMap::new()).unwrap_err();
        assert!(format!("{error:#}").contains("-rf.log of @before is gone"), "{error:#}");
    }

    #[test]
    fn s1_two_files_of_one_name_stop_the_capture() {
        let (dir, pass, _) = data();
        for folder in ["x", "y"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join("new.log"), folder).unwrap();
        }
        let pattern = dir.path().join("*/new.log");
        let error = pass.growth(&pattern.to_string_lossy(), &dir.path().join("capture"), &mut BTreeMap::new()).unwrap_err();
        assert!(format!("{error:#}").contains("/x/new.log and ") && format!("{error:#}").contains("have the same name"), "{error:#}");
    }

    #[test]
    fn a_file_that_lost_what_it_held_stops_the_capture() {
        let (dir, pass, pattern) = data();
        for (now, why) in [
            (Some("ONE\ntwo\n"), "a.log was written over since @before"),
            (Some("one"), "was written over"),
            (None, "a.log of @before is gone"),
        ] {
            let path = dir.path().join("a.log");
            match now {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let error = pass.growth(&pattern.to_string_lossy(), &dir.path().join("capture"), &mut BTreeMap::new()).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
        assert!(!dir.path().join("capture/a.log").try_exists().unwrap());
    }
}
