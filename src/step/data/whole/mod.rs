//! Items that the capture cannot carry faithfully: noticed, written out whole by the upgraded
//! version, loaded into the previous one after the restore.

mod load;
mod notice;
mod write;

use std::path::PathBuf;

pub use load::LoadWhole;
pub use notice::NoticeWhole;
pub(super) use notice::parse_differing;
pub use write::WriteWhole;

use anyhow::{Result, bail};

use crate::host::exec::ExecError;
use crate::journal::{Output, StepId, WholeItem};
use crate::step::Context;

/// The items that a step noticed, each with its folder.
pub(super) fn items(context: &Context<'_>, step: &StepId) -> Result<Vec<(WholeItem, PathBuf)>> {
    match context.output(step) {
        Some(Output::Whole { list }) => {
            let folder = context.whole_dir(step);
            let items = list.iter().enumerate();
            Ok(items.map(|(i, it)| (it.clone(), folder.join(i.to_string()))).collect())
        }
        _ => bail!("the journal does not say what step `{step}` noticed"),
    }
}

/// Whether a command itself failed. What it could not carry still differs at the next proof.
pub(super) fn is_a_failure(error: &ExecError) -> bool {
    matches!(error, ExecError::Failed { .. })
}
