//! Slots that are made in the upgrade, before any client writes to the new version: a standby can
//! then go on from the clone as it is. They serve once, for the first standby.

use super::super::at_once::at_once;
use super::super::client::literal;
use super::copy::possible;
use super::pair::{Pair, fed};
use super::{ahead, mark, published};
use crate::product::stream::HelperError;

const POSSIBLE: &str = include_str!("sql/possible.sql");
const GUARD: &str = include_str!("sql/guard.sql");

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
    mark::put(&live)
}

/// Takes all of that back, if no standby has done so.
pub(super) fn forget(pair: &Pair) -> Result<(), HelperError> {
    match pair.slots {
        true => published::withdraw(&pair.live.clone().quietly()?),
        // Of a switch that was cut off.
        false => ahead::end(pair),
    }
}
