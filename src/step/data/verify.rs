//! Nothing is destroyed before the capture is complete, checksummed and read back, the previous
//! version's installer and configuration are verified, and the lists for the comparison are intact.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{Output, Side, StepId, StepState};
use crate::playbook::CommandTemplate;
use crate::proof::inventory;
use crate::step::data::prove;
use crate::step::files::copy;
use crate::step::package::config;
use crate::step::{Action, Context, Effect, Probe, Step};

/// See [`crate::step::Action::Verify`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verify {
    /// The step that lists the captured files; `None` if nothing could have been written.
    pub capture: Option<StepId>,
    /// The product's own check.
    pub command: Option<CommandTemplate>,
}

impl Verify {
    fn read_back(&self, step: &Step, context: &Context<'_>) -> Result<()> {
        if let Some(step) = &self.capture {
            copy::read_back(&context.capture_dir(), context.files(step))
                .context("the capture is not as it was written")?;
        }
        copy::read_back(&context.layout.installer(), context.files(&StepId::SAVE_INSTALLER))
            .context("the previous version's installer is not as it was saved")?;
        for side in [Side::Previous, Side::Upgraded] {
            config::read_back(context, side)?;
        }
        let plan = &context.run()?.plan;
        let before = plan.steps.iter().take_while(|other| other.id != step.id);
        for step in before {
            match &step.action {
                Action::WriteWhole(write) if self.capture.is_some() => {
                    copy::read_back(&context.whole_dir(&write.items), context.files(&step.id))
                        .context("what was written out whole is not as it was written")?;
                }
                // Once the upgraded data is gone, the list cannot be taken again.
                Action::Inventory(list) if list.side == Side::Upgraded => {
                    let file = inventory::existing(&context.inventory_dir(), &list.name, list.side);
                    prove::unchanged(context, &step.id, &file)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Effect for Verify {
    fn preview(&self) -> Vec<String> {
        self.command.iter().map(ToString::to_string).collect()
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let verified = matches!(context.run()?.step(&step.id), Some((_, StepState::Done)));
        if !verified {
            return Ok(Probe::Absent);
        }
        Ok(match self.read_back(step, context) {
            Ok(()) => Probe::Present(Output::Nothing),
            Err(error) => Probe::Foreign(format!("{error:#}")),
        })
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        self.read_back(step, context)?;
        if let Some(capture) = &self.capture {
            for step in &context.run()?.plan.steps {
                if let Action::Capture(pass) = &step.action {
                    pass.goes_on(context.files(capture))
                        .context("the capture is not all that was written since the snapshot")?;
                }
            }
        }
        if let Some(command) = &self.command {
            context
                .command(command)
                .context("the product finds the capture incomplete or unreadable")?;
        }
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}
