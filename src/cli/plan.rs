//! `backout plan`: the steps with their real names and commands, before anything runs.

use clap::{Args, ValueEnum};

use super::desk::Desk;
use super::{Exit, Global, Trouble, changes, downgrade, output};
use crate::guard::Occasion;
use crate::journal::Phase;
use crate::plan;

/// What to plan.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which procedure; by default the one that would come next.
    #[arg(value_enum)]
    procedure: Option<Wanted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Upgrade,
    Downgrade,
}

/// Prints a plan.
pub fn run(global: &Global, arguments: &PlanArgs) -> Result<Exit, Trouble> {
    let open = changes::all(global)?.into_iter().any(|found| found.is_open());
    if open || global.change.is_some() {
        let state = changes::state(global)?;
        let upgraded = state.phase == Phase::Upgraded;
        if arguments.procedure == Some(Wanted::Downgrade) || (arguments.procedure.is_none() && upgraded) {
            return downgrade::plan_only(global, &state);
        }
        let desk = Desk::of_change(global, &state)?;
        let plan = plan::upgrade(desk.product(), &state.opening, state.phase == Phase::Prepared)?;
        output::plan(global, &state.opening.change, &plan);
        return Ok(Exit::Done);
    }
    let desk = Desk::open(global)?;
    let facts = desk.facts(global, Occasion::Check, None, None)?;
    let opening = desk.opening(global, &facts, super::now())?;
    if arguments.procedure == Some(Wanted::Downgrade) {
        let plan = downgrade::foreseen(&desk, &opening)?;
        output::plan(global, &opening.change, &plan);
    } else {
        output::plan(global, &opening.change, &plan::upgrade(desk.product(), &opening, false)?);
    }
    Ok(Exit::Done)
}
