//! The steps of a switch within its deadline, and the previous version that serves from its private
//! root afterwards.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::service::units::mask;
use crate::step::service::waiting::wait_ready;
use crate::step::standby::run;
use crate::step::zfs::mounts::needed;
use crate::step::{Context, Effect, Probe, Repeated, Step};

/// See [`crate::step::Action::Refuse`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refuse {
    /// The upgraded version accepts no write from now on.
    pub command: CommandTemplate,
}

/// See [`crate::step::Action::Allow`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allow {
    /// Takes the refusal back; harmless if nothing is refused.
    pub command: CommandTemplate,
}

/// See [`crate::step::Action::SourcePosition`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourcePosition {
    /// Prints how far the upgraded version has come.
    pub command: CommandTemplate,
}

/// See [`crate::step::Action::Drain`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// Returns when the standby has come to `{position}`.
    pub command: CommandTemplate,
    /// Prints how far the standby has come.
    pub position: CommandTemplate,
}

/// See [`crate::step::Action::Settle`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// What the feed does not bring.
    pub command: CommandTemplate,
}

/// See [`crate::step::Action::ForgetStandby`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForgetStandby {
    /// Takes it back; succeeds if there is nothing.
    pub command: CommandTemplate,
}

/// See [`crate::step::Action::EndUpgraded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndUpgraded {
    /// Ends the upgraded server.
    pub command: CommandTemplate,
    /// The service's units, which must not start it again.
    pub units: Vec<String>,
}

/// See [`crate::step::Action::Serve`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServeFromRoot {
    /// Starts it.
    pub start: CommandTemplate,
    /// Stops it; succeeds when it does not run.
    pub stop: CommandTemplate,
    /// Answers when the service serves its clients.
    pub ready: Option<CommandTemplate>,
    /// Limit for that, in seconds.
    pub ready_within: u64,
}

/// Starts it.
pub(in crate::step) struct Serve<'a>(pub &'a ServeFromRoot);
/// Stops it.
pub(in crate::step) struct ServeStop<'a>(pub &'a ServeFromRoot);

impl Repeated for Refuse {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.command)
            .context("the version that serves could not be made to refuse writes")?;
        Ok(Output::Nothing)
    }
}

impl Repeated for Allow {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.command)
            .context("the version that serves could not be made to accept writes again")?;
        Ok(Output::Nothing)
    }
}

impl Repeated for Settle {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.command).context("the standby could not be made ready to serve")?;
        Ok(Output::Nothing)
    }
}

impl Repeated for ForgetStandby {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.command)
            .context("what the upgraded version has for a standby could not be taken back")?;
        Ok(Output::Nothing)
    }
}

impl Repeated for SourcePosition {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let text = run(context, &self.command)
            .context("the version that serves does not say how far it has come")?;
        anyhow::ensure!(
            !text.is_empty(),
            "the version that serves does not say how far it has come"
        );
        Ok(Output::Text { text })
    }
}

impl Repeated for Drain {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.command).context("the standby did not get all that was written")?;
        // In the words of the standby: the same may be written otherwise.
        let found =
            run(context, &self.position).context("the standby does not say how far it has come")?;
        Ok(Output::Text { text: found })
    }
}

impl Repeated for EndUpgraded {
    fn preview(&self) -> Vec<String> {
        let masks = self.units.iter().map(|unit| format!("systemctl mask {unit}"));
        masks.chain([self.command.to_string()]).collect()
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        // What ended is started again by systemd (`Restart=`), unless it is masked.
        mask(context, &self.units)?;
        run(context, &self.command).context("the version that serves could not be ended")?;
        Ok(Output::Nothing)
    }
}

impl Effect for Serve<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.start.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        // The upgraded version is proved stopped, and its units are masked.
        let serves = match &self.0.ready {
            Some(ready) => run(context, ready).is_ok(),
            None => false,
        };
        Ok(if serves { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        needed(context)?;
        run(context, &self.0.stop).context("what served before could not be stopped")?;
        run(context, &self.0.start)
            .context("the version that takes over could not be started from its private root")?;
        wait_ready(context, self.0.ready.as_ref(), self.0.ready_within)?;
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl Repeated for ServeStop<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.stop.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.0.stop)
            .context("the version that took over could not be stopped in its private root")?;
        Ok(Output::Nothing)
    }
}
