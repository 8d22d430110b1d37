//! `backout abort`: back to the state before a procedure that was begun and not finished.

use crate::cli::desk::Desk;
use crate::cli::verbs::status::report;
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, Trouble, changes, prompt, render};
use crate::journal::Procedure;
use crate::strategy;

/// Gives it up.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, Trouble> {
    let lock = changes::lock(global, "abort")?;
    let state = changes::state(global)?;
    let report = report(&state);
    let refuse = |what: &str| {
        let mut trouble = Trouble::new(Exit::Refused, what);
        trouble.now.extend(report.now.clone());
        trouble.next.clone_from(&report.next);
        trouble
    };
    let Some(run) = state.current() else {
        let mut trouble = refuse(&format!("there is nothing to abort ({}: {})", report.change, report.state));
        trouble.exit = Exit::Usage;
        return Err(trouble);
    };
    let desk = Desk::of_change(global, &state)?;
    let plan = match run.plan.procedure {
        Procedure::Upgrade if run.was_begun("upgrade") => return Err(refuse("the packages were touched: the way back is a downgrade")),
        Procedure::Snapshot | Procedure::Upgrade => strategy::reopen(desk.product(), &state)?,
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace if run.beyond_return() => {
            return Err(refuse(
                "the point of no return is behind us: the upgraded state may be gone, and what was written is in the capture",
            ));
        }
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace => {
            if run.was_begun("start") {
                return Err(refuse("the previous version may have been open to its clients already; finish, then undo"));
            }
            strategy::back(desk.product(), &state, run, &desk.roots(), true)?
        }
        Procedure::Migrate if strategy::held(run).is_none() => {
            return Err(refuse("users may be served by the other host already; finish, then move them back"));
        }
        Procedure::Migrate => {
            let it = strategy::Move::of(desk.product(), desk.place(), desk.site.values(), false)?;
            strategy::let_go(it, &state)?
        }
        Procedure::Abort => return Err(refuse("the abort was begun already; it can be finished")),
        _ => return Err(refuse(&format!("the {} cannot be aborted; it can be finished", run.plan.procedure.verb()))),
    };
    render::plan(global, &state.opening.change, &plan);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_yes("Give it up?", answers, "backout abort")?;
    Ok(Job::work(lock, state, Task::Begin(plan)))
}
