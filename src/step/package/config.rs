//! The configuration is part of the state: saved before the upgrade, put back by the downgrade.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::host::files::{owned_like, private_dir, sync_dir};
use crate::journal::{Output, Side, StepId};
use crate::step::files::copy;
use crate::step::files::same::same;
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::SaveConfig`], [`crate::step::Action::PutConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Whose configuration.
    pub side: Side,
}

/// Saves it.
pub(in crate::step) struct Save<'a>(pub &'a Config);
/// Puts it back.
pub(in crate::step) struct Put<'a>(pub &'a Config);

impl Effect for Save<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.paths.iter().map(|path| path.display().to_string()).collect()
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        // An existing copy may be from an earlier downgrade, so it is always saved again.
        Ok(Probe::Absent)
    }

    fn confirm(&self, _step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        let saved = context.layout.config(self.0.side);
        anyhow::ensure!(
            saved.is_dir(),
            "the configuration was saved without an error, and {} is not there",
            saved.display()
        );
        Ok(output)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let target = context.layout.config(self.0.side);
        let work = target.with_extension("new");
        copy::fresh_dir(&work)?;
        for path in &self.0.paths {
            if !copy::is_there(path)? {
                continue;
            }
            let copy = below(&work, path);
            let folder = copy.parent().unwrap_or(&work);
            private_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            copy_tree(context, path, &copy)?;
            folders_like(&work, path)?;
        }
        crate::host::failpoint::full(&format!("config {}", saved_by(self.0.side)))
            .context("cannot copy the configuration")?;
        // File modes are kept: a server that may not read its configuration runs without it.
        let list = copy::list(&work)?;
        if copy::is_there(&target)? {
            fs::remove_dir_all(&target)
                .with_context(|| format!("cannot remove {}", target.display()))?;
        }
        fs::rename(&work, &target)
            .with_context(|| format!("cannot rename {} to {}", work.display(), target.display()))?;
        sync_dir(context.layout.folder()).context("cannot flush the change's folder")?;
        Ok(Output::Files { list })
    }
}

/// The step that saved it.
fn saved_by(side: Side) -> &'static StepId {
    match side {
        Side::Previous => &StepId::SAVE_CONFIG,
        Side::Upgraded => &StepId::SAVE_CONFIG_UPGRADED,
    }
}

/// Checks that a saved configuration is unchanged.
///
/// # Errors
/// Names the first file that was changed.
pub(in crate::step) fn read_back(context: &Context<'_>, side: Side) -> Result<()> {
    copy::read_back(&context.layout.config(side), context.files(saved_by(side)))
        .context("the saved configuration is not as it was saved")
}

impl Effect for Put<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.paths.iter().map(|path| path.display().to_string()).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let saved = context.layout.config(self.0.side);
        for path in &self.0.paths {
            let copy = below(&saved, path);
            let same = match (copy::is_there(&copy)?, copy::is_there(path)?) {
                (false, false) => true,
                // What cannot be read is put again.
                (true, true) => same(&copy, path).unwrap_or(false),
                _ => false,
            };
            if !same {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let saved = context.layout.config(self.0.side);
        // It was checked before anything was destroyed. Now there is no other copy, and a person
        // can repair it in its place.
        if let Err(error) = read_back(context, self.0.side) {
            (context.say)(&format!("{error:#}; it is put back as it is, and is to be looked at"));
        }
        for path in &self.0.paths {
            let copy = below(&saved, path);
            let saved_there = copy::is_there(&copy)?;
            let (fresh, old) = (beside(path, "backout-new"), beside(path, "backout-old"));
            for leftover in [&fresh, &old] {
                remove(leftover)?;
            }
            let rename = |from: &Path, to: &Path| {
                fs::rename(from, to).with_context(|| {
                    format!("cannot rename {} to {}", from.display(), to.display())
                })
            };
            if saved_there {
                make_folders(&saved, path)?;
                copy_tree(context, &copy, &fresh)?;
            }
            if copy::is_there(path)? {
                rename(path, &old)?;
            }
            if saved_there {
                rename(&fresh, path)?;
            }
            remove(&old)?;
            let folder = path.parent().unwrap_or(Path::new("/"));
            if copy::is_there(folder)? {
                sync_dir(folder)
                    .with_context(|| format!("cannot flush the folder of {}", path.display()))?;
            }
        }
        Ok(Output::Nothing)
    }
}

/// The folders above this path, the topmost first, without `/`.
fn above(path: &Path) -> Vec<&Path> {
    let mut folders: Vec<&Path> =
        path.ancestors().skip(1).filter(|folder| folder.file_name().is_some()).collect();
    folders.reverse();
    folders
}

/// In what was saved, the folders above a path have owners and modes, too.
fn folders_like(saved: &Path, path: &Path) -> Result<()> {
    for folder in above(path) {
        folder
            .metadata()
            .and_then(|like| owned_like(&below(saved, folder), &like))
            .with_context(|| format!("cannot copy the owner and mode of {}", folder.display()))?;
    }
    Ok(())
}

/// Makes the folders above a path again that went with the version that was removed
/// (`pg_dropcluster` removes `/etc/postgresql/15` when it is empty).
fn make_folders(saved: &Path, path: &Path) -> Result<()> {
    for folder in above(path) {
        if copy::is_there(folder)? {
            continue;
        }
        // With its owner and mode before it is in its place: one that is there is left as it is.
        let fresh = beside(folder, "backout-new");
        remove(&fresh)?;
        private_dir(&fresh)
            .and_then(|()| below(saved, folder).metadata())
            .and_then(|like| owned_like(&fresh, &like))
            .and_then(|()| sync_dir(&fresh))
            .and_then(|()| fs::rename(&fresh, folder))
            .and_then(|()| sync_dir(folder.parent().unwrap_or(Path::new("/"))))
            .with_context(|| format!("cannot make {} again", folder.display()))?;
    }
    Ok(())
}

/// It keeps owners, modes, times, links and attributes.
fn copy_tree(context: &Context<'_>, from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy {}", from.display());
    let words = if cfg!(target_os = "linux") {
        vec!["cp".into(), "-a".into(), "-T".into(), "--".into(), shown(from), shown(to)]
    } else {
        copy_of_posix(from, to).with_context(failed)?
    };
    let command = Command::new(words).timeout(std::time::Duration::from_secs(600));
    context.runner.run(&command).with_context(failed)?;
    Ok(())
}

/// The same in words that every `cp` knows. It puts a folder into one that is there; what is in it is
/// named then.
fn copy_of_posix(from: &Path, to: &Path) -> Result<Vec<String>> {
    let is_folder = from.symlink_metadata()?.is_dir();
    let from = if is_folder && copy::is_there(to)? { from.join(".") } else { from.to_owned() };
    Ok(vec!["cp".into(), "-R".into(), "-P".into(), "-p".into(), shown(&from), shown(to)])
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.strip_prefix("/").unwrap_or(path))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

fn remove(path: &Path) -> Result<()> {
    let gone = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    gone.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::host::exec::Runner;

    #[test]
    fn folders_that_went_with_a_version_come_back_with_their_modes() {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
        let folder = tempfile::tempdir().unwrap();
        let (etc, saved) = (folder.path().join("etc"), folder.path().join("saved"));
        let path = etc.join("app/15/main");
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(etc.join("app"), fs::Permissions::from_mode(0o2751)).unwrap();
        fs::set_permissions(etc.join("app/15"), fs::Permissions::from_mode(0o755)).unwrap();
        private_dir(&below(&saved, &path)).unwrap();
        folders_like(&saved, &path).unwrap();
        fs::remove_dir_all(etc.join("app")).unwrap();
        // What a kill left.
        fs::create_dir(etc.join("app.backout-new")).unwrap();
        for _ in 0..2 {
            make_folders(&saved, &path).unwrap();
            assert_eq!((mode(&etc.join("app")), mode(&etc.join("app/15"))), (0o2751, 0o755));
            assert!(!path.exists() && !etc.join("app.backout-new").exists());
        }
        // One that is there keeps what it has.
        fs::set_permissions(etc.join("app/15"), fs::Permissions::from_mode(0o700)).unwrap();
        make_folders(&saved, &path).unwrap();
        assert_eq!(mode(&etc.join("app/15")), 0o700);
    }

    #[test]
    fn the_words_of_posix_copy_what_is_there_and_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("app"), folder.path().join("copy/app"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::create_dir_all(folder.path().join("copy")).unwrap();
        fs::write(from.join("sub/file"), "text").unwrap();
        std::os::unix::fs::symlink("sub/file", from.join("link")).unwrap();
        let copy = |from: &Path, to: &Path| {
            let words = copy_of_posix(from, to).unwrap();
            Runner::default().run(&Command::new(words)).unwrap();
            assert!(same(from, to).unwrap(), "{}", from.display());
        };
        copy(&from, &to);
        // The folder was made for a part of it, which was copied before.
        fs::write(from.join("sub/file"), "other").unwrap();
        copy(&from, &to);
        copy(&from.join("sub/file"), &to.join("sub/file"));
        copy(&from.join("link"), &folder.path().join("copy/link"));
    }
}
