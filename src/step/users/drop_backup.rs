//! Removes a backup of users. It holds their mail, which both hosts have.

use std::io;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::files::copy;
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::DropBackup`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropBackup {
    /// The batch.
    pub batch: String,
}

impl Effect for DropBackup {
    fn preview(&self) -> Vec<String> {
        Vec::new()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let there = !self.batch.is_empty() && copy::is_there(&context.batch_dir(&self.batch))?;
        Ok(if there { Probe::Absent } else { Probe::Present(Output::Nothing) })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.batch_dir(&self.batch);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", folder.display()))
            }
            _ => Ok(Output::Nothing),
        }
    }
}
