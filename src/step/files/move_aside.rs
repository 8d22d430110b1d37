//! Without ZFS: the folders of the upgraded data are renamed, and empty ones are created in their
//! place. Only the rest of an interrupted restore is removed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::files::{owned_like, private_dir, sync_dir};
use crate::host::mounts;
use crate::journal::{Output, StepState};
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::MoveAside`], [`crate::step::Action::MakeEmpty`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folders {
    /// Each with the name under which it is set aside.
    pub moves: Vec<(PathBuf, PathBuf)>,
}

/// Renames them.
pub(in crate::step) struct Aside<'a>(pub &'a Folders);
/// Makes empty ones.
pub(in crate::step) struct Empty<'a>(pub &'a Folders);

impl Effect for Aside<'_> {
    fn preview(&self) -> Vec<String> {
        self.0
            .moves
            .iter()
            .map(|(path, aside)| format!("mv {} {}", path.display(), aside.display()))
            .collect()
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut there = 0;
        for (_, aside) in &self.0.moves {
            if exists(aside)? {
                if !context.begun(&step.id) {
                    return Ok(Probe::Foreign(format!(
                        "{} exists already, and is not of this change",
                        aside.display()
                    )));
                }
                there += 1;
            }
        }
        Ok(if there == self.0.moves.len() {
            Probe::Present(Output::Nothing)
        } else {
            Probe::Absent
        })
    }

    fn apply(&self, _step: &Step, _context: &Context<'_>) -> Result<Output> {
        for (path, aside) in &self.0.moves {
            if !exists(aside)? {
                rename(path, aside)?;
                crate::host::failpoint::point("move-aside:renamed");
            }
        }
        Ok(Output::Nothing)
    }
}

impl Effect for Empty<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.moves.iter().map(|(path, _)| format!("mkdir {}", path.display())).collect()
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let done = matches!(context.run()?.step(&step.id), Some((_, StepState::Done)));
        for (path, _) in &self.0.moves {
            if done && !exists(path)? {
                return Ok(Probe::Absent);
            }
        }
        Ok(if done { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, _context: &Context<'_>) -> Result<Output> {
        for (path, aside) in &self.0.moves {
            let Ok(like) = fs::symlink_metadata(aside) else {
                bail!("{} is gone: nothing is removed from {}", aside.display(), path.display());
            };
            remove(path)?;
            private_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
            owned_like(path, &like)
                .with_context(|| format!("cannot give {} its owner and mode", path.display()))?;
            sync_dir(path)
                .and_then(|()| path.parent().map_or(Ok(()), sync_dir))
                .with_context(|| format!("cannot flush {}", path.display()))?;
        }
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

/// Whether something with this name exists, even a dangling link.
pub(in crate::step) fn exists(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// Renames a folder, and flushes its parent.
pub(in crate::step) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))?;
    to.parent()
        .map_or(Ok(()), sync_dir)
        .with_context(|| format!("cannot flush the folder of {}", to.display()))
}

/// Checks that nothing is mounted in a folder: what is removed there would be lost on the mount.
pub(in crate::step) fn unmounted(context: &Context<'_>, folder: &Path) -> Result<()> {
    let all = mounts::read(&context.proc()).map_err(anyhow::Error::msg)?;
    if let Some(mount) = all.iter().find(|mount| mount.point.starts_with(folder)) {
        bail!("{} is mounted in {}; unmount it first", mount.point.display(), folder.display());
    }
    Ok(())
}

/// Removes a folder with all its contents, if it exists.
pub(in crate::step) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
