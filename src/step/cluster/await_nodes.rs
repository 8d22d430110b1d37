//! Waits until every other node has the version. Only then may the cluster move the service there.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::journal::{HaltKind, Output};
use crate::step::cluster::version_mark::mark_of;
use crate::step::{Context, Effect, NeedsDecision, Probe, ReadVersionMark, Step, version_is};

/// See [`crate::step::Action::AwaitNodes`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwaitNodes {
    /// The nodes without the data.
    pub others: Vec<String>,
    /// How their marks are read.
    pub read: ReadVersionMark,
    /// The version that each must have, complete or its first parts.
    pub wanted: String,
    /// The version of a node without a mark.
    pub unmarked: String,
    /// The verb to type there.
    pub verb: String,
}

impl AwaitNodes {
    /// The nodes that have another version, with that.
    fn behind(&self, context: &Context<'_>) -> Result<Vec<(String, String)>> {
        let mut behind = Vec::new();
        for node in &self.others {
            let version =
                mark_of(context.runner, &self.read, node)?.unwrap_or_else(|| self.unmarked.clone());
            if !version_is(&version, &self.wanted) {
                behind.push((node.clone(), version));
            }
        }
        Ok(behind)
    }
}

impl Effect for AwaitNodes {
    fn preview(&self) -> Vec<String> {
        vec![self.read.command.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        Ok(if self.behind(context)?.is_empty() {
            Probe::Present(Output::Nothing)
        } else {
            Probe::Absent
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let lines = self.behind(context)?.into_iter().map(|(node, version)| {
            format!(
                "{node} has version {version}, not {}; on {node}: backout {}",
                self.wanted, self.verb
            )
        });
        let list: Vec<String> = lines.collect();
        let end = "The service is open here. The cluster gets it back once every node has the \
            version: then, here: backout resume";
        Err(NeedsDecision::new(HaltKind::OtherNodes, format!("{}\n{end}", list.join("\n"))).into())
    }
}
