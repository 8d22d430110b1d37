//! One version beside the other, until a switch or its end: the previous one beside the upgraded
//! one, and after a downgrade the other way round.

use anyhow::Result;

use crate::journal::{Output, Phase, Procedure, Side, StepId};
use crate::playbook::Playbook;
use crate::step::{Plan, Run, State, Step};
use crate::strategy::input::SwitchInput;
use crate::strategy::parts::{Parts, StandsBy};
use crate::zfs::{Dataset, ENDING_STANDBY, Guid, Snapshot};

/// What a standby is made from.
#[derive(Debug, Clone, Copy)]
pub struct StandbyInput<'a> {
    /// How the product is handled.
    pub playbook: &'a Playbook,
    /// The change.
    pub state: &'a State,
    /// The site's datasets, without those below them.
    pub roots: &'a [Dataset],
}

impl StandbyInput<'_> {
    fn stands_by(&self) -> Result<StandsBy<'_>> {
        let parts = Parts { playbook: self.playbook, manifest: &self.state.manifest };
        parts.stands_by(self.state.standby_side())
    }

    /// The snapshots that it goes on from, as they were called when they were taken: those before
    /// the upgrade, or of the upgraded state that was kept.
    fn snapshots(&self) -> &[(Snapshot, Guid)] {
        let taken = match self.state.standby_side() {
            Side::Previous => StepId::SNAPSHOT,
            Side::Upgraded => StepId::SNAPSHOT_UPGRADED,
        };
        match self.state.outputs.get(&taken) {
            Some(Output::Snapshots { list }) => list,
            _ => &[],
        }
    }

    /// Where they are now.
    ///
    /// # Errors
    /// When the playbook has no standby of this version.
    pub fn origins(&self) -> Result<Vec<(Snapshot, Guid)>> {
        let clones = self.stands_by()?.standby_clones(self.roots, self.snapshots())?.clones;
        Ok(clones.into_iter().map(|one| (one.snapshot, one.guid)).collect())
    }

    /// Whether it can take over from a server that is dead.
    ///
    /// # Errors
    /// As [`Self::origins`].
    pub fn reads_logs(&self) -> Result<bool> {
        Ok(self.stands_by()?.reads_logs())
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
        let parts = self.stands_by()?;
        let mut steps = parts.make_standby(self.roots, self.snapshots())?;
        let clones = parts.standby_clones(self.roots, self.snapshots())?;
        steps.extend(parts.run_standby(clones, wait.then_some(None))?);
        Ok(Plan { procedure: Procedure::StandbyStart, steps })
    }

    /// All of a switch but the exchange. `full`: everything is listed, not only what was fed.
    /// `stays`: the standby ran before, and goes on.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn rehearse(&self, full: bool, stays: bool, deadline: u64) -> Result<Plan> {
        let parts = self.stands_by()?;
        let mut steps = self.start(true)?.steps;
        let compares = SwitchInput::usual().compares(!full);
        steps.extend(parts.compare_refused(StepId::ALLOW, deadline, compares)?);
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
        let parts = self.stands_by()?;
        let mut steps = Vec::new();
        if run.was_begun(&StepId::REFUSE) {
            steps.push(parts.allow()?);
        }
        if run.plan.position(&StepId::STANDBY_DROP).is_some() {
            steps.extend(self.ended()?);
        } else {
            let clones = parts.standby_clones(self.roots, self.snapshots())?;
            steps.push(parts.resume_standby(clones)?);
        }
        Ok(Plan { procedure: Procedure::Abort, steps })
    }

    /// Before a commit: the standby is ended, and what the upgrade made for one goes.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn before_commit(&self) -> Result<Vec<Step>> {
        let mut steps = if self.state.has_standby() { self.ended()? } else { Vec::new() };
        if self.state.phase == Phase::Upgraded && self.playbook.standby.is_some() {
            steps.extend(self.stands_by()?.forget()?);
        }
        Ok(steps)
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
        let parts = self.stands_by()?;
        parts.end_standby(parts.standby_clones(self.roots, self.snapshots())?)
    }
}
