//! Restores the backups of users on the host that they move to. Each restore clears that user
//! first, so that it may be repeated.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{Family, Output, StepId};
use crate::step::files::copy;
use crate::step::users::directory;
use crate::step::{Context, Effect, OnHost, Probe, Step};

/// See [`crate::step::Action::RestoreUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreUsers {
    /// The batch.
    pub batch: String,
    /// Whom.
    pub users: Vec<String>,
    /// Removes what the host has of one.
    pub clear: OnHost,
    /// Brings the backup of one in.
    pub restore: OnHost,
}

impl Effect for RestoreUsers {
    fn preview(&self) -> Vec<String> {
        vec![self.clear.to_string(), self.restore.to_string()]
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.batch_dir(&self.batch);
        // Before anything is removed there.
        copy::read_back(&folder, context.files(&StepId::of(Family::Capture, &self.batch)))?;
        for user in &self.users {
            context.runner.run(&directory::for_user(context, &self.clear, user)?).with_context(
                || {
                    format!(
                        "what {} has of {user} could not be removed: it is the rest of an earlier \
                    move",
                        self.clear.host.name
                    )
                },
            )?;
            crate::host::failpoint::point("restore-users:cleared");
            let mut restore = directory::for_user(context, &self.restore, user)?;
            restore.stdin = Some(directory::backup_file(&folder, user));
            context.runner.run(&restore).with_context(|| {
                format!("{user} could not be restored on {}", self.restore.host.name)
            })?;
            crate::host::failpoint::point("restore-users:one");
        }
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        // The comparison comes next.
        Ok(output)
    }
}
