//! Says which host serves users from now on, and ends their hold. Once one of them is there, the way on is the only one.

use anyhow::{Context as _, Result};

use super::{Effect, users};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{AssignUsers, Step};

impl Effect for AssignUsers {
    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut all = true;
        for user in &self.users {
            let (host, held) = users::place(context, &self.show, user)?;
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
            if users::place(context, &self.show, user)? != (self.host.clone(), false) {
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
