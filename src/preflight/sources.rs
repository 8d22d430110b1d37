//! Where the facts come from: what the caller knows already, and how the host is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::Occasion;
use crate::host::disk::ZVOL;
use crate::host::exec::{Command, ExecError, Printed};
use crate::journal::MountedDataset;
use crate::playbook::model::CommandSpec;
use crate::playbook::template::{Lists, Lookup};
use crate::playbook::{CommandTemplate, Playbook, Site, Template};
use crate::zfs::{Dataset, Engine, Guid, Snapshot};

/// What was found out, or why it could not be.
pub type Observed<T> = Result<T, String>;

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
    /// `/var/spool/cron`; on FreeBSD `/var/cron/tabs`.
    pub cron_spool: PathBuf,
    /// The devices of volumes.
    pub zvol: PathBuf,
}

/// Where users' crontabs are.
const CRON: &str = if cfg!(target_os = "freebsd") { "/var/cron/tabs" } else { "/var/spool/cron" };

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            etc: "/etc".into(),
            cron_spool: CRON.into(),
            zvol: ZVOL.into(),
        }
    }
}

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenChange {
    /// Its id.
    pub id: String,
    /// Its datasets.
    pub datasets: Vec<Dataset>,
}

/// The snapshot that the capture is to go on from.
#[derive(Debug, Clone)]
pub struct Since {
    /// The datasets, as they are mounted.
    pub mounts: Vec<MountedDataset>,
    /// Its name: the part after the `@`.
    pub snapshot: String,
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
        let template = self.template(spec);
        if !self.occasion.is_downgrade() {
            return filled(&template, &|_| None);
        }
        // What is asked only before a downgrade may name the saved files.
        let files: Vec<String> =
            self.installers.iter().map(|(path, _)| path.display().to_string()).collect();
        let folder = self.installers.first().and_then(|(path, _)| path.parent());
        let late = |name: &str| {
            folder.filter(|_| name == "installer_dir").map(|it| it.display().to_string())
        };
        let lists = Lists::from([("installer_files".to_owned(), files)]);
        let unfilled = |error| format!("cannot fill in the command `{template}`: {error}");
        template.fill_with(&late, &lists).map_err(unfilled)
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
