//! The ways back to the state before a procedure: `abort` of one that is not finished, `undo` of a finished downgrade.

use anyhow::Result;

use super::cluster::in_cluster;
use super::downgrade::{ASIDE, CANDIDATE, undone};
use super::parts::Parts;
use super::reserve::{release, reserve};
use crate::journal::{Output, Phase, StepState};
use crate::journal::{Procedure, Side};
use crate::playbook::Playbook;
use crate::step::{Action, DropSnapshots, Plan, PutBack, Step};
use crate::step::{Run, State};
use crate::zfs::Dataset;

/// From a downgrade back to the upgraded, open service. With `abort`, the previous version was
/// never opened, and its datasets are destroyed. Otherwise they are kept, with what was written on
/// them.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn back(playbook: &Playbook, state: &State, run: &Run, roots: &[Dataset], abort: bool) -> Result<Plan> {
    let parts = Parts { playbook, opening: &state.opening };
    if abort && !run.was_begun("stop") {
        // Only copies were made.
        return in_cluster(Plan { procedure: Procedure::Abort, steps: vec![parts.start()?] }, playbook, &state.opening, None);
    }
    let mut steps = vec![parts.stop()?];
    if abort && (run.was_begun("maintenance-start") || run.was_begun("maintenance-start-previous")) {
        steps.push(parts.maintenance_stop("maintenance-stop", "running")?);
    }
    let members = super::downgrade::members(&state.opening, &snapshots(state, "snapshot"));
    let cloned = run.plan.steps.iter().any(|step| matches!(step.action, Action::Clone(_)) && run.was_begun(&step.id));
    if cloned {
        let undone = undone(1 + state.runs.iter().filter(|run| run.plan.procedure == Procedure::Undo).count());
        // A dataset that is mounted within another one is unmounted before it.
        let outermost = |root: &&Dataset| {
            let within = state.opening.datasets.iter().filter(|mount| mount.dataset.is_within(root));
            within.filter_map(|mount| mount.mountpoint.clone()).min()
        };
        let mut roots: Vec<&Dataset> = roots.iter().collect();
        roots.sort_by_key(|root| std::cmp::Reverse(outermost(root)));
        for root in roots {
            let action = PutBack {
                dataset: root.clone(),
                guid: state.opening.datasets.iter().find(|mount| mount.dataset == *root).map_or(crate::zfs::Guid(0), |mount| mount.guid),
                aside: root.with_suffix(ASIDE)?,
                candidate: root.with_suffix(CANDIDATE)?,
                keep_as: if abort { None } else { Some(root.with_suffix(&undone)?) },
                members: members.iter().filter(|mount| mount.dataset.is_within(root)).cloned().collect(),
            };
            let title = format!("put the upgraded {root} back into its place");
            steps.push(Step::new(format!("put-back:{root}"), title, Action::PutBack(action)));
        }
    }
    if run.was_begun("move-aside") {
        let undone = undone(1 + state.runs.iter().filter(|run| run.plan.procedure == Procedure::Undo).count());
        steps.push(super::full::move_back(parts, (!abort).then_some(undone))?);
    }
    // Package scripts look at the data, so it is mounted before they run.
    if run.was_begun("unmount") {
        steps.push(parts.mount(&members).until("start"));
    }
    // An upgrade that was never finished is finished now.
    let unfinished = state.phase != Phase::Upgraded && abort;
    if unfinished || run.was_begun("reinstall") || run.was_begun("uninstall") {
        let cut = |id: &str| matches!(run.step(id), Some((_, StepState::Started | StepState::Failed(_))));
        let mut upgrade = parts.upgrade("upgrade-again")?;
        if let Action::Package(package) = &mut upgrade.action {
            // Between the two, nothing is installed that could be upgraded.
            let between = run.was_begun("uninstall") && !matches!(run.step("reinstall"), Some((_, StepState::Done)));
            package.cut = unfinished || cut("reinstall") || between;
        }
        steps.push(upgrade);
        if !unfinished {
            steps.extend(parts.put_config(Side::Upgraded)?);
        }
    }
    if run.was_begun("snapshot-upgraded") {
        let title = "drop the snapshot of the upgraded state";
        let action = DropSnapshots { snapshots: Vec::new(), marked: marked(run, "snapshot-upgraded")? };
        steps.push(Step::new("drop-upgraded", title, Action::DropSnapshots(action)));
    }
    if run.was_begun("release-reserve") {
        steps.extend(reserve(&state.opening));
    }
    steps.push(parts.start()?);
    let procedure = if abort { Procedure::Abort } else { Procedure::Undo };
    let verb = if abort { "upgrade" } else { "undo" };
    in_cluster(Plan { procedure, steps }, playbook, &state.opening, Some((&state.opening.upgrade_to, verb)))
}

/// From a snapshot, or an upgrade that has not touched the packages yet, back to the open service.
/// Its snapshot is destroyed.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn reopen(playbook: &Playbook, state: &State) -> Result<Plan> {
    let parts = Parts { playbook, opening: &state.opening };
    let mut steps = vec![parts.start()?];
    steps.extend(release(&state.opening));
    let mut drop = DropSnapshots { snapshots: snapshots(state, "snapshot"), marked: Vec::new() };
    if let Some(run) = state.current().filter(|run| run.was_begun("snapshot")) {
        drop.marked = marked(run, "snapshot")?;
    }
    if !drop.snapshots.is_empty() || !drop.marked.is_empty() {
        let action = Action::DropSnapshots(drop);
        steps.push(Step::new("drop-snapshot", "drop the snapshot before the upgrade", action));
    }
    in_cluster(Plan { procedure: Procedure::Abort, steps }, playbook, &state.opening, None)
}

/// The names of the snapshots that a step took or was about to take.
fn marked(run: &Run, step: &str) -> Result<Vec<crate::zfs::Snapshot>> {
    let Some((Step { action: Action::Snapshot(take), .. }, _)) = run.step(step) else { return Ok(Vec::new()) };
    take.datasets.iter().map(|dataset| Ok(dataset.at(&take.name)?)).collect()
}

/// The snapshots that a step took.
pub(super) fn snapshots(state: &State, step: &str) -> Vec<(crate::zfs::Snapshot, crate::zfs::Guid)> {
    match state.outputs.get(step) {
        Some(Output::Snapshots { list }) => list.clone(),
        _ => Vec::new(),
    }
}
