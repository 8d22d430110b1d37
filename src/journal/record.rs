//! The lines of a journal, as types. A reader refuses what it would not write itself. So a field
//! that is added to a format later has a `default` that is not written (`skip_serializing_if`):
//! older journals stay readable, and older tools refuse newer journals only where they use the
//! field.

use std::path::PathBuf;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::plan::{Action, Plan};
use super::{Family, StepId};
use crate::playbook::DataStrategy;
use crate::zfs::{Dataset, Guid, Snapshot};

/// The version of the journal that this tool writes and reads.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Action")]
pub struct Line<A> {
    /// Counts from 1 without a gap.
    pub seq: u64,
    /// When it was written (local time with its offset from UTC). For display only: no decision
    /// depends on a clock.
    pub at: DateTime<FixedOffset>,
    /// What happened.
    #[serde(flatten)]
    pub record: Record<A>,
}

/// What happened.
#[allow(clippy::large_enum_variant, reason = "the largest stands once in a journal")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case", bound = "A: Action")]
pub enum Record<A> {
    /// The change began. Always the first line, never again.
    Opened(ChangeManifest),
    /// A procedure was planned and begins.
    Planned {
        /// All of it.
        plan: Plan<A>,
    },
    /// A step's effect is about to be made.
    Started {
        /// The step.
        step: StepId,
        /// Counts from 1 in this procedure.
        attempt: u32,
    },
    /// A step's effect is there.
    Done {
        /// The step.
        step: StepId,
        /// The effect was found, not made by this attempt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        adopted: bool,
        /// What later steps need of it.
        output: Output,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: StepId,
        /// The whole reason.
        error: String,
    },
    /// The steps from this one on must be repeated.
    Rewound {
        /// The step.
        to: StepId,
        /// Why.
        why: String,
    },
    /// A person must decide.
    Halted {
        /// The step.
        step: StepId,
        /// Why.
        why: String,
        /// What the decision is about.
        #[serde(default, skip_serializing_if = "HaltKind::is_unsaid")]
        kind: HaltKind,
    },
    /// Somebody asked for a stop.
    Interrupted,
    /// A person answered for something.
    Answered {
        /// For what.
        question: OpenQuestion,
    },
    /// The procedure is complete.
    Finished,
    /// After a downgrade that compared only what was written since the snapshot: everything was
    /// compared.
    Proved {
        /// The comparison.
        proof: Proof,
        /// The lists, each with its number of items.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lists: Vec<(String, u64)>,
    },
    /// A mended playbook or site file was taken into the change.
    Replaced(Replacement<A>),
}

/// See [`Record::Replaced`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Action")]
pub struct Replacement<A> {
    /// Counts from 1: where the copies are ([`super::Layout::with_edition`]).
    pub edition: u32,
    /// As in [`ChangeManifest`].
    pub playbook_sha256: String,
    /// As in [`ChangeManifest`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<FileEntry>,
    /// As in [`ChangeManifest`].
    pub site_sha256: String,
    /// Values of variables that are new or others now.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub values: std::collections::BTreeMap<String, String>,
    /// As in [`ChangeManifest`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_back: bool,
    /// The plan of the procedure under way, as it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan<A>>,
}

/// What a person can answer for in the middle of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenQuestion {
    /// The inventories differ. Open the service all the same.
    Differences,
    /// A step was tried too often; try again.
    TryAgain,
    /// The previous version rejects items. Leave them out of the restore.
    Rejects,
    /// The inventories differ. Carry what differs whole, from the upgraded data, and compare again.
    Repair,
}

/// What a person has to decide after a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaltKind {
    /// A journal of 0.1.0 does not say it: see [`HaltKind::of`].
    #[default]
    Unsaid,
    /// Something is there that this change did not make, or something of it was replaced.
    Foreign,
    /// A step was tried too often.
    TooOften,
    /// The previous version rejects items.
    Rejects,
    /// The lists differ, or one of them proves nothing.
    Differences,
    /// The lists differ, and what differs can be carried whole from the upgraded data.
    Repairable,
    /// Other nodes of the cluster do not have the version yet.
    OtherNodes,
}

impl HaltKind {
    /// Whether the record does not say it.
    fn is_unsaid(&self) -> bool {
        *self == Self::Unsaid
    }

    /// Whether lists differ.
    pub fn is_about_differences(self) -> bool {
        matches!(self, Self::Differences | Self::Repairable)
    }

    /// The kind of a halt in a journal of 0.1.0, which gave only the step and the reason.
    pub fn of(self, step: &StepId, why: &str) -> Self {
        match self {
            Self::Unsaid if why.starts_with("the previous version rejects ") => Self::Rejects,
            Self::Unsaid if why.starts_with("it was tried ") => Self::TooOften,
            Self::Unsaid if *step == StepId::PROVE || step.is_of(Family::Prove) => {
                Self::Differences
            }
            Self::Unsaid if *step == StepId::AWAIT_NODES => Self::OtherNodes,
            Self::Unsaid => Self::Foreign,
            said => said,
        }
    }
}

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

/// What later steps need of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Output {
    /// Nothing.
    #[default]
    Nothing,
    /// Snapshots with their identities.
    Snapshots {
        /// In the plan's order.
        list: Vec<(Snapshot, Guid)>,
    },
    /// Files with their checksums.
    Files {
        /// In order of name.
        list: Vec<FileEntry>,
    },
    /// A value that was asked for.
    Text {
        /// Without the end of line.
        text: String,
    },
    /// A version.
    Version {
        /// As the playbook's pattern finds it.
        version: String,
    },
    /// An inventory.
    Inventory {
        /// The number of items.
        items: u64,
        /// SHA-256 of the list's file.
        sha256: String,
    },
    /// The comparison of the inventories.
    Proof(Proof),
    /// The comparison of what each user has on both hosts.
    Users {
        /// In the plan's order.
        list: Vec<(String, Proof)>,
    },
    /// Datasets that took the place of those with which the change began.
    Datasets {
        /// Each with its identity.
        list: Vec<(Dataset, Guid)>,
    },
    /// The items that are carried whole.
    Whole {
        /// In the order in which they are written and loaded.
        list: Vec<WholeItem>,
    },
    /// The items that the previous version would not take, and that were left out.
    Rejects {
        /// So many.
        count: u64,
        /// The file that names all of them.
        file: PathBuf,
    },
}

/// The comparison of what was there with what is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Items on the upgraded version.
    pub expected: u64,
    /// Items on the previous version, after the restore.
    pub found: u64,
    /// Items that were there and are not.
    pub missing: u64,
    /// Items that are there and were not.
    pub unexpected: u64,
}

impl Proof {
    /// The four numbers, in words.
    pub fn counts(&self) -> String {
        format!(
            "{} items expected, {} found, {} missing, {} unexpected",
            self.expected, self.found, self.missing, self.unexpected
        )
    }

    /// Whether nothing is lost and nothing appeared.
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.unexpected == 0
    }
}

impl std::ops::AddAssign for Proof {
    fn add_assign(&mut self, other: Self) {
        self.expected += other.expected;
        self.found += other.found;
        self.missing += other.missing;
        self.unexpected += other.unexpected;
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "proof: {}", self.counts())
    }
}

/// An item that is carried whole, because the capture cannot carry its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeItem {
    /// Its name, as the playbook has it.
    pub name: String,
    /// About how many bytes it has.
    pub size: u64,
    /// Why it is carried whole.
    pub why: String,
}

impl std::fmt::Display for WholeItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = humansize::format_size(self.size, humansize::BINARY);
        write!(f, "{} ({size})", self.name)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

/// A file and its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the folder it was put into.
    #[serde(with = "super::path")]
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_of_0_1_0_is_told_by_its_step_and_its_words() {
        for (step, why, kind) in [
            ("restore", "the previous version rejects 2 items:\n…", HaltKind::Rejects),
            ("rollback", "it was tried 8 times; the last time: busy", HaltKind::TooOften),
            ("prove", "proof: 3 items expected, 2 found", HaltKind::Differences),
            ("prove:1.1", "what users have differs between the hosts", HaltKind::Differences),
            ("await-nodes", "node2 has version 10.11.19", HaltKind::OtherNodes),
            ("unmount", "t/app is another dataset", HaltKind::Foreign),
        ] {
            assert_eq!(HaltKind::Unsaid.of(&step.into(), why), kind, "{step}: {why}");
        }
        assert_eq!(HaltKind::Foreign.of(&StepId::PROVE, "it was tried "), HaltKind::Foreign);
    }
}
