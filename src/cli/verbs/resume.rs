//! `backout resume`: on with what was interrupted.

use clap::Args;

use crate::cli::{ANSWERS, Exit, Global, Job, render};
use crate::journal::OpenQuestion;
use crate::procedure::{Work, changes};
use crate::report::{CliError, Command, permit};

/// A person's answer.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Carry whole from the upgraded data what differs, and compare again.
    #[arg(help_heading = ANSWERS, long)]
    #[arg(conflicts_with_all = ["try_again", "accept_differences", "accept_rejects"])]
    repair: bool,
    /// Open the service although the lists differ: you answer for the items shown.
    #[arg(help_heading = ANSWERS, long, conflicts_with = "try_again")]
    accept_differences: bool,
    /// Leave out what the previous version rejects, and restore the rest: you answer for the items
    /// left out.
    #[arg(help_heading = ANSWERS, long, conflicts_with_all = ["try_again", "accept_differences"])]
    accept_rejects: bool,
    /// Try again a step that failed too often.
    #[arg(help_heading = ANSWERS, long)]
    try_again: bool,
    /// After a downgrade: do not compare everything by itself, in the background.
    #[arg(long)]
    no_prove: bool,
    /// Show the steps that are left, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: show the commands of each step, too.
    #[arg(long, requires = "dry_run")]
    commands: bool,
    /// Accepted for symmetry: a resume asks nothing.
    #[arg(long, hide = true)]
    yes: bool,
}

/// Goes on.
pub fn run(global: &Global, arguments: &ResumeArgs) -> Result<Job, CliError> {
    let settings = global.settings();
    let lock = changes::lock(&settings, "resume")?;
    let state = changes::state(&settings)?;
    let answer = if arguments.repair {
        Some(OpenQuestion::Repair)
    } else if arguments.accept_differences {
        Some(OpenQuestion::Differences)
    } else if arguments.accept_rejects {
        Some(OpenQuestion::Rejects)
    } else {
        arguments.try_again.then_some(OpenQuestion::TryAgain)
    };
    permit(&state, answer.map_or(Command::Resume, Command::Answer))?;
    if let Some(run) = state.current().filter(|_| arguments.dry_run) {
        render::plan(global, &state.manifest.change, &run.left(), arguments.commands);
        return Ok(Job::Ended(Exit::Done));
    }
    Ok(Job::work(Work::resume(lock, state, answer)).proving_later(arguments.no_prove))
}
