//! The data goes back to the snapshot before the upgrade, and what was written since is brought in.
//! The upgraded data is kept beside it ([`super::clone_and_swap`]), or destroyed
//! ([`super::rollback_in_place`]).

use anyhow::{Context as _, Result};

use super::{Strategy, clone_and_swap, rollback_in_place};
use crate::journal::{ChangeManifest, Procedure, Side, StepId};
use crate::playbook::model::{Interrupted, ServiceState};
use crate::step::{Action, BEFORE_UPGRADE, Plan, Restore, Run, State, Step, TakeSnapshot, Verify};
use crate::strategy::input::{
    ASIDE, DowngradeInput, Exchanged, ServedClients, StandbyPart, snapshots,
};
use crate::strategy::install;
use crate::strategy::parts::{Parts, members};
use crate::strategy::reserve::{release, reserve};
use crate::zfs::Dataset;

/// See the module.
pub(crate) struct Snapshot;

impl Strategy for Snapshot {
    fn about(&self) -> &'static str {
        "snapshot, rollback, and an incremental backup of what was written since, on"
    }

    fn way_back(&self, manifest: &ChangeManifest) -> String {
        format!(
            "The way back to {} is open: @{} is held.",
            manifest.from_version, manifest.snapshot
        )
    }

    fn brings_back(&self, manifest: &ChangeManifest) -> String {
        format!("everything that was written since @{}", manifest.snapshot)
    }

    fn takes_time(&self) -> &'static str {
        ", and the time for capture, restore and two lists"
    }

    fn rolls_back(&self) -> bool {
        true
    }

    fn protect(&self, parts: Parts<'_>) -> Vec<Step> {
        let snapshot = TakeSnapshot {
            datasets: parts.manifest.datasets.iter().map(|mount| mount.dataset.clone()).collect(),
            name: parts.manifest.snapshot.clone(),
            label: BEFORE_UPGRADE.into(),
            hold: true,
        };
        let left: Vec<&str> =
            parts.manifest.left.iter().map(|left| left.dataset.as_str()).collect();
        let mut title = format!("snapshot and hold all datasets @{}", snapshot.name);
        match left.len() {
            0 => {}
            1..=3 => title = format!("{title}; left alone: {}", left.join(", ")),
            many => title = format!("{title}; {many} datasets of other use are left alone"),
        }
        let mut steps = vec![Step::new(StepId::SNAPSHOT, title, Action::Snapshot(snapshot))];
        steps.extend(reserve(parts.manifest));
        steps
    }

    fn upgrade_renews(&self) -> Option<StepId> {
        // The snapshot would lack what clients wrote after it, and a failed upgrade goes back to
        // the snapshot.
        Some(StepId::SNAPSHOT)
    }

    fn downgrade(&self, parts: Parts<'_>, input: &DowngradeInput) -> Result<Plan> {
        let install = install::of(parts.manifest);
        let mut steps = Vec::new();
        match &input.standby {
            Some(StandbyPart::TakesOver(switch)) => {
                return super::switch::downgrade(parts, input, switch);
            }
            Some(StandbyPart::Ends) => {
                let stands_by = parts.stands_by(Side::Previous)?;
                let clones = stands_by.standby_clones(&input.roots, &input.snapshots)?;
                steps.extend(stands_by.end_standby(clones)?);
            }
            None => {}
        }
        let opened = input.served != ServedClients::Never;
        let answers = input.served == ServedClients::Yes;
        if opened {
            if answers {
                if parts.playbook.standby.is_some() {
                    steps.extend(parts.stands_by(Side::Previous)?.forget()?);
                }
                steps.extend(parts.captures(ServiceState::Running)?);
            }
            if input.keep {
                steps.extend(parts.keep_programs(Side::Upgraded)?);
            }
        }
        steps.extend(parts.save_config(Side::Upgraded)?);
        let stop = steps.len();
        steps.push(parts.stop()?);
        if !input.keep {
            steps.extend(release(parts.manifest));
        }
        let delta = answers && input.keep && input.delta && parts.tells_touched();
        let early = if delta { parts.early_captures()? } else { Vec::new() };
        let mut renewed = early.first().map_or(StepId::MAINTENANCE_START, |step| step.id.clone());
        if answers {
            let mut captured = early.last().map(|step| step.id.clone());
            steps.extend(early);
            steps.push(parts.maintenance_start(Side::Upgraded)?);
            steps.extend(parts.target_position()?);
            let passes = parts.captures(ServiceState::Maintenance)?;
            if delta {
                // What the last pass that ran captured: nothing was written since the stop.
                captured = captured.or_else(|| passes.last().map(|step| step.id.clone()));
                let captured = captured.context("a pass of the capture runs behind the stop")?;
                steps.extend(passes);
                steps.extend(parts.touched(&captured)?);
                steps.extend(parts.inventories(Side::Upgraded, true)?);
            } else {
                steps.extend(parts.inventories(Side::Upgraded, false)?);
                steps.extend(passes);
            }
            steps.extend(parts.write_whole()?);
            steps.push(parts.maintenance_stop(Side::Upgraded)?);
        }
        if opened {
            let captures = parts.captures(ServiceState::Stopped)?;
            if let Some(first) = captures.first().filter(|_| !answers) {
                renewed = first.id.clone();
            }
            steps.extend(captures);
        }
        if opened && !answers {
            steps.extend(parts.position_from_files()?);
        }
        let back = if input.keep {
            clone_and_swap::steps(parts, input, opened)?
        } else {
            rollback_in_place::steps(parts, input)
        };
        let reinstall = install.after_cut(parts, input.served)?;
        let rollback_first = install.rollback_first(parts);
        let begins = back
            .iter()
            .map(|step| step.id.clone())
            .find(|id| *id != StepId::UNMOUNT)
            .context("a way back has steps")?;
        steps.push(verify(parts, opened, &begins)?);
        if opened && let Some(step) = steps.get_mut(stop) {
            // A service that was found open again may have accepted writes that the capture lacks.
            let unless = if rollback_first {
                Some(begins)
            } else {
                reinstall.first().map(|step| step.id.clone())
            };
            *step =
                step.clone().renewing(&renewed, &unless.context("a version is installed again")?);
        }
        if rollback_first {
            steps.extend(back);
            steps.extend(reinstall);
        } else {
            steps.extend(reinstall);
            steps.extend(back);
        }
        steps.extend(parts.put_config(Side::Previous)?);
        if opened {
            let start = parts.maintenance_start(Side::Previous)?;
            let (restore, stopped) = restore(parts, input.keep)?;
            steps.extend(if stopped { [restore, start] } else { [start, restore] });
            if answers {
                steps.extend(parts.load_whole()?);
                let mut repair = Vec::new();
                if input.keep {
                    let place = |root: &Dataset| Ok((root.clone(), root.with_suffix(ASIDE)?));
                    repair = parts.repair(input.roots.iter().map(place).collect::<Result<_>>()?)?;
                }
                let repairs = !repair.is_empty();
                steps.extend(repair);
                steps.extend(parts.inventories(Side::Previous, delta)?);
                steps.push(parts.prove(repairs)?);
            }
            steps.push(parts.maintenance_stop(Side::Previous)?);
        }
        if delta {
            let mounts = members(parts.manifest, &input.snapshots);
            steps.push(clone_and_swap::snapshot_restored(parts, &mounts, "the restored"));
        }
        steps.push(parts.start(Side::Previous)?);
        let procedure =
            if input.keep { Procedure::DowngradeKeep } else { Procedure::DowngradeInPlace };
        Ok(Plan { procedure, steps })
    }

    fn put_back(
        &self,
        parts: Parts<'_>,
        state: &State,
        run: &Run,
        exchanged: Exchanged<'_>,
        abort: bool,
    ) -> Result<Vec<Step>> {
        let members = members(parts.manifest, &snapshots(state, &StepId::SNAPSHOT));
        let mut steps = clone_and_swap::put_back(state, run, exchanged, &members, abort)?;
        // Package scripts look at the data, so it is mounted before they run.
        if run.was_begun(&StepId::UNMOUNT) {
            steps.push(parts.mount(&members).until(&StepId::START));
        }
        Ok(steps)
    }

    fn clean_up(&self, parts: Parts<'_>, run: &Run) -> Result<Vec<Step>> {
        let mut steps = Vec::from_iter(clone_and_swap::drop_upgraded(run)?);
        if run.was_begun(&StepId::RELEASE_RESERVE) {
            steps.extend(reserve(parts.manifest));
        }
        Ok(steps)
    }
}

fn verify(parts: Parts<'_>, opened: bool, until: &StepId) -> Result<Step> {
    let verify = parts.playbook.capture.as_ref().map(|capture| &capture.verify);
    let command = if opened { parts.optional(verify)? } else { None };
    let action = Action::Verify(Verify { capture: opened.then_some(StepId::CAPTURE), command });
    Ok(Step::new(StepId::VERIFY, "read the capture and the installer back", action).until(until))
}

/// The step, and whether it runs with the service stopped.
fn restore(parts: Parts<'_>, keep: bool) -> Result<(Step, bool)> {
    let restore = parts
        .playbook
        .restore
        .as_ref()
        .context("the playbook does not say how the capture is restored")?;
    let resumable = restore.interrupted == Interrupted::Continue;
    let action = Restore {
        command: parts.command(&restore.command)?,
        position: parts.optional(restore.position.as_ref())?,
        resumable,
        rejects: restore.rejects.clone(),
        past_rejects: parts.optional(restore.past_rejects.as_ref())?,
    };
    let mut step = Step::new(
        StepId::RESTORE,
        "bring what was captured into the previous version",
        Action::Restore(action),
    );
    if !resumable {
        step.rewind_to = Some(if keep { StepId::ROLLBACK_BASE } else { StepId::ROLLBACK });
    }
    Ok((step, restore.service == ServiceState::Stopped))
}
