//! How far the upgraded data has come. The restore is complete when the previous version has come
//! as far.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::TargetPosition`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetPosition {
    /// Prints how far the data has come.
    pub command: CommandTemplate,
}

impl Effect for TargetPosition {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let printed = context
            .command(&self.command)
            .context("the new version did not say how far its data has come")?;
        Ok(Output::Text { text: printed.stdout.trim().to_owned() })
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}
