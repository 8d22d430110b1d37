//! The cluster gets the service back, running.

use anyhow::{Context as _, Result};

use crate::journal::Output;
use crate::step::cluster::leave_alone::is_left_alone;
use crate::step::service::waiting::wait_ready;
use crate::step::{Cluster, Context, Effect, Probe, Step};

/// Gives it back.
pub(in crate::step) struct HandBack<'a>(pub &'a Cluster);

impl Effect for HandBack<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.before_enable.iter().chain([&self.0.enable]).map(ToString::to_string).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let watched = !is_left_alone(self.0, context)? && context.command(&self.0.enabled).is_ok();
        Ok(if watched { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        if let Some(command) = &self.0.before_enable {
            context
                .command(command)
                .context("the cluster could not be made ready for the service")?;
        }
        context
            .command(&self.0.enable)
            .context("the service could not be given back to the cluster")?;
        wait_ready(context, Some(&self.0.enabled), self.0.enabled_within)
            .context("the cluster does not take the service back")?;
        Ok(Output::Nothing)
    }
}
