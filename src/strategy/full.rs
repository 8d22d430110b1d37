//! The ways back without ZFS: a full backup restored into an empty store, or packages and configuration alone.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::cluster::in_cluster;
use super::downgrade::{ASIDE, Opened, kept_endings};
use super::parts::Parts;
use crate::journal::Opening;
use crate::journal::{Procedure, Side};
use crate::playbook::Playbook;
use crate::playbook::model::Full;
use crate::step::State;
use crate::step::{Action, CapturePass, Folders, MoveBack, Plan, Prove, RemoveAside, Restore, Step, Verify};

/// The step from which an interrupted restore starts over.
const AGAIN: &str = "make-empty";

/// Packages and configuration of the previous version come back. There is no data.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn packages(playbook: &Playbook, opening: &Opening, opened: Opened) -> Result<Plan> {
    let parts = Parts { playbook, opening };
    let mut steps: Vec<Step> = parts.save_config(Side::Upgraded)?.into_iter().collect();
    steps.push(parts.stop()?);
    let reinstall = reinstall(parts, opened)?;
    let begins = reinstall.first().map(|step| step.id.clone()).context("a version is installed again")?;
    let verify = Verify { capture: None, command: None };
    steps.push(Step::new("verify", "read the installer back", Action::Verify(verify)).until(&begins));
    steps.extend(reinstall);
    steps.extend(parts.put_config(Side::Previous)?);
    steps.push(parts.start()?);
    in_cluster(Plan { procedure: Procedure::DowngradeKeep, steps }, playbook, opening, Some((&opening.from_version, "downgrade")))
}

/// Everything is backed up, and restored into an empty store. The old store is set aside.
///
/// # Errors
/// When the playbook's texts cannot be filled in, or it does not say how.
pub fn full(playbook: &Playbook, opening: &Opening, opened: Opened) -> Result<Plan> {
    let parts = Parts { playbook, opening };
    let full = section(playbook)?;
    let mut steps: Vec<Step> = parts.save_config(Side::Upgraded)?.into_iter().collect();
    let reinstall = reinstall(parts, opened)?;
    let first = Folders { moves: moves(parts)? };
    let aside = vec![
        Step::new("move-aside", "rename the folders of the upgraded data out of the way", Action::MoveAside(first.clone())),
        Step::new(AGAIN, "make empty ones in their place", Action::MakeEmpty(first)),
    ];
    let first_of = |steps: &[Step]| steps.first().map(|step| step.id.clone()).context("a way back has steps");
    let rollback_first = parts.rollback_first();
    let unless = if rollback_first { first_of(&aside)? } else { first_of(&reinstall)? };
    // A service that was found open again may have accepted writes that the backup lacks.
    steps.push(parts.stop()?.renewing("maintenance-start", &unless));
    steps.push(parts.maintenance_start("maintenance-start", "upgraded", "maintenance-stop")?);
    steps.extend(parts.inventories(Side::Upgraded)?);
    let capture = CapturePass {
        command: Some(parts.command(&full.capture)?),
        new_files: Vec::new(),
        grown_files: Vec::new(),
        mounts: Vec::new(),
        snapshot: String::new(),
        last: true,
    };
    steps.push(Step::new("capture", "back everything up", Action::Capture(capture)));
    steps.push(parts.maintenance_stop("maintenance-stop", "upgraded")?);
    let verify = Verify { capture: Some("capture".into()), command: Some(parts.command(&full.verify)?) };
    steps.push(Step::new("verify", "read the backup and the installer back", Action::Verify(verify)).until("move-aside"));
    if rollback_first {
        steps.extend(aside);
        steps.extend(reinstall);
    } else {
        steps.extend(reinstall);
        steps.extend(aside);
    }
    steps.extend(parts.put_config(Side::Previous)?);
    steps.push(parts.maintenance_start("maintenance-start-previous", "previous", "maintenance-stop-previous")?);
    let restore = Restore {
        command: parts.command(&full.restore)?,
        position: None,
        resumable: false,
        rejects: playbook.restore.as_ref().map(|restore| restore.rejects.clone()).unwrap_or_default(),
        past_rejects: None,
    };
    let mut step = Step::new("restore", "bring everything into the previous version", Action::Restore(restore));
    step.rewind_to = Some(AGAIN.to_owned());
    steps.push(step);
    steps.extend(parts.inventories(Side::Previous)?);
    let inventories = playbook.inventories.iter().map(|inventory| inventory.name.clone()).collect();
    steps.push(Step::new("prove", "compare the lists: nothing lost, nothing twice", Action::Prove(Prove { inventories })));
    steps.push(parts.maintenance_stop("maintenance-stop-previous", "previous")?);
    steps.push(parts.start()?);
    in_cluster(Plan { procedure: Procedure::DowngradeKeep, steps }, playbook, opening, Some((&opening.from_version, "downgrade")))
}

fn section(playbook: &Playbook) -> Result<&Full> {
    playbook.full.as_ref().context("the playbook does not say how everything is backed up and restored")
}

/// An upgrade that was interrupted within its packages leaves more to repair.
fn reinstall(parts: Parts<'_>, opened: Opened) -> Result<Vec<Step>> {
    let mut steps = parts.reinstall()?;
    for step in &mut steps {
        if let Action::Package(package) = &mut step.action {
            package.cut = opened == Opened::Never;
        }
    }
    Ok(steps)
}

fn moves(parts: Parts<'_>) -> Result<Vec<(PathBuf, PathBuf)>> {
    let paths = parts.paths(&section(parts.playbook)?.paths)?;
    Ok(paths.into_iter().map(|path| (path.clone(), crate::host::files::beside(&path, ASIDE))).collect())
}

/// The step that puts the folders of the upgraded data back.
///
/// # Errors
/// As [`full`].
pub(super) fn move_back(parts: Parts<'_>, keep_as: Option<String>) -> Result<Step> {
    let action = MoveBack { moves: moves(parts)?, keep_as };
    Ok(Step::new("move-back", "put the folders of the upgraded data back into their place", Action::MoveBack(action)))
}

/// The step that removes what a change kept for the other way.
///
/// # Errors
/// As [`full`].
pub fn remove_aside(playbook: &Playbook, state: &State) -> Result<Step> {
    let parts = Parts { playbook, opening: &state.opening };
    let mut folders = Vec::new();
    for (path, _) in moves(parts)? {
        folders.extend(kept_endings(state).iter().map(|ending| crate::host::files::beside(&path, ending)));
    }
    let title = "remove the folders that were kept for the other way";
    Ok(Step::new("remove-aside", title, Action::RemoveAside(RemoveAside { folders })))
}
