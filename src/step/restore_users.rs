//! Brings the backups of users to the host that they come to. Each begins with nothing there, so that it may be done again.

use anyhow::{Context as _, Result};

use super::{Effect, files, users};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{RestoreUsers, Step};

impl Effect for RestoreUsers {
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.batch_dir(&self.batch);
        // Before anything is taken away there.
        files::read_back(&folder, context.files(&format!("capture:{}", self.batch)))?;
        for user in &self.users {
            context.runner.run(&users::for_user(context, &self.clear, user)?).with_context(|| {
                format!("what {} has of {user} could not be removed: it is the rest of an earlier move", self.clear.host.name)
            })?;
            crate::host::failpoint::point("restore-users:cleared");
            let mut restore = users::for_user(context, &self.restore, user)?;
            restore.stdin = Some(users::backup_file(&folder, user));
            context.runner.run(&restore).with_context(|| format!("{user} could not be restored on {}", self.restore.host.name))?;
            crate::host::failpoint::point("restore-users:one");
        }
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        // The comparison comes next.
        Ok(output)
    }
}
