//! `backout plan`: the steps with their real names and commands, before anything runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::prompt::answers;
use crate::cli::{Exit, Global, render};
use crate::journal::Phase;
use crate::preflight::{self, Occasion};
use crate::procedure::{ProcedureInputs, changes, downgrade, upgrade};
use crate::report::CliError;
use crate::step::State;
use crate::strategy::SwitchInput;

/// What to plan.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which procedure. Default: the one that would come next.
    #[arg(value_enum)]
    procedure: Option<Wanted>,
    /// Show the commands of each step, too.
    #[arg(long)]
    commands: bool,
    /// Also write a file with a place for every answer that an unattended run needs: `backout
    /// upgrade
    /// --answers FILE`.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Take the values for the vendor's installer from this file, which its own dry run wrote.
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
    let settings = &global.settings();
    let open = changes::all(settings)?.iter().any(changes::Found::is_open);
    if open || settings.change.is_some() {
        of_change(global, arguments, changes::state(settings)?)?;
    } else {
        of_new(global, arguments)?;
    }
    Ok(Exit::Done)
}

/// A plan of a change that is open.
fn of_change(global: &Global, arguments: &PlanArgs, state: State) -> Result<(), CliError> {
    let settings = &global.settings();
    let change = state.manifest.change.clone();
    let back = match arguments.procedure {
        Some(wanted) => wanted == Wanted::Downgrade,
        None => state.phase == Phase::Upgraded,
    };
    if !back {
        let inputs = ProcedureInputs::of_change(settings, &state)?;
        render::plan(global, &change, &upgrade::plan(&inputs, &state)?, arguments.commands);
        return Ok(());
    }
    let prepared =
        downgrade::prepare(settings, state, None, None, Some(SwitchInput::usual()), &[])?;
    if let Some(path) = &arguments.answers {
        answers::write(path, &answers::template("downgrade", &prepared.findings, None, &[]))?;
    }
    render::plan(global, &change, &prepared.plan, arguments.commands);
    render::findings(global, &change, &prepared.findings);
    Ok(())
}

/// A plan of a change that is not begun.
fn of_new(global: &Global, arguments: &PlanArgs) -> Result<(), CliError> {
    let settings = &global.settings();
    let inputs = ProcedureInputs::open(settings)?;
    let name = Some(inputs.snapshot_name(settings));
    let facts = inputs.facts(settings, Occasion::Upgrade, None, name)?;
    let manifest = inputs.manifest(settings, &facts).map_err(|error| {
        CliError::from(error).next("backout check", "see everything that stands in the way")
    })?;
    let state = State::opened(manifest);
    let manifest = &state.manifest;
    if arguments.procedure == Some(Wanted::Downgrade) {
        render::plan(
            global,
            &manifest.change,
            &downgrade::foreseen(&inputs, manifest)?,
            arguments.commands,
        );
        return Ok(());
    }
    render::plan(global, &manifest.change, &upgrade::plan(&inputs, &state)?, arguments.commands);
    if let Some(path) = &arguments.answers {
        let given = arguments.state_file.as_deref().map_or(Ok(Vec::new()), answers::vendors)?;
        let silent = inputs.silent(&given)?;
        let (findings, section) =
            (preflight::check(&facts), inputs.product().response_file.as_ref());
        answers::write(path, &answers::template("upgrade", &findings, section, &silent))?;
        if !global.json {
            let path = path.display();
            render::line(&format!("A file for the answers of an unattended run: {path}"));
        }
    }
    Ok(())
}
