//! PostgreSQL: which version a cluster has, the dump of everything, its way into an older server,
//! and what that server has no words for.

mod at_once;
mod capture;
mod client;
mod cluster;
mod each;
mod globals;
mod list;
mod rehearse;
mod rejects;
mod restore;
mod slot;
mod standby;
mod statements;

pub(super) use capture::{dump, verify};
pub(super) use cluster::{package, with};
pub(super) use each::each;
pub(super) use rehearse::rehearse;
pub(super) use restore::restore;
pub(super) use standby::{feed, touched_rows};

use crate::product::stream::HelperError;

fn failed(what: impl std::fmt::Display, error: impl std::fmt::Display) -> HelperError {
    HelperError::Failed(format!("{what}: {error}"))
}
