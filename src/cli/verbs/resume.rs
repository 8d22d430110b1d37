//! `backout resume`: on with what was interrupted.

use clap::Args;

use crate::cli::verbs::status::report;
use crate::cli::work::{Job, Task};
use crate::cli::{Exit, Global, Trouble, changes};
use crate::journal::Question;

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
    /// Accepted for symmetry: a resume asks nothing.
    #[arg(long, hide = true)]
    yes: bool,
}

/// Goes on.
pub fn run(global: &Global, arguments: &ResumeArgs) -> Result<Job, Trouble> {
    let lock = changes::lock(global, "resume")?;
    let state = changes::state(global)?;
    let report = report(&state);
    let Some(run) = state.current() else {
        let mut trouble = Trouble::new(Exit::Usage, format!("there is nothing to resume ({}: {})", report.change, report.state));
        trouble.now.extend(report.now);
        trouble.next = report.next;
        return Err(trouble);
    };
    let answer = if arguments.accept_differences {
        if !report.is_at_proof() || run.halted.is_none() {
            return Err(Trouble::new(Exit::Usage, "there are no differences to answer for").next("backout resume", "go on"));
        }
        Some(Question::Differences)
    } else if arguments.accept_rejects {
        if !run.asks_for_rejects() {
            return Err(Trouble::new(Exit::Usage, "there are no rejected items to answer for").next("backout resume", "go on"));
        }
        Some(Question::Rejects)
    } else {
        arguments.try_again.then_some(Question::TryAgain)
    };
    Ok(Job::work(lock, state, Task::Resume(answer)))
}
