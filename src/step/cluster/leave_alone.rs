//! The cluster leaves the service alone: it neither starts, stops nor moves it.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::exec::ExecError;
use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::LeaveAlone`], [`crate::step::Action::HandBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Tells it to leave the service alone.
    pub disable: CommandTemplate,
    /// Succeeds while that is so.
    pub disabled: CommandTemplate,
    /// Run before `enable`.
    pub before_enable: Option<CommandTemplate>,
    /// Gives the service back.
    pub enable: CommandTemplate,
    /// Succeeds when the cluster watches it.
    pub enabled: CommandTemplate,
    /// Limit for that, in seconds.
    pub enabled_within: u64,
}

/// Tells it so.
pub(in crate::step) struct LeaveAlone<'a>(pub &'a Cluster);

/// Whether it does. A question that could not be asked is not an answer.
pub(in crate::step) fn is_left_alone(cluster: &Cluster, context: &Context<'_>) -> Result<bool> {
    match context.runner.run(&context.fill(&cluster.disabled, &[])?) {
        Ok(_) => Ok(true),
        Err(ExecError::Failed { .. }) => Ok(false),
        Err(error) => Err(error).context("the cluster could not be asked"),
    }
}

impl Effect for LeaveAlone<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.disable.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        Ok(if is_left_alone(self.0, context)? {
            Probe::Present(Output::Nothing)
        } else {
            Probe::Absent
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        context
            .command(&self.0.disable)
            .context("the cluster could not be told to leave the service alone")?;
        if !is_left_alone(self.0, context)? {
            bail!("the cluster was told to leave the service alone, and does not say that it does");
        }
        Ok(Output::Nothing)
    }
}
