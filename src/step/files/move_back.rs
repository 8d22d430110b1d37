//! Without ZFS: the folders of the upgraded data return to their place, or are removed when the
//! downgrade is accepted.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::files::move_aside::{exists, remove, rename, unmounted};
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::MoveBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveBack {
    /// Each with the name under which it was set aside.
    pub moves: Vec<(PathBuf, PathBuf)>,
    /// The suffix for the folders that are in their place now; without one they are removed.
    pub keep_as: Option<String>,
}

/// See [`crate::step::Action::RemoveAside`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveAside {
    /// What is removed, with all that is in it. A mount in it stops the step.
    pub folders: Vec<PathBuf>,
}

impl Effect for MoveBack {
    fn preview(&self) -> Vec<String> {
        self.moves
            .iter()
            .map(|(path, aside)| format!("mv {} {}", aside.display(), path.display()))
            .collect()
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        for (path, aside) in &self.moves {
            if exists(aside)? {
                return Ok(Probe::Absent);
            }
            if !exists(path)? {
                return Ok(Probe::Foreign(format!(
                    "neither {} nor {} is there",
                    path.display(),
                    aside.display()
                )));
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, _context: &Context<'_>) -> Result<Output> {
        for (path, aside) in &self.moves {
            if !exists(aside)? {
                continue;
            }
            if exists(path)? {
                match &self.keep_as {
                    Some(ending) => {
                        let kept = crate::host::files::beside(path, ending);
                        if exists(&kept)? {
                            bail!("{} is there already", kept.display());
                        }
                        rename(path, &kept)?;
                    }
                    None => remove(path)?,
                }
                crate::host::failpoint::point("move-back:out-of-the-way");
            }
            rename(aside, path)?;
        }
        Ok(Output::Nothing)
    }
}

impl Effect for RemoveAside {
    fn preview(&self) -> Vec<String> {
        self.folders.iter().map(|folder| format!("rm -rf {}", folder.display())).collect()
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        for folder in &self.folders {
            if exists(folder)? {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for folder in &self.folders {
            // Somebody may read a clone there with the programs that were kept.
            unmounted(context, folder)?;
            remove(folder)?;
        }
        Ok(Output::Nothing)
    }
}
