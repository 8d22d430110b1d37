//! What stands in a playbook, as types. The JSON Schema is generated from them, and their doc
//! comments are its descriptions.

pub mod cluster;
pub mod coexistent;
pub mod command;
mod commands;
mod full;
pub mod hosts;
mod methods;
mod occasion;
mod response_file;
pub mod side_by_side;
pub mod site;
pub mod way;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::playbook::model::cluster::{Cluster, Nodes};
pub use crate::playbook::model::coexistent::{Coexistent, Host, Hosts};
pub use crate::playbook::model::command::CommandSpec;
pub use crate::playbook::model::full::{Full, Question};
pub use crate::playbook::model::occasion::Occasion;
pub use crate::playbook::model::response_file::{ResponseFile, ResponseKey};
pub use crate::playbook::model::side_by_side::{SideBySide, Strategy};
use crate::playbook::value::TimeLimit;
use crate::playbook::value::pattern::{Extractor, Pattern};
use crate::playbook::value::template::Template;
use crate::playbook::value::version::VersionReq;

/// How one product is stopped, started, upgraded, backed up incrementally, removed, reinstalled,
/// restored and proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// The version of this format: 1.
    pub format: u32,
    /// A short name: lower-case letters, digits, `-`. It is the file's name without `.toml`.
    pub name: String,
    /// The product, for people.
    pub title: String,
    /// What it is for and what it needs, a few lines.
    #[serde(default)]
    pub about: String,
    /// Names usable as `{name}` in commands, paths, patterns of files and units (not in regular
    /// expressions, names of processes, nor texts for people). A site gives or overrides their
    /// values.
    #[serde(default)]
    pub variables: IndexMap<String, Variable>,
    /// The product keeps no data of its own (a relay, a proxy): a version comes back with its
    /// packages and its configuration alone. Then `capture`, `restore`, `inventory`, `full` and
    /// `service.maintenance` are left out, and the site names no datasets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stateless: bool,
    /// Where the product's state is.
    pub data: Data,
    /// How it is stopped and started.
    pub service: Service,
    /// How its version is found out, and which upgrade paths are known.
    pub version: Version,
    /// Values discovered on the host before the upgrade and kept for the whole change; usable as
    /// `{name}` from the upgrade on.
    #[serde(default, alias = "ask")]
    pub discover: IndexMap<String, Discovery>,
    /// What must be so before anything is stopped, each with its remedy.
    #[serde(default, rename = "requirement")]
    pub requirements: Vec<Requirement>,
    /// What no command can find out: the operator is asked, and must say yes by name.
    #[serde(default, rename = "question", skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// The file that the vendor's installer reads in place of answers.
    #[serde(default, alias = "silent", skip_serializing_if = "Option::is_none")]
    pub response_file: Option<ResponseFile>,
    /// How the installed version's installer is put aside before the upgrade.
    pub installer: Installer,
    /// How the new version is installed.
    pub upgrade: Install,
    /// How the previous version is installed again.
    pub downgrade: Downgrade,
    /// The incremental backup of what was written since the snapshot. Required, unless `stateless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// How the capture is brought into the previous version. Required, unless `stateless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// The way back on a host whose data is not on ZFS (a site with `rollback = "none"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
    /// The upgrade that installs the new version beside the old one (a site with `strategy =
    /// "side-by-side"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side_by_side: Option<SideBySide>,
    /// How users move to a second host (a site with `strategy = "coexistent"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coexistent: Option<Coexistent>,
    /// How a cluster that starts and watches the service is told to leave it alone (a site with
    /// `[cluster]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// The product's own list of what it holds, taken before and after. It is the proof. Required,
    /// unless `stateless`.
    #[serde(default, rename = "inventory")]
    pub inventories: Vec<Inventory>,
    /// What this product cannot promise. `check` tells the operator before the upgrade.
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
}

/// A name usable as `{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it means.
    pub about: String,
    /// Its value where the site gives none; without one the site must. It is taken as it is: `{`
    /// has no meaning in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// Where the product's state is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Absolute paths of all data that must go back together. Each must lie on one of the site's
    /// datasets.
    #[serde(default)]
    pub paths: Vec<Template>,
    /// Configuration that is saved before the upgrade and put back by the downgrade. It may lie
    /// anywhere.
    #[serde(default)]
    pub config: Vec<Template>,
    /// Absolute paths that must not go back with the data, such as a queue: none may lie on one of
    /// the site's datasets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Template>,
}

/// How the product is stopped and started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// systemd units: stopped in this order, started in the reverse one; masked while packages
    /// change, so that nothing starts them in between.
    #[serde(default)]
    pub units: Vec<Template>,
    /// How long a unit may take to stop, such as `30m`. Default: 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_within: Option<TimeLimit>,
    /// Stops the product where units do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<CommandSpec>,
    /// Starts the product where units do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CommandSpec>,
    /// Names of the server processes (as in `/proc/PID/comm`: at most 15 bytes): after a stop none
    /// of them may be left.
    pub processes: Vec<String>,
    /// Succeeds when the service answers its clients. Repeated until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// How long `ready` may take, such as `2m`. Default: 2 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<TimeLimit>,
    /// The server without its clients: for the capture, the restore and the inventories. Required,
    /// unless `stateless`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
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
    /// Those of `service.processes` that run in maintenance, too. Where there are no units, the
    /// others tell that the service is open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<String>,
}

/// How the installed version is found out, and which upgrade paths are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Prints the installed version. It must work whether the service runs or not; it may fail or
    /// print something else when nothing is installed.
    pub command: CommandSpec,
    /// A regular expression with one group: the version.
    pub pattern: Extractor,
    /// Which upgrade paths are known. The first rule that fits counts; if none does, the upgrade is
    /// refused.
    #[serde(rename = "rule")]
    pub rules: Vec<VersionRule>,
}

/// An upgrade path from some versions to some others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    /// Comma-separated comparisons that the old version must pass: `>=` and `<`, or `=` for a
    /// version and all that begin with it. Such as `>=10.11, <11`, or `=10.11`.
    pub from: VersionReq,
    /// The same for the new version.
    pub to: VersionReq,
    /// Whether this upgrade path is supported.
    pub verdict: Verdict,
    /// Why, or what to know; shown to the operator. Required unless the verdict is `allow`.
    #[serde(default)]
    pub note: String,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is known to work.
    Allow,
    /// It works with a limit that the note names.
    Warn,
    /// It needs an explicit yes.
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

/// What must be so before anything is stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// What must be so, as a sentence. With `warn` it is a recommendation.
    pub about: String,
    /// Asks for it. It must succeed.
    pub command: CommandSpec,
    /// A regular expression that the trimmed output must match. Default: any output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Pattern>,
    /// What the operator does about it.
    pub remedy: String,
    /// Only warn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warn: bool,
    /// The operator may go on nevertheless, by a yes to this name (`--accept NAME`): lower-case
    /// letters, digits, `-`. It needs `expect`: a command that fails gives no answer that a yes
    /// could be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// Before which procedures it is asked. Default: only before the upgrade.
    #[serde(default = "occasion::before_upgrade")]
    pub before: Vec<Occasion>,
    /// With which strategies it is asked. Default: with all.
    #[serde(default = "side_by_side::both")]
    pub strategies: Vec<Strategy>,
}

/// How the installed version's installer is put aside before the upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Installer {
    /// Run in an empty folder (`{installer_dir}`), it puts there everything that installing the
    /// current version again needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save: Option<CommandSpec>,
    /// Files that are at hand already, as glob patterns; they are copied and checksummed. Instead
    /// of, or besides, `save`.
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
    /// Installs it. Running it again after an interruption must be harmless.
    pub command: CommandSpec,
    /// Run before it when an earlier try was interrupted (such as `dpkg --configure -a`).
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
    /// Whether the data goes back before or after the program. Packages whose scripts look at the
    /// data want `rollback-first`.
    pub order: Order,
    /// Removes the new version, where installing the old one does not do that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<CommandSpec>,
    /// Installs the previous version from `{installer_files}`.
    pub install: CommandSpec,
    /// Run before either when an earlier try was interrupted. With `rollback-first` no script of
    /// the new version may run here: it would see the old data.
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

/// The incremental backup of what was written since the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Made in this order. A pass while the service runs shortens the downtime; the last one must
    /// see everything.
    #[serde(rename = "pass")]
    pub passes: Vec<Pass>,
    /// Succeeds when the capture is complete and readable. Run before anything is destroyed.
    pub verify: CommandSpec,
}

/// One pass of the capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// What it does, a few words.
    pub about: String,
    /// What the service must be doing.
    pub service: ServiceState,
    /// Run first (such as a flush of logs), or the backup itself, writing into `{capture_dir}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSpec>,
    /// Glob patterns of files on the data's datasets: those that the snapshot lacks, or has
    /// otherwise, are copied into `{capture_dir}`.
    #[serde(default)]
    pub new_files: Vec<Template>,
    /// Glob patterns of files on the data's datasets that are only appended to: what came behind
    /// the snapshot's end is copied into `{capture_dir}`. One that was written over or removed
    /// since the snapshot stops the capture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown_files: Vec<Template>,
    /// Glob patterns of files of a numbered series on the data's datasets, such as `bin.000017`:
    /// each is only appended to, and the product makes the next one with the next number. Those
    /// that the snapshot lacks, or has otherwise, are copied whole. One that is missing behind the
    /// snapshot's last one, and a series that began anew, stop the capture, and the downgrade
    /// before that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbered_files: Vec<Template>,
    /// Glob patterns of files on the data's datasets that must be as in the snapshot, such as a
    /// list of logs that a rewrite changes: else what was written since is not all in the other
    /// files, and the downgrade is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged_files: Vec<Template>,
}

/// What the service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// It serves its clients.
    Running,
    /// It runs without its clients.
    Maintenance,
    /// It is stopped.
    Stopped,
}

/// How the capture is brought into the previous version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Brings the capture in; the server runs without its clients.
    pub command: CommandSpec,
    /// Prints how far the data has come: asked of the new version once (`{target_position}`), and
    /// of the old one before each try (`{position}`), until both are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<CommandSpec>,
    /// What a restore that was interrupted needs.
    pub interrupted: Interrupted,
    /// Regular expressions for lines of its output that mean the previous version rejected an item:
    /// a person is asked, even if it exits with 0.
    #[serde(default)]
    pub rejects: Vec<Pattern>,
    /// Run instead of `command` once a person has accepted the rejects: leaves them out, each
    /// whole, brings in all the rest, and exits with 0. For each it prints a line that `rejects`
    /// matches, or (needed where an interrupted restore continues) appends one to `{rejects_file}`
    /// before it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_rejects: Option<CommandSpec>,
}

/// What a restore that was interrupted needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupted {
    /// It goes on where it was (from `{position}`), or repeating it is harmless.
    Continue,
    /// The data is rolled back again first, so that nothing is restored twice.
    Rollback,
}

/// A list of what the product holds: one item a line, the same text on both versions for the same
/// item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// What is listed: `rows`, `messages`, `users`.
    pub name: String,
    /// Prints the list; the server runs without its clients.
    pub command: CommandSpec,
    /// Lines that match one of these regular expressions are not items.
    #[serde(default)]
    pub ignore: Vec<Pattern>,
}

/// Something this product cannot promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What does not come back, or is not the same afterwards.
    pub about: String,
}
