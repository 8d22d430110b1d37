//! What tells slots that are still where the upgrade made them from those that somebody took from: an
//! origin of a replication that is none. No dump and no comparison has it.

use super::super::at_once::at_once;
use super::super::client::Client;
use super::pair::{NAME, fed};
use crate::product::stream::HelperError;

const UNGUARD: &str = include_str!("sql/unguard.sql");

/// The slots are all there now.
pub(super) fn put(live: &Client) -> Result<(), HelperError> {
    let sql = format!("SELECT pg_catalog.pg_replication_origin_create('{NAME}')");
    live.query("template1", &sql).map(drop)
}

/// Whether nobody has taken anything from them.
pub(super) fn is_there(live: &Client) -> Result<bool, HelperError> {
    let sql =
        format!("SELECT count(*) FROM pg_catalog.pg_replication_origin WHERE roname = '{NAME}'");
    Ok(live.query("template1", &sql)?.trim() == "1")
}

/// From now on somebody may take from them, and sees to it that tables without a key are harmless.
/// Nothing happens if that is so already.
pub(super) fn remove(live: &Client) -> Result<(), HelperError> {
    if !is_there(live)? {
        return Ok(());
    }
    at_once(&fed(live)?, |one| live.script(&one.name, UNGUARD).map(drop))?;
    // A server that crashes must not remember it otherwise.
    let sql = format!(
        "SET synchronous_commit = local; SELECT pg_catalog.pg_replication_origin_drop('{NAME}')"
    );
    live.query("template1", &sql).map(drop)
}
