//! Messaging Server: a standby that is fed by passes of `imsbackup` and `imsrestore`.

mod clients;
mod feed;
mod notes;
mod options;
mod pass;
mod place;
mod unit;

pub(super) use clients::clients;
pub(super) use feed::feed;
pub(super) use place::run;
pub(super) use unit::unit;

use std::time::Duration;

use regex::Regex;

use crate::host::exec::{Command, Printed, Runner};
use crate::product::stream::HelperError;

/// How long a start or a stop of the servers may take.
const SERVERS: Duration = Duration::from_secs(30 * 60);

/// A command of the product did not succeed, in its own words.
fn failed(error: impl std::fmt::Display) -> HelperError {
    HelperError::Failed(error.to_string())
}

/// A pattern of the arguments.
fn pattern(text: &str) -> Result<Regex, HelperError> {
    Regex::new(text).map_err(|error| HelperError::Usage(format!("{text:?}: {error}")))
}

/// Runs `start-msg` or `stop-msg`, which may leave servers running. Exit statuses are not
/// documented, so a line that begins with `error` is a failure, too.
fn servers(runner: &Runner, words: Vec<String>) -> Result<Printed, HelperError> {
    let mut command = Command::new(words).timeout(SERVERS);
    command.daemon = true;
    command.fails_on = vec![pattern(r"(?i)^(\S+: )?error")?];
    runner.run(&command).map_err(failed)
}
