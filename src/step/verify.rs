//! Nothing is destroyed before the capture is complete, checksummed and read back, the previous version's installer and configuration are at hand, and the
//! lists to compare with are whole.

use anyhow::{Context as _, Result};

use super::{Effect, config, files, inventory, prove};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::{Output, StepState};
use crate::plan::{Action, Side, Step, Verify};

impl Verify {
    fn read_back(&self, context: &Context<'_>) -> Result<()> {
        if let Some(step) = &self.capture {
            files::read_back(&context.capture_dir(), context.files(step)).context("the capture is not as it was written")?;
        }
        files::read_back(&context.layout.installer(), context.files("save-installer"))
            .context("the previous version's installer is not as it was put aside")?;
        for side in [Side::Previous, Side::Upgraded] {
            config::read_back(context, side)?;
        }
        // Once the upgraded data is gone, the list cannot be taken again.
        for step in &context.run()?.plan.steps {
            if let Action::Inventory(list) = &step.action
                && list.side == Side::Upgraded
            {
                prove::unchanged(context, &step.id, &inventory::path(&context.inventory_dir(), &list.name, list.side))?;
            }
        }
        Ok(())
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
