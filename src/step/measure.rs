//! How far a step under way has come, as whoever watches sees it from outside.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use walkdir::WalkDir;

/// What a step's progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Items of a list.
    Items,
}

/// How far a step under way has come. It only looks, and may be wrong by a little: nothing is
/// decided by it.
#[derive(Debug, Clone)]
pub struct Measure {
    source: Source,
    total: Option<u64>,
}

#[derive(Debug, Clone)]
enum Source {
    /// The files of this folder grow.
    Grows(PathBuf),
    /// The files of this folder are read, one after the other, in the order of their names.
    IsRead { folder: PathBuf, proc: PathBuf },
    /// Counted by the step itself.
    Items(Arc<AtomicU64>),
}

impl Measure {
    /// The step writes into this folder.
    pub fn grows(folder: PathBuf) -> Self {
        Self { source: Source::Grows(folder), total: None }
    }

    /// The step's command reads the files of this folder. `proc`: `/proc`.
    pub fn is_read(folder: PathBuf, proc: PathBuf) -> Self {
        let total = Some(size(&folder)).filter(|total| *total > 0);
        Self { source: Source::IsRead { folder, proc }, total }
    }

    /// The step counts the items that it reads.
    pub fn items(counter: &Arc<AtomicU64>, total: Option<u64>) -> Self {
        Self { source: Source::Items(Arc::clone(counter)), total }
    }

    /// What it is counted in.
    pub fn unit(&self) -> Unit {
        match self.source {
            Source::Grows(_) | Source::IsRead { .. } => Unit::Bytes,
            Source::Items(_) => Unit::Items,
        }
    }

    /// How much it is in the end, if that can be told.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// How much is done. `None`: nothing can be seen of it now.
    pub fn done(&self) -> Option<u64> {
        let done = match &self.source {
            Source::Grows(folder) => size(folder),
            Source::IsRead { folder, proc } => read(folder, proc)?,
            Source::Items(counter) => counter.load(Ordering::Relaxed),
        };
        (done > 0).then_some(done)
    }
}

/// The bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = WalkDir::new(folder).into_iter().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|it| it.is_file())
        .map(|it| it.len())
        .sum()
}

/// How far the files of a folder are read: those before the one that a process has open, and its
/// place in that one.
fn read(folder: &Path, proc: &Path) -> Option<u64> {
    let mut files: Vec<(OsString, u64, (u64, u64))> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let found = entry.metadata().ok().filter(|found| found.is_file())?;
            Some((entry.file_name(), found.len(), (found.dev(), found.ino())))
        })
        .collect();
    files.sort();
    let mut furthest = None;
    for process in fs::read_dir(proc).ok()?.flatten() {
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let Ok(target) = fs::read_link(descriptor.path()) else { continue };
            if target.parent() != Some(folder) {
                continue;
            }
            let Ok(found) = fs::metadata(descriptor.path()) else { continue };
            let Some(at) = files.iter().position(|file| file.2 == (found.dev(), found.ino()))
            else {
                continue;
            };
            let info = process.path().join("fdinfo").join(descriptor.file_name());
            let place = fs::read_to_string(info).ok().and_then(|text| {
                text.lines().find_map(|line| line.strip_prefix("pos:")?.trim().parse::<u64>().ok())
            });
            let before: u64 = files[..at].iter().map(|file| file.1).sum();
            furthest = furthest.max(Some(before + place.unwrap_or_default()));
        }
    }
    furthest
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use crate::host::files::write_atomic;

    use super::*;

    #[test]
    fn a_folder_that_is_written_to_and_read() {
        let temp = tempfile::tempdir().expect("temp dir");
        let folder = temp.path().canonicalize().expect("real path");
        let (written, is_read) =
            (Measure::grows(folder.clone()), Measure::is_read(folder.clone(), "/proc".into()));
        assert_eq!((written.done(), is_read.done(), is_read.total()), (None, None, None));
        for (name, size) in [("log.1", 100), ("log.2", 50)] {
            write_atomic(&folder.join(name), &vec![0; size]).expect("written");
        }
        let is_read = Measure::is_read(folder.clone(), "/proc".into());
        assert_eq!((written.done(), is_read.done(), is_read.total()), (Some(150), None, Some(150)));
        let mut second = fs::File::open(folder.join("log.2")).expect("opened");
        second.read_exact(&mut [0; 20]).expect("read");
        assert_eq!(is_read.done(), Some(120));
    }

    #[test]
    fn items_that_a_step_counts() {
        let counter = Arc::new(AtomicU64::new(0));
        let measure = Measure::items(&counter, Some(9));
        assert_eq!(measure.done(), None);
        counter.store(7, Ordering::Relaxed);
        assert_eq!(
            (measure.done(), measure.total(), measure.unit()),
            (Some(7), Some(9), Unit::Items)
        );
    }
}
