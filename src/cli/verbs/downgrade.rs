//! `backout downgrade`: the guided way back.

use clap::{Args, ValueEnum};

use super::standby::SwitchTimes;
use crate::cli::render::guide::{self, Foreseen};
use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::playbook::site::RollbackChoice;
use crate::procedure::downgrade::ProofKind;
use crate::procedure::{Work, changes, downgrade};
use crate::report::CliError;
use crate::strategy::SwitchInput;

/// How to go back.
#[derive(Debug, Args)]
pub struct DowngradeArgs {
    /// Keep the upgraded state beside the restored one; `backout undo` returns to it. The default.
    #[arg(long, conflicts_with = "in_place")]
    keep: bool,
    /// Destroy the upgraded state (`zfs rollback`), for a pool without room for both. Never done
    /// unless you say so.
    #[arg(long)]
    in_place: bool,
    /// What is compared before the service is opened: what was written since the snapshot, or
    /// everything. The default is `delta` for a kept downgrade, if the playbook can tell what was
    /// touched; everything is then compared afterwards, before `backout commit`. A switch to a
    /// standby of a product whose playbook has `inventory.touched.ahead` compares everything while
    /// clients still write; say `delta` if that would take too long.
    #[arg(long)]
    proof: Option<ProofArg>,
    /// Do not compare everything by itself afterwards, in the background: `backout prove` does it
    /// when you say so. The site file says the same with `full_proof = "later"`.
    #[arg(long)]
    no_prove: bool,
    /// Although there is a standby, end it, and bring back what was written in the usual way.
    #[arg(long)]
    without_standby: bool,
    #[command(flatten)]
    times: SwitchTimes,
    #[command(flatten)]
    answers: Answers,
}

/// See [`DowngradeArgs::proof`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProofArg {
    /// What was written since the snapshot.
    Delta,
    /// Everything.
    Full,
}

/// Shows what will happen, asks, and does it.
pub fn run(global: &Global, arguments: &DowngradeArgs) -> Result<Job, CliError> {
    let settings = &global.settings();
    let lock = changes::lock(settings, "downgrade")?;
    let state = changes::state(settings)?;
    let answers = &arguments.answers.with_file("downgrade")?;
    let choice = if arguments.keep {
        Some(RollbackChoice::Keep)
    } else if arguments.in_place {
        Some(RollbackChoice::InPlace)
    } else {
        None
    };
    let proof = arguments.proof.map(|proof| match proof {
        ProofArg::Delta => ProofKind::Delta,
        ProofArg::Full => ProofKind::Full,
    });
    let switch = (!arguments.without_standby)
        .then(|| SwitchInput { ahead: proof.is_none(), ..arguments.times.input() });
    let prepared = downgrade::prepare(settings, state, choice, proof, switch, &answers.accept)?;
    let change = prepared.state.manifest.change.clone();
    render::plan(global, &change, &prepared.plan, answers.commands);
    render::findings(global, &change, &prepared.findings);
    if !global.json {
        let (state, plan, past) =
            (&prepared.state, &prepared.plan, changes::story(settings, &change));
        let written = downgrade::written(&prepared);
        render::line("");
        let foreseen = Foreseen { state, plan, past: past.as_ref(), written };
        guide::foreseen(&foreseen).iter().for_each(|text| render::line(text));
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_each(&prepared.findings, answers)?;
    prompt::confirm_name(&change, answers, "backout downgrade")?;
    Ok(Job::work(Work::prepared(lock, prepared)).proving_later(arguments.no_prove))
}
