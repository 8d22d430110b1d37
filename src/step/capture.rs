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
