//! How connections of clients are held instead of refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;

/// Holds the connections of clients while the service is closed, where something stands before it
/// that can: a pooler, a proxy, a socket of systemd. Clients wait instead of being refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Holds them, before the service is closed. If it fails, clients are refused as usual; the
    /// procedure goes on.
    pub start: CommandSpec,
    /// Lets them through, when the service is open again; also when a procedure is interrupted,
    /// fails or halts while it is closed. Harmless if they are not held.
    pub stop: CommandSpec,
    /// Succeeds while they are held.
    pub held: CommandSpec,
    /// When.
    #[serde(default, skip_serializing_if = "HoldDuring::is_default")]
    pub during: HoldDuring,
}

/// When connections are held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldDuring {
    /// The default. Whenever the service is closed, for as long as that takes.
    #[default]
    All,
    /// In a switch to a standby alone.
    Switch,
}

impl HoldDuring {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
