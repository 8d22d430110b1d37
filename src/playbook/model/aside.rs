//! The upgraded version after the previous one was installed again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
use crate::playbook::value::template::Template;

/// The programs of the upgraded version, copied into a folder of the change (`{upgraded_root}`)
/// while the service still runs, each at its own path, with the libraries that they are linked
/// with. With that folder as their root (`chroot`), they can read what a downgrade kept aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aside {
    /// Prints the absolute paths of the files, one on each line. Lines that do not begin with `/`
    /// are not looked at.
    pub files: CommandSpec,
    /// Absolute paths of files that are copied as well, such as `/etc/passwd`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Template>,
}
