//! What a step left, as its record says. Its compatibility is that of the [records](super::record).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::zfs::{Dataset, Guid, Snapshot};

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
