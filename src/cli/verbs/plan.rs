//! `backout plan`: the steps with their real names and commands, before anything runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::desk::Desk;
use crate::cli::prompt::answers;
use crate::cli::verbs::downgrade;
use crate::cli::{Exit, Global, changes, render};
use crate::journal::Phase;
use crate::preflight::{self, Occasion};
use crate::report::CliError;
use crate::strategy;

/// What to plan.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which procedure; by default the one that would come next.
    #[arg(value_enum)]
    procedure: Option<Wanted>,
    /// Also write a file with a place for every answer that an unattended run needs (`backout upgrade --answers FILE`).
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Take the values of the file that the vendor's installer reads from this one, which its own dry run wrote.
    #[arg(long, value_name = "FILE", requires = "answers")]
    state_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Upgrade,
    Downgrade,
}

/// Prints a plan.
pub fn run(global: &Global, arguments: &PlanArgs) -> Result<Exit, CliError> {
    let open = changes::all(global)?.into_iter().any(|found| found.is_open());
    if open || global.change.is_some() {
        let state = changes::state(global)?;
        let upgraded = state.phase == Phase::Upgraded;
        if arguments.procedure == Some(Wanted::Downgrade) || (arguments.procedure.is_none() && upgraded) {
            return downgrade::plan_only(global, &state, arguments.answers.as_deref());
        }
        let desk = Desk::of_change(global, &state)?;
        let plan = strategy::upgrade(desk.product(), &state.opening, state.phase == Phase::Prepared)?;
        render::plan(global, &state.opening.change, &plan);
        return Ok(Exit::Done);
    }
    let desk = Desk::open(global)?;
    let now = crate::cli::now();
    let facts = desk.facts(global, Occasion::Upgrade, None, Some(desk.snapshot_name(now)))?;
    let opening = desk.opening(global, &facts, now)?;
    if arguments.procedure == Some(Wanted::Downgrade) {
        let plan = downgrade::foreseen(&desk, &opening)?;
        render::plan(global, &opening.change, &plan);
    } else {
        render::plan(global, &opening.change, &strategy::upgrade(desk.product(), &opening, false)?);
        if let Some(path) = &arguments.answers {
            let given = arguments.state_file.as_deref().map_or(Ok(Vec::new()), answers::vendors)?;
            let silent = desk.silent(&given)?;
            let findings = preflight::check(&facts);
            answers::write(path, &answers::template("upgrade", &findings, desk.product().response_file.as_ref(), &silent))?;
            if !global.json {
                render::line(&format!("A file for the answers of an unattended run: {}", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}
