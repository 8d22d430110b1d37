//! One pass of the incremental backup of what was written since the snapshot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{FileEntry, MountedDataset, Output};
use crate::playbook::CommandTemplate;
use crate::proof::content;
use crate::proof::continuity::Rule;
use crate::proof::snapshot::{Then, files};
use crate::step::files::copy;
use crate::step::{Context, Measure, Repeated, Step};

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
    /// Glob patterns of files of a numbered series: as `new_files`, and none is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbered_files: Vec<String>,
    /// Each start of the product begins a new file of the series.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_file_at_start: bool,
    /// Glob patterns of files that must be as in the snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged_files: Vec<String>,
    /// Where the datasets are mounted.
    pub mounts: Vec<MountedDataset>,
    /// The snapshot's name.
    pub snapshot: String,
    /// Whether this is the last pass, so that the list of files is final.
    pub last: bool,
}

// An interrupted pass is repeated. It copies what is missing or incomplete.
impl Repeated for CapturePass {
    fn preview(&self) -> Vec<String> {
        let files = self
            .new_files
            .iter()
            .map(|pattern| format!("copy what @{} lacks of {pattern}", self.snapshot));
        let growth = self
            .grown_files
            .iter()
            .map(|pattern| format!("copy what was appended since @{} to {pattern}", self.snapshot));
        let series = self.numbered_files.iter();
        let series = series.map(|pattern| {
            format!("copy what @{} lacks of {pattern}, if no number is missing", self.snapshot)
        });
        self.command
            .iter()
            .map(ToString::to_string)
            .chain(files)
            .chain(series)
            .chain(growth)
            .collect()
    }

    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        Some(Measure::grows(context.capture_dir()))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        crate::step::zfs::mounts::needed(context)?;
        crate::step::zfs::snapshot::unchanged(context)?;
        let dir = context.capture_dir();
        crate::host::files::private_dir(&dir)
            .with_context(|| format!("cannot make {}", dir.display()))?;
        if let Some(command) = &self.command {
            context.command(command).context("the capture failed")?;
        }
        self.files(&dir)?;
        let list = copy::seal(&dir)?;
        if self.last && list.is_empty() {
            bail!("nothing was captured: {} is empty", dir.display());
        }
        Ok(Output::Files { list })
    }
}

impl CapturePass {
    /// The snapshot that this goes on from.
    pub(crate) fn then(&self) -> Then<'_> {
        Then { mounts: &self.mounts, snapshot: &self.snapshot }
    }

    /// What must be so for the files of this pass to be all that was written.
    pub(crate) fn rule(&self) -> Rule {
        let (grown, numbered) = (self.grown_files.clone(), self.numbered_files.clone());
        let unchanged = self.unchanged_files.clone();
        Rule { grown, numbered, unchanged, new_at_start: self.new_file_at_start }
    }

    /// Whether the snapshot lacks the file, or has another one of that name.
    fn is_new(&self, path: &Path) -> Result<bool> {
        let old = self.then().of_file(path)?;
        Ok(!copy::is_there(&old)? || !content::same(path, &old)?)
    }

    /// Copies the files that the snapshot lacks, or has otherwise.
    fn copy_new(
        &self,
        pattern: &str,
        dir: &Path,
        taken: &mut BTreeMap<OsString, PathBuf>,
    ) -> Result<()> {
        for path in files(pattern)? {
            if self.is_new(&path)? {
                let target = place(dir, &path, taken)?;
                if !looks_same(&path, &target) {
                    copy::copy(&path, &target)?;
                }
            }
        }
        Ok(())
    }

    /// Copies what was appended since the snapshot; a file that did not grow becomes an empty one.
    fn growth(
        &self,
        pattern: &str,
        dir: &Path,
        taken: &mut BTreeMap<OsString, PathBuf>,
    ) -> Result<()> {
        for path in files(pattern)? {
            let old = self.then().of_file(&path)?;
            let begin = if copy::is_there(&old)? {
                old.metadata().with_context(|| format!("cannot look at {}", old.display()))?.len()
            } else {
                0
            };
            copy::copy_from(&path, begin, &place(dir, &path, taken)?)?;
        }
        Ok(())
    }

    /// Copies all files of the pass. Nothing is copied when they do not go on where the snapshot
    /// ends.
    fn files(&self, dir: &Path) -> Result<()> {
        self.then().holds(&self.rule())?;
        let mut taken = BTreeMap::new();
        for pattern in self.new_files.iter().chain(&self.numbered_files) {
            self.copy_new(pattern, dir, &mut taken)?;
        }
        for pattern in &self.grown_files {
            self.growth(pattern, dir, &mut taken)?;
        }
        Ok(())
    }

    /// Nothing was purged, reset or rewritten since, and what the rule names is in the capture.
    ///
    /// # Errors
    /// When something was, or is not; or when that cannot be told.
    pub(crate) fn goes_on(&self, captured: &[FileEntry]) -> Result<()> {
        self.then().holds(&self.rule())?;
        let mut wanted = Vec::new();
        for pattern in &self.grown_files {
            wanted.extend(files(pattern)?);
        }
        for pattern in &self.numbered_files {
            for path in files(pattern)? {
                if self.is_new(&path)? {
                    wanted.push(path);
                }
            }
        }
        let has = |path: &PathBuf| {
            captured
                .iter()
                .any(|file| path.file_name().is_some_and(|name| file.path == Path::new(name)))
        };
        match wanted.iter().find(|path| !has(path)) {
            Some(path) => bail!("{} is not in the capture", path.display()),
            None => Ok(()),
        }
    }
}

/// The place of a file in the capture. All files go into one folder, so one of two files with the
/// same name would be lost.
fn place(dir: &Path, path: &Path, taken: &mut BTreeMap<OsString, PathBuf>) -> Result<PathBuf> {
    let name = path.file_name().context("a file has a name")?;
    if let Some(other) =
        taken.insert(name.to_owned(), path.to_owned()).filter(|other| other != path)
    {
        bail!(
            "{} and {} have the same name: only one of them would be in the capture",
            other.display(),
            path.display()
        );
    }
    Ok(dir.join(name))
}

/// Whether an earlier pass copied the file, and it was not changed since.
fn looks_same(path: &Path, copy: &Path) -> bool {
    match (path.metadata(), copy.metadata()) {
        (Ok(a), Ok(b)) => {
            a.len() == b.len() && (a.mtime(), a.mtime_nsec()) == (b.mtime(), b.mtime_nsec())
        }
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
    fn data() -> (tempfile::TempDir, CapturePass) {
        let dir = tempfile::tempdir().unwrap();
        let then = dir.path().join(".zfs/snapshot/before");
        fs::create_dir_all(&then).unwrap();
        fs::write(then.join("a.log"), "one\n").unwrap();
        fs::create_dir(dir.path().join("capture")).unwrap();
        let mount = MountedDataset {
            dataset: "tank/a".parse().unwrap(),
            guid: Guid(1),
            mountpoint: Some(dir.path().to_owned()),
            canmount: None,
            mounted: true,
        };
        let pass = CapturePass {
            command: None,
            new_files: Vec::new(),
            grown_files: vec![dir.path().join("*.log").to_string_lossy().into_owned()],
            numbered_files: Vec::new(),
            new_file_at_start: false,
            unchanged_files: Vec::new(),
            mounts: vec![mount],
            snapshot: "before".into(),
            last: true,
        };
        (dir, pass)
    }

    #[test]
    fn what_was_appended_is_captured_and_nothing_else() {
        let (dir, pass) = data();
        let capture = dir.path().join("capture");
        fs::write(dir.path().join("a.log"), "one\ntwo\n").unwrap();
        fs::write(dir.path().join("b.log"), "new\n").unwrap();
        pass.files(&capture).unwrap();
        assert_eq!(fs::read_to_string(capture.join("a.log")).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(capture.join("b.log")).unwrap(), "new\n");
        fs::write(dir.path().join("a.log"), "one\n").unwrap();
        pass.files(&capture).unwrap();
        assert_eq!(fs::read_to_string(capture.join("a.log")).unwrap(), "");
    }

    #[test]
    fn a_mountpoint_may_hold_what_is_special_in_a_pattern() {
        let (dir, mut pass) = data();
        let point = dir.path().join("my [data]; *");
        fs::create_dir_all(point.join(".zfs/snapshot/before")).unwrap();
        fs::write(point.join(".zfs/snapshot/before/-rf.log"), "one\n").unwrap();
        fs::write(point.join("-rf.log"), "one\ntwo\n").unwrap();
        pass.mounts[0].mountpoint = Some(point.clone());
        pass.grown_files =
            vec![format!("{}/*.log", glob::Pattern::escape(&point.to_string_lossy()))];
        let capture = dir.path().join("capture");
        pass.files(&capture).unwrap();
        assert_eq!(fs::read_to_string(capture.join("-rf.log")).unwrap(), "two\n");
        fs::remove_file(point.join("-rf.log")).unwrap();
        let error = pass.files(&capture).unwrap_err();
        assert!(format!("{error:#}").contains("-rf.log of @before is gone"), "{error:#}");
    }

    #[test]
    fn s1_two_files_of_one_name_stop_the_capture() {
        let (dir, mut pass) = data();
        for folder in ["x", "y"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join("new.log"), folder).unwrap();
        }
        pass.grown_files = vec![dir.path().join("*/new.log").to_string_lossy().into_owned()];
        let error = pass.files(&dir.path().join("capture")).unwrap_err();
        assert!(
            format!("{error:#}").contains("/x/new.log and ")
                && format!("{error:#}").contains("have the same name"),
            "{error:#}"
        );
    }

    #[test]
    fn a_file_that_lost_what_it_held_stops_the_capture() {
        let (dir, pass) = data();
        for (now, why) in [
            (Some("ONE\ntwo\n"), "a.log was written over since @before"),
            (Some("one"), "a.log is shorter than in @before"),
            (None, "a.log of @before is gone"),
        ] {
            let path = dir.path().join("a.log");
            match now {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let error = pass.files(&dir.path().join("capture")).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
        assert!(!dir.path().join("capture/a.log").try_exists().unwrap());
    }

    #[test]
    fn s1_a_numbered_log_is_captured_from_where_the_snapshot_ended_or_not_at_all() {
        let (dir, mut pass) = data();
        let capture = dir.path().join("capture");
        fs::write(dir.path().join(".zfs/snapshot/before/bin.000003"), "three").unwrap();
        pass.grown_files.clear();
        pass.numbered_files = vec![dir.path().join("bin.[0-9]*").to_string_lossy().into_owned()];
        for (name, text) in
            [("bin.000003", "three"), ("bin.000004", "four"), ("bin.000005", "five")]
        {
            fs::write(dir.path().join(name), text).unwrap();
        }
        pass.files(&capture).unwrap();
        let list = copy::seal(&capture).unwrap();
        assert_eq!(
            list.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>(),
            ["bin.000004", "bin.000005"]
        );
        pass.goes_on(&list).unwrap();
        let error = pass.goes_on(&list[..1]).unwrap_err();
        assert!(format!("{error:#}").ends_with("bin.000005 is not in the capture"), "{error:#}");
        // Purged: what is in the capture already does not make up for what the next pass cannot
        // see.
        fs::remove_file(dir.path().join("bin.000004")).unwrap();
        for error in [pass.files(&capture).unwrap_err(), pass.goes_on(&list).unwrap_err()] {
            assert!(format!("{error:#}").contains("bin.000004 is missing: "), "{error:#}");
        }
    }
}
