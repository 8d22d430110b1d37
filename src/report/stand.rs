//! Where a change stands, in a few words.

use super::standing::Standing;
use crate::journal::Procedure;
use crate::step::State;

/// Where a change stands, in a few words.
pub(super) fn stand(state: &State) -> String {
    let word = Standing::of(state).word();
    match state.current() {
        Some(run) => format!("{word} in the {}", noun(run.plan.procedure)),
        None => word.replace('-', " "),
    }
}

/// What a procedure is called in a sentence.
pub(super) fn noun(procedure: Procedure) -> &'static str {
    if procedure == Procedure::Migrate { "migration" } else { procedure.verb() }
}
