//! `backout downgrade`: the guided way back.

use crate::journal::StepId;
use clap::Args;

use crate::cli::desk::{Desk, judge};
use crate::cli::prompt::answers;
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, changes, prompt, render};
use crate::journal::{Opening, Output, Procedure};
use crate::playbook::site::RollbackChoice;
use crate::preflight::{self, Facts, Finding, Occasion};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::{Plan, Record, State};
use crate::strategy::{self, DowngradeInput, Opened};
use crate::zfs::Guid;

/// How to go back.
#[derive(Debug, Args)]
pub struct DowngradeArgs {
    /// Keep the upgraded state beside the restored one (the default).
    #[arg(long, conflicts_with = "in_place")]
    keep: bool,
    /// Destroy the upgraded state: `zfs rollback`. For a pool without room to keep both, or by choice. Never chosen unasked.
    #[arg(long)]
    in_place: bool,
    #[command(flatten)]
    answers: Answers,
}

struct Prepared {
    desk: Desk,
    plan: Plan,
    findings: Vec<Finding>,
}

/// Shows what will happen, asks, and does it.
pub fn run(global: &Global, arguments: &DowngradeArgs) -> Result<Job, CliError> {
    let lock = changes::lock(global, "downgrade")?;
    let state = changes::state(global)?;
    permit(&state, Command::Downgrade)?;
    let answers = &arguments.answers.with_file("downgrade")?;
    let choice = if arguments.keep {
        Some(RollbackChoice::Keep)
    } else if arguments.in_place {
        Some(RollbackChoice::InPlace)
    } else {
        None
    };
    if choice.is_some() && !strategy::data_of(state.opening.way).rolls_back() {
        let why = "nothing rolls back here: the data is not on ZFS, or there is none";
        return Err(CliError::new(ErrorKind::Usage, why).next("backout downgrade", "bring the previous version back"));
    }
    let Prepared { desk, plan, findings } = prepare(global, &state, choice, answers)?;
    render::plan(global, &state.opening.change, &plan);
    render::findings(global, &state.opening.change, &findings);
    if !global.json {
        guide(global, &state, &plan);
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_each(&findings, answers)?;
    prompt::confirm_name(&state.opening.change, answers, "backout downgrade")?;
    drop(desk);
    Ok(Job::work(lock, state, Task::Begin(plan)))
}

/// `backout plan downgrade` of an upgraded change.
pub fn plan_only(global: &Global, state: &State, answers: Option<&std::path::Path>) -> Result<Exit, CliError> {
    permit(state, Command::Downgrade)?;
    let prepared = prepare(global, state, None, &Answers::default())?;
    if let Some(path) = answers {
        answers::write(path, &answers::template("downgrade", &prepared.findings, None, &[]))?;
    }
    render::plan(global, &state.opening.change, &prepared.plan);
    render::findings(global, &state.opening.change, &prepared.findings);
    Ok(Exit::Done)
}

/// The downgrade of an upgrade that is not made yet, for people who want to see the way back first.
pub fn foreseen(desk: &Desk, opening: &Opening) -> anyhow::Result<Plan> {
    let mut snapshots = Vec::new();
    for mount in &opening.datasets {
        snapshots.push((mount.dataset.at(&opening.snapshot)?, Guid(0)));
    }
    let input = DowngradeInput {
        keep: desk.place().rollback != RollbackChoice::InPlace,
        opened: Opened::Yes,
        roots: desk.roots(),
        snapshots,
        consented: Vec::new(),
        consented_bookmarks: Vec::new(),
    };
    strategy::downgrade(desk.product(), opening, &input)
}

fn prepare(global: &Global, state: &State, choice: Option<RollbackChoice>, answers: &Answers) -> Result<Prepared, CliError> {
    let desk = Desk::of_change(global, state)?;
    let (in_place, facts) = choose(global, &desk, state, choice.unwrap_or(desk.place().rollback))?;
    let findings = judge(&facts, &answers.accept)?;
    let snapshots = match state.outputs.get(&StepId::SNAPSHOT) {
        Some(Output::Snapshots { list }) => list.clone(),
        _ if !strategy::data_of(state.opening.way).rolls_back() => Vec::new(),
        _ => return Err(CliError::new(ErrorKind::Halted, "the journal names no snapshot to go back to")),
    };
    let opened = if state.clients_could_write() { Opened::Yes } else { Opened::Never };
    let (consented, consented_bookmarks) = if in_place { preflight::newer::destroyed(&facts) } else { (Vec::new(), Vec::new()) };
    let input = DowngradeInput { keep: !in_place, opened, roots: desk.roots(), snapshots, consented, consented_bookmarks };
    let plan = strategy::downgrade(desk.product(), &state.opening, &input)?;
    // What the journal would not take is better known now than after the questions.
    let mut next = state.clone();
    next.apply(&Record::Planned { plan: plan.clone() }).map_err(|why| CliError::new(ErrorKind::Usage, why))?;
    Ok(Prepared { desk, plan, findings })
}

/// Whether it is in place, and what the world is like for it. The upgraded state is kept unless somebody
/// said otherwise: where that cannot be, the checks refuse, and name `--in-place`.
fn choose(global: &Global, desk: &Desk, state: &State, choice: RollbackChoice) -> Result<(bool, Facts), CliError> {
    if choice == RollbackChoice::None && strategy::data_of(state.opening.way).rolls_back() {
        return Err(CliError::new(ErrorKind::Usage, "this change has snapshots to go back to"));
    }
    let in_place = choice == RollbackChoice::InPlace;
    Ok((in_place, desk.facts(global, Occasion::Downgrade { in_place }, Some(state), None)?))
}

/// What will happen, what is kept, what is destroyed, how long the service will be down.
fn guide(global: &Global, state: &State, plan: &Plan) {
    let opening = &state.opening;
    render::line("");
    let data = strategy::data_of(opening.way);
    let what = data.brings_back(opening);
    render::line(&format!("Version {} comes back, with {what}.", opening.from_version));
    if !data.has_data() {
        render::line("Kept:      the upgraded version's configuration; `backout undo` goes back to it.");
        render::line("Destroyed: nothing.");
    } else if plan.procedure == Procedure::DowngradeKeep {
        render::line(&format!(
            "Kept:      the upgraded state, under names that end in `{}`, until `backout commit`; `backout undo` goes back to it.",
            strategy::ASIDE
        ));
        render::line("Destroyed: nothing.");
    } else {
        render::line("Kept:      the capture of what was written since the snapshot.");
        render::line("Destroyed: the upgraded state, and every snapshot newer than the one before the upgrade.");
    }
    let package = package_time(global, opening);
    render::line(&match package {
        Some(seconds) => format!("Down:      the package work of the upgrade took {seconds} s; expect that{}.", data.takes_time()),
        None => "Down:      from the stop to the last step; the package work takes most of it.".into(),
    });
    render::line("If it is interrupted, by anything: `backout resume`.");
}

/// How long the upgrade's package step took, as its journal tells.
fn package_time(global: &Global, opening: &Opening) -> Option<i64> {
    let path = crate::journal::Layout::new(&global.state, &opening.change, None).journal();
    let lines = crate::journal::file::read(&path).ok()?.lines;
    let started = lines.iter().find(|line| matches!(&line.record, Record::Started { step, .. } if *step == StepId::UPGRADE))?.at;
    let done = lines.iter().find(|line| matches!(&line.record, Record::Done { step, .. } if *step == StepId::UPGRADE))?.at;
    Some((done - started).num_seconds())
}
