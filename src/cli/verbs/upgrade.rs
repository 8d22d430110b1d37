//! `backout upgrade`: the snapshot, unless there is one, and the upgrade.

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::upgrade::{self, Consent};
use crate::procedure::{Work, changes};
use crate::report::CliError;

/// Opens a change, or takes the prepared one, and upgrades.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    forward(global, answers, false)
}

/// Both ways forward: `only` the snapshot, or the upgrade.
pub fn forward(global: &Global, answers: &Answers, only: bool) -> Result<Job, CliError> {
    let verb = if only { "snapshot" } else { "upgrade" };
    let settings = &global.settings();
    let lock = changes::lock(settings, verb)?;
    let consent = Consent { accepted: &answers.accept, silent: &answers.silent };
    let prepared = upgrade::prepare(settings, consent, only)?;
    let change = &prepared.state.manifest.change;
    render::plan(global, change, &prepared.plan, answers.commands);
    render::findings(global, change, &prepared.findings);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_each(&prepared.findings, answers)?;
    prompt::confirm_yes(&format!("Begin the {verb}?"), answers, &format!("backout {verb}"))?;
    Ok(Job::work(Work::prepared(lock, prepared)))
}
