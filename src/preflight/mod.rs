//! The checks before a procedure: each looks at [`Facts`] and refuses, asks for a yes, or warns,
//! always with the remedy.
//!
//! [`gather`](gather()) reads the host and changes nothing; [`check`] is pure. All of it
//! happens before anything is stopped. The facts are composed here, where each subject may be
//! named: the files of the subjects name each other in one direction only.

use std::path::PathBuf;

use serde::Serialize;

use self::cluster::ClusterFact;
use self::continuity::Broken;
use self::data::DataPath;
use self::datasets::{DatasetFact, Root};
use self::discovered::Asked;
use self::file_names::Uncapturable;
use self::full_backup::FullSize;
use self::history::SnapshotFact;
use self::installers::Installers;
use self::jobs::Job;
use self::keep::Delegation;
use self::links::LinkOut;
use self::other_data::OtherData;
use self::places::Place;
use self::pool::PoolFact;
pub use self::product::RequirementFact;
use self::programs::Program;
use self::rights::Caller;
use self::secrets::UnusableSecret;
use self::services::{Stranger, Unit};
use self::settings::Setting;
use self::side_by_side::BesideFact;
use self::sources::{Observed, OpenChange};
use self::storage::StorageMap;
use self::versions::Versions;
use self::zfs_version::ZfsVersion;
use crate::host::mounts::Mount;
use crate::host::processes::{InUse, Process};
use crate::host::{mounts, snapshot_view};
use crate::playbook::DataStrategy;
use crate::playbook::model::Question;
use crate::playbook::site::RollbackChoice;
use crate::zfs::{Dataset, Guid, Snapshot};

mod clock;
pub mod cluster;
pub mod coexistent;
pub mod continuity;
mod data;
mod dataset_state;
pub mod datasets;
mod discovered;
mod file_names;
mod finding;
mod foreign_mounts;
mod full_backup;
mod history;
mod installers;
mod jobs;
mod keep;
mod kept_programs;
mod left_alone;
mod links;
pub mod newer;
mod occasion;
pub mod open_changes;
pub mod other_data;
mod other_files;
pub mod places;
mod pool;
mod product;
mod programs;
pub mod response_file;
mod rights;
mod secrets;
mod services;
mod settings;
mod side_by_side;
pub mod snapshots;
pub mod sources;
mod space;
mod storage;
mod system;
mod text;
mod transfers;
mod users;
pub mod versions;
mod zfs_version;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod gather_tests;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod host_fixture;
#[cfg(test)]
mod many;
#[cfg(test)]
mod tests;

pub use finding::{Finding, Kind, Severity};
pub use occasion::Occasion;
pub use sources::Sources;

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
    #[serde(rename = "way")]
    pub data_strategy: DataStrategy,
    /// The folders that are moved aside without ZFS, each with the reason if it cannot be.
    pub folders: Vec<(PathBuf, Option<String>)>,
    /// How much a backup of those folders may take.
    pub full_size: Option<FullSize>,
    /// How much a kept downgrade copies of the upgraded version's programs, in bytes.
    pub kept_programs: u64,
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
    /// The datasets that the site file names as left alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leave: Vec<Dataset>,
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
    /// What lies beside the data on its datasets and is not the product's: the outermost folders
    /// and files.
    pub other_files: Vec<PathBuf>,
    /// The product's log files within the data.
    pub logs: Vec<PathBuf>,
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
    /// Processes of the same names that are not the service's, or may not be.
    pub strangers: Vec<Stranger>,
    /// The names by which they were searched for.
    pub server_names: Vec<String>,
    /// Whether the upgraded version answers its clients, before the downgrade of one that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Observed<()>>,
    /// Whether what was written can be captured from the files, without the new version.
    pub captures_from_files: bool,
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
    /// Properties of the datasets that mean something else on a clone.
    pub settings: Vec<Setting>,
    /// Why what was written since the snapshot could not be captured whole.
    pub continuity: Vec<Broken>,
    /// The files of the previous version's installer.
    pub installers: Installers,
    /// Child datasets of other use that were written to (read before a downgrade only).
    pub other_data: Vec<OtherData>,
}

impl Facts {
    /// All datasets that exist, parents before children.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetFact> {
        datasets::all(&self.roots)
    }

    /// Whether the upgraded version does not answer any more.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.answers, Some(Err(_)))
    }

    /// Whether somebody else than root asks, who cannot see everything. Only `check` is for them.
    pub fn is_ordinary_user(&self) -> bool {
        self.caller.as_ref().is_ok_and(|caller| caller.uid != 0)
    }

    /// Whether a dataset is one of the site's, or below one.
    pub fn goes_back(&self, dataset: &Dataset) -> bool {
        datasets::goes_back(&self.roots, dataset)
    }

    /// The datasets of other use that a kept downgrade carries over, with all that is below them:
    /// those directly below one that has a snapshot to go back to.
    pub fn stays(&self) -> Vec<(Dataset, Guid)> {
        left_alone::stays(&self.roots, &left_alone::members(&self.ours))
    }

    /// Whether this rollback destroys the upgraded state.
    pub fn in_place(&self) -> bool {
        match self.occasion {
            Occasion::Downgrade { in_place } => in_place,
            Occasion::Decision => false,
            Occasion::Check | Occasion::Upgrade => self.rollback == RollbackChoice::InPlace,
        }
    }

    /// The snapshot that this dataset goes back to: the oldest of ours.
    pub fn target<'a>(&'a self, dataset: &'a DatasetFact) -> Option<&'a SnapshotFact> {
        let snapshots = dataset.snapshots.as_ref().ok()?;
        snapshots
            .iter()
            .filter(|snapshot| self.is_ours(snapshot))
            .min_by_key(|snapshot| snapshot.info.createtxg)
    }

    /// Whether a snapshot is one of the change's own, by name and guid.
    pub fn is_ours(&self, snapshot: &SnapshotFact) -> bool {
        // The number first: there may be many of both.
        self.ours
            .iter()
            .any(|(name, guid)| *guid == snapshot.info.guid && *name == snapshot.info.name)
    }
}

/// Reads everything that the checks of the occasion look at.
#[must_use]
pub fn gather(mut sources: Sources<'_>) -> Facts {
    // Values that were found first are available to later commands.
    let installed = versions::installed(&sources);
    if let Ok(version) = &installed {
        sources.values.entry("from_version".into()).or_insert_with(|| version.clone());
    }
    let asked = discovered::gather(&sources);
    sources
        .values
        .extend(asked.iter().filter_map(|it| Some((it.name.clone(), it.value.clone().ok()?))));
    let sources = &sources;

    let table = mounts::read(&sources.roots.proc);
    let mut roots = datasets::gather(sources, table.as_deref().unwrap_or_default());
    let map = StorageMap::new(sources, &table, &roots);
    let data = data::gather(sources, &map, &sources.playbook.data.paths);
    left_alone::set_apart(sources, &mut roots, &data);
    let (links, links_unsearched) = links::gather(sources, &map, &roots, &data);
    let foreign_mounts = foreign_mounts::gather(&table, &roots);
    let other_files = other_files::gather(sources, &table, &roots, &data);
    let (jobs, jobs_unknown) = jobs::gather(sources);
    let folders = full_backup::gather(sources);
    let units = services::gather(sources);
    let server_names: Vec<String> = sources.playbook.service.processes.clone();
    let (servers, strangers) = services::servers(sources, &units);
    let users =
        users::gather(sources, &roots, &data, &units, servers.as_deref().unwrap_or_default());
    let facts = Facts {
        occasion: sources.occasion,
        now: sources.now,
        caller: rights::gather(sources),
        zfs: zfs_version::gather(sources),
        leave: sources.site.leave.clone(),
        data_strategy: DataStrategy::of(sources.playbook, sources.site),
        full_size: full_backup::size(&folders),
        kept_programs: kept_programs::gather(sources),
        folders,
        beside: side_by_side::gather(sources),
        cluster: cluster::gather(sources),
        questions: product::questions_due(sources),
        rollback: sources.site.rollback,
        pools: pool::gather(sources),
        outside: data::gather(sources, &map, &sources.playbook.data.outside),
        links,
        links_unsearched,
        system: system::gather(&map),
        places: sources
            .places
            .iter()
            .map(|(role, path)| places::place(&map, *role, path))
            .collect(),
        foreign_mounts,
        other_files,
        logs: other_files::find_logs(sources),
        snapshot_name: sources.snapshot_name.clone(),
        change: sources.change.clone(),
        ours: sources.ours.clone(),
        open_changes: sources.open_changes.clone(),
        transfers: transfers::gather(sources),
        jobs,
        jobs_unknown,
        units,
        servers,
        strangers,
        server_names,
        answers: services::answers(sources),
        captures_from_files: sources.playbook.captures_from_files(),
        users,
        versions: versions::gather(sources, installed),
        requirements: product::requirements_due(sources),
        asked,
        limits: sources.playbook.limits.iter().map(|limit| limit.about.clone()).collect(),
        programs: programs::gather(sources),
        secrets: secrets::gather(sources),
        uncapturable: file_names::gather(sources),
        continuity: continuity::gather(sources),
        delegations: keep::delegations(sources, &roots),
        settings: settings::gather(sources, &roots),
        installers: installers::gather(sources),
        roots,
        data,
        other_data: Vec::new(),
    };
    snapshot_view::close();
    Facts { other_data: other_data::gather(sources, &facts), ..facts }
}

type Check = fn(&Facts) -> Vec<Finding>;

/// Every check. Each looks at the occasion itself.
const CHECKS: &[Check] = &[
    rights::rights,
    zfs_version::usable,
    pool::missing,
    pool::health,
    pool::failmode,
    pool::fill,
    datasets::exist,
    dataset_state::state,
    keep::auto,
    keep::pool_root,
    keep::names,
    keep::delegated,
    settings::keys,
    settings::shares,
    datasets::pools,
    system::system,
    data::paths,
    data::outside,
    data::idle,
    links::links,
    foreign_mounts::mounts,
    side_by_side::link,
    cluster::nodes,
    full_backup::folders,
    places::in_store,
    full_backup::backup,
    places::on_datasets,
    places::volatile,
    places::writable,
    places::room,
    space::keep_room,
    space::refquota,
    snapshots::unread,
    snapshots::name_taken,
    snapshots::targets,
    newer::newer,
    newer::newer_bookmarks,
    other_data::other_data,
    other_files::other_files,
    other_files::logs,
    left_alone::asked,
    left_alone::misnamed,
    snapshots::foreign_on_target,
    clock::clock,
    open_changes::others,
    jobs::automatic,
    transfers::ours,
    services::units,
    services::running,
    services::answering,
    services::strangers,
    users::others,
    versions::not_yet,
    versions::candidate,
    versions::rule,
    product::requirements,
    product::questions,
    discovered::asked,
    product::limits,
    programs::missing,
    secrets::usable,
    file_names::names,
    continuity::logs,
    installers::at_least,
];

/// The findings for the occasion of the facts, the most severe first.
pub fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(facts)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}
