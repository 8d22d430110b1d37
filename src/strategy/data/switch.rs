//! A downgrade with a standby that is caught up: the standby takes the place of the upgraded data
//! within a deadline, and the packages follow while the previous version serves already. Until the
//! exchange of the datasets, whatever fails gives the switch up.

use anyhow::{Context as _, Result};

use super::clone_and_swap;
use crate::journal::{Procedure, Side, StepId};
use crate::playbook::model::standby::Reinstall;
use crate::step::{Action, Plan, Run, StandbyClones, State, Step, Verify};
use crate::strategy::input::{
    Compares, DowngradeInput, Exchanged, ServedClients, SwitchInput, snapshots,
};
use crate::strategy::install;
use crate::strategy::parts::{Parts, StandsBy, members};
use crate::zfs::ENDING_STANDBY as STANDBY;

/// While clients write, and then within the deadline: the standby has everything, and neither
/// server runs.
pub(super) fn window(
    stands_by: &StandsBy<'_>,
    clones: &StandbyClones,
    switch: &SwitchInput,
    answers: bool,
    compares: Compares,
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let stop = stands_by.stop()?.until(&StepId::SERVE);
    if answers {
        let run = stands_by.run_standby(clones.clone(), Some(Some(switch.catch_up)))?;
        steps.extend(run.into_iter().map(|step| step.until(&StepId::REFUSE)));
        // Within the deadline.
        steps.extend(stands_by.compare_refused(StepId::UNMOUNT, switch.deadline, compares)?);
        steps.push(stands_by.feed_stop()?);
        steps.extend(stands_by.end_serving()?);
        steps.push(stop);
        steps.extend(stands_by.rest()?);
    } else {
        // A server that is dead: what it wrote is in its logs.
        let run = stands_by.run_standby(clones.clone(), None)?;
        let run = run.into_iter().filter(|step| step.id != StepId::FEED_START);
        steps.extend(run.map(|step| step.until(&StepId::STANDBY_STOP)));
        steps.push(stands_by.feed_stop()?);
        steps.push(stop);
        steps.push(stands_by.standby_position()?);
        let rest = stands_by.rest()?;
        steps.push(rest.context("the playbook cannot feed a standby from the logs")?);
    }
    steps.push(stands_by.standby_stop()?);
    Ok(steps)
}

/// The standby's clones become the datasets whose place they take.
pub(super) fn set_up(clones: StandbyClones) -> Step {
    let title = "set the clones up as the datasets whose place they take";
    Step::new(StepId::STANDBY_SET_UP, title, Action::SetUpStandby(clones))
}

/// The version of this side serves from its private root, and its packages follow.
pub(super) fn serve(
    stands_by: &StandsBy<'_>,
    side: Side,
    mut packages: Vec<Step>,
) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = stands_by.put_config(side)?.into_iter().collect();
    steps.push(stands_by.serve()?);
    let serve_stop = stands_by.serve_stop()?;
    if let Some(mut again) = stands_by.put_config(side)? {
        // The packages' scripts may have changed it.
        again.id = StepId::PUT_CONFIG_AGAIN;
        packages.push(again);
    }
    match stands_by.reinstall() {
        Reinstall::Serving => {
            steps.extend(packages);
            steps.push(serve_stop);
        }
        Reinstall::Stopped => {
            steps.push(serve_stop);
            steps.extend(packages);
        }
    }
    steps.push(stands_by.start(side)?);
    Ok(steps)
}

/// The plan.
pub(super) fn downgrade(
    parts: Parts<'_>,
    input: &DowngradeInput,
    switch: &SwitchInput,
) -> Result<Plan> {
    let stands_by = parts.stands_by(Side::Previous)?;
    let clones = stands_by.standby_clones(&input.roots, &input.snapshots)?;
    let mounts = members(parts.manifest, &input.snapshots);
    let answers = input.served == ServedClients::Yes;
    let delta = answers && input.delta;
    // While clients write.
    let mut steps = Vec::new();
    steps.extend(parts.keep_programs(Side::Upgraded)?);
    steps.extend(parts.save_config(Side::Upgraded)?);
    let verify = Action::Verify(Verify { capture: None, command: None });
    steps.push(Step::new(StepId::VERIFY, "read the installer back", verify));
    steps.extend(window(&stands_by, &clones, switch, answers, switch.compares(delta))?);
    // The exchange.
    let exchange = clone_and_swap::exchange(&mounts, input, STANDBY)?;
    let first = exchange.first().map(|step| step.id.clone()).context("there is a dataset")?;
    steps.push(parts.unmount(&mounts, &first));
    steps.push(clone_and_swap::snapshot_upgraded(parts, &mounts));
    steps.push(set_up(clones));
    steps.extend(exchange);
    steps.push(parts.mount(&mounts).until(&StepId::START));
    if delta && parts.tells_touched() {
        steps.push(clone_and_swap::snapshot_restored(parts, &mounts, "the standby's"));
    }
    let packages = install::of(parts.manifest).reinstall(parts)?;
    steps.extend(serve(&stands_by, Side::Previous, packages)?);
    Ok(Plan { procedure: Procedure::DowngradeKeep, steps })
}

/// The way back from a switch that did not come to an end, before the datasets were taken away:
/// this version goes on, and the standby, too.
pub(super) fn allow_again(
    stands_by: &StandsBy<'_>,
    clones: Option<StandbyClones>,
    run: &Run,
    side: Side,
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    // A server that runs may not answer while it refuses writes; one that was ended is started
    // first.
    let ended = [StepId::END_UPGRADED, StepId::STOP].iter().any(|id| run.was_begun(id));
    let refused = run.was_begun(&StepId::REFUSE);
    if refused && !ended {
        steps.push(stands_by.allow()?);
    }
    steps.push(stands_by.start(side)?);
    if refused && ended {
        steps.push(stands_by.allow()?);
    }
    if let Some(clones) = clones {
        steps.push(stands_by.resume_standby(clones)?);
    }
    Ok(steps)
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
    let stands_by = parts.stands_by(Side::Previous)?;
    let clones = stands_by.standby_clones(exchanged.roots, &taken_before)?;
    let procedure = Procedure::Abort;
    if !run.was_begun(&StepId::UNMOUNT) {
        let clones = state.has_standby().then_some(clones);
        let steps = allow_again(&stands_by, clones, run, Side::Upgraded)?;
        return Ok(Plan { procedure, steps });
    }
    let members = members(parts.manifest, &taken_before);
    let taken = run.was_begun(&StepId::STANDBY_SET_UP);
    // It did not open. Whatever a client may have got in, it is kept.
    let served = run.was_begun(&StepId::SERVE);
    let mut ended = stands_by.end_standby(clones.clone())?;
    let drop = ended.pop().filter(|_| !served);
    let mut steps = Vec::new();
    if served {
        steps.push(stands_by.serve_stop()?);
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
    steps.push(stands_by.allow()?);
    if taken {
        steps.extend(drop);
    } else {
        steps.push(stands_by.resume_standby(clones)?);
    }
    Ok(Plan { procedure, steps })
}
