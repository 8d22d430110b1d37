//! The content of a playbook, as types. The JSON Schema is generated from them, and their doc
//! comments are its descriptions.

mod aside;
pub mod capture;
pub mod cluster;
pub mod coexistent;
pub mod command;
mod commands;
pub mod data_strategy;
mod detect;
mod full;
pub mod hold;
pub mod hosts;
mod methods;
mod occasion;
mod response_file;
pub mod side_by_side;
pub mod site;
pub mod standby;
mod standby_back;
mod standby_ways;
mod whole;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::playbook::model::aside::{Aside, Serve};
pub use crate::playbook::model::capture::{
    Ahead, Capture, Interrupted, Inventory, Limit, Pass, Restore, ServiceState, Touched,
};
pub use crate::playbook::model::cluster::{Cluster, Nodes};
pub use crate::playbook::model::coexistent::{Coexistent, Host, Hosts};
pub use crate::playbook::model::command::CommandSpec;
pub use crate::playbook::model::detect::{Detect, DetectedValue, Fix};
pub use crate::playbook::model::full::{Full, Question};
pub use crate::playbook::model::hold::{Hold, HoldDuring};
pub use crate::playbook::model::occasion::Occasion;
pub use crate::playbook::model::response_file::{ResponseFile, ResponseKey};
pub use crate::playbook::model::side_by_side::{SideBySide, Strategy};
pub use crate::playbook::model::standby::{BEING_FILLED, Standby};
pub use crate::playbook::model::standby_back::StandbyBack;
pub use crate::playbook::model::standby_ways::BothWays;
pub use crate::playbook::model::whole::Whole;
use crate::playbook::value::TimeLimit;
use crate::playbook::value::pattern::{Extractor, Pattern};
use crate::playbook::value::template::Template;
use crate::playbook::value::version::VersionReq;

/// How one product is stopped, started, upgraded, backed up, removed, reinstalled, restored and
/// compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// The version of this format: 1.
    pub format: u32,
    /// A short name: lower-case letters, digits, `-`. It is the name of the playbook's folder, or
    /// of its file without `.toml`.
    pub name: String,
    /// The product, for people.
    pub title: String,
    /// What it is for and what it needs, in a few lines.
    #[serde(default)]
    pub about: String,
    /// Names to use as `{name}` in commands, paths, file patterns and units, but not in regular
    /// expressions, process names or texts for people. A site file gives or overrides their values.
    #[serde(default)]
    pub variables: IndexMap<String, Variable>,
    /// The product keeps no data of its own (a relay, a proxy), so that a version comes back with
    /// its packages and configuration alone. Leave out `capture`, `restore`, `inventory`, `full`
    /// and `service.maintenance`; the site file names no datasets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stateless: bool,
    /// Where the product's state is.
    pub data: Data,
    /// How it is stopped and started.
    pub service: Service,
    /// How to find out its version, and which upgrade paths are known.
    pub version: Version,
    /// Values that commands discover on the host before the upgrade, kept for the whole change.
    /// Usable as `{name}` from the upgrade on.
    #[serde(default, alias = "ask")]
    pub discover: IndexMap<String, Discovery>,
    /// How `backout init` finds this host's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect: Option<Detect>,
    /// What must be true before anything is stopped, each with a remedy.
    #[serde(default, rename = "requirement")]
    pub requirements: Vec<Requirement>,
    /// What `backout check --fix` can make where a requirement is not met.
    #[serde(default, rename = "fix", skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<Fix>,
    /// What no command can find out. The operator is asked, and must accept it by name.
    #[serde(default, rename = "question", skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// The response file for the vendor's installer.
    #[serde(default, alias = "silent", skip_serializing_if = "Option::is_none")]
    pub response_file: Option<ResponseFile>,
    /// How the installed version's packages are saved before the upgrade.
    pub installer: Installer,
    /// How the new version is installed.
    pub upgrade: Install,
    /// How the previous version is installed again.
    pub downgrade: Downgrade,
    /// The incremental backup of what was written since the snapshot. Required, unless `stateless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// How the capture is restored into the previous version. Required, unless `stateless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// What the capture cannot carry faithfully, and is carried whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Whole>,
    /// The upgraded version after the previous one was installed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Aside>,
    /// The previous version beside the upgraded one, fed with what is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Standby>,
    /// The way back if the data is not on ZFS (a site file with `rollback = "none"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
    /// The upgrade that installs the new version beside the old one (a site file with `strategy =
    /// "side-by-side"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side_by_side: Option<SideBySide>,
    /// How users move to a second host (a site file with `strategy = "coexistent"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coexistent: Option<Coexistent>,
    /// How a cluster that starts and watches the service is told to leave it alone (a site file
    /// with `[cluster]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// How connections of clients are held: what the site file says.
    #[serde(skip)]
    pub hold: Option<Hold>,
    /// The product's own list of what it holds, taken before and after. It is the proof. Required,
    /// unless `stateless`.
    #[serde(default, rename = "inventory")]
    pub inventories: Vec<Inventory>,
    /// What this product cannot promise. `check` tells the operator before the upgrade.
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
}

/// A name to use as `{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it means.
    pub about: String,
    /// Its value if the site file gives none. Without a default, the site file must give one. It is
    /// taken as it is: `{` is not special in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Instead of `default`: another variable, whose value it has if the site file gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
}

/// Where the product's state is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Absolute paths of all data that must go back together. Each must be on one of the site's
    /// datasets.
    #[serde(default)]
    pub paths: Vec<Template>,
    /// Configuration that is saved before the upgrade and put back by the downgrade: files or
    /// folders, anywhere.
    #[serde(default)]
    pub config: Vec<Template>,
    /// Absolute paths that must not go back with the data, such as a queue. None may be on one of
    /// the site's datasets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Template>,
    /// Glob patterns of the product's own log files within the data. They go back with it, and
    /// nothing captures what is written to them: people are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<Template>,
    /// Glob patterns of files whose first line is the path of a file of the data elsewhere, as a
    /// symbolic link would be. What they lead to must be on one of the site's datasets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link_files: Vec<Template>,
}

/// How the product is stopped and started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// systemd units: stopped in this order, started in reverse order, and masked while packages
    /// change, so that nothing starts them meanwhile.
    #[serde(default)]
    pub units: Vec<Template>,
    /// The units of the upgraded version, if they have other names, as `postgresql@17-main.service`.
    /// All are stopped and masked; only those of the version that is to serve are started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units_upgraded: Vec<Template>,
    /// How long a unit may take to stop, such as `30m`. Default: 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_within: Option<TimeLimit>,
    /// Stops the product, if units do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<CommandSpec>,
    /// Starts the product, if units do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CommandSpec>,
    /// Names of the server processes (as in `/proc/PID/comm`: at most 15 bytes). After a stop, none
    /// of them may be left.
    pub processes: Vec<String>,
    /// Succeeds when the service answers its clients. Repeated until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// How long `ready` may take, such as `2m`. Default: 2 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<TimeLimit>,
    /// Where the open service is asked for lists: `{address}` in the commands of `inventory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Template>,
    /// The server without its clients: for the capture, the restore and the inventories. Required,
    /// unless `stateless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
}

impl Service {
    /// The units of both versions, each once.
    pub fn all_units(&self) -> Vec<&Template> {
        let mut all: Vec<&Template> = Vec::new();
        for unit in self.units.iter().chain(&self.units_upgraded) {
            if !all.iter().any(|other| other.source() == unit.source()) {
                all.push(unit);
            }
        }
        all
    }
}

/// The server without its clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Starts it so that no client can reach it.
    pub start: CommandSpec,
    /// Stops it.
    pub stop: CommandSpec,
    /// Succeeds when it answers. Repeated until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// How long `ready` may take. Default: 2 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<TimeLimit>,
    /// Where it is asked for lists: `{address}` in the commands of `inventory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Template>,
    /// Those of `service.processes` that also run in maintenance. Without units, the others tell
    /// that the service is open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<String>,
}

/// How to find out the installed version, and which upgrade paths are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Prints the installed version, whether the service is running or not. It may fail or print
    /// something else if nothing is installed.
    pub command: CommandSpec,
    /// A regular expression with one group: the version.
    pub pattern: Extractor,
    /// Which upgrade paths are known. The first rule that fits counts. If none fits, the upgrade is
    /// refused.
    #[serde(rename = "rule")]
    pub rules: Vec<VersionRule>,
}

/// An upgrade path from some versions to some others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    /// Comma-separated comparisons that the old version must pass: `>=` and `<`, or `=` for a
    /// version and everything that begins with it, such as `>=10.11, <11` or `=10.11`.
    pub from: VersionReq,
    /// The same for the new version.
    pub to: VersionReq,
    /// Whether this upgrade path is supported.
    pub verdict: Verdict,
    /// Why, or what to know. Shown to the operator. Required unless the verdict is `allow`.
    #[serde(default)]
    pub note: String,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is known to work.
    Allow,
    /// It works, with a limit that the note names.
    Warn,
    /// The operator must accept it.
    Confirm,
    /// It is not supported.
    Refuse,
}

/// A value discovered on the host before the upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discovery {
    /// What it is.
    pub about: String,
    /// Prints it.
    pub command: CommandSpec,
    /// A regular expression with one group: the value. Default: the whole output, trimmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Extractor>,
}

/// What must be true before anything is stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// What must be true, as a statement. With `warn` it is a recommendation.
    pub about: String,
    /// Checks it. It must succeed.
    pub command: CommandSpec,
    /// A regular expression that the trimmed output must match. Default: any output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Pattern>,
    /// What the operator should do about it.
    pub remedy: String,
    /// Only warn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warn: bool,
    /// A name by which the operator may accept that it is not met (`--accept NAME`): lower-case
    /// letters, digits, `-`. Needs `expect`: a command that fails gives no answer to accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// A name for `needs` of later requirements: lower-case letters, digits, `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The `name` of an earlier requirement, without which this one would only fail, too: while that
    /// one is not met, this one is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The `name`s of what `backout check --fix` makes when it is not met, in the order in which
    /// they stand in the playbook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<String>,
    /// Before which procedures it is checked. Default: only before the upgrade.
    #[serde(default = "occasion::before_upgrade")]
    pub before: Vec<Occasion>,
    /// For which strategies it is checked. Default: for all.
    #[serde(default = "side_by_side::both")]
    pub strategies: Vec<Strategy>,
}

/// How the installed version's packages are saved before the upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Installer {
    /// Runs in an empty folder (`{installer_dir}`), and puts everything there that is needed to
    /// install the current version again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<CommandSpec>,
    /// Glob patterns of files that exist already. They are copied and checksummed. Instead of
    /// `save`, or in addition.
    #[serde(default)]
    pub files: Vec<Template>,
    /// The minimum number of files afterwards. Default: 1.
    #[serde(default = "one")]
    pub at_least: usize,
}

fn one() -> usize {
    1
}

/// How a version is installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// Installs it. It must be harmless to run it again after an interruption.
    pub command: CommandSpec,
    /// Runs before it if an earlier attempt was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<CommandSpec>,
    /// Shows which version the command would install, without doing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CommandSpec>,
    /// A regular expression with one group: the version that `candidate` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_pattern: Option<Extractor>,
}

/// How the previous version is installed again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Downgrade {
    /// Whether the data goes back before or after the program. Packages with scripts that look at
    /// the data need `rollback-first`.
    pub order: Order,
    /// Removes the new version, if installing the old one does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<CommandSpec>,
    /// Installs the previous version from `{installer_files}`.
    pub install: CommandSpec,
    /// Runs before either if an earlier attempt was interrupted. With `rollback-first`, no script
    /// of the new version may run here: it would see the old data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<CommandSpec>,
}

/// Which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// First the data, then the program.
    RollbackFirst,
    /// First the program, then the data.
    ReinstallFirst,
}
