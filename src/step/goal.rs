//! How far the upgraded data has come: the restore is complete when the previous version has come as far.

use anyhow::{Context as _, Result};

use super::Effect;
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{Goal, Step};

impl Effect for Goal {
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let printed = context.command(&self.command).context("the new version did not say how far its data has come")?;
        Ok(Output::Text { text: printed.stdout.trim().to_owned() })
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}
