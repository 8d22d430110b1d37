//! Lists and backs up what users on hold have, and verifies the backups on the host that they move
//! to.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::files::private_dir;
use crate::journal::Output;
use crate::step::files::copy;
use crate::step::users::directory;
use crate::step::{Context, OnHost, Repeated, Step, UserList};

/// See [`crate::step::Action::CaptureUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureUsers {
    /// The batch: the name of its folder.
    pub batch: String,
    /// Whom.
    pub users: Vec<String>,
    /// Lists what they have.
    pub lists: Vec<UserList>,
    /// Prints the backup of one.
    pub backup: OnHost,
    /// Reads it.
    pub verify: OnHost,
}

// An interrupted backup is repeated.
impl Repeated for CaptureUsers {
    fn preview(&self) -> Vec<String> {
        let lists = self.lists.iter().map(|list| list.command.to_string());
        lists.chain([self.backup.to_string(), self.verify.to_string()]).collect()
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.batch_dir(&self.batch);
        copy::fresh_dir(&folder)?;
        private_dir(&folder.join("users"))
            .with_context(|| format!("cannot make a folder in {}", folder.display()))?;
        for list in &self.lists {
            let path = directory::list_file(&folder, &list.name);
            directory::take(context, list, &self.users, &path)?;
        }
        for user in &self.users {
            let path = directory::backup_file(&folder, user);
            let mut backup = directory::for_user(context, &self.backup, user)?;
            backup.stdout = Some(path.clone());
            context
                .runner
                .run(&backup)
                .with_context(|| format!("{user} could not be backed up"))?;
            let mut verify = directory::for_user(context, &self.verify, user)?;
            verify.stdin = Some(path);
            context
                .runner
                .run(&verify)
                .with_context(|| format!("the backup of {user} cannot be read back"))?;
            crate::host::failpoint::point("capture-users:one");
        }
        Ok(Output::Files { list: copy::seal(&folder)? })
    }
}
