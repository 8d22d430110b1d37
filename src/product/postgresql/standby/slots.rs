//! Slots that are made in the upgrade, before any client writes to the new version: a standby can
//! then go on from the clone as it is. They serve once, for the first standby.

use super::super::client::{Client, literal};
use super::copy::possible;
use super::pair::{NAME, Pair, at_once, fed};
use super::published;
use crate::product::stream::HelperError;

const POSSIBLE: &str = include_str!("sql/possible.sql");
const GUARD: &str = include_str!("sql/guard.sql");
const UNGUARD: &str = include_str!("sql/unguard.sql");

/// Before the upgrade: prints what is in the way.
pub(super) fn obstacles(pair: &Pair) -> Result<String, HelperError> {
    match pair.slots {
        true => Ok(pair.live.script("template1", POSSIBLE)?.trim_end().to_owned()),
        false => Ok(String::new()),
    }
}

/// In the upgrade, while nobody but us is connected to the new server. What an interrupted attempt
/// has left is made anew.
pub(super) fn reserve(pair: &Pair) -> Result<(), HelperError> {
    if !pair.slots {
        return Ok(());
    }
    let live = pair.live.clone().quietly()?;
    published::withdraw(&live)?;
    let databases = fed(&live)?;
    possible(&live, &databases)?;
    published::publish(&live)?;
    at_once(&databases, |one| {
        live.script(&one.name, GUARD)?;
        let sql = format!(
            "SELECT pg_catalog.pg_create_logical_replication_slot({}, 'pgoutput')",
            literal(&one.slot)
        );
        live.query(&one.name, &sql).map(drop)
    })?;
    let mark = format!("SELECT pg_catalog.pg_replication_origin_create('{NAME}')");
    live.query("template1", &mark).map(drop)
}

/// Takes all of that back, if no standby has done so.
pub(super) fn forget(pair: &Pair) -> Result<(), HelperError> {
    match pair.slots {
        true => published::withdraw(&pair.live.clone().quietly()?),
        false => Ok(()),
    }
}

/// Whether the slots are still where the upgrade made them: nobody has taken anything from them.
pub(super) fn untouched(live: &Client) -> Result<bool, HelperError> {
    let sql = format!(
        "SELECT count(*) FROM pg_catalog.pg_replication_origin WHERE roname = '{NAME}'"
    );
    Ok(live.query("template1", &sql)?.trim() == "1")
}

/// From now on somebody may take from the slots. Harmless if that is so already.
pub(super) fn touch(live: &Client) -> Result<(), HelperError> {
    if !untouched(live)? {
        return Ok(());
    }
    at_once(&fed(live)?, |one| live.script(&one.name, UNGUARD).map(drop))?;
    // A server that crashes must not remember it otherwise.
    let sql = format!(
        "SET synchronous_commit = local; SELECT pg_catalog.pg_replication_origin_drop('{NAME}')"
    );
    live.query("template1", &sql).map(drop)
}
