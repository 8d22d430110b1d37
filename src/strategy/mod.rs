//! Makes plans from playbook, site and what is known about the host. Pure.
//!
//! A procedure (`upgrade`, `downgrade`, `back`, `commit`) orders what three choices say: how the
//! data goes back ([`data`]), how a version is installed ([`install`]), where the service runs
//! ([`topology`]).

mod back;
mod commit;
mod copies;
pub(crate) mod data;
mod downgrade;
mod input;
mod install;
mod parts;
mod reserve;
mod topology;
mod upgrade;

pub use crate::playbook::hosts::Move;
pub use back::{back, reopen, switch_back};
pub use commit::{commit, remove_aside, remove_kept};
pub use copies::{CopyServer, copy_server, full_lists};
pub use data::clone_and_swap::stays_of;
pub(crate) use data::of as data_of;
pub use data::standby::StandbyInput;
pub use data::{held, let_go, migrate};
pub use downgrade::downgrade;
pub use input::{
    ASIDE, DowngradeInput, Exchanged, ServedClients, StandbyPart, SwitchBack, SwitchInput, UNDONE,
    aside_of, kept_endings,
};
pub use upgrade::{snapshot_only, upgrade};

use std::time::Duration;

/// The default of `ready_within`.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(120);
