//! Where a change stands, in a few words.

use crate::journal::{Phase, Procedure, StepState};
use crate::step::{Run, State};

/// Where a change stands, in a few words.
pub(super) fn stand(state: &State) -> String {
    if let Some(run) = state.current() {
        let verb = noun(run.plan.procedure);
        return if run.halted.is_some() {
            format!("halted in the {verb}")
        } else if failure(run).is_some() {
            format!("failed in the {verb}")
        } else {
            format!("interrupted in the {verb}")
        };
    }
    let words = match state.phase {
        Phase::Opened => "opened",
        Phase::Prepared => "prepared",
        Phase::Upgraded => "upgraded",
        Phase::BackedOut => "backed out",
        Phase::Coexisting => "coexisting",
        Phase::Closed => "closed",
    };
    words.to_owned()
}

/// What a procedure is called in a sentence.
pub(super) fn noun(procedure: Procedure) -> &'static str {
    if procedure == Procedure::Migrate { "migration" } else { procedure.verb() }
}

/// Why the step that a procedure stands at failed.
pub(super) fn failure(run: &Run) -> Option<String> {
    match &run.steps[run.next()?] {
        StepState::Failed(error) => Some(error.clone()),
        _ => None,
    }
}
