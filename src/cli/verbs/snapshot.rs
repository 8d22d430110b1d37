//! `backout snapshot`: everything that must be there before an upgrade that is made later.

use crate::cli::verbs::upgrade;
use crate::cli::{Answers, Global, Job};
use crate::report::CliError;

/// Opens a change and takes its snapshot.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    upgrade::forward(global, answers, true)
}
