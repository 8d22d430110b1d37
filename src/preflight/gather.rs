//! Gathers the facts for the checks. Reads each thing once, and changes nothing. The facts say what
//! could not be read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::facts::{Facts, Observed};
use super::open_changes::OpenChange;
use super::places::Role;
use super::storage::StorageMap;
use super::*;
use crate::host::exec::{Command, ExecError, Output};
use crate::host::{mounts, processes};
use crate::playbook::model::CommandSpec;
use crate::playbook::template::Lookup;
use crate::playbook::{CommandTemplate, Playbook, Site, Template, Way};
use crate::zfs::{Engine, Guid, Snapshot};

/// Runs commands; outside of tests `&|command| runner.run(command)`.
pub type Run<'a> = &'a dyn Fn(&Command) -> Result<Output, ExecError>;

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
    pub(super) fn text(&self, text: &str) -> Observed<String> {
        let text = text.parse::<Template>().map_err(|error| error.to_string())?;
        text.fill(&|name| self.value(name)).map_err(|error| error.to_string())
    }

    /// The same, or unchanged if a name has no value.
    pub(super) fn text_known(&self, text: &str) -> String {
        self.text(text).unwrap_or_else(|_| text.to_owned())
    }

    /// A glob pattern of the playbook, its names filled in.
    pub(super) fn pattern(&self, pattern: &str) -> Observed<String> {
        let pattern = pattern.parse::<Template>().map_err(|error| error.to_string())?;
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
    let server_names: Vec<String> = sources.playbook.service.processes.iter().map(|name| sources.text_known(name)).collect();
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
        installers: installers::gather(sources),
        roots,
        data,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
#[path = "gather_tests.rs"]
pub(super) mod tests;
