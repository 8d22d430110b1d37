//! Plans an undo: from a finished downgrade that kept the upgraded state back to that state.

use anyhow::Context as _;

use super::mended::mended;
use super::{ProcedureInputs, Settings};
use crate::journal::Procedure;
use crate::report::{CliError, Command, permit};
use crate::step::{Plan, State};
use crate::strategy::{self, Exchanged};

/// The plan back to the upgraded state. `accepted`: the names of the answers.
///
/// # Errors
/// When the state does not permit it, or the change's own files cannot be used.
pub fn plan(settings: &Settings, state: &State, accepted: &[String]) -> Result<Plan, CliError> {
    permit(state, Command::Undo)?;
    mended(state, Command::Undo, accepted)?;
    let run = state.last_run(Procedure::is_downgrade).context("the change has no downgrade")?;
    let inputs = ProcedureInputs::of_change(settings, state)?;
    // Without ZFS those that the downgrade left alone are known. Nothing runs without it.
    let stays = super::stays::now(&inputs, state).unwrap_or_else(|_| strategy::stays_of(run));
    let roots = inputs.roots();
    let exchanged = Exchanged { roots: &roots, stays: &stays };
    Ok(strategy::back(inputs.product(), state, run, exchanged, false)?)
}
