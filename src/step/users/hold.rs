//! Users on hold: they can neither read nor change anything, and their mail waits in the queue.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::users::directory;
use crate::step::{Context, Effect, Probe, Show, Step};

/// See [`crate::step::Action::HoldUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldUsers {
    /// Whom.
    pub users: Vec<String>,
    /// The host that they are on.
    pub host: String,
    /// Asks where they are.
    pub show: Show,
    /// Puts one on hold.
    pub command: CommandTemplate,
}

impl Effect for HoldUsers {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut all = true;
        for user in &self.users {
            let (host, held) = directory::place(context, &self.show, user)?;
            if host != self.host {
                return Ok(Probe::Foreign(format!(
                    "the directory says that {user} is on {host}, not on {}",
                    self.host
                )));
            }
            all &= held;
        }
        Ok(if all { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for user in &self.users {
            if !directory::place(context, &self.show, user)?.1 {
                let values = [("user", user.clone()), ("host", self.host.clone())];
                context
                    .runner
                    .run(&context.fill(&self.command, &values)?)
                    .with_context(|| format!("{user} could not be put on hold"))?;
                crate::host::failpoint::point("hold-users:one");
            }
        }
        Ok(Output::Nothing)
    }
}
