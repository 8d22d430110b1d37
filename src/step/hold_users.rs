//! Users on hold: nobody reads, changes or is given anything, and mail waits in the queue.

use anyhow::{Context as _, Result};

use super::{Effect, users};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{HoldUsers, Step};

impl Effect for HoldUsers {
    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut all = true;
        for user in &self.users {
            let (host, held) = users::place(context, &self.show, user)?;
            if host != self.host {
                return Ok(Probe::Foreign(format!("the directory says that {user} is on {host}, not on {}", self.host)));
            }
            all &= held;
        }
        Ok(if all { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for user in &self.users {
            if !users::place(context, &self.show, user)?.1 {
                let values = [("user", user.clone()), ("host", self.host.clone())];
                context.runner.run(&context.fill(&self.command, &values)?).with_context(|| format!("{user} could not be put on hold"))?;
                crate::host::failpoint::point("hold-users:one");
            }
        }
        Ok(Output::Nothing)
    }
}
