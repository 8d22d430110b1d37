//! An abort or undo that would start a version that did not answer.

use crate::report::{CliError, Command, ErrorKind, starts_it};
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
