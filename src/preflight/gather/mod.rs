//! Reads the world for the checks. Nothing here changes anything; what cannot be read is said in the facts.

use std::path::PathBuf;

use crate::host::exec::{Command, ExecError, Output};
use crate::playbook::model::{CommandSpec, Verdict};
use crate::playbook::{Playbook, Site, Way};
use crate::zfs::{Engine, Guid, Snapshot};

use super::Occasion;
use super::facts::{Caller, Facts, Learnt, OpenChange, Role, Users};
use crate::host::mounts::{self, Mount};
use crate::host::processes::{self, Process};

mod beside;
mod cluster;
pub mod coexistent;
mod disk;
mod full;
mod jobs;
mod product;
mod zfs;

/// Answers commands; in earnest `&|command| runner.run(command)`.
pub type Run<'a> = &'a dyn Fn(&Command) -> Result<Output, ExecError>;

/// Judges a way between versions: what the playbook's rule says, with its note; `Ok(None)` when no rule fits.
pub type Rule<'a> = &'a dyn Fn(&str, &str) -> Learnt<Option<(Verdict, String)>>;

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
    /// A command of the playbook with its names filled in.
    pub command: &'a dyn Fn(&CommandSpec) -> Result<Command, String>,
    /// A path, unit, process or program of the playbook with its names filled in.
    pub text: &'a dyn Fn(&str) -> Result<String, String>,
    /// A glob pattern of the playbook with its names filled in.
    pub pattern: &'a dyn Fn(&str) -> Result<String, String>,
    /// The way from the first version to the second.
    pub rule: Rule<'a>,
    /// Where this tool keeps what must outlive a rollback; the folders need not exist yet.
    pub places: Vec<(Role, PathBuf)>,
    /// The name that the new snapshot shall have (the part after the `@`).
    pub snapshot_name: Option<String>,
    /// The change to back out, or that an upgrade goes on with.
    pub change: Option<String>,
    /// That change's own snapshots.
    pub ours: Vec<(Snapshot, Guid)>,
    /// The version to go back to, before a downgrade.
    pub previous: Option<String>,
    /// The installer's files that were put aside, with their SHA-256 in hexadecimal, before a downgrade.
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

/// Where the system's own files are; tests have their own.
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

/// Reads everything that the checks of the occasion look at.
#[must_use]
pub fn gather(sources: &Sources<'_>) -> Facts {
    let table = mounts::read(&sources.roots.proc);
    let roots = zfs::roots(sources, table.as_deref().unwrap_or_default());
    let (jobs, jobs_unknown) = jobs::automatic(sources);
    let folders = full::folders(sources);
    let mut facts = Facts {
        occasion: sources.occasion,
        now: sources.now,
        caller: caller(sources),
        zfs: zfs::version(sources),
        way: Way::of(sources.playbook, sources.site),
        full_size: full::size(&folders),
        folders,
        beside: beside::installations(sources),
        cluster: cluster::nodes(sources),
        questions: product::questions(sources),
        rollback: sources.site.rollback,
        roots,
        pools: zfs::pools(sources),
        data: Vec::new(),
        outside: Vec::new(),
        links: Vec::new(),
        links_unsearched: Vec::new(),
        system: Vec::new(),
        places: Vec::new(),
        foreign_mounts: Ok(Vec::new()),
        snapshot_name: sources.snapshot_name.clone(),
        change: sources.change.clone(),
        ours: sources.ours.clone(),
        open_changes: sources.open_changes.clone(),
        transfers: transfers(sources),
        jobs,
        jobs_unknown,
        units: product::units(sources),
        servers: Ok(Vec::new()),
        server_names: sources.playbook.service.processes.iter().map(|name| product::fill(sources, name)).collect(),
        users: Ok(Users::default()),
        versions: product::versions(sources),
        requirements: product::requirements(sources),
        asked: product::asked(sources),
        limits: sources.playbook.limits.iter().map(|limit| limit.about.clone()).collect(),
        programs: product::programs(sources),
        secrets: product::secrets(sources),
        uncapturable: product::uncapturable(sources),
        installers: product::installers(sources),
    };
    disk::lay_out(sources, &mut facts, &table);
    facts.servers = processes::named(&sources.roots.proc, &facts.server_names);
    facts.users = users(sources, &facts);
    facts
}

/// Uid and capabilities stand in `/proc/self/status`.
fn caller(sources: &Sources<'_>) -> Learnt<Caller> {
    let file = sources.roots.proc.join("self/status");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    // Real, effective, saved, file system.
    let uid = value("Uid:").and_then(|ids| ids.split_whitespace().nth(1)).and_then(|id| id.parse().ok());
    let capabilities = value("CapEff:").and_then(|bits| u64::from_str_radix(bits, 16).ok());
    match (uid, capabilities) {
        (Some(uid), Some(capabilities)) => Ok(Caller { uid, capabilities }),
        _ => Err(format!("{}: no Uid or CapEff", file.display())),
    }
}

/// `zfs send`, `zfs receive` and the same by other names (`zfs recv`).
fn transfers(sources: &Sources<'_>) -> Learnt<Vec<Process>> {
    let found = processes::named(&sources.roots.proc, &["zfs".to_owned()])?;
    let transfer = |process: &Process| process.cmdline.split(' ').nth(1).is_some_and(|verb| matches!(verb, "send" | "receive" | "recv"));
    Ok(found.into_iter().filter(transfer).collect())
}

/// The processes that use the datasets and are neither the service's by name nor in one of its units.
fn users(sources: &Sources<'_>, facts: &Facts) -> Learnt<Users> {
    let mut paths: Vec<PathBuf> = facts.datasets().flat_map(|dataset| dataset.mounted_at.iter().cloned()).collect();
    paths.extend(facts.datasets().filter(|dataset| dataset.volume).filter_map(|volume| zfs::device(sources, &volume.name)));
    // Where nothing is mounted by that name the data paths themselves are what there is.
    paths.extend(facts.data.iter().filter_map(|data| data.real.clone().ok()));
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        return Ok(Users::default());
    }
    let mut in_use = processes::users_of(&sources.roots.proc, &paths)?;
    for dataset in facts.datasets().filter(|dataset| !dataset.mounted_at.is_empty()) {
        let elsewhere = processes::mounted_elsewhere(&sources.roots.proc, dataset.name.as_str())?;
        let new = |process: &Process| in_use.found.iter().all(|known| known.pid != process.pid);
        let new: Vec<Process> = elsewhere.into_iter().filter(new).collect();
        in_use.found.extend(new);
    }
    let servers: Vec<i32> = facts.servers.iter().flatten().map(|process| process.pid).collect();
    let units: Vec<&str> = facts.units.iter().map(|unit| unit.name.as_str()).collect();
    let other = |process: &Process| !servers.contains(&process.pid) && !units.iter().any(|unit| process.is_of_unit(unit));
    Ok(Users { found: in_use.found.into_iter().filter(other).collect(), unreadable: in_use.unreadable })
}

/// Runs a command and returns what it printed.
fn output(sources: &Sources<'_>, command: &Command) -> Learnt<String> {
    (sources.run)(command).map(|output| output.stdout).map_err(|error| error.to_string())
}

/// Runs a program of the system, which answers soon or is not asked again.
fn ask(sources: &Sources<'_>, argv: &[&str]) -> Learnt<String> {
    output(sources, &Command::new(argv.iter().copied()).timeout(std::time::Duration::from_secs(120)))
}

/// The mounts, if they could be read.
type Table = Learnt<Vec<Mount>>;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests;
