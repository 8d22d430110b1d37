//! What is known about the host before a procedure: plain data that [`gather`](super::gather())
//! collects and the checks judge.
//!
//! A question without an answer is an `Err` with the reason, never an empty list.

use std::path::PathBuf;

use serde::Serialize;

use super::Occasion;
use super::cluster::ClusterFact;
use super::continuity::Broken;
use super::data::DataPath;
use super::datasets::{self, DatasetFact, Root};
use super::discovered::Asked;
use super::file_names::Uncapturable;
use super::full_backup::FullSize;
use super::installers::Installers;
use super::jobs::Job;
use super::keep::Delegation;
use super::links::LinkOut;
use super::open_changes::OpenChange;
use super::places::Place;
use super::pool::PoolFact;
use super::product::RequirementFact;
use super::programs::Program;
use super::rights::Caller;
use super::secrets::UnusableSecret;
use super::services::Unit;
use super::side_by_side::BesideFact;
use super::snapshots::SnapshotFact;
use super::versions::Versions;
use super::zfs_version::ZfsVersion;
use crate::host::mounts::Mount;
use crate::host::processes::{InUse, Process};
use crate::playbook::Way;
use crate::playbook::model::Question;
use crate::playbook::site::RollbackChoice;
use crate::zfs::{Dataset, Guid, Snapshot};

/// What was found out, or why it could not be.
pub type Observed<T> = Result<T, String>;

/// Everything the checks look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// The procedure they were gathered for.
    pub occasion: Occasion,
    /// Seconds since 1970, UTC.
    pub now: i64,
    /// Who runs this.
    pub caller: Observed<Caller>,
    /// What `zfs version` says.
    pub zfs: Observed<ZfsVersion>,
    /// How a version comes back here.
    pub way: Way,
    /// The folders that are moved aside without ZFS, each with the reason if it cannot be.
    pub folders: Vec<(PathBuf, Option<String>)>,
    /// How much a backup of those folders may take.
    pub full_size: Option<FullSize>,
    /// The two installations, or why they are unknown; `None` if versions take each other's place.
    pub beside: Option<Observed<BesideFact>>,
    /// This node's part in a cluster.
    pub cluster: Option<ClusterFact>,
    /// What the playbook asks the operator.
    pub questions: Vec<Question>,
    /// The site's choice of rollback.
    pub rollback: RollbackChoice,
    /// The site's datasets, each with everything below it.
    pub roots: Vec<Root>,
    /// Their pools.
    pub pools: Vec<PoolFact>,
    /// The playbook's data paths, and where they really are.
    pub data: Vec<DataPath>,
    /// What must not go back with the data, and where it really is.
    pub outside: Vec<DataPath>,
    /// Symbolic links inside the data that point outside of the datasets.
    pub links: Vec<LinkOut>,
    /// Folders that were too large to search completely for such links.
    pub links_unsearched: Vec<String>,
    /// Parts of the system that must never go back with the data.
    pub system: Vec<Place>,
    /// The places of everything that must outlive a rollback.
    pub places: Vec<Place>,
    /// Mounts below the datasets' mountpoints that do not belong to these datasets.
    pub foreign_mounts: Observed<Vec<Mount>>,
    /// The name for the new snapshot.
    pub snapshot_name: Option<String>,
    /// The change to back out.
    pub change: Option<String>,
    /// That change's own snapshots. The oldest of a dataset is the one to go back to.
    pub ours: Vec<(Snapshot, Guid)>,
    /// Other changes that are still open.
    pub open_changes: Vec<OpenChange>,
    /// `zfs send` and `zfs receive` that run now.
    pub transfers: Observed<Vec<Process>>,
    /// Scheduled jobs that take or destroy snapshots.
    pub jobs: Vec<Job>,
    /// Where such jobs could not be searched for.
    pub jobs_unknown: Vec<String>,
    /// The service's units.
    pub units: Vec<Unit>,
    /// The service's processes that run now.
    pub servers: Observed<Vec<Process>>,
    /// The names by which they were searched for.
    pub server_names: Vec<String>,
    /// Other processes that use the data.
    pub users: Observed<InUse>,
    /// Versions.
    pub versions: Versions,
    /// The playbook's requirements for this occasion.
    pub requirements: Vec<RequirementFact>,
    /// The values that the playbook asks of the host.
    pub asked: Vec<Asked>,
    /// What the product cannot promise.
    pub limits: Vec<String>,
    /// The programs that the playbook's commands start.
    pub programs: Vec<Program>,
    /// The files of secrets that cannot be used, and why.
    pub secrets: Vec<UnusableSecret>,
    /// Files on the data that could not be captured.
    pub uncapturable: Vec<Uncapturable>,
    /// The datasets on which others have permissions (read before a kept downgrade only).
    pub delegations: Vec<Delegation>,
    /// Why what was written since the snapshot could not be captured whole.
    pub continuity: Vec<Broken>,
    /// The files of the previous version's installer.
    pub installers: Installers,
}

impl Facts {
    /// All datasets that exist, parents before children.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetFact> {
        datasets::all(&self.roots)
    }

    /// Whether a dataset is one of the site's, or below one.
    pub fn goes_back(&self, dataset: &Dataset) -> bool {
        datasets::goes_back(&self.roots, dataset)
    }

    /// Whether this rollback destroys the upgraded state.
    pub fn in_place(&self) -> bool {
        match self.occasion {
            Occasion::Downgrade { in_place } => in_place,
            Occasion::Check | Occasion::Upgrade => self.rollback == RollbackChoice::InPlace,
        }
    }

    /// The snapshot that this dataset goes back to: the oldest of ours.
    pub fn target<'a>(&'a self, dataset: &'a DatasetFact) -> Option<&'a SnapshotFact> {
        let snapshots = dataset.snapshots.as_ref().ok()?;
        snapshots.iter().filter(|snapshot| self.is_ours(snapshot)).min_by_key(|snapshot| snapshot.info.createtxg)
    }

    /// Whether a snapshot is one of the change's own, by name and guid.
    pub fn is_ours(&self, snapshot: &SnapshotFact) -> bool {
        self.ours.iter().any(|(name, guid)| *name == snapshot.info.name && *guid == snapshot.info.guid)
    }
}
