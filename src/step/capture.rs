//! One pass of the incremental backup of what was written since the snapshot.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{Effect, files};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{CapturePass, Mount, Step};

impl Effect for CapturePass {
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        // A pass that was cut off is made again: it copies what is not there whole.
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        super::mounts::needed(context)?;
        super::snapshot::unchanged(context)?;
        let dir = context.capture_dir();
        crate::change::layout::private_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        if let Some(command) = &self.command {
            context.command(command).context("the capture failed")?;
        }
        for pattern in &self.new_files {
            let found = glob::glob(pattern).with_context(|| format!("{pattern:?} is not a glob pattern"))?;
            for path in found {
                let path = path.context("cannot read a folder of the data")?;
                if path.is_file() && self.is_new(&path)? {
                    let target = dir.join(path.file_name().context("a file has a name")?);
                    if !looks_same(&path, &target) {
                        files::copy(&path, &target)?;
                    }
                }
            }
        }
        for pattern in &self.grown_files {
            self.growth(pattern, &dir)?;
        }
        let list = files::seal(&dir)?;
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
    /// Whether the snapshot lacks the file, or has another one of that name.
    fn is_new(&self, path: &Path) -> Result<bool> {
        let old = self.in_snapshot(path)?;
        if !old.exists() {
            return Ok(true);
        }
        // A change of any kind gives a file another ctime, and nobody can set that.
        let stamp = |path: &Path| path.metadata().map(|meta| (meta.len(), meta.ino(), meta.ctime(), meta.ctime_nsec()));
        if matches!((stamp(path), stamp(&old)), (Ok(now), Ok(then)) if now == then) {
            return Ok(false);
        }
        Ok(files::sha256(path)? != files::sha256(&old)?)
    }

    /// Copies what was appended since the snapshot; a file that did not grow becomes an empty one.
    ///
    /// # Errors
    /// When a file lost what it held then: what was appended cannot be told any more.
    fn growth(&self, pattern: &str, dir: &Path) -> Result<()> {
        let matches = |pattern: &str| -> Result<Vec<PathBuf>> {
            let found = glob::glob(pattern).with_context(|| format!("{pattern:?} is not a glob pattern"))?;
            found
                .filter(|path| path.as_ref().map_or(true, |path| path.is_file()))
                .collect::<Result<_, _>>()
                .context("cannot read a folder of the data")
        };
        let now = matches(pattern)?;
        let old_pattern = self.in_snapshot(Path::new(pattern))?;
        let old_names: Vec<_> =
            matches(&old_pattern.to_string_lossy())?.iter().filter_map(|old| old.file_name().map(ToOwned::to_owned)).collect();
        if let Some(gone) = old_names.iter().find(|old| !now.iter().any(|path| path.file_name() == Some(old))) {
            bail!("{} of @{} is gone: what was appended to it cannot be captured", Path::new(gone).display(), self.snapshot);
        }
        for path in now {
            let old = self.in_snapshot(&path)?;
            let (sha256, begin) = if old.exists() { files::sha256(&old)? } else { files::sha256_of_first(&path, 0)? };
            if files::sha256_of_first(&path, begin)? != (sha256, begin) {
                bail!("{} was written over since @{}: what was appended to it cannot be captured", path.display(), self.snapshot);
            }
            files::copy_from(&path, begin, &dir.join(path.file_name().context("a file has a name")?))?;
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
        let root = point.join(".zfs/snapshot").join(&self.snapshot);
        if !root.is_dir() {
            bail!("the snapshot is not to be seen at {}", root.display());
        }
        Ok(root.join(path.strip_prefix(point).unwrap_or(path)))
    }
}

/// Copied by an earlier pass, and not touched since.
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
        pass.growth(&pattern.to_string_lossy(), &capture).unwrap();
        assert_eq!(fs::read_to_string(capture.join("a.log")).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(capture.join("b.log")).unwrap(), "new\n");
        fs::write(dir.path().join("a.log"), "one\n").unwrap();
        pass.growth(&pattern.to_string_lossy(), &capture).unwrap();
        assert_eq!(fs::read_to_string(capture.join("a.log")).unwrap(), "");
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
            let error = pass.growth(&pattern.to_string_lossy(), &dir.path().join("capture")).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
        assert!(!dir.path().join("capture/a.log").exists());
    }
}
