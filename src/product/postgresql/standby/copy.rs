//! The beginning of a standby: a copy of everything, seen where the slots go on.

use std::fs;
use std::path::PathBuf;

use super::super::capture;
use super::super::client::{Client, literal, quoted, unhex};
use super::super::failed;
use super::super::restore::{How, load};
use super::super::slot::Exported;
use super::pair::{Fed, NAME, Pair, fed, subscribed, unread};
use super::{definitions, published, triggers};
use crate::host::files::private_dir;
use crate::product::stream::HelperError;

/// The definitions at the time of the copy.
pub(super) const DEFINITIONS: &str = "definitions";
/// The databases that are fed, in hexadecimal digits. Written last: then the copy is complete, if the
/// standby has the subscriptions.
pub(super) const DATABASES: &str = "databases";

/// The file of the feed with the first number that a transaction since the copy has.
pub(super) const FROM: &str = "transactions";

/// The databases of a copy that is complete.
pub(super) fn complete(pair: &Pair) -> Result<Option<Vec<String>>, HelperError> {
    let Some(text) = pair.get(DATABASES)? else { return Ok(None) };
    let all: Option<Vec<String>> = text.lines().map(unhex).collect();
    let all = all.ok_or_else(unread)?;
    // After a power cut, the clone may be older than the file.
    let subscribed = subscribed(&pair.standby)?;
    Ok(all.iter().all(|name| subscribed.contains(name)).then_some(all))
}

/// What a server needs, to feed others.
pub(super) fn possible(live: &Client, databases: &[Fed]) -> Result<(), HelperError> {
    let level = live.query("template1", "SHOW wal_level")?;
    if level.trim() != "logical" {
        return Err(HelperError::Failed(format!(
            "the upgraded server's wal_level is {}, and only `logical` can feed a standby. Set it \
             (ALTER SYSTEM SET wal_level = logical), and restart the server at a quiet moment",
            level.trim()
        )));
    }
    let free = "SELECT least(current_setting('max_replication_slots')::int \
        - (SELECT count(*) FROM pg_catalog.pg_replication_slots), \
        current_setting('max_wal_senders')::int \
        - (SELECT count(*) FROM pg_catalog.pg_stat_replication))";
    let free: usize = live.query("template1", free)?.trim().parse().unwrap_or(0);
    // A sender of another may be seen while it ends.
    if free < databases.len() {
        return Err(HelperError::Failed(format!(
            "{} databases need a replication slot and a WAL sender each, and the upgraded server \
             has {free} left. Raise max_replication_slots and max_wal_senders, and restart it at a \
             quiet moment",
            databases.len()
        )));
    }
    Ok(())
}

/// What the standby cannot have.
pub(super) fn own_place(standby: &Client) -> Result<(), HelperError> {
    let sql = "SELECT spcname FROM pg_catalog.pg_tablespace \
        WHERE pg_tablespace_location(oid) <> '' \
        AND NOT starts_with(pg_tablespace_location(oid), \
          regexp_replace(current_setting('data_directory'), '[^/]+/[^/]+/?$', ''))";
    match standby.query("template1", sql)?.trim() {
        "" => Ok(()),
        found => Err(HelperError::Failed(format!(
            "a tablespace is not within the data folder, and the standby would write into that of \
             the service: {}",
            found.replace('\n', ", ")
        ))),
    }
}

/// Copies everything, and subscribes to what is written from then on. Whatever was there before
/// goes.
pub(super) fn copy(pair: &Pair) -> Result<(), HelperError> {
    pair.forget(DATABASES)?;
    let (live, standby) = (pair.live.clone().quietly()?, &pair.standby.clone().quietly()?);
    own_place(standby)?;
    unsubscribe(standby, &subscribed(&pair.standby)?)?;
    published::withdraw(&live)?;
    let databases = fed(&live)?;
    possible(&live, &databases)?;
    note(pair, &live)?;
    published::publish(&live)?;
    let before = definitions::list(&live)?;
    let folder = pair.state.join("copy");
    let _ = fs::remove_dir_all(&folder);
    private_dir(&folder).map_err(|error| failed(folder.display(), error))?;
    capture::write(&live, &folder, false, &mut |name| {
        let one = databases.iter().find(|one| one.name == name);
        one.map(|one| Exported::with_slot(&live, name, &one.slot)).transpose()
    })?;
    restore(standby, &folder)?;
    let _ = fs::remove_dir_all(&folder);
    if let Some(changed) = definitions::differing(&before, &definitions::list(&live)?) {
        return Err(HelperError::Failed(format!(
            "definitions changed on the upgraded server while it was copied: {changed}"
        )));
    }
    triggers::note(pair, &databases)?;
    for one in &databases {
        subscribe(&live, standby, one)?;
    }
    completed(pair, &before, &databases)
}

/// What the standby has is on its disk, and then the files say so.
pub(super) fn completed(
    pair: &Pair,
    definitions: &str,
    databases: &[Fed],
) -> Result<(), HelperError> {
    pair.standby.query("template1", "CHECKPOINT")?;
    pair.put(DEFINITIONS, definitions)?;
    let all: String = databases.iter().map(|one| hex::encode(&one.name) + "\n").collect();
    pair.put(DATABASES, &all)
}

/// Notes which transactions come after the copy. Before it: those that it may see besides are
/// compared, too.
fn note(pair: &Pair, live: &Client) -> Result<(), HelperError> {
    let first = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())";
    pair.put(FROM, live.query("template1", first)?.trim())
}

/// Loads the copy.
fn restore(standby: &Client, folder: &std::path::Path) -> Result<(), HelperError> {
    let files: Result<Vec<PathBuf>, _> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let files = files.map_err(|error| failed(folder.display(), error))?;
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let (globals, dumped) = capture::read(&files)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let how = How { jobs: cores.min(8), rehearsal: false };
    let refused = load(&standby.like_clients(), how, &globals, &dumped)?;
    if !refused.faults.is_empty() {
        let said = refused.faults.join("; ");
        return Err(HelperError::Failed(format!("the copy could not be loaded: {said}")));
    }
    if !refused.items.is_empty() {
        return Err(HelperError::Failed(format!(
            "the previous version rejects {} of what the upgraded one has. Change or drop it: {}",
            refused.items.len(),
            refused.items.join("; ")
        )));
    }
    Ok(())
}

/// Subscribes one database. The subscription begins disabled.
pub(super) fn subscribe(live: &Client, standby: &Client, one: &Fed) -> Result<(), HelperError> {
    // It came with the dump.
    standby.query(&one.name, &format!("DROP PUBLICATION IF EXISTS {NAME}"))?;
    let comment = format!(
        "SELECT obj_description(oid, 'pg_publication') FROM pg_catalog.pg_publication \
         WHERE pubname = '{NAME}'"
    );
    let opened = live.query(&one.name, &comment)?;
    let mut sql = format!(
        "CREATE SUBSCRIPTION {NAME} CONNECTION {} PUBLICATION {NAME} WITH (create_slot = false, \
         slot_name = {}, copy_data = false, enabled = false);\n",
        literal(&live.as_source(&one.name, &one.slot)),
        quoted(&one.slot)
    );
    if !opened.trim().is_empty() {
        let opened = literal(opened.trim());
        sql.push_str(&format!("COMMENT ON SUBSCRIPTION {NAME} IS {opened};\n"));
    }
    standby.script(&one.name, &sql)?;
    Ok(())
}

/// Ends the subscriptions of these databases for good.
pub(super) fn unsubscribe(standby: &Client, databases: &[String]) -> Result<(), HelperError> {
    for name in databases {
        let sql = format!(
            "ALTER SUBSCRIPTION {NAME} DISABLE;\nALTER SUBSCRIPTION {NAME} SET (slot_name = NONE);\n\
             COMMENT ON SUBSCRIPTION {NAME} IS NULL;\nDROP SUBSCRIPTION {NAME};\n"
        );
        standby.script(name, &sql)?;
    }
    Ok(())
}
