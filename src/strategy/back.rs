//! The ways back to the state before a procedure: `abort` of one that is not finished, `undo` of a
//! finished downgrade.

use anyhow::Result;

use super::input::{Exchanged, SwitchBack, marked, snapshots};
use super::parts::Parts;
use super::reserve::release;
use super::{data, install, topology};
use crate::journal::{Phase, Procedure, Side, StepId, StepState};
use crate::playbook::Playbook;
use crate::step::{Action, DropSnapshots, Plan, Run, State, Step};

/// From a downgrade back to the upgraded, open service; from an undo that was a switch and did not
/// come to its end back to the previous one. With `abort`, the previous version was
/// never opened, and its datasets are destroyed. Otherwise they are kept, with what was written on
/// them.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn back(
    playbook: &Playbook,
    state: &State,
    run: &Run,
    exchanged: Exchanged<'_>,
    abort: bool,
) -> Result<Plan> {
    let parts = Parts { playbook, manifest: &state.manifest };
    if abort && run.plan.procedure == Procedure::Undo {
        let plan = data::switch_back::give_up(parts, state, run, exchanged)?;
        return topology::arrange(plan, playbook, &state.manifest, None);
    }
    if abort && run.is_switch() {
        let plan = data::switch::give_up(parts, state, run, exchanged)?;
        return topology::arrange(plan, playbook, &state.manifest, None);
    }
    if abort && !run.was_begun(&StepId::STOP) {
        // Only copies were made.
        return topology::arrange(
            Plan { procedure: Procedure::Abort, steps: vec![parts.start(Side::Upgraded)?] },
            playbook,
            &state.manifest,
            None,
        );
    }
    let mut steps = vec![parts.stop()?];
    if abort
        && (run.was_begun(&StepId::MAINTENANCE_START)
            || run.was_begun(&StepId::MAINTENANCE_START_PREVIOUS))
    {
        steps.push(parts.maintenance_stop_any()?);
    }
    if abort && run.repair {
        steps.push(parts.drop_clones(exchanged.roots)?);
    }
    let data = data::of(state.manifest.data_strategy);
    let left = super::stays_of(run);
    let exchanged = if abort { Exchanged { stays: &left, ..exchanged } } else { exchanged };
    steps.extend(data.put_back(parts, state, run, exchanged, abort)?);
    // An upgrade that was never finished is finished now.
    let unfinished = state.phase != Phase::Upgraded && abort;
    if unfinished || run.was_begun(&StepId::REINSTALL) || run.was_begun(&StepId::UNINSTALL) {
        let cut = |id: &StepId| {
            matches!(run.step(id), Some((_, StepState::Started | StepState::Failed(_))))
        };
        let mut upgrade = install::of(&state.manifest).upgrade(parts, StepId::UPGRADE_AGAIN)?;
        if let Action::Package(package) = &mut upgrade.action {
            // Between the two, nothing is installed that could be upgraded.
            let between = run.was_begun(&StepId::UNINSTALL)
                && !matches!(run.step(&StepId::REINSTALL), Some((_, StepState::Done)));
            package.cut = unfinished || cut(&StepId::REINSTALL) || between;
        }
        steps.push(upgrade);
        if !unfinished {
            steps.extend(parts.put_config(Side::Upgraded)?);
        }
    }
    steps.extend(data.clean_up(parts, run)?);
    steps.push(parts.start(Side::Upgraded)?);
    let procedure = if abort { Procedure::Abort } else { Procedure::Undo };
    let verb = if abort { "upgrade" } else { "undo" };
    topology::arrange(
        Plan { procedure, steps },
        playbook,
        &state.manifest,
        Some((&state.manifest.upgrade_to, verb)),
    )
}

/// From a finished downgrade back to the upgraded version with everything that was written since:
/// its standby takes over.
///
/// # Errors
/// As [`back`].
pub fn switch_back(
    playbook: &Playbook,
    state: &State,
    run: &Run,
    exchanged: Exchanged<'_>,
    input: &SwitchBack,
) -> Result<Plan> {
    let parts = Parts { playbook, manifest: &state.manifest };
    let plan = data::switch_back::undo(parts, state, run, exchanged, input)?;
    let manifest = &state.manifest;
    topology::arrange(plan, playbook, manifest, Some((&manifest.upgrade_to, "undo")))
}

/// From a snapshot, or an upgrade that has not touched the packages yet, back to the open service.
/// Its snapshot is destroyed.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn reopen(playbook: &Playbook, state: &State) -> Result<Plan> {
    let parts = Parts { playbook, manifest: &state.manifest };
    let mut steps = vec![parts.start(Side::Previous)?];
    steps.extend(release(&state.manifest));
    let mut drop =
        DropSnapshots { snapshots: snapshots(state, &StepId::SNAPSHOT), marked: Vec::new() };
    if let Some(run) = state.current().filter(|run| run.was_begun(&StepId::SNAPSHOT)) {
        drop.marked = marked(run, &StepId::SNAPSHOT)?;
    }
    if !drop.snapshots.is_empty() || !drop.marked.is_empty() {
        let action = Action::DropSnapshots(drop);
        steps.push(Step::new(
            StepId::DROP_SNAPSHOT,
            "drop the snapshot before the upgrade",
            action,
        ));
    }
    topology::arrange(Plan { procedure: Procedure::Abort, steps }, playbook, &state.manifest, None)
}
