//! After a switch that was given up: the standby runs and is fed again, if it can. The service is
//! open already, so what fails here is told, and nothing waits for it.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::standby::clones::{Mount, StandbyClones};
use crate::step::standby::feed::{self, Feed};
use crate::step::standby::server::{self, StandbyServer};
use crate::step::{Context, Effect, Probe, Repeated, Step};

/// See [`crate::step::Action::ResumeStandby`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResumeStandby {
    /// What it runs on.
    pub clones: StandbyClones,
    /// Its server.
    pub server: StandbyServer,
    /// Its feed.
    pub feed: Feed,
}

impl ResumeStandby {
    fn all(&self, step: &Step, context: &Context<'_>) -> Result<()> {
        let (mount, start) = (Mount(&self.clones), server::Start(&self.server));
        for effect in [&mount as &dyn Effect, &start] {
            if effect.probe(step, context)? == Probe::Absent {
                effect.apply(step, context)?;
            }
        }
        feed::Start(&self.feed).apply(step, context)?;
        Ok(())
    }
}

impl Repeated for ResumeStandby {
    fn preview(&self) -> Vec<String> {
        vec![self.server.start.to_string(), self.feed.start.to_string()]
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        if let Err(error) = self.all(step, context) {
            (context.say)(&format!(
                "the standby does not go on by itself: {error:#}\n`backout standby start` starts \
                 it again"
            ));
        }
        Ok(Output::Nothing)
    }
}
