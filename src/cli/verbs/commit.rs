//! `backout commit`: accepts the upgrade or the downgrade, and drops the way back.

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{Settings, Work, changes, commit, prove};
use crate::report::CliError;

/// Accepts.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    let settings = &global.settings();
    wait_for_proof(global, settings, answers)?;
    let lock = changes::lock(settings, "commit")?;
    let state = changes::state(settings)?;
    let plan = commit::plan(settings, &state, &answers.accept)?;
    render::plan(global, &state.manifest.change, &plan, answers.commands);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(&state.manifest.change, answers, "backout commit")?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}

/// Everything is being compared: the commit needs the result, unless a person answered for that.
fn wait_for_proof(global: &Global, settings: &Settings, answers: &Answers) -> Result<(), CliError> {
    let state = changes::state(settings)?;
    if answers.dry_run || commit::answers_for_proof(&answers.accept) {
        return Ok(());
    }
    let say = |text: &str| {
        if !global.json {
            render::line(&format!("Everything is being compared: {text}. Waiting for it."));
        }
    };
    prove::wait(settings, &state, &say);
    Ok(())
}
