//! `backout abort`: back to the state before a procedure that was begun and not finished.

use crate::cli::desk::Desk;
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, changes, prompt, render};
use crate::journal::Procedure;
use crate::report::{CliError, Command, permit};
use crate::strategy;

/// Gives it up.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    let lock = changes::lock(global, "abort")?;
    let state = changes::state(global)?;
    permit(&state, Command::Abort)?;
    let desk = Desk::of_change(global, &state)?;
    let plan = match state.current() {
        Some(run) if run.plan.procedure.is_downgrade() => strategy::back(desk.product(), &state, run, &desk.roots(), true)?,
        Some(run) if run.plan.procedure == Procedure::Migrate => {
            let it = strategy::Move::of(desk.product(), desk.place(), desk.site.values(), false)?;
            strategy::let_go(it, &state)?
        }
        _ => strategy::reopen(desk.product(), &state)?,
    };
    render::plan(global, &state.opening.change, &plan);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_yes("Give it up?", answers, "backout abort")?;
    Ok(Job::work(lock, state, Task::Begin(plan)))
}
