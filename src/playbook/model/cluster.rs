//! A service that a cluster starts and watches, on one of several nodes that share its data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::Playbook;
use crate::playbook::model::CommandSpec;
use crate::playbook::value::TimeLimit;
use crate::playbook::value::pattern::Extractor;

/// How the cluster is told to leave the service alone while backout works on it, and how the nodes
/// know of each other. `{node}` is this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Succeeds on the node that has the data, and nowhere else. Without it, that is the node where
    /// the site's datasets are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<CommandSpec>,
    /// Tells the cluster to leave the service alone: it neither starts nor stops it, nor moves it
    /// to another node. The data stays where it is.
    pub disable: CommandSpec,
    /// Succeeds while that is so.
    pub disabled: CommandSpec,
    /// Run right before `enable`, with the service running: what the cluster must be told first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_enable: Option<CommandSpec>,
    /// Gives the service back to the cluster.
    pub enable: CommandSpec,
    /// Succeeds when the cluster knows the service as running, and watches it. Repeated until then.
    pub enabled: CommandSpec,
    /// How long `enabled` may take, such as `2m`. Default: 2 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_within: Option<TimeLimit>,
    /// The cluster's agent for the product, upgraded on each node after the product (a site with
    /// `agent = true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Writes `{mark}`, one word, where all nodes can read it: which version the node `{node}` has.
    pub write_mark: CommandSpec,
    /// Prints the mark of the node `{node}`. It may fail when there is none.
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
    /// Succeeds when it may be upgraded on this node. Asked before anything begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// What the operator does when it may not.
    #[serde(default)]
    pub remedy: String,
    /// Upgrades it to the version of the product.
    pub upgrade: CommandSpec,
}

/// The nodes of a site's cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// The names of all nodes that the service may run on, as `{node}` has them.
    pub nodes: Vec<String>,
    /// The name of this one, if it is not the host's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The product's files lie on storage that goes with the data: packages change on the node that
    /// has it, and the others have no part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_installation: bool,
    /// Upgrade the cluster's agent for the product, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}

impl Playbook {
    /// The playbook as it is for a node that has not the data: there the product keeps nothing, and
    /// only packages and configuration go forth and back.
    pub fn other_node(&self) -> Self {
        let mut it = self.clone();
        it.stateless = true;
        it.data.paths.clear();
        it.data.outside.clear();
        it.service.maintenance = None;
        it.service.ready = None;
        it.discover.clear();
        it.requirements.clear();
        it.questions.clear();
        it.capture = None;
        it.restore = None;
        it.full = None;
        it.inventories.clear();
        it.limits.clear();
        it
    }
}
