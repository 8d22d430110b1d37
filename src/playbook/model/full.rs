//! The way back without ZFS, and questions that only a person can answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::occasion;
use crate::playbook::model::{CommandSpec, Occasion};
use crate::playbook::value::template::Template;

/// The way back without ZFS: everything is backed up, and restored into an empty store. What was
/// there is moved aside, not removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Full {
    /// Absolute paths of the folders that hold the data. Each is renamed (`.upgraded` is put behind
    /// its name) and made anew, empty, with the same owner and mode; so none may be a mount point
    /// or a link.
    pub paths: Vec<Template>,
    /// Backs everything up into `{capture_dir}`; the server runs without its clients.
    pub capture: CommandSpec,
    /// Succeeds when the backup is complete and readable. Run before anything is moved.
    pub verify: CommandSpec,
    /// Brings the backup into the previous version. Interrupted, it begins again with an empty
    /// store. `restore.rejects` counts here, too.
    pub restore: CommandSpec,
}

/// What no command can find out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The word that a yes is given by: `--accept NAME`. Lower-case letters, digits, `-`.
    pub name: String,
    /// What must be so, as a sentence.
    pub about: String,
    /// What the operator does if it is not so.
    pub remedy: String,
    /// Before which procedures it is asked. Default: only before the upgrade.
    #[serde(default = "occasion::before_upgrade")]
    pub before: Vec<Occasion>,
}
