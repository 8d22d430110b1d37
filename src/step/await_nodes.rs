//! Every other node has the version: only then may the cluster move the service there.

use anyhow::Result;

use super::mark::mark_of;
use super::{Effect, NeedsDecision, version_is};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{AwaitNodes, Step};

impl AwaitNodes {
    /// The nodes that have another version, with that.
    fn behind(&self, context: &Context<'_>) -> Result<Vec<(String, String)>> {
        let mut behind = Vec::new();
        for node in &self.others {
            let version = mark_of(context.runner, &self.read, node)?.unwrap_or_else(|| self.unmarked.clone());
            if !version_is(&version, &self.wanted) {
                behind.push((node.clone(), version));
            }
        }
        Ok(behind)
    }
}

impl Effect for AwaitNodes {
    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        Ok(if self.behind(context)?.is_empty() { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let lines = self
            .behind(context)?
            .into_iter()
            .map(|(node, version)| format!("{node} has version {version}, not {}; on {node}: backout {}", self.wanted, self.verb));
        let list: Vec<String> = lines.collect();
        let end = "The service is open here. The cluster gets it back once every node has the version: then, here: backout resume";
        Err(NeedsDecision(format!("{}\n{end}", list.join("\n"))).into())
    }
}
