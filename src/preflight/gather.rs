//! Gathers the facts for the checks. Reads each thing once, and changes nothing. The facts say what
//! could not be read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::continuity::Since;
use super::facts::{Facts, Observed};
use super::open_changes::OpenChange;
use super::places::Role;
use super::storage::StorageMap;
use super::*;
use crate::host::exec::{Command, ExecError, Printed};
use crate::host::{mounts, processes};
use crate::playbook::model::CommandSpec;
use crate::playbook::template::Lookup;
use crate::playbook::{CommandTemplate, Playbook, Site, Template, Way};
use crate::zfs::{Engine, Guid, Snapshot};

/// Runs commands; outside of tests `&|command| runner.run(command)`.
pub type Run<'a> = &'a dyn Fn(&Command) -> Result<Printed, ExecError>;

/// Limit for an answer of a program of the system.
const SYSTEM_LIMIT: Duration = Duration::from_secs(120);

/// Where the facts come from.
pub struct Sources<'a> {
    /// This node's part, where a cluster starts and watches the service.
    pub node: Option<NodeSource>,
    /// The procedure in question.
    pub occasion: Occasion,
    /// Seconds since 1970, UTC.
    pub now: i64,
    /// ZFS.
    pub engine: &'a dyn Engine,
    /// Runs the playbook's asking commands, `zfs version` and `systemctl`.
    pub run: Run<'a>,
    /// How the product is handled.
    pub playbook: &'a Playbook,
    /// This host.
    pub site: &'a Site,
    /// The values of the playbook's names: those of the site file, and those that a change
    /// recorded. The host is asked for the others.
    pub values: BTreeMap<String, String>,
    /// The places of everything that must outlive a rollback. The folders need not exist yet.
    pub places: Vec<(Role, PathBuf)>,
    /// The name for the new snapshot (the part after the `@`).
    pub snapshot_name: Option<String>,
    /// The change to back out, or to continue with an upgrade.
    pub change: Option<String>,
    /// That change's own snapshots.
    pub ours: Vec<(Snapshot, Guid)>,
    /// The snapshot that a downgrade's capture is to go on from, if there will be one.
    pub since: Option<Since>,
    /// The version to go back to, before a downgrade.
    pub previous: Option<String>,
    /// Before a downgrade: the saved files of the installer, with their SHA-256 in hexadecimal.
    pub installers: Vec<(PathBuf, String)>,
    /// Other changes that are open on this host.
    pub open_changes: Vec<OpenChange>,
    /// Where the system's own files are.
    pub roots: Roots,
}

/// See [`Sources::node`].
#[derive(Debug, Clone)]
pub struct NodeSource {
    /// As it is now.
    pub now: crate::journal::NodePart,
    /// Whether the node had the data when the change was opened.
    pub opened: Option<bool>,
}

/// Where the system's own files are. Tests have their own.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/etc`.
    pub etc: PathBuf,
    /// `/var/spool/cron`.
    pub cron_spool: PathBuf,
    /// `/dev/zvol`.
    pub zvol: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), etc: "/etc".into(), cron_spool: "/var/spool/cron".into(), zvol: "/dev/zvol".into() }
    }
}

impl Sources<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// A command of the playbook, with the values that are known so far.
    pub(super) fn template(&self, spec: &CommandSpec) -> CommandTemplate {
        spec.template().fill_known(&|name| self.value(name))
    }

    /// A command of the playbook, with the value of every name.
    pub(super) fn command(&self, spec: &CommandSpec) -> Observed<Command> {
        filled(&self.template(spec), &|_| None)
    }

    /// A path, unit or program of the playbook, its names filled in.
    pub(super) fn text(&self, text: &Template) -> Observed<String> {
        text.fill(&|name| self.value(name)).map_err(|error| error.to_string())
    }

    /// The same, or unchanged if a name has no value.
    pub(super) fn text_known(&self, text: &Template) -> String {
        self.text(text).unwrap_or_else(|_| text.to_string())
    }

    /// A glob pattern of the playbook, its names filled in.
    pub(super) fn pattern(&self, pattern: &Template) -> Observed<String> {
        pattern.fill_pattern(&|name| self.value(name)).map_err(|error| error.to_string())
    }

    /// Runs a command and returns what it printed.
    pub(super) fn output(&self, command: &Command) -> Observed<String> {
        (self.run)(command).map(|output| output.stdout).map_err(|error| error.to_string())
    }

    /// Runs a program of the system and returns what it printed.
    pub(super) fn system(&self, argv: &[&str]) -> Observed<String> {
        self.output(&Command::new(argv.iter().copied()).timeout(SYSTEM_LIMIT))
    }
}

/// A command with the value of every name. `lookup` has those that are not known yet.
pub(super) fn filled(command: &CommandTemplate, lookup: Lookup<'_>) -> Observed<Command> {
    command.fill(lookup).map_err(|error| format!("cannot fill in the command `{command}`: {error}"))
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
    sources.values.extend(asked.iter().filter_map(|it| Some((it.name.clone(), it.value.clone().ok()?))));
    let sources = &sources;

    let table = mounts::read(&sources.roots.proc);
    let roots = datasets::gather(sources, table.as_deref().unwrap_or_default());
    let map = StorageMap::new(sources, &table, &roots);
    let data = data::gather(sources, &map, &sources.playbook.data.paths);
    let (links, links_unsearched) = links::gather(&map, &roots, &data);
    let foreign_mounts = foreign_mounts::gather(&table, &roots);
    let (jobs, jobs_unknown) = jobs::gather(sources);
    let folders = full_backup::gather(sources);
    let units = services::gather(sources);
    let server_names: Vec<String> = sources.playbook.service.processes.clone();
    let servers = processes::named(&sources.roots.proc, &server_names);
    let users = users::gather(sources, &roots, &data, &units, servers.as_deref().unwrap_or_default());
    Facts {
        occasion: sources.occasion,
        now: sources.now,
        caller: rights::gather(sources),
        zfs: zfs_version::gather(sources),
        way: Way::of(sources.playbook, sources.site),
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
        places: sources.places.iter().map(|(role, path)| places::place(&map, *role, path)).collect(),
        foreign_mounts,
        snapshot_name: sources.snapshot_name.clone(),
        change: sources.change.clone(),
        ours: sources.ours.clone(),
        open_changes: sources.open_changes.clone(),
        transfers: transfers::gather(sources),
        jobs,
        jobs_unknown,
        units,
        servers,
        server_names,
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
        installers: installers::gather(sources),
        roots,
        data,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::super::Severity;
    use super::super::host_fixture::{Host, checks};
    use super::*;
    use crate::zfs::Dataset;

    #[test]
    fn a_host_before_the_upgrade() {
        let host = Host::new();
        let facts = host.gather(Occasion::Upgrade, |_| {});
        assert_eq!(facts.datasets().map(|dataset| dataset.info.name.as_str()).collect::<Vec<_>>(), ["tank/db", "tank/db/log"]);
        assert_eq!(facts.data[0].on.as_ref().expect("read").dataset, "tank/db".parse().ok());
        assert_eq!(facts.places[0].nearest, host.root, "the folder does not exist yet");
        assert_eq!(facts.places[0].on.as_ref().expect("read").source, "/dev/vda1");
        assert!(facts.places[0].free.is_ok());
        assert_eq!(facts.versions.installed, Ok("1.0.5".into()));
        assert_eq!(facts.versions.candidate, Some(Ok("2.0.1".into())));
        assert_eq!(facts.asked[0].value, Ok("0-1-7".into()));
        assert_eq!(facts.servers.as_ref().expect("read").len(), 1);
        assert!(facts.users.as_ref().expect("read").found.is_empty(), "the service's own processes are no strangers");
        assert_eq!(facts.installers.at_hand.as_ref().map(|found| found.as_ref().map(Vec::len)), Some(Ok(1)));
        let missing: Vec<&str> =
            facts.programs.iter().filter(|program| program.found == Ok(None)).map(|program| program.program.as_str()).collect();
        assert_eq!(missing, ["no-such-program-at-all"]);
        // The fake has no sizes: its pools look full and empty at once, so the room is not judged here.
        let found: Vec<_> = checks(&facts).into_iter().filter(|(check, _)| !check.contains("room") && *check != "pool-fill").collect();
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
            assert!(["db --version", "db position", "db log"].iter().all(|command| once.contains(&(*command).to_owned())), "{asked:?}");
        }
        // What a change has recorded is not asked for again.
        let facts = host.gather(Occasion::Upgrade, |sources| drop(sources.values.insert("position".into(), "0-1-5".into())));
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
        for check in
            ["rights", "zfs", "data-path", "place-on-dataset", "foreign-mount", "unit", "installed", "candidate", "requirement", "ask"]
        {
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
        let guid = |snapshot: &Snapshot| host.engine.snapshot_info(snapshot).expect("read").expect("there").guid;
        let with: Vec<(Snapshot, Guid)> = ours.iter().map(|snapshot| (snapshot.clone(), guid(snapshot))).collect();
        host.write("saved.deb", "package");
        let facts = host.gather(Occasion::Downgrade { in_place: true }, |sources| {
            sources.change = Some("c1".into());
            sources.ours.clone_from(&with);
            sources.previous = Some("1.0.4".into());
            let sum = "c8a8df70c5a8b9a7cb2c2b1e41cfa2b9a4a4e2b5e4b4b4d6a1d60f0ad4f0b0a0";
            sources.installers = vec![(host.root.join("saved.deb"), sum.into()), (host.root.join("gone.deb"), sum.into())];
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
        assert!(facts.asked.is_empty() && facts.requirements.is_empty(), "those stand before the upgrade");
        let sum = facts.installers.saved[0].now.clone().expect("read").expect("there");
        assert_eq!(sum.len(), 64);
    }

    #[test]
    fn gathering_changes_nothing() {
        let host = Host::new();
        let list = |folder: &Path| {
            let mut names: Vec<PathBuf> = glob::glob(&format!("{}/**/*", folder.display())).expect("pattern").flatten().collect();
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
        assert!(calls.iter().all(|call| reads.iter().any(|read| call.starts_with(read))), "{calls:?}");
    }
}
