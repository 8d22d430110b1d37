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
use self::product::RequirementFact;
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
use crate::playbook::model::Question;
use crate::playbook::site::RollbackChoice;
use crate::playbook::{self, DataStrategy};
use crate::zfs::{Dataset, Guid, Snapshot};

mod clock;
pub mod cluster;
pub mod coexistent;
pub mod continuity;
mod data;
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
mod left_alone;
mod links;
pub mod newer;
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
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod host_fixture;
#[cfg(test)]
mod many;

pub use finding::{Finding, Kind, Severity};
pub use sources::Sources;

/// What is about to be done. The [`Occasion`](crate::playbook::model::Occasion) of a playbook is
/// coarser: its requirements are asked alike in a check, and however a version comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Nothing yet: could this host upgrade, and come back?
    Check,
    /// The upgrade.
    Upgrade,
    /// The downgrade.
    Downgrade {
        /// The upgraded state is destroyed, not kept beside the restored one.
        in_place: bool,
    },
    /// Nothing: an upgrade awaits its commit or downgrade. Is the way back still open? Looks at
    /// what a kept downgrade looks at.
    Decision,
}

impl Occasion {
    /// The playbook's occasion. A playbook does not distinguish a mere check or the kind of
    /// rollback, so it has an `Occasion` of its own.
    pub fn procedure(self) -> playbook::model::Occasion {
        if self.is_downgrade() {
            playbook::model::Occasion::Downgrade
        } else {
            playbook::model::Occasion::Upgrade
        }
    }

    /// Whether it is a downgrade.
    pub fn is_downgrade(self) -> bool {
        matches!(self, Self::Downgrade { .. } | Self::Decision)
    }

    /// Whether the requirements of this occasion of a playbook are asked.
    pub fn asks_for(self, before: &[playbook::model::Occasion]) -> bool {
        before.contains(&self.procedure())
            || self == Self::Decision && before.contains(&playbook::model::Occasion::Decision)
    }
}

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
    datasets::state,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::DataStrategy;
    use fixture::facts;

    const OCCASIONS: [Occasion; 5] = [
        Occasion::Decision,
        Occasion::Check,
        Occasion::Upgrade,
        Occasion::Downgrade { in_place: true },
        Occasion::Downgrade { in_place: false },
    ];

    #[test]
    fn a_sound_host_has_no_findings() {
        for occasion in OCCASIONS {
            let found = check(&facts(occasion));
            assert!(
                found.is_empty(),
                "{occasion:?}: {}",
                found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            );
        }
    }

    #[test]
    fn the_gravest_come_first() {
        let mut facts = facts(Occasion::Upgrade);
        facts.limits = vec!["Counters may be lower.".into()];
        facts.roots[0].tree = Ok(None);
        let found = check(&facts);
        assert_eq!(found.first().map(|f| f.severity), Some(Severity::Refuse));
        assert_eq!(found.last().map(|f| f.kind), Some(Kind::Limits));
        assert!(found.is_sorted_by_key(|f| f.severity));
    }

    #[test]
    fn a_title_is_a_sentence() {
        for occasion in OCCASIONS {
            let mut facts = facts(occasion);
            fixture::spoil(&mut facts);
            for finding in check(&facts) {
                assert!(
                    finding.title.ends_with('.') && !finding.title.ends_with(".."),
                    "{finding}"
                );
            }
        }
    }

    /// A check that is written but never run would pass all its own tests.
    #[test]
    fn every_check_is_asked() {
        let spoilt = |occasion| {
            let mut facts = facts(occasion);
            fixture::spoil(&mut facts);
            let mut found = check(&facts);
            facts.data_strategy = DataStrategy::Full;
            found.extend(check(&facts));
            found.into_iter().map(|finding| finding.kind.name()).collect::<Vec<_>>()
        };
        let mut found: Vec<&str> = OCCASIONS.into_iter().flat_map(spoilt).collect();
        found.sort_unstable();
        found.dedup();
        insta::assert_snapshot!(found.join(" "), @"ask backup candidate clock cluster continuity data-links data-logs data-path data-users dataset-idle dataset-missing delegations file-name foreign-mount installed installer left-alone limits move-aside name-beside newer-bookmarks newer-snapshots not-answering not-running open-change other-data other-files other-server outside own-key place-in-store place-on-dataset place-room place-volatile place-writable pool-failmode pool-fill pool-health pool-missing pool-readonly pool-root program question readonly refquota requirement rights rollback-auto room secret several-pools shared side-by-side snapshot-jobs snapshot-name snapshots-unread system target-hold target-missing transfer unit version-rule zfs");
        let silent: Vec<usize> = (0..CHECKS.len())
            .filter(|index| {
                OCCASIONS.iter().all(|occasion| {
                    let mut facts = facts(*occasion);
                    fixture::spoil(&mut facts);
                    let silent = CHECKS[*index](&facts).is_empty();
                    facts.data_strategy = DataStrategy::Full;
                    silent && CHECKS[*index](&facts).is_empty()
                })
            })
            .collect();
        assert!(silent.is_empty(), "checks that say nothing of a spoilt host: {silent:?}");
    }

    /// `backout check --json` prints the facts: their keys are versioned.
    #[test]
    fn the_keys_of_the_facts_stay() {
        fn keys(
            value: &serde_json::Value,
            path: &str,
            found: &mut std::collections::BTreeSet<String>,
        ) {
            match value {
                serde_json::Value::Object(map) => {
                    for (key, value) in map {
                        let path = format!("{path}.{key}");
                        keys(value, &path, found);
                        found.insert(path);
                    }
                }
                serde_json::Value::Array(list) => {
                    for value in list {
                        keys(value, &format!("{path}[]"), found);
                    }
                }
                _ => {}
            }
        }
        let mut found = std::collections::BTreeSet::new();
        for occasion in OCCASIONS {
            let mut facts = facts(occasion);
            keys(&serde_json::to_value(&facts).expect("serialises"), "", &mut found);
            fixture::spoil(&mut facts);
            keys(&serde_json::to_value(&facts).expect("serialises"), "", &mut found);
        }
        insta::assert_snapshot!(found.into_iter().collect::<Vec<_>>().join("\n"));
    }
}

#[cfg(test)]
mod gather_tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::host_fixture::{Host, checks};
    use super::*;
    use crate::zfs::{Dataset, Engine as _};

    #[test]
    fn a_host_before_the_upgrade() {
        let host = Host::new();
        let facts = host.gather(Occasion::Upgrade, |_| {});
        assert_eq!(
            facts.datasets().map(|dataset| dataset.info.name.as_str()).collect::<Vec<_>>(),
            ["tank/db", "tank/db/log"]
        );
        assert_eq!(facts.data[0].on.as_ref().expect("read").dataset, "tank/db".parse().ok());
        assert_eq!(facts.places[0].nearest, host.root, "the folder does not exist yet");
        assert_eq!(facts.places[0].on.as_ref().expect("read").source, "/dev/vda1");
        assert!(facts.places[0].free.is_ok());
        assert_eq!(facts.versions.installed, Ok("1.0.5".into()));
        assert_eq!(facts.versions.candidate, Some(Ok("2.0.1".into())));
        assert_eq!(facts.asked[0].value, Ok("0-1-7".into()));
        assert_eq!(facts.servers.as_ref().expect("read").len(), 1);
        assert!(
            facts.users.as_ref().expect("read").found.is_empty(),
            "the service's own processes are no strangers"
        );
        assert_eq!(
            facts.installers.at_hand.as_ref().map(|found| found.as_ref().map(Vec::len)),
            Some(Ok(1))
        );
        let missing: Vec<&str> = facts
            .programs
            .iter()
            .filter(|program| program.found == Ok(None))
            .map(|program| program.program.as_str())
            .collect();
        assert_eq!(missing, ["no-such-program-at-all"]);
        // The fake has no sizes: its pools look full and empty at once, so the room is not judged
        // here.
        let found: Vec<_> = checks(&facts)
            .into_iter()
            .filter(|(check, _)| !check.contains("room") && *check != "pool-fill")
            .collect();
        assert_eq!(
            found,
            [
                ("place-on-dataset", Severity::Refuse),
                ("snapshot-jobs", Severity::Warn),
                ("limits", Severity::Warn),
                ("program", Severity::Warn)
            ]
        );
    }

    #[test]
    fn each_command_runs_once_in_a_check() {
        let host = Host::new();
        for occasion in [Occasion::Check, Occasion::Upgrade] {
            host.asked.take();
            host.gather(occasion, |_| {});
            let asked = host.asked.take();
            let once: BTreeSet<&String> = asked.iter().collect();
            assert_eq!(asked.len(), once.len(), "{asked:?}");
            assert!(
                ["db --version", "db position", "db log"]
                    .iter()
                    .all(|command| once.contains(&(*command).to_owned())),
                "{asked:?}"
            );
        }
        // What a change has recorded is not asked for again.
        let facts = host.gather(Occasion::Upgrade, |sources| {
            drop(sources.values.insert("position".into(), "0-1-5".into()))
        });
        assert_eq!(facts.asked[0].value, Ok("0-1-5".into()));
        assert!(!host.asked.take().contains(&"db position".to_owned()));
    }

    #[test]
    fn what_cannot_be_learnt_is_said() {
        let mut host = Host::new();
        host.answers.clear();
        fs::remove_file(host.root.join("proc/self/mountinfo")).expect("removed");
        fs::remove_file(host.root.join("proc/self/status")).expect("removed");
        let facts = host.gather(Occasion::Upgrade, |_| {});
        let found = checks(&facts);
        for check in [
            "rights",
            "zfs",
            "data-path",
            "place-on-dataset",
            "foreign-mount",
            "unit",
            "installed",
            "candidate",
            "requirement",
            "ask",
        ] {
            assert!(found.contains(&(check, Severity::Refuse)), "{check}: {found:?}");
        }
        for check in ["snapshot-jobs", "data-users"] {
            assert!(found.contains(&(check, Severity::Warn)), "{check}: {found:?}");
        }
    }

    #[test]
    fn a_missing_dataset_and_a_missing_pool() {
        let host = Host::new();
        host.engine.remove_pool(&"tank".parse().expect("name"));
        let found = checks(&host.gather(Occasion::Check, |_| {}));
        assert!(found.contains(&("pool-missing", Severity::Refuse)), "{found:?}");
        assert!(found.contains(&("dataset-missing", Severity::Refuse)), "{found:?}");
    }

    #[test]
    fn before_the_downgrade() {
        let host = Host::new();
        let dataset: Dataset = "tank/db".parse().expect("name");
        let child: Dataset = "tank/db/log".parse().expect("name");
        let take = |name: &str| {
            let both = [dataset.at(name).expect("name"), child.at(name).expect("name")];
            host.engine.snapshot(&both, &[]).expect("taken");
            both
        };
        let ours = take("c1");
        for snapshot in &ours {
            host.engine.hold(snapshot, "backout:c1").expect("held");
        }
        let newer = take("autosnap_2026-03-01_02:00:00_hourly");
        host.engine.hold(&newer[1], "theirs").expect("held");
        host.engine.bookmark(&newer[0], "mark").expect("bookmark");
        let guid = |snapshot: &Snapshot| {
            host.engine.snapshot_info(snapshot).expect("read").expect("there").guid
        };
        let with: Vec<(Snapshot, Guid)> =
            ours.iter().map(|snapshot| (snapshot.clone(), guid(snapshot))).collect();
        host.write("saved.deb", "package");
        let facts = host.gather(Occasion::Downgrade { in_place: true }, |sources| {
            sources.change = Some("c1".into());
            sources.ours.clone_from(&with);
            sources.previous = Some("1.0.4".into());
            let sum = "c8a8df70c5a8b9a7cb2c2b1e41cfa2b9a4a4e2b5e4b4b4d6a1d60f0ad4f0b0a0";
            sources.installers = vec![
                (host.root.join("saved.deb"), sum.into()),
                (host.root.join("gone.deb"), sum.into()),
            ];
            // The fake's snapshots may be of this very moment.
            sources.now = i64::MAX / 2;
        });
        let found = checks(&facts);
        for expected in [
            ("newer-held", Severity::Refuse),
            ("newer-snapshots", Severity::Confirm),
            ("newer-bookmarks", Severity::Confirm),
            ("installer", Severity::Refuse),
        ] {
            assert!(found.contains(&expected), "{expected:?}: {found:?}");
        }
        assert_eq!(found.iter().filter(|(check, _)| *check == "installer").count(), 2);
        assert!(!found.iter().any(|(check, _)| check.starts_with("target")), "{found:?}");
        assert!(
            facts.asked.is_empty() && facts.requirements.is_empty(),
            "those stand before the upgrade"
        );
        let sum = facts.installers.saved[0].now.clone().expect("read").expect("there");
        assert_eq!(sum.len(), 64);
    }

    /// A child dataset of other use, written to since the snapshot: its capture is nobody's.
    #[test]
    fn s4_what_others_wrote_below_is_asked_for_before_a_rollback_in_place() {
        let host = Host::new();
        let dumps: Dataset = "tank/db/dumps".parse().expect("name");
        let place = host.root.join("dumps");
        let mountpoint = [("mountpoint", place.to_str().expect("text"))];
        host.engine.create(&dumps, crate::zfs::DatasetKind::Filesystem, &mountpoint).expect("made");
        let all = ["tank/db", "tank/db/log", "tank/db/dumps"];
        let all = all.map(|name| name.parse::<Dataset>().expect("name").at("c1").expect("name"));
        host.engine.snapshot(&all, &[]).expect("taken");
        let guid = |snapshot: &Snapshot| {
            host.engine.snapshot_info(snapshot).expect("read").expect("there").guid
        };
        let ours: Vec<_> = all.iter().map(|name| (name.clone(), guid(name))).collect();
        let found = |in_place| {
            let facts = host.gather(Occasion::Downgrade { in_place }, |sources| {
                sources.change = Some("c1".into());
                sources.ours.clone_from(&ours);
                sources.previous = Some("1.0.4".into());
            });
            check(&facts).into_iter().find(|finding| finding.kind.name() == "other-data")
        };
        assert_eq!((found(true), found(false)), (None, None), "nothing was written");
        for dataset in [&dumps, &"tank/db/log".parse().expect("name")] {
            host.engine.write(dataset, "tuesday").expect("written");
        }
        let asks = found(true).expect("asks");
        assert_eq!(
            (asks.severity, &asks.subjects[..]),
            (Severity::Confirm, &[dumps.to_string()][..])
        );
        assert_eq!(asks.detail[0], "tank/db/dumps: 4 KiB since tank/db/dumps@c1");
        let tells = found(false).expect("tells");
        assert_eq!((tells.severity, tells.subjects.len()), (Severity::Warn, 0));
        assert!(tells.detail.iter().any(|line| line.contains("tank/db.upgraded/dumps")), "{tells}");
    }

    #[test]
    fn gathering_changes_nothing() {
        let host = Host::new();
        let list = |folder: &Path| {
            let mut names: Vec<PathBuf> = glob::glob(&format!("{}/**/*", folder.display()))
                .expect("pattern")
                .flatten()
                .collect();
            names.sort();
            names
        };
        let before = list(host.dir.path());
        host.gather(Occasion::Upgrade, |_| {});
        assert_eq!(list(host.dir.path()), before);
        let calls = host.engine.calls();
        let reads = [
            "pool",
            "dataset",
            "tree",
            "snapshot_info",
            "snapshots",
            "bookmarks",
            "holds",
            "local",
            "locals",
            "own",
            "written_since",
            "snapshot_local",
        ];
        assert!(
            calls.iter().all(|call| reads.iter().any(|read| call.starts_with(read))),
            "{calls:?}"
        );
    }
}
