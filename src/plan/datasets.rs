//! What the steps do to datasets, as data: snapshot, rollback, and a clone that changes places with the upgraded data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::zfs::{Dataset, Guid, Snapshot};

/// The crumb of the snapshot that a change goes back to.
pub const BEFORE_UPGRADE: &str = "before-upgrade";

/// See [`super::Action::Snapshot`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeSnapshot {
    /// All datasets, children included.
    pub datasets: Vec<Dataset>,
    /// The part after the `@`.
    pub name: String,
    /// The step this is, for the breadcrumb on the pool: [`BEFORE_UPGRADE`], `after-upgrade`, `base`.
    pub crumb: String,
    /// Whether a hold is put on them.
    pub hold: bool,
}

/// A dataset and how it is mounted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mount {
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

/// See [`super::Action::Unmount`], [`super::Action::Mount`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mounts {
    /// Parents before children.
    pub mounts: Vec<Mount>,
}

/// See [`super::Action::Clone`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloneSnapshot {
    /// The dataset whose local properties the clone gets.
    pub like: Dataset,
    /// What is cloned.
    pub snapshot: Snapshot,
    /// Its identity.
    pub guid: Guid,
    /// The clone's name.
    pub target: Dataset,
}

/// See [`super::Action::SetAside`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetAside {
    /// The upgraded dataset.
    pub dataset: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// Its name from now on.
    pub aside: Dataset,
    /// It and the datasets below it that take part.
    pub members: Vec<Dataset>,
}

/// See [`super::Action::TakePlace`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakePlace {
    /// The clone.
    pub candidate: Dataset,
    /// The name it takes.
    pub dataset: Dataset,
    /// The upgraded dataset's identity: what has this one is not the clone.
    pub upgraded: Guid,
    /// The dataset and those below it that take part.
    pub members: Vec<Dataset>,
}

/// See [`super::Action::Rollback`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// The step whose snapshots are gone back to.
    pub to: String,
    /// The datasets, in the order of the plan.
    pub mounts: Vec<Mount>,
    /// Newer snapshots that the operator agreed to lose.
    pub consented: Vec<(Snapshot, Guid)>,
    /// Newer bookmarks that the operator agreed to lose.
    pub consented_bookmarks: Vec<String>,
    /// Only needed when the restore has to begin again: the data is a fresh clone the first time.
    pub base: bool,
}

/// See [`super::Action::PutBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutBack {
    /// The upgraded dataset's own name.
    pub dataset: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// Where it was set aside.
    pub aside: Dataset,
    /// The clone's name before it took the place.
    pub candidate: Dataset,
    /// The name the clone gets when it is kept; it is destroyed when there is none.
    pub keep_as: Option<Dataset>,
    /// The dataset and those below it that take part, parents first.
    pub members: Vec<Mount>,
}

/// See [`super::Action::Promote`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promote {
    /// Parents before children.
    pub datasets: Vec<Dataset>,
}

/// See [`super::Action::Destroy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destroy {
    /// Children before parents, each with its identity.
    pub datasets: Vec<(Dataset, Guid)>,
    /// Their snapshots, each with its identity; newest first.
    pub snapshots: Vec<(Snapshot, Guid)>,
}

/// See [`super::Action::DropSnapshots`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropSnapshots {
    /// Each with its identity.
    pub snapshots: Vec<(Snapshot, Guid)>,
    /// Those of a step that may have been cut off before their identities were written down: dropped if they carry this change's mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<Snapshot>,
}
