//! The version of a node, recorded where all nodes can read it.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::exec::Runner;
use crate::journal::Output;
use crate::playbook::{CommandTemplate, Extractor};
use crate::preflight::cluster::read_mark;
use crate::step::{Context, Effect, Probe, Step, installed_version};

/// See [`crate::step::Action::VersionMark`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionMark {
    /// This node.
    pub node: String,
    /// How marks are read.
    pub read: ReadVersionMark,
    /// Writes one.
    pub write: CommandTemplate,
    /// Prints the installed version.
    pub version: CommandTemplate,
    /// One group: the version.
    pub pattern: Extractor,
}

/// How the mark of a node is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadVersionMark {
    /// Prints that of `{node}`.
    pub command: CommandTemplate,
    /// One group: the mark.
    pub pattern: Extractor,
}

/// The mark of a node; `None` if there is none, or it cannot be read.
pub(in crate::step) fn mark_of(
    runner: &Runner,
    read: &ReadVersionMark,
    node: &str,
) -> Result<Option<String>> {
    read_mark(&|command| runner.run(command), &read.command, &read.pattern, node)
}

impl VersionMark {
    fn installed(&self, context: &Context<'_>) -> Result<String> {
        let version =
            installed_version(context.runner, &context.fill(&self.version, &[])?, &self.pattern)?;
        version.context("no version is installed whole on this node")
    }
}

impl Effect for VersionMark {
    fn preview(&self) -> Vec<String> {
        vec![self.write.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let (is, marked) =
            (self.installed(context)?, mark_of(context.runner, &self.read, &self.node)?);
        Ok(if marked.as_ref() == Some(&is) {
            Probe::Present(Output::Text { text: is })
        } else {
            Probe::Absent
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let version = self.installed(context)?;
        let values = [("node", self.node.clone()), ("mark", version.clone())];
        let write = context.fill(&self.write, &values)?;
        context.runner.run(&write).context("the mark for the other nodes could not be written")?;
        if mark_of(context.runner, &self.read, &self.node)?.as_ref() != Some(&version) {
            bail!("the mark for the other nodes was written, and cannot be read back");
        }
        Ok(Output::Text { text: version })
    }
}
