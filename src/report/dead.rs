//! A way back from a version that did not answer.

use super::{CliError, Command, ErrorKind};
use crate::journal::{Procedure, StepId};
use crate::step::State;
use crate::strategy::data_of;

/// The yes to a start of the upgraded version, which did not answer.
const YES: &str = "not-answering";

/// Whether the last downgrade was made from files alone: the upgraded version did not answer, and
/// there is no list to compare with.
pub fn from_files(state: &State) -> bool {
    state.last_run(Procedure::is_downgrade).is_some_and(|run| {
        run.step(&StepId::CAPTURE).is_some()
            && run.step(&StepId::PROVE).is_none()
            && run.step(&StepId::MAINTENANCE_START).is_none()
            && data_of(state.manifest.data_strategy).rolls_back()
    })
}

/// Whether an abort or undo would start a version that did not answer. It would end only when that
/// does.
pub(super) fn starts_it(state: &State, command: Command) -> bool {
    let downgrade = match command {
        Command::Abort => state.current().is_some_and(|run| run.plan.procedure.is_downgrade()),
        Command::Undo => true,
        _ => false,
    };
    downgrade && from_files(state)
}

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
