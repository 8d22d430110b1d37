//! How far the upgraded data has come. The restore is complete when the previous version has come
//! as far.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::TargetPosition`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetPosition {
    /// Prints how far the data has come.
    pub command: CommandTemplate,
}

impl Repeated for TargetPosition {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let printed = context
            .command(&self.command)
            .context("the new version did not say how far its data has come")?;
        Ok(Output::Text { text: printed.stdout.trim().to_owned() })
    }
}
