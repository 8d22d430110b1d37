//! Nothing is destroyed before the capture is complete, checksummed and read back, and the previous version's installer is at hand.

use anyhow::{Context as _, Result};

use super::{Effect, files};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::{Output, StepState};
use crate::plan::{Step, Verify};

impl Verify {
    fn read_back(&self, context: &Context<'_>) -> Result<()> {
        if let Some(step) = &self.capture {
            files::read_back(&context.capture_dir(), context.files(step)).context("the capture is not as it was written")?;
        }
        files::read_back(&context.layout.installer(), context.files("save-installer"))
            .context("the previous version's installer is not as it was put aside")
    }
}

impl Effect for Verify {
    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let verified = matches!(context.run()?.step(&step.id), Some((_, StepState::Done)));
        if !verified {
            return Ok(Probe::Absent);
        }
        Ok(match self.read_back(context) {
            Ok(()) => Probe::Present(Output::Nothing),
            Err(error) => Probe::Foreign(format!("{error:#}")),
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        self.read_back(context)?;
        if let Some(command) = &self.command {
            context.command(command).context("the product finds the capture incomplete or unreadable")?;
        }
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}
