//! A service that a cluster starts and watches on one of several nodes, which share its data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::Playbook;
use crate::playbook::model::CommandSpec;
use crate::playbook::value::TimeLimit;
use crate::playbook::value::pattern::Extractor;

/// How the cluster is told to leave the service alone while backout works on it, and how the nodes
/// learn each other's version. `{node}` is this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Succeeds only on the node that has the data. Default: where the site's datasets are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<CommandSpec>,
    /// Makes the cluster leave the service alone: it neither starts, stops nor moves it. The data
    /// stays where it is.
    pub disable: CommandSpec,
    /// Succeeds while that holds.
    pub disabled: CommandSpec,
    /// Runs right before `enable`, with the service running: what the cluster must be told first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_enable: Option<CommandSpec>,
    /// Gives the service back to the cluster.
    pub enable: CommandSpec,
    /// Succeeds when the cluster sees the service running, and watches it. Repeated until then.
    pub enabled: CommandSpec,
    /// How long `enabled` may take, such as `2m`. Default: 2 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_within: Option<TimeLimit>,
    /// The cluster's agent for the product, upgraded on each node after the product (a site file
    /// with `agent = true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Records `{mark}`, one word, where all nodes can read it: the version of the node `{node}`.
    pub write_mark: CommandSpec,
    /// Prints the mark of the node `{node}`. It may fail if there is none.
    pub read_mark: CommandSpec,
    /// Finds the mark in that. One group.
    pub mark: Extractor,
}

/// A program of the cluster that handles the product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Prints its version.
    pub version: CommandSpec,
    /// Finds the version in that. One group.
    pub pattern: Extractor,
    /// Succeeds if it may be upgraded on this node. Runs before anything begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// What the operator should do if it may not.
    #[serde(default)]
    pub remedy: String,
    /// Upgrades it to the version of the product.
    pub upgrade: CommandSpec,
}

/// The nodes of a site's cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// The names of all nodes on which the service may run, as in `{node}`.
    pub nodes: Vec<String>,
    /// The name of this node, if it differs from the host's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The product's files are on storage that moves with the data. Packages change only on the
    /// node that has it; the others have nothing to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_installation: bool,
    /// Upgrade the cluster's agent for the product, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}

impl Playbook {
    /// The playbook for a node without the data: the product keeps nothing there, and only packages
    /// and configuration change.
    pub fn other_node(&self) -> Self {
        let mut it = self.clone();
        it.stateless = true;
        it.data.paths.clear();
        it.data.outside.clear();
        it.data.logs.clear();
        it.data.link_files.clear();
        it.service.maintenance = None;
        it.service.ready = None;
        it.hold = None;
        it.discover.clear();
        it.requirements.clear();
        it.questions.clear();
        it.capture = None;
        it.restore = None;
        it.whole = None;
        it.aside = None;
        it.full = None;
        it.inventories.clear();
        it.limits.clear();
        it
    }
}
