//! `backout snapshot`: everything that must be there before an upgrade that is made later.

use super::{Answers, Exit, Global, Trouble, upgrade};

/// Opens a change and takes its snapshot.
pub fn run(global: &Global, answers: &Answers) -> Result<Exit, Trouble> {
    upgrade::forward(global, answers, true)
}
