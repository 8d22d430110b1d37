//! `backout abort`: back to the state before a procedure that was begun and not finished.

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{Work, abort, changes};
use crate::report::CliError;

/// Gives it up.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    let settings = &global.settings();
    let lock = changes::lock(settings, "abort")?;
    let state = changes::state(settings)?;
    let plan = abort::plan(settings, &state, &answers.accept)?;
    render::plan(global, &state.manifest.change, &plan, answers.commands);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_yes("Give it up?", answers, "backout abort")?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}
