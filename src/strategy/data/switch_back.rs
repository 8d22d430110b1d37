//! An undo with a standby: the upgraded version, fed with what was written since the downgrade, takes
//! over in the same way, so that nothing stays behind. It runs on clones of the upgraded data that
//! was kept, which stays whole until it serves.

use anyhow::{Context as _, Result};

use super::clone_and_swap::{self, Exchange};
use super::switch;
use crate::journal::{MountedDataset, Procedure, Side, StepId};
use crate::step::{Action, Plan, Run, State, Step, Succeed};
use crate::strategy::input::{ASIDE, Exchanged, SwitchBack, snapshots, undone_of};
use crate::strategy::install;
use crate::strategy::parts::{Parts, members};
use crate::zfs::ENDING_STANDBY as STANDBY;

/// The datasets that take part.
fn mounts(parts: Parts<'_>, state: &State) -> Vec<MountedDataset> {
    members(parts.manifest, &snapshots(state, &StepId::SNAPSHOT_UPGRADED))
}

/// The plan. `run`: the downgrade.
pub(in crate::strategy) fn undo(
    parts: Parts<'_>,
    state: &State,
    run: &Run,
    exchanged: Exchanged<'_>,
    input: &SwitchBack,
) -> Result<Plan> {
    let stands_by = parts.stands_by(Side::Upgraded)?;
    let taken = snapshots(state, &StepId::SNAPSHOT_UPGRADED);
    let clones = stands_by.standby_clones(exchanged.roots, &taken)?;
    let mounts = mounts(parts, state);
    let compares = input.switch.compares(input.answers);
    let mut steps = switch::window(&stands_by, &clones, &input.switch, input.answers, compares)?;
    let now = |root: &crate::zfs::Dataset| {
        let found = input.now.iter().find(|(name, _)| name == root);
        found.cloned().with_context(|| format!("the dataset {root} is gone"))
    };
    let exchange = Exchange {
        mounts: &mounts,
        roots: exchanged.roots.iter().map(now).collect::<Result<_>>()?,
        stays: exchanged.stays,
        side: Side::Previous,
        aside: &undone_of(state),
        clones: STANDBY,
    };
    let exchange = exchange.steps()?;
    let first = exchange.first().map(|step| step.id.clone()).context("there is a dataset")?;
    steps.push(parts.unmount(&mounts, &first));
    steps.push(switch::set_up(clones));
    steps.extend(exchange);
    steps.push(parts.mount(&mounts).until(&StepId::START));
    let upgrade = install::of(parts.manifest).upgrade(parts, StepId::UPGRADE_AGAIN)?;
    steps.extend(switch::serve(&stands_by, Side::Upgraded, vec![upgrade])?);
    // While it serves.
    let mut datasets = Vec::new();
    for root in exchanged.roots {
        let aside = root.with_suffix(ASIDE)?;
        for mount in mounts.iter().filter(|mount| mount.dataset.is_within(root)) {
            datasets.push((mount.dataset.clone(), mount.dataset.moved(root, &aside)?));
        }
    }
    let title = "make it the upgraded data, and drop what it was cloned from";
    let succeed = Succeed { datasets, snapshots: input.consented.clone() };
    steps.push(Step::new(StepId::SUCCEED, title, Action::Succeed(succeed)));
    steps.extend(clone_and_swap::drop_upgraded(run)?);
    Ok(Plan { procedure: Procedure::Undo, steps })
}

/// From one that did not come to an end back to the previous, open version. Before the exchange the
/// standby goes on; after it, nothing of it is left.
pub(in crate::strategy) fn give_up(
    parts: Parts<'_>,
    state: &State,
    run: &Run,
    exchanged: Exchanged<'_>,
) -> Result<Plan> {
    let stands_by = parts.stands_by(Side::Upgraded)?;
    let taken = snapshots(state, &StepId::SNAPSHOT_UPGRADED);
    let clones = stands_by.standby_clones(exchanged.roots, &taken)?;
    let procedure = Procedure::Abort;
    if !run.was_begun(&StepId::UNMOUNT) {
        let clones = state.has_standby().then_some(clones);
        let steps = switch::allow_again(&stands_by, clones, run, Side::Previous)?;
        return Ok(Plan { procedure, steps });
    }
    let mounts = mounts(parts, state);
    let taken = run.was_begun(&StepId::STANDBY_SET_UP);
    let mut ended = stands_by.end_standby(clones.clone())?;
    let drop = ended.pop();
    let mut steps = Vec::new();
    // It did not open: a person has said that no client wrote to it.
    if run.was_begun(&StepId::SERVE) {
        steps.push(stands_by.serve_stop()?);
    }
    steps.push(parts.stop()?);
    if taken {
        // They may have been started again by hand.
        steps.extend(ended);
        let roots = exchanged.roots;
        steps.extend(clone_and_swap::put_previous_back(state, run, roots, &mounts)?);
    }
    steps.push(parts.mount(&mounts).until(&StepId::START));
    if run.was_begun(&StepId::PUT_CONFIG) {
        steps.extend(parts.put_config(Side::Previous)?);
    }
    steps.push(parts.start(Side::Previous)?);
    steps.push(stands_by.allow()?);
    if taken {
        steps.extend(drop);
    } else {
        steps.push(stands_by.resume_standby(clones)?);
    }
    Ok(Plan { procedure, steps })
}
