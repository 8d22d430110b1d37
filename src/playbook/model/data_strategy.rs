//! How a version comes back on this host.

use serde::{Deserialize, Serialize};

use crate::playbook::model::site::{RollbackChoice, Site};
use crate::playbook::model::{Playbook, Strategy};

/// How a version comes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataStrategy {
    /// The data goes back to a ZFS snapshot, and what was written since is restored.
    #[default]
    Zfs,
    /// Everything is backed up, and restored into an empty store.
    Full,
    /// There is no data: packages and configuration go back.
    Packages,
    /// Nothing is upgraded here. Users move to another host, and may move back.
    Coexistent,
}

impl DataStrategy {
    /// The way of this playbook on this site.
    pub fn of(playbook: &Playbook, site: &Site) -> Self {
        if site.strategy == Strategy::Coexistent {
            Self::Coexistent
        } else if playbook.stateless {
            Self::Packages
        } else if site.rollback == RollbackChoice::None {
            Self::Full
        } else {
            Self::Zfs
        }
    }

    /// Whether it is the default, which is not written.
    pub fn is_zfs(&self) -> bool {
        *self == Self::Zfs
    }
}
