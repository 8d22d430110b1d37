//! The proof for each user: every item came over exactly once, and there is no other.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::files::beside;
use crate::journal::{Family, HaltKind, Output, Proof, StepId};
use crate::proof::compare::Difference;
use crate::proof::users;
use crate::step::files::copy;
use crate::step::users::directory;
use crate::step::{Context, NeedsDecision, Repeated, Step, UserList};

/// See [`crate::step::Action::ProveUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProveUsers {
    /// The batch.
    pub batch: String,
    /// Whom.
    pub users: Vec<String>,
    /// Lists what they have now.
    pub lists: Vec<UserList>,
}

/// How many differing items are shown.
const SHOWN: usize = 20;

impl Repeated for ProveUsers {
    fn preview(&self) -> Vec<String> {
        self.lists.iter().map(|list| list.command.to_string()).collect()
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.batch_dir(&self.batch);
        let captured = context.files(&StepId::of(Family::Capture, &self.batch));
        if captured.is_empty() {
            bail!("the journal does not say what users had: nothing can be compared");
        }
        copy::read_back(&folder, captured)?;
        let mut proofs: Vec<(String, Proof)> =
            self.users.iter().map(|user| (user.clone(), Proof::default())).collect();
        let (mut shown, mut differing) = (Vec::new(), 0);
        for list in &self.lists {
            let expected = directory::list_file(&folder, &list.name);
            users::renew(&expected, &list.user, &self.users, &folder)?;
            let found = beside(&expected, ".found");
            directory::take(context, list, &self.users, &found)?;
            let compared = users::prove(&expected, &found, &list.user, &self.users, SHOWN)?;
            for (user, proof) in &mut proofs {
                *proof += compared.proofs.get(user).copied().unwrap_or_default();
            }
            differing += compared.differing;
            let line = |(user, what, item): (String, Difference, String)| {
                format!("  {user}, {} in {}: {item}", what.word(), list.name)
            };
            shown.extend(compared.shown.into_iter().map(line));
        }
        if differing > 0 && !context.run()?.differences_accepted {
            shown.truncate(SHOWN);
            let more = differing - shown.len() as u64;
            if more > 0 {
                shown.push(format!("  and {more} more"));
            }
            return Err(NeedsDecision::new(
                HaltKind::Differences,
                format!("what users have differs between the hosts:\n{}", shown.join("\n")),
            )
            .into());
        }
        for (user, proof) in &proofs {
            (context.say)(&format!("{user}: {proof}"));
        }
        Ok(Output::Users { list: proofs })
    }
}
