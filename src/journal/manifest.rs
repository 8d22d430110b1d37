//! How a change began: what it is of, and what was true of the host then. Its compatibility is that of
//! the [records](super::record).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::output::FileEntry;
use crate::playbook::DataStrategy;
use crate::zfs::{Dataset, Guid};

/// How a change began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeManifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The change's id.
    pub change: String,
    /// The tool's version.
    pub tool: String,
    /// The host's name.
    pub host: String,
    /// The playbook's name.
    pub playbook: String,
    /// Its SHA-256. A copy is in the change's folder.
    pub playbook_sha256: String,
    /// The programs that the playbook brings; copies stand in the change's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<FileEntry>,
    /// The site file's SHA-256. A copy is in the change's folder.
    pub site_sha256: String,
    /// The installed version.
    pub from_version: String,
    /// The version asked for, whole or its first parts.
    pub upgrade_to: String,
    /// The name of the snapshot before the upgrade (the part after the `@`).
    pub snapshot: String,
    /// When that name was chosen, local time, `%Y%m%d:%H%M%S`. An hour earlier in an hour that the
    /// clock shows twice.
    pub snapshot_time: String,
    /// How the previous version comes back.
    #[serde(rename = "way", default, skip_serializing_if = "DataStrategy::is_zfs")]
    pub data_strategy: DataStrategy,
    /// Where the two installations are, if the new version is installed beside the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// This node's part, where a cluster starts and watches the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<NodePart>,
    /// A standby runs with the programs of this host, which has both versions side by side: none
    /// were kept for it at the upgrade.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standby_on_host: bool,
    /// The datasets with everything below them, parents first.
    pub datasets: Vec<MountedDataset>,
    /// The datasets below them that are of other use and stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<MountedDataset>,
    /// What lies beside the data on the datasets that go back: neither captured nor compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_files: Vec<PathBuf>,
    /// The keys and values of the file that the vendor's installer reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<(String, String)>,
    /// Values of the variables, and of what the host was asked.
    pub values: std::collections::BTreeMap<String, String>,
    /// Where captures and installers of this change are, if not in its folder.
    pub store: Option<PathBuf>,
    /// Whether the playbook says how the upgraded version stands by after a downgrade.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_back: bool,
    /// How often a mended playbook or site file took the place of the copies: the edition that
    /// counts. Its records say so, not the one that opened the change.
    #[serde(skip)]
    pub edition: u32,
}

/// A dataset and how it is to be mounted, as it was when the change was opened. What the kernel has
/// mounted now is [`crate::host::mounts::Mount`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MountedDataset {
    /// Its name.
    pub dataset: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// Where it is mounted; `None` for a volume or `mountpoint=none`.
    pub mountpoint: Option<PathBuf>,
    /// The local value of `canmount`, if there is one.
    pub canmount: Option<String>,
    /// Whether it is mounted while the service runs.
    pub mounted: bool,
}

/// Which of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Of the version before the upgrade.
    Previous,
    /// Of the upgraded version.
    Upgraded,
}

impl Side {
    /// What its version is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Upgraded => "upgraded",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Previous => Self::Upgraded,
            Self::Upgraded => Self::Previous,
        }
    }
}

/// See [`ChangeManifest::cluster`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodePart {
    /// This node.
    pub node: String,
    /// The others that take part: none if the product's files move with the data.
    pub others: Vec<String>,
    /// Whether this node had the data when the change was opened.
    pub data: bool,
    /// Whether the cluster's agent for the product is upgraded, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}

/// See [`ChangeManifest::beside`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The symbolic link that names the active installation.
    pub link: PathBuf,
    /// Where it led when the change was opened.
    pub old: PathBuf,
    /// Where the new version is, or will be.
    pub new: PathBuf,
    /// The version that was there when the change was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<String>,
}
