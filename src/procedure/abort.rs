//! Plans an abort of a procedure under way.

use super::mended::{mended, not_opened};
use super::{ProcedureInputs, Settings};
use crate::journal::Procedure;
use crate::report::{CliError, Command, permit};
use crate::step::{Plan, State};
use crate::strategy::{self, Exchanged};

/// The plan back to the state before the procedure. `accepted`: the names of the answers.
///
/// # Errors
/// When the state does not permit it, or the change's own files cannot be used.
pub fn plan(settings: &Settings, state: &State, accepted: &[String]) -> Result<Plan, CliError> {
    permit(state, Command::Abort)?;
    mended(state, Command::Abort, accepted)?;
    not_opened(state, Command::Abort, accepted)?;
    let inputs = ProcedureInputs::of_change(settings, state)?;
    let product = inputs.product();
    let plan = match state.current() {
        Some(run) if run.plan.procedure.is_downgrade() || run.plan.procedure == Procedure::Undo => {
            let exchanged = Exchanged { roots: &inputs.roots(), stays: &[] };
            strategy::back(product, state, run, exchanged, true)?
        }
        Some(run) if run.plan.procedure == Procedure::Migrate => {
            let (site, values) = (inputs.place(), inputs.site.values());
            strategy::let_go(strategy::Move::of(product, site, values, false)?, state)?
        }
        Some(run) if run.plan.procedure == Procedure::StandbyStart => {
            let ended = super::standby::input(&inputs, state, &inputs.roots()).stop()?;
            Plan { procedure: Procedure::Abort, ..ended }
        }
        Some(run) if run.plan.procedure == Procedure::Rehearse => {
            super::standby::input(&inputs, state, &inputs.roots()).end_rehearsal(run)?
        }
        _ => strategy::reopen(product, state)?,
    };
    Ok(plan)
}
