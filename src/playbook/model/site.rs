//! The content of a site file: this host's values for a playbook.

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::{Hold, Hosts, Nodes, Strategy};
use crate::zfs::Dataset;

/// This host's values for a playbook (`/etc/backout/site.toml`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// The playbook's name.
    pub playbook: String,
    /// The datasets with the product's data, each with everything below it. They go back together.
    /// None if the data is not on ZFS (`rollback = "none"`), or if the product has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<Dataset>,
    /// Datasets below them that are of other use, such as dumps. They stay as they are: neither
    /// snapshotted nor rolled back nor destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave: Vec<Dataset>,
    /// Datasets below them that go back with the data, although no path of the playbook is on them.
    /// What is written to them after the upgrade is neither captured nor compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with_data: Vec<Dataset>,
    /// The version to upgrade to, complete or its first parts: `11.8`.
    pub upgrade_to: String,
    /// How the new version is installed.
    #[serde(default)]
    pub strategy: Strategy,
    /// The two hosts, for `strategy = "coexistent"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Hosts>,
    /// The nodes, if a cluster starts and watches the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Nodes>,
    /// How connections of clients are held while the service is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// How the data goes back.
    #[serde(default)]
    pub rollback: RollbackChoice,
    /// When everything is compared after a kept downgrade that compared only what was written since
    /// the snapshot.
    #[serde(default, skip_serializing_if = "FullProofChoice::is_default")]
    pub full_proof: FullProofChoice,
    /// The folder for captures and installers, if not the state folder. It must not be on one of
    /// the datasets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
    /// Values for the playbook's variables.
    #[serde(default)]
    pub variables: IndexMap<String, String>,
}

/// How the data goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackChoice {
    /// Obsolete: the same as `keep`, with a warning. It used to mean `in-place` on a pool without
    /// room.
    Auto,
    /// The default. The upgraded state stays beside the restored one until the downgrade is
    /// committed. `backout undo` returns to it.
    #[default]
    Keep,
    /// The upgraded state is destroyed by `zfs rollback`.
    InPlace,
    /// The data is not on ZFS. Everything is backed up and restored into an empty store, which
    /// takes hours where a rollback takes seconds. Needs a playbook that says how (`[full]`).
    None,
}

/// When everything is compared after a kept downgrade.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FullProofChoice {
    /// The default. It begins by itself once the service is open, in the background and with low
    /// priority.
    #[default]
    Background,
    /// When somebody runs `backout prove`.
    Later,
}

impl FullProofChoice {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
