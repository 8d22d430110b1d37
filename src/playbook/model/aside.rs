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
    /// are not looked at. Without it nothing is copied: both versions are installed side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<CommandSpec>,
    /// Absolute paths of files that are copied as well, such as `/etc/passwd`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Template>,
    /// How a server without clients is started on a copy of the data, while the service runs. With
    /// it, `inventory.touched` is used, and everything is compared afterwards. It is asked for lists
    /// and stopped as the one of `service.maintenance` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve: Option<Serve>,
}

/// See [`Aside::serve`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// Starts the previous version, which is installed. Below `{proof_root}` each path of the data
    /// is at its own place: `{proof_root}{datadir}`.
    pub previous: CommandSpec,
    /// Starts the upgraded version from `{upgraded_root}`.
    pub upgraded: CommandSpec,
}
