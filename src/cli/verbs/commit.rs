//! `backout commit`: accepts the upgrade or the downgrade, and drops the way back.

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{Work, changes, commit};
use crate::report::CliError;

/// Accepts.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    let settings = &global.settings();
    let lock = changes::lock(settings, "commit")?;
    let state = changes::state(settings)?;
    let plan = commit::plan(settings, &state, &answers.accept)?;
    render::plan(global, &state.manifest.change, &plan);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(&state.manifest.change, answers, "backout commit")?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}
