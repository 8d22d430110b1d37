//! Before what the checks run.

use serde::Serialize;

use crate::playbook::model;

/// What is about to be done. The [`Occasion`](crate::playbook::model::Occasion) of a playbook is
/// coarser: its requirements are asked alike in a check, and however a version comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Nothing yet: could this host upgrade, and come back?
    Check,
    /// The upgrade.
    Upgrade,
    /// The downgrade.
    Downgrade {
        /// The upgraded state is destroyed, not kept beside the restored one.
        in_place: bool,
    },
    /// Nothing: an upgrade awaits its commit or downgrade. Is the way back still open? Looks at
    /// what a kept downgrade looks at.
    Decision,
}

impl Occasion {
    /// The playbook's occasion. A playbook does not distinguish a mere check or the kind of
    /// rollback, so it has an `Occasion` of its own.
    pub fn procedure(self) -> model::Occasion {
        if self.is_downgrade() { model::Occasion::Downgrade } else { model::Occasion::Upgrade }
    }

    /// Whether it is a downgrade.
    pub fn is_downgrade(self) -> bool {
        matches!(self, Self::Downgrade { .. } | Self::Decision)
    }

    /// Whether the requirements of this occasion of a playbook are asked.
    pub fn asks_for(self, before: &[model::Occasion]) -> bool {
        before.contains(&self.procedure())
            || self == Self::Decision && before.contains(&model::Occasion::Decision)
    }
}
