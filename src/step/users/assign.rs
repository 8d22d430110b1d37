//! Assigns users to a host and ends their hold. Once one of them is assigned, the procedure can
//! only go forward.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::users::directory;
use crate::step::{Context, Effect, Probe, Show, Step};

/// See [`crate::step::Action::AssignUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssignUsers {
    /// Whom.
    pub users: Vec<String>,
    /// The host that they are on now.
    pub from: String,
    /// The host that will serve them.
    pub host: String,
    /// Asks where they are.
    pub show: Show,
    /// Makes it so for one.
    pub command: CommandTemplate,
}

impl Effect for AssignUsers {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut all = true;
        for user in &self.users {
            let (host, held) = directory::place(context, &self.show, user)?;
            if host != self.host && host != self.from {
                return Ok(Probe::Foreign(format!(
                    "the directory says that {user} is on {host}, neither on {} nor on {}",
                    self.from, self.host
                )));
            }
            all &= host == self.host && !held;
        }
        Ok(if all { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for user in &self.users {
            if directory::place(context, &self.show, user)? != (self.host.clone(), false) {
                let values = [("user", user.clone()), ("host", self.host.clone())];
                context
                    .runner
                    .run(&context.fill(&self.command, &values)?)
                    .with_context(|| format!("{user} could not be given to {}", self.host))?;
                crate::host::failpoint::point("assign-users:one");
            }
        }
        Ok(Output::Nothing)
    }
}
