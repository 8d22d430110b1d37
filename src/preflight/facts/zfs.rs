//! What is known of pools, datasets and snapshots.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Learnt;
use crate::zfs::{Dataset, Guid, Pool, Snapshot};

/// Versions of ZFS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZfsVersion {
    /// Of the commands, such as `zfs-2.3.2-1`.
    pub commands: String,
    /// Of the kernel's module, such as `zfs-kmod-2.3.2-1`.
    pub module: Option<String>,
}

/// One file system or volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetFact {
    /// Its name.
    pub name: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// A block device, not a file system.
    pub volume: bool,
    /// Where it should be mounted; `None` for `none`, `legacy` and volumes.
    pub mountpoint: Option<PathBuf>,
    /// Whether ZFS says that it is mounted.
    pub mounted: bool,
    /// Where the kernel has it mounted.
    pub mounted_at: Vec<PathBuf>,
    /// What lies over it at its mountpoint, if it is not to be seen there.
    pub hidden_by: Option<String>,
    /// `on`, `off`, `noauto`.
    pub canmount: String,
    /// Bytes used, children and snapshots included.
    pub used: u64,
    /// Bytes it refers to.
    pub referenced: u64,
    /// Bytes free to it.
    pub available: u64,
    /// Bytes written since its newest snapshot.
    pub written: u64,
    /// Limit to what it may refer to.
    pub refquota: Option<u64>,
    /// Its own limit to what it and all below it use (read before a downgrade that keeps the upgraded state only).
    #[serde(default)]
    pub quota: Option<u64>,
    /// What a clone with its properties reserves at once (read before a downgrade that keeps the upgraded state only).
    #[serde(default)]
    pub reserved: u64,
    /// The snapshot it was cloned from.
    pub origin: Option<Snapshot>,
    /// `available`, `unavailable`, `None` when not encrypted.
    pub keystatus: Option<String>,
    /// The readonly property.
    pub readonly: bool,
    /// Its own snapshots, oldest first.
    pub snapshots: Learnt<Vec<SnapshotFact>>,
    /// Its own bookmarks, oldest first (read before a rollback in place only).
    pub bookmarks: Learnt<Vec<BookmarkFact>>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotFact {
    /// Its name.
    pub name: Snapshot,
    /// Its identity.
    pub guid: Guid,
    /// Orders the snapshots of a pool.
    pub createtxg: u64,
    /// Seconds since 1970, UTC.
    pub creation: i64,
    /// Bytes only it keeps.
    pub used: u64,
    /// Bytes it refers to.
    pub referenced: u64,
    /// Tags of its holds.
    pub holds: Learnt<Vec<String>>,
    /// Its clones.
    pub clones: Vec<CloneFact>,
}

/// Another dataset: a clone, or one whose name is in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneFact {
    /// Its name.
    pub name: Dataset,
    /// The change it was made for, if it was made by this tool.
    pub change: Option<String>,
}

/// One bookmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookmarkFact {
    /// `pool/dataset#name`.
    pub name: String,
    /// The transaction group of the snapshot it was made of.
    pub createtxg: u64,
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolFact {
    /// Its name.
    pub name: Pool,
    /// `None`: not imported.
    pub state: Learnt<Option<PoolState>>,
}

/// A pool's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolState {
    /// `ONLINE`, `DEGRADED`, ...
    pub health: String,
    /// Bytes in all.
    pub size: u64,
    /// Bytes free.
    pub free: u64,
    /// Imported read-only.
    pub readonly: bool,
    /// `wait`, `continue` or `panic`.
    pub failmode: String,
}
