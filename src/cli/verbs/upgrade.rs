//! `backout upgrade`: the snapshot, unless there is one, and the upgrade.

use crate::cli::desk::{Desk, judge};
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, changes, prompt, render};
use crate::journal::{Opening, Phase};
use crate::preflight::{self, Occasion};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::State;
use crate::strategy;

/// Opens a change, or takes the prepared one, and upgrades.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    forward(global, answers, false)
}

/// Both ways forward: `only` the snapshot, or the upgrade.
pub fn forward(global: &Global, answers: &Answers, only: bool) -> Result<Job, CliError> {
    let verb = if only { "snapshot" } else { "upgrade" };
    let lock = changes::lock(global, verb)?;
    let now = crate::cli::now();
    let open: Vec<_> = changes::all(global)?.into_iter().filter(changes::Found::is_open).collect();
    let (desk, state, facts) = match open.first() {
        Some(_) => {
            let state = changes::state(global)?;
            permit(&state, if only { Command::Snapshot } else { Command::Upgrade })?;
            let desk = Desk::of_change(global, &state)?;
            let facts = desk.facts(global, Occasion::Upgrade, Some(&state), None)?;
            (desk, Some(state), facts)
        }
        None => {
            let desk = Desk::open(global)?;
            if only && !strategy::data_of(desk.way()).rolls_back() {
                let why = "there is nothing to take a snapshot of: the data is not on ZFS, or there is none";
                return Err(CliError::new(ErrorKind::Usage, why).next("backout upgrade", "upgrade, with the way back that there is"));
            }
            let facts = desk.facts(global, Occasion::Upgrade, None, Some(desk.snapshot_name(now)))?;
            (desk, None, facts)
        }
    };
    let mut findings = judge(&facts, &answers.accept)?;
    let known = state.is_some();
    if known && !answers.silent.is_empty() {
        let why = "the change is open already: what its installer reads is settled";
        return Err(CliError::new(ErrorKind::Usage, why)
            .next("backout upgrade", "the same without --silent, and without [silent] in the answers file"));
    }
    let silent = desk.silent(&answers.silent)?;
    findings.extend(desk.product().response_file.iter().flat_map(|section| preflight::response_file::unexpected(section, &silent)));
    let state = match state {
        Some(state) => state,
        None => State::opened(Opening { silent, ..desk.opening(global, &facts, now)? }),
    };
    let (product, opening) = (desk.product(), &state.opening);
    let plan = if only {
        strategy::snapshot_only(product, opening)?
    } else {
        strategy::upgrade(product, opening, state.phase == Phase::Prepared)?
    };
    render::plan(global, &opening.change, &plan);
    render::findings(global, &opening.change, &findings);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_each(&findings, answers)?;
    prompt::confirm_yes(&format!("Begin the {verb}?"), answers, &format!("backout {verb}"))?;
    let task = Task::Begin(plan);
    Ok(if known { Job::work(lock, state, task) } else { Job::open(lock, &desk, state, task) })
}
