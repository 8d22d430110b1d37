//! The upgraded server refuses its clients, and takes that back. Nobody but the superuser comes in,
//! through the socket; new sessions are read-only unless they say otherwise; those that were there are
//! ended. It is done in the configuration files, so a restart does not end it, and nothing of it is in
//! the data.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::client::{Client, quoted, run};
use super::super::failed;
use super::ahead;
use super::pair::{Pair, SETTLED};
use crate::host::files::{beside, remove_optional, replace, stat_optional, sync_dir};
use crate::product::stream::HelperError;

/// The ending of a file as it was before.
const BEFORE: &str = ".before-backout";
/// How long the server may take to read its files, and its clients to end.
const PATIENCE: Duration = Duration::from_secs(15);
const ASK: Duration = Duration::from_millis(10);

/// The server's files: configuration, who may come in, who is whom.
fn files(live: &Client) -> Result<[PathBuf; 3], HelperError> {
    let sql = "SELECT current_setting(name) FROM \
        unnest(ARRAY['config_file', 'hba_file', 'ident_file']) WITH ORDINALITY one (name, at) \
        ORDER BY at";
    let text = live.query("template1", sql)?;
    let all: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    all.try_into().map_err(|_| super::pair::unread())
}

/// From its return on, no client writes.
pub(super) fn refuse(pair: &Pair) -> Result<(), HelperError> {
    // While they write: what comes later is short then. It goes on by itself after the limit.
    for client in [&pair.live, &pair.standby] {
        let _ = client.query("template1", "SET statement_timeout = '4s'; CHECKPOINT");
    }
    let live = &pair.live;
    let [config, hba, ident] = files(live)?;
    let text = fs::read(&config).map_err(|error| failed(config.display(), error))?;
    let mut closed = text;
    closed.extend(b"\n# A switch to the previous version.\ndefault_transaction_read_only = on\n");
    let who = format!("local all {} peer map=backout\n", quoted(live.user()));
    let account = live.account().unwrap_or("root");
    let whom: String = ["root", account]
        .iter()
        .map(|account| format!("backout {account} {}\n", quoted(live.user())))
        .collect();
    let parts: [(&Path, &[u8]); 3] =
        [(&config, &closed), (&ident, whom.as_bytes()), (&hba, who.as_bytes())];
    for (path, text) in parts {
        exchange(path, text).map_err(|error| failed(path.display(), error))?;
    }
    reload(live)?;
    in_effect(live)?;
    let end = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
        WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend' \
        OR backend_type NOT IN (SELECT unnest(ARRAY['walsender', 'checkpointer', \
        'background writer', 'walwriter', 'autovacuum launcher', 'autovacuum worker', 'archiver', \
        'startup', 'logger', 'slotsync worker', 'walsummarizer', 'standalone backend', \
        'logical replication launcher', 'logical replication worker', 'parallel worker', \
        'walreceiver'])))";
    let left = "SELECT count(*) FROM pg_catalog.pg_stat_activity \
        WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let begin = Instant::now();
    loop {
        live.query("template1", end)?;
        if live.query("template1", left)?.trim() == "0" {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(HelperError::Failed("a client's session does not end".into()));
        }
        std::thread::sleep(ASK);
    }
}

/// The file has this text now, and its own stands beside it.
fn exchange(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let before = beside(path, BEFORE);
    if stat_optional(&before)?.is_some() {
        return Ok(());
    }
    let found = fs::metadata(path)?;
    let new = beside(path, ".backout-new");
    remove_optional(&new)?;
    replace(&new, |file| {
        file.write_all(text)?;
        file.set_permissions(found.permissions())
    })?;
    chown(&new, Some(found.uid()), Some(found.gid()))?;
    fs::hard_link(path, &before)?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Takes it back. Returns whether there was something.
fn give_back(path: &Path) -> std::io::Result<bool> {
    let before = beside(path, BEFORE);
    if stat_optional(&before)?.is_none() {
        return Ok(false);
    }
    fs::rename(&before, path)?;
    // Of two links to one file, `rename` leaves both.
    remove_optional(&before)?;
    path.parent().map_or(Ok(()), sync_dir)?;
    Ok(true)
}

/// The server has read its files again: a new session tells.
fn reload(live: &Client) -> Result<(), HelperError> {
    let asked = "SELECT pg_catalog.clock_timestamp(), pg_catalog.pg_reload_conf()";
    let text = live.query("template1", asked)?;
    let (when, _) = text.split_once('\t').ok_or_else(super::pair::unread)?;
    let sql = format!("SELECT pg_catalog.pg_conf_load_time() > '{when}'");
    let begin = Instant::now();
    while live.query("template1", &sql)?.trim() != "t" {
        if begin.elapsed() > PATIENCE {
            return Err(HelperError::Failed("the server does not read its files again".into()));
        }
        std::thread::sleep(ASK);
    }
    Ok(())
}

/// A file with a fault is not used: the server would go on with the one before.
fn in_effect(live: &Client) -> Result<(), HelperError> {
    let rules = "SELECT count(*) FILTER (WHERE error IS NULL), count(*) \
        FROM pg_catalog.pg_hba_file_rules";
    if live.query("template1", rules)?.trim() != "1\t1" {
        return Err(HelperError::Failed("the server does not shut its clients out".into()));
    }
    let mut psql = live.psql("template1");
    psql.env_remove("PGOPTIONS").args(["--command", "SHOW default_transaction_read_only"]);
    let said = run("psql", &mut psql)?;
    if said.trim_ascii() != b"on" {
        return Err(HelperError::Failed(
            "new sessions are not read-only: something else sets default_transaction_read_only \
             (ALTER SYSTEM, ALTER ROLE, ALTER DATABASE)"
                .into(),
        ));
    }
    Ok(())
}

/// Clients come in again; harmless if they were not refused.
pub(super) fn allow(pair: &Pair) -> Result<(), HelperError> {
    let asked = files(&pair.live);
    let usual = ["pg_hba.conf", "pg_ident.conf", "postgresql.conf"].map(|it| pair.config.join(it));
    let mut changed = false;
    for path in usual.iter().chain(asked.iter().flatten()) {
        changed |= give_back(path).map_err(|error| failed(path.display(), error))?;
    }
    if changed && asked.is_ok() {
        reload(&pair.live)?;
    }
    // They keep log for a comparison that ends with this. Whoever starts the feed drops them, too:
    // it is no reason not to let clients in.
    let _ = ahead::end(pair);
    // The feed goes on.
    pair.forget(SETTLED)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_exchanged_once_and_comes_back() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("pg_hba.conf");
        fs::write(&path, "open").expect("written");
        for _ in 0..2 {
            exchange(&path, b"closed").expect("exchanged");
            assert_eq!(fs::read(&path).expect("read"), b"closed");
        }
        assert!(give_back(&path).expect("given back"));
        assert_eq!(fs::read(&path).expect("read"), b"open");
        assert!(!give_back(&path).expect("nothing to do"));
        // It was cut off before the exchange.
        fs::hard_link(&path, beside(&path, BEFORE)).expect("linked");
        assert!(give_back(&path).expect("given back"));
        assert_eq!(fs::read(&path).expect("read"), b"open");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
