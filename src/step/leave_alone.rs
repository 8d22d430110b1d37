//! The cluster leaves the service alone: it neither starts nor stops it, nor moves it to another node.

use anyhow::{Context as _, Result, bail};

use super::Effect;
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::host::exec::ExecError;
use crate::journal::Output;
use crate::plan::{Cluster, Step};

/// Tells it so.
pub(super) struct LeaveAlone<'a>(pub &'a Cluster);

/// Whether it does. A question that could not be put is no answer.
pub(super) fn is_left_alone(cluster: &Cluster, context: &Context<'_>) -> Result<bool> {
    match context.runner.run(&context.fill(&cluster.disabled, &[])?) {
        Ok(_) => Ok(true),
        Err(ExecError::Failed { .. }) => Ok(false),
        Err(error) => Err(error).context("the cluster could not be asked"),
    }
}

impl Effect for LeaveAlone<'_> {
    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        Ok(if is_left_alone(self.0, context)? { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        context.command(&self.0.disable).context("the cluster could not be told to leave the service alone")?;
        if !is_left_alone(self.0, context)? {
            bail!("the cluster was told to leave the service alone, and does not say that it does");
        }
        Ok(Output::Nothing)
    }
}
