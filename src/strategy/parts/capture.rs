//! What was written since the snapshot: captured, or carried whole where the capture cannot carry
//! it.

use anyhow::{Context as _, Result};

use super::Parts;
use crate::journal::{Family, StepId};
use crate::playbook::model::ServiceState;
use crate::step::{Action, CapturePass, LoadWhole, NoticeWhole, Step, TargetPosition, WriteWhole};

impl Parts<'_> {
    /// The passes of the capture for this state of the service. The last of all is called
    /// `capture`.
    pub(in crate::strategy) fn captures(&self, state: ServiceState) -> Result<Vec<Step>> {
        let passes = self.playbook.passes();
        let mut steps = Vec::new();
        for (index, pass) in passes.iter().enumerate().filter(|(_, pass)| pass.service == state) {
            let last = index + 1 == passes.len();
            let action = CapturePass {
                command: self.optional(pass.command.as_ref())?,
                new_files: self.patterns(&pass.new_files)?,
                grown_files: self.patterns(&pass.grown_files)?,
                numbered_files: self.patterns(&pass.numbered_files)?,
                new_file_at_start: pass.new_file_at_start,
                unchanged_files: self.patterns(&pass.unchanged_files)?,
                mounts: self.manifest.datasets.clone(),
                snapshot: self.manifest.snapshot.clone(),
                last,
            };
            let id = if last { StepId::CAPTURE } else { StepId::of(Family::Capture, index + 1) };
            steps.push(Step::new(
                id,
                format!("capture what was written: {}", pass.about),
                Action::Capture(action),
            ));
        }
        Ok(steps)
    }

    /// The passes for a stopped service, before it is started once more without clients: what was
    /// written is known then, and captured again when all is stopped for good.
    pub(in crate::strategy) fn early_captures(&self) -> Result<Vec<Step>> {
        let mut steps = self.captures(ServiceState::Stopped)?;
        for (index, step) in steps.iter_mut().enumerate() {
            step.id = StepId::of(Family::Capture, format_args!("early-{}", index + 1));
            if let Action::Capture(pass) = &mut step.action {
                pass.last = false;
            }
        }
        Ok(steps)
    }

    pub(in crate::strategy) fn target_position(&self) -> Result<Option<Step>> {
        let Some(position) =
            self.playbook.restore.as_ref().and_then(|restore| restore.position.as_ref())
        else {
            return Ok(None);
        };
        let goal = TargetPosition { command: self.command(position)? };
        Ok(Some(Step::new(
            StepId::TARGET_POSITION,
            "ask the upgraded version how far its data has come",
            Action::TargetPosition(goal),
        )))
    }

    /// The same, from the files of the capture.
    pub(in crate::strategy) fn position_from_files(&self) -> Result<Option<Step>> {
        let Some(restore) = self.playbook.restore.as_ref().filter(|it| it.position.is_some())
        else {
            return Ok(None);
        };
        let position = restore.position_from_files.as_ref();
        let position = position.context("the playbook cannot tell a position from the files")?;
        let goal = TargetPosition { command: self.command(position)? };
        let title = "read from the captured files how far the data has come";
        Ok(Some(Step::new(StepId::TARGET_POSITION, title, Action::TargetPosition(goal))))
    }

    /// Notices what is carried whole, and writes it out.
    pub(in crate::strategy) fn write_whole(&self) -> Result<Vec<Step>> {
        let Some(whole) = &self.playbook.whole else { return Ok(Vec::new()) };
        let notice = NoticeWhole { command: self.command(&whole.notice)? };
        let write =
            WriteWhole { items: StepId::WHOLE_NOTICE, command: self.command(&whole.write)? };
        Ok(vec![
            Step::new(
                StepId::WHOLE_NOTICE,
                "find what the capture cannot carry faithfully",
                Action::NoticeWhole(notice),
            ),
            Step::new(StepId::WHOLE_WRITE, "write that out whole", Action::WriteWhole(write)),
        ])
    }

    /// Loads what was written out whole.
    pub(in crate::strategy) fn load_whole(&self) -> Result<Option<Step>> {
        let Some(whole) = &self.playbook.whole else { return Ok(None) };
        let load = LoadWhole {
            items: StepId::WHOLE_NOTICE,
            written: StepId::WHOLE_WRITE,
            command: self.command(&whole.load)?,
            passes_over: false,
        };
        Ok(Some(Step::new(
            StepId::WHOLE_LOAD,
            "bring into the previous version what was written out whole",
            Action::LoadWhole(load),
        )))
    }
}
