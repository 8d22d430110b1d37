//! A downgrade with a standby that is caught up: the standby takes the place of the upgraded data
//! within a deadline, and the packages follow while the previous version serves already. Until the
//! exchange of the datasets, whatever fails gives the switch up.

use anyhow::{Context as _, Result};

use super::clone_and_swap;
use crate::journal::{Procedure, Side, StepId};
use crate::playbook::model::standby::Reinstall;
use crate::step::{Action, Plan, Run, State, Step, Verify};
use crate::strategy::input::{DowngradeInput, Exchanged, ServedClients, SwitchInput, snapshots};
use crate::strategy::install;
use crate::strategy::parts::{Parts, members};
use crate::zfs::ENDING_STANDBY as STANDBY;

/// The plan.
pub(super) fn downgrade(
    parts: Parts<'_>,
    input: &DowngradeInput,
    switch: &SwitchInput,
) -> Result<Plan> {
    let install = install::of(parts.manifest);
    let clones = parts.standby_clones(&input.roots, &input.snapshots)?;
    let mounts = members(parts.manifest, &input.snapshots);
    let answers = input.served == ServedClients::Yes;
    let delta = answers && input.delta;
    // While clients write.
    let mut steps = Vec::new();
    steps.extend(parts.keep_programs(Side::Upgraded)?);
    steps.extend(parts.save_config(Side::Upgraded)?);
    let verify = Action::Verify(Verify { capture: None, command: None });
    steps.push(Step::new(StepId::VERIFY, "read the installer back", verify));
    let stop = parts.stop()?.until(&StepId::SERVE);
    if answers {
        let run = parts.run_standby(clones.clone(), Some(Some(switch.catch_up)))?;
        steps.extend(run.into_iter().map(|step| step.until(&StepId::REFUSE)));
        // Within the deadline.
        steps.extend(parts.compare_refused(StepId::UNMOUNT, switch.deadline, delta)?);
        steps.push(parts.feed_stop()?);
        steps.extend(parts.end_upgraded()?);
        steps.push(stop);
        steps.extend(parts.rest()?);
    } else {
        // A server that is dead: what it wrote is in its logs.
        let run = parts.run_standby(clones.clone(), None)?;
        let run = run.into_iter().filter(|step| step.id != StepId::FEED_START);
        steps.extend(run.map(|step| step.until(&StepId::STANDBY_STOP)));
        steps.push(parts.feed_stop()?);
        steps.push(stop);
        steps.push(parts.standby_position()?);
        steps.push(parts.rest()?.context("the playbook cannot feed a standby from the logs")?);
    }
    steps.push(parts.standby_stop()?);
    // The exchange.
    let exchange = clone_and_swap::exchange(&mounts, input, STANDBY)?;
    let first = exchange.first().map(|step| step.id.clone()).context("there is a dataset")?;
    steps.push(parts.unmount(&mounts, &first));
    steps.push(clone_and_swap::snapshot_upgraded(parts, &mounts));
    steps.push(Step::new(
        StepId::STANDBY_SET_UP,
        "set the clones up as the datasets whose place they take",
        Action::SetUpStandby(clones),
    ));
    steps.extend(exchange);
    steps.push(parts.mount(&mounts).until(&StepId::START));
    if delta && parts.tells_touched() {
        steps.push(clone_and_swap::snapshot_restored(parts, &mounts, "the standby's"));
    }
    steps.extend(parts.put_config(Side::Previous)?);
    steps.push(parts.serve()?);
    // While the previous version serves.
    let serve_stop = parts.serve_stop()?;
    let mut packages = install.reinstall(parts)?;
    if let Some(mut again) = parts.put_config(Side::Previous)? {
        // The packages' scripts may have changed it.
        again.id = StepId::PUT_CONFIG_AGAIN;
        packages.push(again);
    }
    match parts.standby()?.switch.reinstall {
        Reinstall::Serving => {
            steps.extend(packages);
            steps.push(serve_stop);
        }
        Reinstall::Stopped => {
            steps.push(serve_stop);
            steps.extend(packages);
        }
    }
    steps.push(parts.start(Side::Previous)?);
    Ok(Plan { procedure: Procedure::DowngradeKeep, steps })
}

/// From a switch that did not come to an end back to the upgraded, open service. Before the
/// exchange the standby goes on; after it, nothing of it is left.
pub(in crate::strategy) fn give_up(
    parts: Parts<'_>,
    state: &State,
    run: &Run,
    exchanged: Exchanged<'_>,
) -> Result<Plan> {
    let taken_before = snapshots(state, &StepId::SNAPSHOT);
    let mut steps = Vec::new();
    if run.was_begun(&StepId::UNMOUNT) {
        let members = members(parts.manifest, &taken_before);
        let clones = parts.standby_clones(exchanged.roots, &taken_before)?;
        let taken = run.was_begun(&StepId::STANDBY_SET_UP);
        // It did not open. Whatever a client may have got in, it is kept.
        let served = run.was_begun(&StepId::SERVE);
        let mut ended = parts.end_standby(clones.clone())?;
        let drop = ended.pop().filter(|_| !served);
        if served {
            steps.push(parts.serve_stop()?);
        }
        steps.push(parts.stop()?);
        if taken {
            // They may have been started again by hand.
            steps.extend(ended);
            // Those of other use were carried to the clone, and go back.
            let stays = clone_and_swap::stays_of(run);
            let exchanged = Exchanged { stays: &stays, ..exchanged };
            steps.extend(clone_and_swap::put_back(state, run, exchanged, &members, !served)?);
        }
        steps.push(parts.mount(&members).until(&StepId::START));
        if run.was_begun(&StepId::PUT_CONFIG) {
            steps.extend(parts.put_config(Side::Upgraded)?);
        }
        steps.extend(clone_and_swap::drop_upgraded(run)?);
        steps.push(parts.start(Side::Upgraded)?);
        steps.push(parts.allow()?);
        if taken {
            steps.extend(drop);
        } else {
            steps.push(parts.resume_standby(clones)?);
        }
        return Ok(Plan { procedure: Procedure::Abort, steps });
    }
    // A server that runs may not answer while it refuses writes; one that was ended is started
    // first.
    let ended = [StepId::END_UPGRADED, StepId::STOP].iter().any(|id| run.was_begun(id));
    let refused = run.was_begun(&StepId::REFUSE);
    if refused && !ended {
        steps.push(parts.allow()?);
    }
    steps.push(parts.start(Side::Upgraded)?);
    if refused && ended {
        steps.push(parts.allow()?);
    }
    if state.has_standby() {
        let clones = parts.standby_clones(exchanged.roots, &taken_before)?;
        steps.push(parts.resume_standby(clones)?);
    }
    Ok(Plan { procedure: Procedure::Abort, steps })
}
