//! The two servers, and where the feed's files are.

use std::path::PathBuf;
use std::process::Command;

use super::super::client::{Client, program_of, unhex};
use super::super::failed;
use crate::host::files::{remove_optional, stat_optional, write_atomic};
use crate::product::stream::HelperError;

/// The name of publication and subscription; the slots begin with it.
pub(super) const NAME: &str = "backout_standby";

/// The file that says why the feed ended.
pub(super) const FAILED: &str = "failed";
/// The file that says that the feed was ended, and in which boot.
pub(super) const STOPPED: &str = "stopped";
/// The file that says that the standby is settled: nothing is fed until it is gone.
pub(super) const SETTLED: &str = "settled";
/// The file that says that the slots went with the end of the upgraded server: if it opens again, the
/// standby begins anew.
pub(super) const ENDED: &str = "ended";

/// The two servers.
#[derive(Debug)]
pub(super) struct Pair {
    /// The upgraded one, which clients use.
    pub(super) live: Client,
    /// The previous one.
    pub(super) standby: Client,
    /// The folder of the feed's files.
    pub(super) state: PathBuf,
    /// The folder with the configuration of the upgraded server.
    pub(super) config: PathBuf,
    /// Whether the upgrade makes slots for a standby.
    pub(super) slots: bool,
    /// Units that are started or stopped.
    pub(super) units: Vec<String>,
    /// The other arguments.
    pub(super) words: Vec<String>,
}

/// A database that is fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fed {
    /// Its name.
    pub(super) name: String,
    /// Its slot on the upgraded server.
    pub(super) slot: String,
}

impl Pair {
    pub(super) fn parse(arguments: &[String], usage: &str) -> Result<Self, HelperError> {
        // Triggers on definitions fire for their owners, not for us.
        let (live, mut rest) = Client::parse(arguments)?;
        let live = live.like_replication();
        let standby = live.elsewhere("");
        let mut pair = Self {
            live,
            standby,
            state: PathBuf::new(),
            config: PathBuf::new(),
            slots: false,
            units: Vec::new(),
            words: Vec::new(),
        };
        while let [first, more @ ..] = rest {
            let Some((name, value)) = first.split_once('=') else { break };
            match name {
                "--standby" => pair.standby = pair.live.elsewhere(value),
                "--state" => pair.state = value.into(),
                "--config" => pair.config = value.into(),
                "--begin" => pair.slots = slots(value)?,
                "--unit" => pair.units.push(value.to_owned()),
                _ if name.starts_with("--") => return Err(HelperError::usage(usage)),
                _ => break,
            }
            rest = more;
        }
        pair.words = rest.to_vec();
        Ok(pair)
    }

    /// Whether this file of the feed is there.
    pub(super) fn has(&self, name: &str) -> Result<bool, HelperError> {
        let path = self.state.join(name);
        let found = stat_optional(&path).map_err(|error| failed(path.display(), error))?;
        Ok(found.is_some())
    }

    /// Writes this file of the feed.
    pub(super) fn put(&self, name: &str, text: &str) -> Result<(), HelperError> {
        let path = self.state.join(name);
        write_atomic(&path, text.as_bytes()).map_err(|error| failed(path.display(), error))
    }

    /// Removes this file of the feed.
    pub(super) fn forget(&self, name: &str) -> Result<(), HelperError> {
        let path = self.state.join(name);
        remove_optional(&path).map_err(|error| failed(path.display(), error))
    }

    /// What stands in this file of the feed; nothing if it is not there.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, HelperError> {
        let path = self.state.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(path.display(), error)),
        }
    }

    /// Stops these units; succeeds if they are not there.
    pub(super) fn stop_units(&self) -> Result<(), HelperError> {
        for unit in &self.units {
            let _ = systemctl(&["stop", unit]).status();
            let shown = systemctl(&["is-active", unit]).output();
            let state = shown.map_err(|error| failed("cannot start systemctl", error))?.stdout;
            let state = String::from_utf8_lossy(&state).trim().to_owned();
            if !["inactive", "failed", "unknown", ""].contains(&state.as_str()) {
                return Err(HelperError::Failed(format!("{unit} could not be stopped: {state}")));
            }
        }
        Ok(())
    }
}

/// Whether this is the word for a standby that begins from slots.
fn slots(word: &str) -> Result<bool, HelperError> {
    match word {
        "slot" => Ok(true),
        "copy" => Ok(false),
        _ => Err(HelperError::Failed(format!(
            "standby_begin is {word:?}, and can be `copy` or `slot`: set it in the site file"
        ))),
    }
}

/// The boot that this is.
pub(super) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The databases of a server that have a subscription of ours.
pub(super) fn subscribed(server: &Client) -> Result<Vec<String>, HelperError> {
    let sql = format!(
        "SELECT encode(convert_to(datname, 'UTF8'), 'hex') FROM pg_catalog.pg_subscription \
         JOIN pg_catalog.pg_database d ON d.oid = subdbid WHERE subname = '{NAME}' ORDER BY 1"
    );
    let text = server.query("template1", &sql)?;
    text.lines().map(|digits| unhex(digits).ok_or_else(unread)).collect()
}

/// psql did not print what was asked.
pub(super) fn unread() -> HelperError {
    HelperError::Failed("psql did not print what was expected".into())
}

/// Whether this unit runs.
pub(super) fn is_active(unit: &str) -> bool {
    let status = systemctl(&["is-active", "--quiet", unit]).status();
    status.is_ok_and(|status| status.success())
}

fn systemctl(words: &[&str]) -> Command {
    let mut command = program_of(std::path::Path::new(""), "systemctl");
    command.args(words).stdin(std::process::Stdio::null());
    command
}

/// The databases of a server that a standby is fed with. Not those that others are made from: a
/// feed is connected to its database, which could not be copied then.
pub(super) fn fed(live: &Client) -> Result<Vec<Fed>, HelperError> {
    let sql = "SELECT encode(convert_to(datname, 'UTF8'), 'hex'), oid FROM pg_catalog.pg_database \
        WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY oid";
    let text = live.query("template1", sql)?;
    let one = |line: &str| {
        let (name, oid) = line.split_once('\t')?;
        Some(Fed { name: unhex(name)?, slot: format!("{NAME}_{oid}") })
    };
    text.lines().map(|line| one(line).ok_or_else(unread)).collect()
}
