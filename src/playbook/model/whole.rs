//! What the capture cannot carry faithfully, and is carried whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;

/// Items, such as tables, whose changes do not survive the restore of the capture. They are noticed
/// and written out completely by the upgraded version before anything is destroyed, and loaded into
/// the previous version after the restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// Prints the items that are carried whole, one on each line: its name, its size in bytes, and
    /// why, with a tab between them. Runs on the upgraded version without clients, after the passes
    /// of the capture for that. It may keep files of its own in `{whole_dir}`.
    pub notice: CommandSpec,
    /// Writes the item `{item}` into the empty folder `{item_dir}`. Runs on the upgraded version
    /// without clients.
    pub write: CommandSpec,
    /// Puts what is in `{item_dir}` in the place of what the previous version has of `{item}`. Runs
    /// without clients, after the restore, and again after an interruption. It must not move what
    /// `restore.position` prints.
    pub load: CommandSpec,
    /// Prints, as `notice` does, the items that hold what a comparison found different: so that
    /// `resume --repair` can carry them from the upgraded data. With a `-` for its size, something is
    /// named that cannot be carried. What differs stands in `{differing_dir}`, in `NAME.missing` and
    /// `NAME.unexpected` for each inventory, one on each line. Runs on the previous version without
    /// clients. Needs `aside.serve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differing: Option<CommandSpec>,
}
