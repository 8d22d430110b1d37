//! `backout undo`: from a finished downgrade that kept the upgraded state back to that.

use crate::cli::desk::Desk;
use crate::cli::verbs::status::report;
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, Trouble, changes, prompt, render};
use crate::journal::Phase;
use crate::journal::Procedure;
use crate::playbook::Way;
use crate::strategy;

/// Goes back to the upgraded state.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, Trouble> {
    let lock = changes::lock(global, "undo")?;
    let state = changes::state(global)?;
    let report = report(&state);
    let refuse = |what: String| {
        let mut trouble = Trouble::new(Exit::Refused, what);
        trouble.now.extend(report.now.clone());
        trouble.next.clone_from(&report.next);
        trouble
    };
    let run = state.last_run(Procedure::is_downgrade);
    let (Some(run), Phase::BackedOut, None) = (run, state.phase, state.current()) else {
        let mut trouble = refuse(format!("there is no finished downgrade to undo ({}: {})", report.change, report.state));
        trouble.exit = Exit::Usage;
        return Err(trouble);
    };
    if run.plan.procedure == Procedure::DowngradeInPlace {
        return Err(refuse("the downgrade was in place: it destroyed the upgraded state".into()));
    }
    let desk = Desk::of_change(global, &state)?;
    let plan = strategy::back(desk.product(), &state, run, &desk.roots(), false)?;
    render::plan(global, &state.opening.change, &plan);
    if !global.json && state.opening.way != Way::Packages {
        render::line("");
        render::line(&format!(
            "What was written on version {} since the downgrade is not in the upgraded state. It stays {} whose names end in `{}` (or that and a number).",
            state.opening.from_version,
            if state.opening.way == Way::Full { "in folders" } else { "on datasets" },
            strategy::UNDONE
        ));
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(&state.opening.change, answers, "backout undo")?;
    Ok(Job::work(lock, state, Task::Begin(plan)))
}
