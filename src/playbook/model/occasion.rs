//! Procedures that have requirements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The default.
pub(in crate::playbook) fn before_upgrade() -> Vec<Occasion> {
    vec![Occasion::Upgrade]
}

/// The procedures before which requirements are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Before the snapshot and the upgrade.
    Upgrade,
    /// Before the downgrade.
    Downgrade,
    /// While an upgrade awaits its commit or downgrade: `check` looks whether the way back stays
    /// open. A downgrade is not refused for it.
    Decision,
}
