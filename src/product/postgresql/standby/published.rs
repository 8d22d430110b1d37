//! What the upgraded server has for a standby: publications, slots, and tables whose rows had to be
//! told from each other.

use super::super::at_once::at_once;
use super::super::client::Client;
use super::drop_slots::{drop_slots, ours};
use super::mark;
use super::pair::{NAME, fed};
use crate::product::stream::HelperError;

const PUBLISH: &str = include_str!("sql/publish.sql");
const WITHDRAW: &str = include_str!("sql/withdraw.sql");

/// Publishes the tables of all databases that are fed.
pub(super) fn publish(live: &Client) -> Result<(), HelperError> {
    at_once(&fed(live)?, |one| live.script(&one.name, PUBLISH).map(drop))
}

/// Takes all of it back. From then on the standby cannot go on.
pub(super) fn withdraw(live: &Client) -> Result<(), HelperError> {
    // The slots that were made in the upgrade are not whole any more.
    mark::remove(live)?;
    drop_slots(live, &ours())?;
    at_once(&fed(live)?, |one| live.script(&one.name, WITHDRAW).map(|_| ()))
}

/// A table that lost its key would refuse its clients' UPDATE and DELETE while it is published: it
/// is published no more. That its definition changed is said anyhow.
pub(super) fn keep_harmless(live: &Client) -> Result<(), HelperError> {
    let sql = format!(
        "SELECT format('ALTER PUBLICATION {NAME} DROP TABLE ONLY %s', prrelid::regclass) \
         FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = prpubid \
         JOIN pg_catalog.pg_class c ON c.oid = prrelid WHERE pubname = '{NAME}' \
         AND relreplident <> 'f' AND pg_get_replica_identity_index(prrelid) IS NULL\n\\gexec\n"
    );
    for one in fed(live)? {
        live.script(&one.name, &sql)?;
    }
    Ok(())
}
