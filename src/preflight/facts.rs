//! What is known of the world before a procedure: plain data, gathered by [`gather`](super::gather()) and judged by the checks.
//!
//! A question that got no answer stands here as an `Err` with the reason, never as an empty list.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Occasion;
use crate::host::mounts::Mount;
use crate::host::processes::Process;
use crate::playbook::Way;
use crate::playbook::site::RollbackChoice;
use crate::zfs::{Dataset, Guid, Snapshot};

mod product;
mod zfs;

pub use product::{Asked, BesideFact, Installers, Program, QuestionFact, RequirementFact, SavedFile, Unit, UnitState, Users, Versions};
pub use zfs::{BookmarkFact, CloneFact, DatasetFact, PoolFact, PoolState, SnapshotFact, ZfsVersion};

/// What was learnt, or why it could not be.
pub type Learnt<T> = Result<T, String>;

/// Everything the checks look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The procedure they were gathered for.
    pub occasion: Occasion,
    /// Seconds since 1970, UTC.
    pub now: i64,
    /// Who runs this.
    pub caller: Learnt<Caller>,
    /// What `zfs version` says.
    pub zfs: Learnt<ZfsVersion>,
    /// How a version comes back here.
    pub way: Way,
    /// The folders that are moved aside without ZFS, each with why it cannot be, if so.
    pub folders: Vec<(PathBuf, Option<String>)>,
    /// How much a backup of those folders may take.
    #[serde(default)]
    pub full_size: Option<FullSize>,
    /// The two installations, or why they cannot be told; `None` where versions take each other's place.
    pub beside: Option<Learnt<BesideFact>>,
    /// This node's part in a cluster.
    #[serde(default)]
    pub cluster: Option<ClusterFact>,
    /// What the playbook asks the operator.
    pub questions: Vec<QuestionFact>,
    /// The site's choice of rollback.
    pub rollback: RollbackChoice,
    /// The site's datasets, each with all below it.
    pub roots: Vec<Root>,
    /// Their pools.
    pub pools: Vec<PoolFact>,
    /// The playbook's data paths and where they really lie.
    pub data: Vec<DataPath>,
    /// What must not go back with the data, and where it really lies.
    pub outside: Vec<DataPath>,
    /// Symbolic links inside the data that lead off the datasets.
    pub links: Vec<LinkOut>,
    /// Folders that were too large to be searched for such links to the end.
    pub links_unsearched: Vec<String>,
    /// Parts of the system that must never go back with the data.
    pub system: Vec<Place>,
    /// Where this tool keeps what must outlive a rollback.
    pub places: Vec<Place>,
    /// Mounts below the datasets' mountpoints that are not of these datasets.
    pub foreign_mounts: Learnt<Vec<Mount>>,
    /// The name that the new snapshot shall have.
    pub snapshot_name: Option<String>,
    /// The change that is to be backed out.
    pub change: Option<String>,
    /// That change's own snapshots. The oldest of a dataset is the one to go back to.
    pub ours: Vec<(Snapshot, Guid)>,
    /// Other changes that are still open.
    pub open_changes: Vec<OpenChange>,
    /// `zfs send` and `zfs receive` that run now.
    pub transfers: Learnt<Vec<Process>>,
    /// Jobs that make or destroy snapshots by themselves.
    pub jobs: Vec<Job>,
    /// Where such jobs could not be looked for.
    pub jobs_unknown: Vec<String>,
    /// The service's units.
    pub units: Vec<Unit>,
    /// The service's processes that run now.
    pub servers: Learnt<Vec<Process>>,
    /// The names they were looked for by.
    pub server_names: Vec<String>,
    /// Other processes that use the data.
    pub users: Learnt<Users>,
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
    pub secrets: Vec<String>,
    /// Files on the data that could not be captured.
    pub uncapturable: Vec<Uncapturable>,
    /// The files of the previous version's installer.
    pub installers: Installers,
}

/// What the capture would take, and could not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncapturable {
    /// Which, and the reason.
    pub why: String,
    /// The reason is who asks: somebody with more rights may be able to.
    pub denied: bool,
}

/// Who runs this (`proc_pid_status(5)`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Effective user id.
    pub uid: u32,
    /// Effective capabilities, one bit each (`capabilities(7)`).
    pub capabilities: u64,
}

/// How much a backup of everything may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullSize {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Whether the files were added up. There may be too many for that: then it is all that is in use on their file systems.
    pub counted: bool,
}

/// One of the site's datasets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// Its name.
    pub name: Dataset,
    /// It and all below it, parents first. `None`: there is no such dataset.
    pub tree: Learnt<Option<Vec<DatasetFact>>>,
    /// Bytes free to a dataset beside it (read before a downgrade that keeps the upgraded state only).
    #[serde(default)]
    pub room: Option<u64>,
    /// What already has the names that a rollback gives to datasets which it keeps; such a name that cannot be is an error.
    pub beside: Vec<Learnt<CloneFact>>,
}

/// What a cluster says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFact {
    /// This node.
    pub node: String,
    /// Whether it has the data now.
    pub data: bool,
    /// Whether it had when the change was opened; `None` when there is none yet.
    pub opened_with_data: Option<bool>,
    /// Whether the cluster leaves the service alone.
    pub disabled: Learnt<bool>,
    /// The command that gives the service back.
    pub enable: String,
    /// The version that the procedure leads to.
    pub wanted: String,
    /// The other nodes, and which version each says it has.
    pub marks: Vec<(String, Option<String>)>,
    /// Why the cluster's agent may not be upgraded, and what to do about it.
    pub agent: Option<(String, String)>,
}

/// A path of the product's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPath {
    /// As the playbook has it, with its variables filled in.
    pub path: String,
    /// All symbolic links followed.
    pub real: Learnt<PathBuf>,
    /// What it lies on.
    pub on: Learnt<Lies>,
}

/// What a path lies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lies {
    /// The mountpoint.
    pub mount: PathBuf,
    /// The type of file system.
    pub fstype: String,
    /// What is mounted there.
    pub source: String,
    /// The dataset: the source, or the volume that the file system is on.
    pub dataset: Option<Dataset>,
}

/// A symbolic link inside the data that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkOut {
    /// The link.
    pub link: PathBuf,
    /// Where it leads.
    pub target: PathBuf,
    /// The dataset there, if it is one.
    pub dataset: Option<Dataset>,
}

/// A folder, existing or to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What it is for.
    pub role: Role,
    /// As it was given.
    pub path: PathBuf,
    /// The nearest folder that exists, links followed.
    pub nearest: PathBuf,
    /// What that lies on.
    pub on: Learnt<Lies>,
    /// Bytes free there.
    pub free: Learnt<u64>,
    /// Who else than root could change what stands there, and what to do about it.
    #[serde(default)]
    pub others: Option<Others>,
}

/// A file or folder that others can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// What they could do.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
}

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The journal of changes.
    Journal,
    /// The captures.
    Captures,
    /// The previous version's installer.
    Installers,
    /// The log.
    Log,
    /// Site file and playbooks.
    Settings,
    /// This program.
    Program,
    /// A part of the operating system.
    System,
}

impl Role {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Journal => "the journal",
            Self::Captures => "the captures",
            Self::Installers => "the installers",
            Self::Log => "the log",
            Self::Settings => "the site file or playbook",
            Self::Program => "the backout program",
            Self::System => "a part of the system",
        }
    }
}

/// Another change that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenChange {
    /// Its id.
    pub id: String,
    /// Its datasets.
    pub datasets: Vec<Dataset>,
}

/// A job that makes or destroys snapshots by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The tool, or `zfs snapshot`.
    pub tool: String,
    /// Where it was found.
    pub source: JobSource,
}

/// Where a job was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobSource {
    /// A systemd timer or service.
    Unit {
        /// Its name.
        name: String,
        /// `active`, `inactive`, ...
        active: String,
        /// `enabled`, `static`, ...
        enabled: String,
    },
    /// A line of a cron file.
    Cron {
        /// The file.
        file: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The line.
        text: String,
    },
}

impl Facts {
    /// All datasets that exist, parents before children.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetFact> {
        self.roots.iter().filter_map(|root| root.tree.as_ref().ok()?.as_ref()).flatten()
    }

    /// Whether a dataset is one of the site's, or below one.
    pub fn goes_back(&self, dataset: &Dataset) -> bool {
        self.roots.iter().any(|root| dataset.is_within(&root.name))
    }

    /// Whether the rollback that is in question destroys the upgraded state.
    pub fn in_place(&self) -> bool {
        match self.occasion {
            Occasion::Downgrade { in_place } => in_place,
            Occasion::Check | Occasion::Upgrade => self.rollback == RollbackChoice::InPlace,
        }
    }

    /// The snapshot that this dataset goes back to: the oldest of ours.
    pub fn target<'a>(&'a self, dataset: &'a DatasetFact) -> Option<&'a SnapshotFact> {
        let snapshots = dataset.snapshots.as_ref().ok()?;
        snapshots.iter().filter(|snapshot| self.is_ours(snapshot)).min_by_key(|snapshot| snapshot.createtxg)
    }

    /// Whether a snapshot is one of the change's own, by name and guid.
    pub fn is_ours(&self, snapshot: &SnapshotFact) -> bool {
        self.ours.iter().any(|(name, guid)| *name == snapshot.name && *guid == snapshot.guid)
    }
}
