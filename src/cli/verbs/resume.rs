//! `backout resume`: on with what was interrupted.

use clap::Args;

use crate::cli::work::{Job, Task};
use crate::cli::{Exit, Global, changes, render};
use crate::journal::Question;
use crate::report::{CliError, Command, permit};

/// A person's answer.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Open the service though the inventories differ: you answer for the items listed.
    #[arg(long, conflicts_with = "try_again")]
    accept_differences: bool,
    /// Restore everything but what the previous version rejects: you answer for the items left out.
    #[arg(long, conflicts_with_all = ["try_again", "accept_differences"])]
    accept_rejects: bool,
    /// Try a step again that was tried too often.
    #[arg(long)]
    try_again: bool,
    /// Show the steps that are left, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Accepted for symmetry: a resume asks nothing.
    #[arg(long, hide = true)]
    yes: bool,
}

/// Goes on.
pub fn run(global: &Global, arguments: &ResumeArgs) -> Result<Job, CliError> {
    let lock = changes::lock(global, "resume")?;
    let state = changes::state(global)?;
    let answer = if arguments.accept_differences {
        Some(Question::Differences)
    } else if arguments.accept_rejects {
        Some(Question::Rejects)
    } else {
        arguments.try_again.then_some(Question::TryAgain)
    };
    permit(&state, answer.map_or(Command::Resume, Command::Answer))?;
    if let Some(run) = state.current().filter(|_| arguments.dry_run) {
        render::plan(global, &state.opening.change, &run.left());
        return Ok(Job::Ended(Exit::Done));
    }
    Ok(Job::work(lock, state, Task::Resume(answer)))
}
