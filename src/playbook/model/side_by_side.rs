//! The upgrade that installs the new version beside the old one. A symbolic link points to the
//! active one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
use crate::playbook::value::template::Template;

/// How a version is installed beside the active one, while that serves. Upgrade and downgrade
/// exchange a link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideBySide {
    /// The symbolic link to the active installation.
    pub link: Template,
    /// Where the new version is installed. Not where the link points to now.
    pub new: Template,
    /// How it is installed there.
    pub install: InstallBeside,
    /// How an existing installation there, which was active before, is upgraded. Without it,
    /// `install` does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<InstallBeside>,
    /// Prints the version that is installed there. `version.pattern` finds it.
    pub version: CommandSpec,
    /// Gives the installation there its configuration and data, before the link is set to it.
    /// Without it, it gets the same links as the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_config: Option<CommandSpec>,
    /// Links inside an installation that point to configuration and data. The inactive one has
    /// none, so that its commands touch nothing.
    #[serde(default)]
    pub data_links: Vec<String>,
}

/// How a version is installed in the other place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallBeside {
    /// Installs it.
    pub command: CommandSpec,
    /// Runs before it if an earlier attempt was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<CommandSpec>,
}

/// How a new version is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The new version takes the old one's place.
    #[default]
    InPlace,
    /// It is installed beside the old one, and a link points to the active one. Needs a playbook
    /// that says how (`[side_by_side]`).
    SideBySide,
    /// It is installed on a second host, and the users move there (`backout migrate`). Needs a
    /// playbook that says how (`[coexistent]`), and `[hosts]`.
    Coexistent,
}

/// The strategies of a single host.
pub(in crate::playbook) fn both() -> Vec<Strategy> {
    vec![Strategy::InPlace, Strategy::SideBySide]
}
