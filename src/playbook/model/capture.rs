//! How what was written since the snapshot is captured, restored and proved, and what does not come
//! back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::command::CommandSpec;
use crate::playbook::value::pattern::{Extractor, Pattern};
use crate::playbook::value::template::Template;

/// The incremental backup of what was written since the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// The passes, in the order `running`, `maintenance`, `stopped`. One while the service runs
    /// shortens the downtime. The last must see everything.
    #[serde(rename = "pass")]
    pub passes: Vec<Pass>,
    /// The capture is a dump of everything that the product holds, not of what was written since:
    /// it needs no logs, so nothing that happens to logs closes the way back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everything: bool,
    /// Succeeds if the capture is complete and readable. Runs before anything is destroyed.
    pub verify: CommandSpec,
}

/// One pass of the capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// What it does, in a few words.
    pub about: String,
    /// What the service must be doing.
    pub service: ServiceState,
    /// Runs first, such as a flush of logs; or makes the backup itself, in `{capture_dir}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSpec>,
    /// Glob patterns of files on the data's datasets. Those that the snapshot lacks, or has with
    /// other content, are copied into `{capture_dir}`.
    #[serde(default)]
    pub new_files: Vec<Template>,
    /// Glob patterns of files on the data's datasets that are only appended to. The part after the
    /// snapshot's end is copied into `{capture_dir}`. If one was overwritten or removed since the
    /// snapshot, the downgrade is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown_files: Vec<Template>,
    /// Glob patterns of files of a numbered series on the data's datasets, such as `bin.000017`:
    /// each is only appended to, and the next one has the next number. Those that the snapshot
    /// lacks, or has with other content, are copied completely. If one after the snapshot's last
    /// one is missing, or the series started again, the downgrade is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbered_files: Vec<Template>,
    /// The product begins a new file of the numbered series each time it starts, and never writes
    /// to an older one. Then nothing is lost when the snapshot's last file was removed since. Set
    /// it only if `verify` compares the end of `{snapshot_files}` with the beginning of the
    /// captured files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_file_at_start: bool,
    /// Glob patterns of files on the data's datasets that must be as in the snapshot, such as a
    /// list of logs that a rewrite changes. If one was changed, the other files do not contain
    /// everything that was written since, and the downgrade is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged_files: Vec<Template>,
}

/// What the service is doing.
// In the order in which a downgrade gets there.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// It serves its clients.
    Running,
    /// It runs without its clients.
    Maintenance,
    /// It is stopped.
    Stopped,
}

impl ServiceState {
    /// The word that a playbook has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Maintenance => "maintenance",
            Self::Stopped => "stopped",
        }
    }
}

/// How the capture is restored into the previous version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// What the service is doing meanwhile: `maintenance`, or `stopped` where the server itself
    /// loads what the command puts beside its data, at its next start.
    #[serde(default = "in_maintenance", skip_serializing_if = "is_in_maintenance")]
    pub service: ServiceState,
    /// Restores the capture. The server runs without its clients, unless `service` is `stopped`.
    pub command: CommandSpec,
    /// Prints how far the data has come. The new version is asked once (`{target_position}`), the
    /// old one before each attempt (`{position}`), until both are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<CommandSpec>,
    /// Prints the same from `{capture_files}`, in the same words. For a new version that does not
    /// start any more: the capture is then made by the passes with `service = "stopped"`. Without
    /// it, a playbook with `position` has no way back from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_from_files: Option<CommandSpec>,
    /// What an interrupted restore needs.
    pub interrupted: Interrupted,
    /// Regular expressions for lines of its output that mean a rejected item. backout then halts
    /// for a person to decide, even if the command exits with 0.
    #[serde(default)]
    pub rejects: Vec<Pattern>,
    /// Runs instead of `command` once a person has accepted the rejects. It leaves them out, each
    /// completely, restores everything else, and exits with 0. For each it prints a line that
    /// `rejects` matches, or appends the line to `{rejects_file}` before it proceeds, which an
    /// interrupted restore that continues requires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_rejects: Option<CommandSpec>,
}

fn in_maintenance() -> ServiceState {
    ServiceState::Maintenance
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_in_maintenance(state: &ServiceState) -> bool {
    *state == ServiceState::Maintenance
}

/// What an interrupted restore needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupted {
    /// It continues where it was (from `{position}`), or repeating it is harmless.
    Continue,
    /// The data is rolled back again first, so that nothing is restored twice.
    Rollback,
}

/// A list of what the product holds: one item on each line, with the same text on both versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// What is listed: `rows`, `messages`, `users`.
    pub name: String,
    /// Prints the list. The server runs without its clients, or refuses their writes. Where there
    /// may be two servers, `{address}` says which one is asked.
    pub command: CommandSpec,
    /// Lines that match one of these regular expressions are not items.
    #[serde(default)]
    pub ignore: Vec<Pattern>,
    /// A regular expression with one group: when an item ends by itself, in milliseconds since
    /// 1970. An item that ended before both lists were complete is in neither of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Extractor>,
    /// How the items that the capture touched are found and listed. With it, a kept downgrade
    /// compares only those before it opens the service: that costs as much as what was written, not
    /// as the data. Everything is compared afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Touched>,
}

/// See [`Inventory::touched`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Touched {
    /// Prints what the capture (`{capture_files}`) touched, one item on each line, in words of its
    /// own. A line that begins with `*` says that it cannot be told, and behind that why: then all
    /// is listed. The new version runs without its clients.
    pub find: CommandSpec,
    /// Prints the list, as `command` does, but only of what stands in `{touched_file}`: the lines
    /// of `find`, sorted, each once. What is not there any more is left out.
    pub command: CommandSpec,
    /// Prints the same as `find`, of what the feed of the standby brought over (its files are in
    /// `{feed_dir}`). Both servers run, and writes are refused. Without it, a switch lists all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fed: Option<CommandSpec>,
    /// How a switch compares everything while clients still write, and then only what was written
    /// meanwhile. With it, the time for which clients are shut out does not depend on how much there
    /// is, nor on how much the feed brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Ahead>,
}

/// See [`Touched::ahead`]. Each line of the lists has columns with tabs between them: all but the last
/// say which item it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ahead {
    /// Prints a position: what was committed before it is on the standby. Clients write. A line that
    /// begins with `*` says that `since` could not tell, and behind that why: then the switch goes by
    /// `fed`.
    pub mark: CommandSpec,
    /// Prints the same as `find`, of what was written to the server that serves since
    /// `{ahead_mark}`: more is harmless, less is not. For each item of that,
    /// `inventory.touched.command` prints a line, also if the item is gone (its last column says
    /// so). A line whose last column is `*` says that the items that begin like it are listed anew.
    pub since: CommandSpec,
}

/// Something this product cannot promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What does not come back, or is different afterwards.
    pub about: String,
}
