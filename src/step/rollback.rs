//! `zfs rollback` of all datasets. It leaves a mark in the same transaction: nothing else tells a rollback that was made from one that was not.

use anyhow::{Context as _, Result};

use super::Effect;
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{Rollback, Step};
use crate::zfs::{PROP_ROLLED_BACK, RollbackMethod, RollbackTarget};

impl Effect for Rollback {
    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        if self.base && context.run()?.rounds == 0 {
            return Ok(Probe::Present(Output::Nothing));
        }
        let mark = context.mark(&step.id)?;
        for mount in &self.mounts {
            if context.engine.local(&mount.dataset, PROP_ROLLED_BACK)?.as_deref() != Some(mark.as_str()) {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        let mut targets = Vec::new();
        for (snapshot, guid) in context.snapshots(&self.to)? {
            let dataset = snapshot.dataset();
            if self.mounts.iter().any(|mount| mount.dataset == dataset) {
                targets.push(RollbackTarget {
                    snapshot: snapshot.clone(),
                    guid: *guid,
                    newer: self.consented.iter().filter(|(newer, _)| newer.dataset() == dataset).cloned().collect(),
                    newer_bookmarks: self
                        .consented_bookmarks
                        .iter()
                        .filter(|bookmark| bookmark.split('#').next() == Some(dataset.as_str()))
                        .cloned()
                        .collect(),
                });
            }
        }
        // zfs-program(8): only root may run one.
        let method = if nix::unistd::geteuid().is_root() { RollbackMethod::Program } else { RollbackMethod::OneByOne };
        context.engine.rollback(&targets, &context.mark(&step.id)?, method).context("the rollback did not happen")?;
        Ok(Output::Nothing)
    }
}
