//! What ZFS says of datasets, snapshots, bookmarks and pools, and what is asked of it.

use super::{Dataset, Guid, Pool, Snapshot};

/// What a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetKind {
    /// A file system.
    Filesystem,
    /// A block device.
    Volume,
}

fn is_volume<S: serde::Serializer>(
    kind: &DatasetKind,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_bool(*kind == DatasetKind::Volume)
}

/// One row of `zfs list`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DatasetInfo {
    /// Its name.
    pub name: Dataset,
    /// Its identity, which a rename keeps.
    pub guid: Guid,
    /// File system or volume.
    #[serde(rename = "volume", serialize_with = "is_volume")]
    pub kind: DatasetKind,
    /// Where it is or would be mounted; `None` for `none`, `legacy` and volumes.
    pub mountpoint: Option<std::path::PathBuf>,
    /// Whether it is mounted now.
    pub mounted: bool,
    /// `on`, `off` or `noauto`; `on` for a volume.
    pub canmount: String,
    /// Bytes used, children and snapshots included.
    pub used: u64,
    /// Bytes it refers to itself.
    pub referenced: u64,
    /// Bytes free to it (quotas considered).
    pub available: u64,
    /// Bytes written since its newest snapshot.
    pub written: u64,
    /// `none` or `0` is `None`.
    pub refquota: Option<u64>,
    /// The snapshot it was cloned from.
    pub origin: Option<Snapshot>,
    /// `available`, `unavailable`, or `None` when it is not encrypted.
    pub keystatus: Option<String>,
    /// Whether the readonly property is on.
    pub readonly: bool,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotInfo {
    /// Its full name.
    pub name: Snapshot,
    /// Its identity. A snapshot that was made again under the same name has another.
    pub guid: Guid,
    /// The transaction group in which it was made. Orders the snapshots of a pool.
    pub createtxg: u64,
    /// Seconds since 1970, UTC.
    pub creation: i64,
    /// Bytes that only this snapshot keeps.
    pub used: u64,
    /// Bytes it refers to.
    pub referenced: u64,
    /// Number of holds.
    #[serde(skip_serializing)]
    pub userrefs: u64,
    /// The datasets cloned from it.
    #[serde(skip_serializing)]
    pub clones: Vec<Dataset>,
}

/// One bookmark (`zfs-bookmark(8)`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BookmarkInfo {
    /// `pool/dataset#name`.
    pub name: String,
    /// The guid of the snapshot it was made of.
    pub guid: Guid,
    /// The transaction group of that snapshot.
    pub createtxg: u64,
}

/// One row of `zpool list`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PoolInfo {
    /// Its name.
    pub name: Pool,
    /// Its identity.
    pub guid: Guid,
    /// `ONLINE`, `DEGRADED`, `SUSPENDED`, ...
    pub health: String,
    /// Bytes in all.
    pub size: u64,
    /// Bytes free.
    pub free: u64,
    /// Whether it was imported read-only.
    pub readonly: bool,
    /// What happens when its devices fail: `wait`, `continue` or `panic` (`zpoolprops(7)`).
    pub failmode: String,
}

/// One dataset of a rollback in place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RollbackTarget {
    /// The snapshot to go back to.
    pub snapshot: Snapshot,
    /// Its guid. Another snapshot with the same name is refused.
    pub guid: Guid,
    /// Newer snapshots that may be destroyed, by name and guid. Any other newer snapshot makes the
    /// rollback refuse.
    pub newer: Vec<(Snapshot, Guid)>,
    /// Newer bookmarks that may be destroyed (`pool/dataset#name`).
    pub newer_bookmarks: Vec<String>,
}

/// How a rollback in place is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackMethod {
    /// One channel program for each pool (`zfs-program(8)`): all datasets and their marks in one
    /// transaction group. Needs root.
    Program,
    /// One dataset after the other: destroy newer snapshots by name, newest first, then `zfs
    /// rollback` or `lzc_rollback_to`, then the mark.
    OneByOne,
}

/// The result of operations that succeed when their effect exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The operation made the effect.
    Made,
    /// The effect existed already.
    WasThere,
}

/// Properties by their names.
pub type Properties = std::collections::BTreeMap<String, String>;

/// A clone to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClone {
    /// What is cloned.
    pub snapshot: Snapshot,
    /// The clone's name.
    pub target: Dataset,
    /// Its local properties, set in the same command.
    pub properties: Vec<(String, String)>,
}

impl RollbackMethod {
    /// What this process may do: only root may run a channel program (`zfs-program(8)`).
    pub fn permitted() -> Self {
        if nix::unistd::geteuid().is_root() { Self::Program } else { Self::OneByOne }
    }
}
