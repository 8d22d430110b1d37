//! Lists and backs up what users on hold have, and reads the backups back on the host that they come to.

use anyhow::{Context as _, Result};

use super::{Effect, files, users};
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::host::files::{private_dir, write_atomic};
use crate::journal::Output;
use crate::plan::{CaptureUsers, Step};

impl Effect for CaptureUsers {
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        // One that was cut off is made again.
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.batch_dir(&self.batch);
        files::fresh_dir(&folder)?;
        private_dir(&folder.join("users")).with_context(|| format!("cannot make a folder in {}", folder.display()))?;
        for list in &self.lists {
            let items = users::take(context, list, &self.users)?;
            let text: String = items.values().flatten().flat_map(|line| [line.as_str(), "\n"]).collect();
            let path = users::list_file(&folder, &list.name);
            write_atomic(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        for user in &self.users {
            let path = users::backup_file(&folder, user);
            let mut backup = users::for_user(context, &self.backup, user)?;
            backup.stdout = Some(path.clone());
            context.runner.run(&backup).with_context(|| format!("{user} could not be backed up"))?;
            let mut verify = users::for_user(context, &self.verify, user)?;
            verify.stdin = Some(path);
            context.runner.run(&verify).with_context(|| format!("the backup of {user} cannot be read back"))?;
            crate::host::failpoint::point("capture-users:one");
        }
        Ok(Output::Files { list: files::seal(&folder)? })
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}
