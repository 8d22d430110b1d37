//! Flushes what a step did to disk before the journal says that it is done. After a power cut, the
//! journal must not be ahead of the rest.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::host::exec::{Command, Runner};
use crate::host::files::stat_optional;

/// Where packages, units and configuration are. Only these file systems and the change's own are
/// flushed: `sync(2)` would also wait for an unrelated pool that is suspended.
const SYSTEM: &[&str] = &["/", "/boot", "/etc", "/opt", "/usr", "/var", "/var/lib"];
/// How long the data's file systems may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// Flushes the file system of an open folder.
#[cfg(target_os = "linux")]
fn syncfs(folder: &File) -> std::io::Result<()> {
    Ok(nix::unistd::syncfs(folder)?)
}

/// There is no `syncfs(2)`: all of them are flushed.
#[cfg(not(target_os = "linux"))]
fn syncfs(_folder: &File) -> std::io::Result<()> {
    nix::unistd::sync();
    Ok(())
}

/// The command that flushes the file systems of these paths.
#[cfg(target_os = "linux")]
fn sync_of(paths: &[&Path]) -> Command {
    let words = ["sync", "--file-system", "--"].into_iter().map(str::to_owned);
    Command::new(words.chain(paths.iter().map(|path| path.display().to_string())))
}

/// It flushes all file systems, and takes no names.
#[cfg(not(target_os = "linux"))]
fn sync_of(_paths: &[&Path]) -> Command {
    Command::new(["sync"])
}

/// Flushes the file systems of the system, of the change's `own` files and of the `data`, each once
/// (`syncfs(2)`). A command flushes the data: on a pool that becomes suspended it does not return,
/// and this process could not be ended either.
///
/// # Errors
/// When one of them has lost a write.
pub fn flush<'a>(
    runner: &Runner,
    own: impl Iterator<Item = &'a Path>,
    data: impl Iterator<Item = &'a Path>,
) -> Result<()> {
    let mut flushed = BTreeSet::new();
    for path in SYSTEM.iter().map(PathBuf::from).chain(own.map(Path::to_owned)) {
        let folder = match File::open(&path) {
            Ok(folder) => folder,
            // Not every host has every folder, and an ordinary user wrote nothing in a folder that
            // he may not read.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
            {
                continue;
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot open {}, to flush its file system", path.display())
                });
            }
        };
        let device =
            folder.metadata().with_context(|| format!("cannot look at {}", path.display()))?.dev();
        if flushed.insert(device) {
            syncfs(&folder)
                .with_context(|| format!("cannot flush the file system of {}", path.display()))?;
        }
    }
    let mut others = Vec::new();
    for path in data {
        match stat_optional(path) {
            Ok(Some(found)) if flushed.insert(found.dev()) => others.push(path),
            // A dataset's folder may not exist while it is unmounted.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot look at {}, to flush its file system", path.display())
                });
            }
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let command = sync_of(&others).timeout(LIMIT);
    // This runs after each step, and would fill the log.
    let quiet = runner.quiet();
    quiet.shielded(|| quiet.run(&command)).context("the data could not be flushed")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_passed_over() {
        let dir = tempfile::tempdir().expect("temp dir");
        let paths = [dir.path(), Path::new("/no/such/folder")];
        flush(&Runner::default(), paths.into_iter(), paths.into_iter()).expect("flushed");
    }

    #[test]
    fn what_cannot_be_looked_at_is_no_success() {
        let path = PathBuf::from(format!("/{}", "x".repeat(300)));
        for (own, data) in [(Some(&path), None), (None, Some(&path))] {
            let paths = |one: Option<&PathBuf>| one.cloned().into_iter().collect::<Vec<_>>();
            let (own, data) = (paths(own), paths(data));
            let error = flush(
                &Runner::default(),
                own.iter().map(PathBuf::as_path),
                data.iter().map(PathBuf::as_path),
            )
            .unwrap_err();
            assert!(
                format!("{error:#}").contains("to flush its file system: File name too long"),
                "{error:#}"
            );
        }
    }

    #[test]
    fn another_file_system_s_data_is_flushed_by_a_command() {
        let shm = Path::new("/dev/shm");
        let device = |path: &Path| path.metadata().expect("it is there").dev();
        assert!(
            !SYSTEM.iter().any(|path| stat_optional(Path::new(path)).expect("looked").is_some()
                && device(Path::new(path)) == device(shm)),
            "not a file system of its own"
        );
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let list = std::sync::Arc::clone(&asked);
        let mut runner = Runner::default();
        runner.stand_in =
            crate::host::exec::StandIn(Some(std::sync::Arc::new(move |command: &Command| {
                list.lock().expect("a list").push(command.to_string());
                Some(Ok(crate::host::exec::Printed::default()))
            })));
        flush(&runner, std::iter::empty(), [shm, Path::new("/")].into_iter()).expect("flushed");
        assert_eq!(*asked.lock().expect("a list"), ["sync --file-system -- /dev/shm"]);
    }
}
