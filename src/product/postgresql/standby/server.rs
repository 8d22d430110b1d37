//! The standby's server: what it needs to run without the configuration of the service.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::super::client::{Client, unhex};
use super::super::failed;
use super::pair::{Pair, SETTLED, STOPPED, boot, fed, unread};
use super::{opened, published};
use crate::host::files::{beside, remove_optional, stat_optional, write_readable};
use crate::product::script;
use crate::product::stream::{HelperError, Streams};

/// The settings of the upgraded server that decide how values are read and written. A value's text
/// may be in an index or in a generated column, and what a trigger writes may depend on them.
const SAME: &str = include_str!("sql/same.sql");
/// The file of the feed that has them.
const SETTINGS: &str = "settings";

/// Writes the files that its command names, and starts it, unless it runs.
pub(super) fn start(pair: &Pair, streams: &mut Streams<'_>) -> Result<(), HelperError> {
    let settings = settings(pair)?;
    let [conf, hba, ident] = files(&pair.config);
    for (path, text) in [
        (conf, settings.as_str()),
        (hba, "local all all trust\n"),
        (ident, "# Nobody is somebody else.\n"),
    ] {
        // The server's account reads it, and nothing in it is secret.
        write_readable(&path, text.as_bytes()).map_err(|error| failed(path.display(), error))?;
    }
    script::start_unit(&pair.words, streams)
}

/// The files that are named after this one.
fn files(config: &Path) -> [PathBuf; 3] {
    [".conf", ".hba", ".ident"].map(|ending| beside(config, ending))
}

/// Those of the service that matter, and room for a worker for each database. They are kept for the
/// day when the upgraded server is dead.
fn settings(pair: &Pair) -> Result<String, HelperError> {
    let Ok(databases) = fed(&pair.live) else {
        return Ok(pair.get(SETTINGS)?.unwrap_or_default());
    };
    let mut text = String::new();
    for line in pair.live.like_clients().script("template1", SAME)?.lines() {
        let (name, value) = line.split_once('\t').ok_or_else(unread)?;
        let value = unhex(value).ok_or_else(unread)?;
        let _ = writeln!(text, "{name} = '{}'", value.replace('\\', r"\\").replace('\'', "''"));
    }
    let workers = databases.len() + 8;
    let _ = writeln!(
        text,
        "max_logical_replication_workers = {workers}\nmax_replication_slots = {workers}\n\
         wal_level = logical\n\
         max_worker_processes = {}\nmax_sync_workers_per_subscription = 0\n\
         wal_retrieve_retry_interval = '500ms'\nwal_receiver_status_interval = '1s'",
        workers + 8
    );
    let there = stat_optional(&pair.state).map_err(|error| failed("feed", error))?;
    if there.is_some() {
        pair.put(SETTINGS, &text)?;
    }
    Ok(text)
}

/// Stops it. If its feed was ended before, in this boot, it is not to go on: the upgraded server
/// keeps nothing for it any more.
pub(super) fn stop(pair: &Pair) -> Result<(), HelperError> {
    let alive = |server: &Client| server.query("template1", "SELECT 1").is_ok();
    if pair.has(SETTLED)? && alive(&pair.standby) && !alive(&pair.live) {
        opened::ready_to_serve(&pair.standby)?;
    }
    pair.stop_units()?;
    for path in files(&pair.config) {
        remove_optional(&path).map_err(|error| failed(path.display(), error))?;
    }
    let ended = pair.get(STOPPED)?.is_some_and(|when| when == boot());
    if ended && alive(&pair.live) {
        published::withdraw(&pair.live)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_playbooks_readme_names_each_setting_that_the_standby_takes_over() {
        let readme = include_str!("../../../../playbooks/postgresql/README.md").to_lowercase();
        let list = SAME.split_once("lower(s.name) IN (").expect("a list").1;
        let (list, _) = list.split_once(')').expect("its end");
        let names: Vec<&str> = list.split(',').map(|it| it.trim().trim_matches('\'')).collect();
        assert!(names.contains(&"extra_float_digits"), "{names:?}");
        for name in names {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }
}
