//! The data is not on ZFS: everything is backed up, and restored into an empty store. What was
//! there stays aside.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Strategy;
use crate::journal::{ChangeManifest, Procedure, Side, StepId};
use crate::playbook::Playbook;
use crate::playbook::model::Full;
use crate::step::{
    Action, CapturePass, Folders, MoveBack, Plan, RemoveAside, Restore, Run, State, Step, Verify,
};
use crate::strategy::input::{ASIDE, DowngradeInput, Exchanged, aside_of, kept_endings, undone_of};
use crate::strategy::install;
use crate::strategy::parts::Parts;

/// See the module.
pub(crate) struct FullBackup;

impl Strategy for FullBackup {
    fn about(&self) -> &'static str {
        "a backup of everything, restored into an empty store (the data is not on ZFS)"
    }

    fn way_back(&self, manifest: &ChangeManifest) -> String {
        format!(
            "The way back to {} is open: a backup of everything, restored into an empty store.",
            manifest.from_version
        )
    }

    fn brings_back(&self, _manifest: &ChangeManifest) -> String {
        "everything that is there now".into()
    }

    fn takes_time(&self) -> &'static str {
        ", and the time for a backup and a restore of everything, and two lists"
    }

    fn kept_in(&self) -> &'static str {
        "in folders"
    }

    fn downgrade(&self, parts: Parts<'_>, input: &DowngradeInput) -> Result<Plan> {
        let full = section(parts.playbook)?;
        let mut steps: Vec<Step> = parts.save_config(Side::Upgraded)?.into_iter().collect();
        let reinstall = install::of(parts.manifest).after_cut(parts, input.served)?;
        let first = Folders { moves: moves(parts, ASIDE)? };
        let aside = vec![
            Step::new(
                StepId::MOVE_ASIDE,
                "rename the folders of the upgraded data out of the way",
                Action::MoveAside(first.clone()),
            ),
            Step::new(AGAIN, "make empty ones in their place", Action::MakeEmpty(first)),
        ];
        let first_of = |steps: &[Step]| {
            steps.first().map(|step| step.id.clone()).context("a way back has steps")
        };
        let rollback_first = install::of(parts.manifest).rollback_first(parts);
        let unless = if rollback_first { first_of(&aside)? } else { first_of(&reinstall)? };
        // A service that was found open again may have accepted writes that the backup lacks.
        steps.push(parts.stop()?.renewing(&StepId::MAINTENANCE_START, &unless));
        steps.push(parts.maintenance_start(Side::Upgraded)?);
        steps.extend(parts.inventories(Side::Upgraded, false)?);
        let capture = CapturePass {
            command: Some(parts.command(&full.capture)?),
            new_files: Vec::new(),
            grown_files: Vec::new(),
            numbered_files: Vec::new(),
            new_file_at_start: false,
            unchanged_files: Vec::new(),
            mounts: Vec::new(),
            snapshot: String::new(),
            last: true,
        };
        steps.push(Step::new(StepId::CAPTURE, "back everything up", Action::Capture(capture)));
        steps.push(parts.maintenance_stop(Side::Upgraded)?);
        let verify =
            Verify { capture: Some(StepId::CAPTURE), command: Some(parts.command(&full.verify)?) };
        steps.push(
            Step::new(
                StepId::VERIFY,
                "read the backup and the installer back",
                Action::Verify(verify),
            )
            .until(&StepId::MOVE_ASIDE),
        );
        if rollback_first {
            steps.extend(aside);
            steps.extend(reinstall);
        } else {
            steps.extend(reinstall);
            steps.extend(aside);
        }
        steps.extend(parts.put_config(Side::Previous)?);
        steps.push(parts.maintenance_start(Side::Previous)?);
        let restore = Restore {
            command: parts.command(&full.restore)?,
            position: None,
            resumable: false,
            rejects: parts
                .playbook
                .restore
                .as_ref()
                .map(|restore| restore.rejects.clone())
                .unwrap_or_default(),
            past_rejects: None,
        };
        let mut step = Step::new(
            StepId::RESTORE,
            "bring everything into the previous version",
            Action::Restore(restore),
        );
        step.rewind_to = Some(AGAIN);
        steps.push(step);
        steps.extend(parts.inventories(Side::Previous, false)?);
        steps.push(parts.prove(false)?);
        steps.push(parts.maintenance_stop(Side::Previous)?);
        steps.push(parts.start(Side::Previous)?);
        Ok(Plan { procedure: Procedure::DowngradeKeep, steps })
    }

    fn put_back(
        &self,
        parts: Parts<'_>,
        state: &State,
        run: &Run,
        _exchanged: Exchanged<'_>,
        abort: bool,
    ) -> Result<Vec<Step>> {
        if !run.was_begun(&StepId::MOVE_ASIDE) {
            return Ok(Vec::new());
        }
        Ok(vec![move_back(parts, aside_of(state), (!abort).then(|| undone_of(state)))?])
    }

    fn remove_aside(
        &self,
        playbook: &Playbook,
        state: &State,
        downgraded: bool,
    ) -> Result<Option<Step>> {
        let undone = state.runs.iter().any(|run| run.plan.procedure == Procedure::Undo);
        (downgraded || undone).then(|| remove_aside(playbook, state)).transpose()
    }
}

/// The step from which an interrupted restore starts over.
const AGAIN: StepId = StepId::MAKE_EMPTY;

fn section(playbook: &Playbook) -> Result<&Full> {
    playbook
        .full
        .as_ref()
        .context("the playbook does not say how everything is backed up and restored")
}

fn moves(parts: Parts<'_>, aside: &str) -> Result<Vec<(PathBuf, PathBuf)>> {
    let paths = parts.paths(&section(parts.playbook)?.paths)?;
    Ok(paths
        .into_iter()
        .map(|path| (path.clone(), crate::host::files::beside(&path, aside)))
        .collect())
}

/// The step that puts the folders of the upgraded data back.
///
/// # Errors
/// As [`full`].
fn move_back(parts: Parts<'_>, aside: &str, keep_as: Option<String>) -> Result<Step> {
    let action = MoveBack { moves: moves(parts, aside)?, keep_as };
    Ok(Step::new(
        StepId::MOVE_BACK,
        "put the folders of the upgraded data back into their place",
        Action::MoveBack(action),
    ))
}

/// The step that removes what a change kept for the other way.
///
/// # Errors
/// As [`full`].
fn remove_aside(playbook: &Playbook, state: &State) -> Result<Step> {
    let parts = Parts { playbook, manifest: &state.manifest };
    let mut folders = Vec::new();
    for (path, _) in moves(parts, ASIDE)? {
        folders.extend(
            kept_endings(state).iter().map(|ending| crate::host::files::beside(&path, ending)),
        );
    }
    let title = "remove the folders that were kept for the other way";
    Ok(Step::new(StepId::REMOVE_ASIDE, title, Action::RemoveAside(RemoveAside { folders })))
}
