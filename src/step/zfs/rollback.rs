//! Rollback of all datasets. It sets a mark in the same transaction: nothing else proves that a
//! rollback happened.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{MountedDataset, Output, StepId};
use crate::step::zfs::in_use;
use crate::step::zfs::snapshot::surprise;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{
    Dataset, Guid, PROP_ROLLED_BACK, RollbackMethod, RollbackTarget, Snapshot, ZfsError,
};

/// See [`crate::step::Action::Rollback`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// The step that took the snapshots to roll back to.
    pub to: StepId,
    /// The datasets, in the order of the plan.
    pub mounts: Vec<MountedDataset>,
    /// Newer snapshots that the operator accepted to lose.
    pub consented: Vec<(Snapshot, Guid)>,
    /// Newer bookmarks that the operator accepted to lose.
    pub consented_bookmarks: Vec<String>,
    /// Only needed if the restore must start over: the first time, the data is a fresh clone.
    pub base: bool,
}

impl Effect for Rollback {
    fn preview(&self) -> Vec<String> {
        let gone = self.consented.iter().map(|(snapshot, _)| format!("zfs destroy {snapshot}"));
        let bookmarks =
            self.consented_bookmarks.iter().map(|bookmark| format!("zfs destroy {bookmark}"));
        gone.chain(bookmarks)
            .chain(self.mounts.iter().map(|mount| format!("zfs rollback {}", mount.dataset)))
            .collect()
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        if self.base && context.run()?.rounds == 0 {
            return Ok(Probe::Present(Output::Nothing));
        }
        let mark = context.rollback_mark(&step.id)?;
        let names: Vec<Dataset> = self.mounts.iter().map(|mount| mount.dataset.clone()).collect();
        let marks = context.engine.locals_of(&names, &[PROP_ROLLED_BACK])?;
        if marks.iter().all(|here| here.get(PROP_ROLLED_BACK) == Some(&mark)) {
            return Ok(Probe::Present(Output::Nothing));
        }
        let targets = self.targets(context)?;
        let taken = targets.iter().map(|target| (&target.snapshot, target.guid));
        if let Some(why) = surprise(context, taken)? {
            return Ok(Probe::Foreign(why));
        }
        // Once this step is begun there is no way back, so a rollback that would be refused is not
        // begun.
        match context
            .engine
            .may_roll_back(&targets, &mark, RollbackMethod::permitted())
            .map_err(|error| in_use::named(context, error))
        {
            Ok(()) => Ok(Probe::Absent),
            Err(error) if is_surprise(&error) => {
                Ok(Probe::Foreign(format!("the rollback is not begun: {error}")))
            }
            Err(error) => Err(error).context("the rollback was not begun"),
        }
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        let targets = self.targets(context)?;
        let result = context.engine.rollback(
            &targets,
            &context.rollback_mark(&step.id)?,
            RollbackMethod::permitted(),
        );
        result
            .map_err(|error| in_use::named(context, error))
            .context("the rollback did not happen")?;
        Ok(Output::Nothing)
    }
}

impl Rollback {
    fn targets(&self, context: &Context<'_>) -> Result<Vec<RollbackTarget>> {
        let members: BTreeSet<&Dataset> = self.mounts.iter().map(|mount| &mount.dataset).collect();
        let mut newer: BTreeMap<Dataset, Vec<(Snapshot, Guid)>> = BTreeMap::new();
        for (snapshot, guid) in &self.consented {
            newer.entry(snapshot.dataset()).or_default().push((snapshot.clone(), *guid));
        }
        let mut targets = Vec::new();
        for (snapshot, guid) in context.snapshots(&self.to)? {
            let dataset = snapshot.dataset();
            if members.contains(&dataset) {
                targets.push(RollbackTarget {
                    snapshot: snapshot.clone(),
                    guid: *guid,
                    newer: newer.remove(&dataset).unwrap_or_default(),
                    newer_bookmarks: self
                        .consented_bookmarks
                        .iter()
                        .filter(|bookmark| bookmark.split('#').next() == Some(dataset.as_str()))
                        .cloned()
                        .collect(),
                });
            }
        }
        Ok(targets)
    }
}

/// Whether somebody did something that only a person can judge. Any other cause may be gone at the
/// next attempt.
fn is_surprise(error: &ZfsError) -> bool {
    matches!(
        error,
        ZfsError::NotFound(_)
            | ZfsError::Replaced { .. }
            | ZfsError::Newer { .. }
            | ZfsError::Held { .. }
            | ZfsError::Cloned { .. }
    )
}
