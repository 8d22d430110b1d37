//! Makes plans from playbook, site and what is known about the host. Pure.

mod back;
mod cluster;
mod commit;
mod downgrade;
mod full;
mod migrate;
mod parts;
mod reserve;
mod upgrade;

pub use crate::playbook::hosts::Move;
pub use back::{back, reopen};
pub use commit::commit;
pub use downgrade::{ASIDE, DowngradeInput, Opened, UNDONE, downgrade, kept_endings};
pub use full::{full, packages, remove_aside};
pub use migrate::{held, let_go, migrate};
pub use upgrade::{snapshot_only, upgrade};

use std::time::Duration;

/// The default of `ready_within`.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(120);
