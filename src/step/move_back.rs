//! Without ZFS: the folders of the upgraded data come back into their place, or are removed when the downgrade is accepted.

use anyhow::{Result, bail};

use super::Effect;
use super::move_aside::{exists, remove, rename};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{MoveBack, RemoveAside, Step};

impl Effect for MoveBack {
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        for (path, aside) in &self.moves {
            if exists(aside)? {
                return Ok(Probe::Absent);
            }
            if !exists(path)? {
                return Ok(Probe::Foreign(format!("neither {} nor {} is there", path.display(), aside.display())));
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
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        for folder in &self.folders {
            if exists(folder)? {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, _context: &Context<'_>) -> Result<Output> {
        for folder in &self.folders {
            remove(folder)?;
        }
        Ok(Output::Nothing)
    }
}
