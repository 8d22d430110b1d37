//! An abort or undo that would start a version that did not answer, or would drop what a version has
//! that did not open.

use crate::report::{CliError, Command, ErrorKind, NOT_OPENED, drops_what_opened, starts_it};
use crate::step::State;

/// The yes to that.
const YES: &str = "not-answering";

/// Refuses an abort or undo that would start a version that did not answer, unless a person says
/// that it was mended. `accepted`: the names of the answers.
///
/// # Errors
/// When nobody said so.
pub fn mended(state: &State, command: Command, accepted: &[String]) -> Result<(), CliError> {
    if !starts_it(state, command) || accepted.iter().any(|name| name == YES) {
        return Ok(());
    }
    let to = &state.manifest.upgrade_to;
    let mut error = CliError::new(
        ErrorKind::Refused,
        format!("version {to} did not answer when the downgrade began, and would be started again"),
    )
    .cause(
        "If it still does not start, the service stays closed, and no downgrade can begin until \
         it does.",
    );
    if command == Command::Abort {
        error = error.next(Command::Resume.to_string(), "go on with the downgrade");
    }
    Err(error.next(format!("{command} --accept {YES}"), "it was mended: go back to it"))
}

/// Refuses an abort that would drop what a version has that did not open, unless a person says that
/// no client wrote to it. `accepted`: the names of the answers.
///
/// # Errors
/// When nobody said so.
pub fn not_opened(state: &State, command: Command, accepted: &[String]) -> Result<(), CliError> {
    if !drops_what_opened(state, command) || accepted.iter().any(|name| name == NOT_OPENED) {
        return Ok(());
    }
    let (from, to) = (&state.manifest.from_version, &state.manifest.upgrade_to);
    Err(CliError::new(
        ErrorKind::Refused,
        format!("version {to} was started and did not open; the abort drops what it has"),
    )
    .cause(format!(
        "Version {from} has everything that was written until then. If clients reached version {to} \
         all the same, what they wrote to it since is lost.",
    ))
    .next(Command::Resume.to_string(), "try again to open it")
    .next(format!("{command} --accept {NOT_OPENED}"), "no client wrote to it: go back"))
}
