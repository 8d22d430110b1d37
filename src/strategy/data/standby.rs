//! The previous version beside the upgraded one, until a switch or its end.

use anyhow::Result;

use crate::journal::{ChangeManifest, Procedure, StepId};
use crate::playbook::Playbook;
use crate::step::{Plan, Run, Step};
use crate::strategy::parts::Parts;
use crate::zfs::{Dataset, ENDING_STANDBY, Guid, Snapshot};

/// What a standby is made from.
#[derive(Debug, Clone, Copy)]
pub struct StandbyInput<'a> {
    /// How the product is handled.
    pub playbook: &'a Playbook,
    /// The change.
    pub manifest: &'a ChangeManifest,
    /// The site's datasets, without those below them.
    pub roots: &'a [Dataset],
    /// The snapshots before the upgrade.
    pub snapshots: &'a [(Snapshot, Guid)],
}

impl StandbyInput<'_> {
    fn parts(&self) -> Parts<'_> {
        Parts { playbook: self.playbook, manifest: self.manifest }
    }

    /// The clones at the top.
    ///
    /// # Errors
    /// When a name becomes too long.
    pub fn tops(&self) -> Result<Vec<Dataset>> {
        let top = |root: &Dataset| Ok(root.with_suffix(ENDING_STANDBY)?);
        self.roots.iter().map(top).collect()
    }

    /// Makes the standby where it is not there, starts what of it does not run, and waits until it
    /// is caught up, if `wait` is set.
    ///
    /// # Errors
    /// When the playbook has no standby, or its texts cannot be filled in.
    pub fn start(&self, wait: bool) -> Result<Plan> {
        let parts = self.parts();
        let mut steps = parts.make_standby(self.roots, self.snapshots)?;
        let clones = parts.standby_clones(self.roots, self.snapshots)?;
        steps.extend(parts.run_standby(clones, wait.then_some(None))?);
        Ok(Plan { procedure: Procedure::StandbyStart, steps })
    }

    /// All of a switch but the exchange. `full`: everything is listed, not only what was fed.
    /// `stays`: the standby ran before, and goes on.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn rehearse(&self, full: bool, stays: bool, deadline: u64) -> Result<Plan> {
        let parts = self.parts();
        let mut steps = self.start(true)?.steps;
        steps.extend(parts.compare_refused(StepId::ALLOW, deadline, !full)?);
        steps.push(parts.allow()?);
        if !stays {
            steps.extend(self.ended()?);
        }
        Ok(Plan { procedure: Procedure::Rehearse, steps })
    }

    /// From a rehearsal that did not come to an end.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn end_rehearsal(&self, run: &Run) -> Result<Plan> {
        let parts = self.parts();
        let mut steps = Vec::new();
        if run.was_begun(&StepId::REFUSE) {
            steps.push(parts.allow()?);
        }
        if run.plan.position(&StepId::STANDBY_DROP).is_some() {
            steps.extend(self.ended()?);
        } else {
            let clones = parts.standby_clones(self.roots, self.snapshots)?;
            steps.push(parts.resume_standby(clones)?);
        }
        Ok(Plan { procedure: Procedure::Abort, steps })
    }

    /// Ends it, and leaves nothing of it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn stop(&self) -> Result<Plan> {
        Ok(Plan { procedure: Procedure::StandbyStop, steps: self.ended()? })
    }

    /// The steps of that, for the beginning of another procedure.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn ended(&self) -> Result<Vec<Step>> {
        let parts = self.parts();
        parts.end_standby(parts.standby_clones(self.roots, self.snapshots)?)
    }
}
