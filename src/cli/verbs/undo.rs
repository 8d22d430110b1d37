//! `backout undo`: from a finished downgrade that kept the upgraded state back to that.

use anyhow::Context as _;

use crate::cli::desk::Desk;
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, changes, prompt, render};
use crate::journal::Procedure;
use crate::report::{CliError, Command, permit};
use crate::strategy;

/// Goes back to the upgraded state.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    let lock = changes::lock(global, "undo")?;
    let state = changes::state(global)?;
    permit(&state, Command::Undo)?;
    let run = state.last_run(Procedure::is_downgrade);
    let run = run.context("the change has no downgrade")?;
    let desk = Desk::of_change(global, &state)?;
    let plan = strategy::back(desk.product(), &state, run, &desk.roots(), false)?;
    render::plan(global, &state.opening.change, &plan);
    let data = strategy::data_of(state.opening.way);
    if !global.json && data.has_data() {
        render::line("");
        render::line(&format!(
            "What was written on version {} since the downgrade is not in the upgraded state. It stays {} whose names end in `{}` (or that and a number).",
            state.opening.from_version,
            data.kept_in(),
            strategy::UNDONE
        ));
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(&state.opening.change, answers, "backout undo")?;
    Ok(Job::work(lock, state, Task::Begin(plan)))
}
