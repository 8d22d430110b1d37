//! The standby's server.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::service::waiting::wait_ready;
use crate::step::standby::run;
use crate::step::{Context, Effect, Probe, Repeated, Step};

/// See [`crate::step::Action::StandbyStart`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandbyServer {
    /// Starts it.
    pub start: CommandTemplate,
    /// Stops it; succeeds when it does not run.
    pub stop: CommandTemplate,
    /// Succeeds when it answers.
    pub ready: Option<CommandTemplate>,
    /// Limit for that, in seconds.
    pub ready_within: u64,
}

/// Starts it.
pub(in crate::step) struct Start<'a>(pub &'a StandbyServer);
/// Stops it.
pub(in crate::step) struct Stop<'a>(pub &'a StandbyServer);

impl Effect for Start<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.start.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let runs = match &self.0.ready {
            Some(ready) => run(context, ready).is_ok(),
            None => false,
        };
        Ok(if runs { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        // One that hangs would be in the way.
        run(context, &self.0.stop)
            .context("a standby that does not answer could not be stopped")?;
        run(context, &self.0.start).context("the standby could not be started")?;
        wait_ready(context, self.0.ready.as_ref(), self.0.ready_within)?;
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl Repeated for Stop<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.stop.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.0.stop).context("the standby could not be stopped")?;
        Ok(Output::Nothing)
    }
}
