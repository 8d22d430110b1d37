//! A way back from a version that did not answer.

use super::Command;
use crate::journal::{Procedure, StepId};
use crate::step::{Run, State};
use crate::strategy::data_of;

/// The yes to an abort of an undo whose version did not open.
pub const NOT_OPENED: &str = "not-opened";

/// Whether the last downgrade was made from files alone: the upgraded version did not answer, and
/// there is no list to compare with.
pub fn from_files(state: &State) -> bool {
    state.last_run(Procedure::is_downgrade).is_some_and(|run| {
        let brought = [StepId::CAPTURE, StepId::STANDBY_SET_UP];
        brought.iter().any(|id| run.step(id).is_some())
            && run.step(&StepId::PROVE).is_none()
            && run.step(&StepId::MAINTENANCE_START).is_none()
            && data_of(state.manifest.data_strategy).rolls_back()
    })
}

/// Whether an abort or undo would start a version that did not answer. It would end only when that
/// does.
pub fn starts_it(state: &State, command: Command) -> bool {
    let downgrade = match command {
        Command::Abort => state.current().is_some_and(|run| run.plan.procedure.is_downgrade()),
        Command::Undo => true,
        _ => false,
    };
    downgrade && from_files(state)
}

/// Whether an abort would drop the data of an upgraded version that was started at the service's
/// place in an undo, and did not open: a client may have written to it all the same.
pub fn drops_what_opened(state: &State, command: Command) -> bool {
    let undo = |run: &Run| run.plan.procedure == Procedure::Undo && run.was_begun(&StepId::SERVE);
    command == Command::Abort && state.current().is_some_and(undo)
}
