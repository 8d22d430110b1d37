//! Plans a procedure under way once more, from another playbook.

use anyhow::{Context as _, Result, bail};

use crate::journal::{ChangeManifest, Family, Output, Procedure, StepId};
use crate::playbook::model::Playbook;
use crate::step::{Action, Plan, Run, State};
use crate::strategy::{
    self, DowngradeInput, Exchanged, ServedClients, StandbyInput, StandbyPart, SwitchBack,
    SwitchInput,
};
use crate::zfs::Dataset;

/// What a procedure under way was planned from.
enum Input {
    Snapshot,
    Upgrade { prepared: bool },
    Downgrade(DowngradeInput),
    Back { abort: bool },
    SwitchBack(SwitchBack),
    Standby { wait: bool },
    StandbyStop,
}

/// Plans the procedure under way once more, from the new playbook. What it was planned from is not
/// recorded: it is right if the old playbook gives the recorded plan with it.
///
/// # Errors
/// When nothing is found that it was planned from.
pub(super) fn again(
    state: &State,
    run: &Run,
    old: (&Playbook, &ChangeManifest),
    new: (&Playbook, &ChangeManifest),
    roots: &[Dataset],
) -> Result<Plan> {
    let make = |(playbook, manifest): (&Playbook, &ChangeManifest), input: &Input| match input {
        Input::Snapshot => strategy::snapshot_only(playbook, manifest),
        Input::Upgrade { prepared } => strategy::upgrade(playbook, manifest, *prepared),
        Input::Downgrade(input) => strategy::downgrade(playbook, manifest, input),
        Input::Standby { .. } | Input::StandbyStop | Input::SwitchBack(_) => {
            let mut state = state.clone();
            state.manifest = manifest.clone();
            let beside = StandbyInput { playbook, state: &state, roots };
            match input {
                Input::Standby { wait } => beside.start(*wait),
                Input::SwitchBack(input) => {
                    let from = state.last_run(Procedure::is_downgrade);
                    let from = from.context("the change has no downgrade")?;
                    let stays = strategy::stays_of(run);
                    let exchanged = Exchanged { roots, stays: &stays };
                    strategy::switch_back(playbook, &state, from, exchanged, input)
                }
                _ => beside.stop(),
            }
        }
        Input::Back { abort } => {
            let mut before = state.clone();
            before.manifest = manifest.clone();
            before.runs.pop();
            let back = |run: &&Run| run.plan.procedure.is_downgrade() || *abort && run.is_switch();
            let from = before.runs.iter().rev().find(back);
            match from.cloned() {
                Some(from) => {
                    let stays = strategy::stays_of(&from);
                    let exchanged = Exchanged { roots, stays: if *abort { &[] } else { &stays } };
                    strategy::back(playbook, &before, &from, exchanged, *abort)
                }
                None => strategy::reopen(playbook, &before),
            }
        }
    };
    for input in inputs(state, run, roots) {
        if make(old, &input).is_ok_and(|plan| plan == run.plan) {
            return make(new, &input);
        }
    }
    let verb = run.plan.procedure.verb();
    bail!("the {verb} under way cannot be planned again; finish it, or abort it, and try again")
}

/// What this run does with a standby, if it does anything.
fn standby_of(run: &Run) -> Option<StandbyPart> {
    let has = |id: &StepId| run.plan.position(id).is_some();
    if !has(&StepId::STANDBY_SET_UP) {
        return has(&StepId::STANDBY_DROP).then_some(StandbyPart::Ends);
    }
    Some(StandbyPart::TakesOver(times_of(run)))
}

/// How long its switch may take.
fn times_of(run: &Run) -> SwitchInput {
    let usual = SwitchInput::usual();
    let steps = run.plan.steps.iter();
    let deadline = steps.clone().find_map(|step| Some(step.deadline.as_ref()?.seconds));
    let catch_up = steps.clone().find_map(|step| match &step.action {
        Action::CatchUp(it) => it.within,
        _ => None,
    });
    SwitchInput {
        deadline: deadline.unwrap_or(usual.deadline),
        catch_up: catch_up.unwrap_or(usual.catch_up),
        ahead: steps.clone().any(|step| step.id.is_of(Family::Ahead)),
    }
}

/// What an undo that is a switch was planned from.
fn switch_back_of(run: &Run) -> SwitchBack {
    let mut back = SwitchBack {
        switch: times_of(run),
        answers: run.plan.position(&StepId::REFUSE).is_some(),
        now: Vec::new(),
        consented: Vec::new(),
    };
    for step in &run.plan.steps {
        match &step.action {
            Action::SetAside(it) => back.now.push((it.dataset.clone(), it.guid)),
            Action::Succeed(it) => back.consented.clone_from(&it.snapshots),
            _ => {}
        }
    }
    back
}

/// What it may have been planned from.
fn inputs(state: &State, run: &Run, roots: &[Dataset]) -> Vec<Input> {
    match run.plan.procedure {
        Procedure::Snapshot => vec![Input::Snapshot],
        Procedure::Upgrade => [false, true].map(|prepared| Input::Upgrade { prepared }).into(),
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace => {
            let snapshots = match state.outputs.get(&StepId::SNAPSHOT) {
                Some(Output::Snapshots { list }) => list.clone(),
                _ => Vec::new(),
            };
            let consent = run.plan.steps.iter().find_map(|step| match &step.action {
                Action::Rollback(it) if !it.base => {
                    Some((it.consented.clone(), it.consented_bookmarks.clone()))
                }
                _ => None,
            });
            let (consented, consented_bookmarks) = consent.unwrap_or_default();
            let mut all = Vec::new();
            for served in [ServedClients::Yes, ServedClients::Unanswered, ServedClients::Never] {
                for delta in [true, false] {
                    all.push(Input::Downgrade(DowngradeInput {
                        keep: run.plan.procedure == Procedure::DowngradeKeep,
                        delta,
                        served,
                        roots: roots.to_vec(),
                        snapshots: snapshots.clone(),
                        stays: strategy::stays_of(run),
                        consented: consented.clone(),
                        consented_bookmarks: consented_bookmarks.clone(),
                        standby: standby_of(run),
                    }));
                }
            }
            all
        }
        Procedure::Abort => vec![Input::Back { abort: true }],
        Procedure::Undo if run.is_switch() => vec![Input::SwitchBack(switch_back_of(run))],
        Procedure::Undo => vec![Input::Back { abort: false }],
        Procedure::StandbyStart => [true, false].map(|wait| Input::Standby { wait }).into(),
        Procedure::StandbyStop => vec![Input::StandbyStop],
        Procedure::Rehearse
        | Procedure::Migrate
        | Procedure::CommitUpgrade
        | Procedure::CommitDowngrade => Vec::new(),
    }
}
