//! The way back without ZFS, and questions that only a person can answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::{CommandSpec, Occasion, occasion};
use crate::playbook::value::template::Template;

/// The way back without ZFS: everything is backed up, and restored into an empty store. The old
/// store is moved aside, not removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Full {
    /// Absolute paths of the folders with the data. Each is renamed (`.upgraded` is appended) and
    /// created again, empty, with the same owner and mode. So none may be a mount point or a link.
    pub paths: Vec<Template>,
    /// Backs up everything into `{capture_dir}`. The server runs without its clients.
    pub capture: CommandSpec,
    /// Succeeds if the backup is complete and readable. Runs before anything is moved.
    pub verify: CommandSpec,
    /// Restores the backup into the previous version. After an interruption it starts over with an
    /// empty store. `restore.rejects` applies here, too.
    pub restore: CommandSpec,
}

/// What no command can find out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The name by which the operator accepts it: `--accept NAME`. Lower-case letters, digits, `-`.
    pub name: String,
    /// What must be true, as a sentence.
    pub about: String,
    /// What the operator should do if it is not true.
    pub remedy: String,
    /// Before which procedures it is asked. Default: only before the upgrade.
    #[serde(default = "occasion::before_upgrade")]
    pub before: Vec<Occasion>,
}
