//! What was written out whole takes the place of what the previous version has.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::step::data::whole::{is_a_failure, items};
use crate::step::files::copy;
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::LoadWhole`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadWhole {
    /// The step that noticed the items.
    pub items: StepId,
    /// The step that wrote them out.
    pub written: StepId,
    /// Loads one from its folder.
    pub command: CommandTemplate,
    /// One that could not be written, or cannot be loaded, is left out: a proof follows that finds
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passes_over: bool,
}

// Loaded again, it replaces what an interrupted attempt has loaded.
impl Repeated for LoadWhole {
    fn preview(&self) -> Vec<String> {
        vec![format!("for each item: {}", self.command)]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        copy::read_back(&context.whole_dir(&self.items), context.files(&self.written))
            .context("what was written out whole is not as it was written")?;
        for (item, folder) in items(context, &self.items)? {
            if self.passes_over && !copy::is_there(&folder)? {
                continue;
            }
            let more = [("item", item.name.clone()), ("item_dir", folder.display().to_string())];
            let ended = context.runner.run(&context.fill(&self.command, &more)?);
            match ended {
                Err(error) if self.passes_over && is_a_failure(&error) => {
                    (context.say)(&format!("{} could not be loaded whole: {error}", item.name));
                }
                ended => drop(
                    ended.with_context(|| format!("{} could not be loaded whole", item.name))?,
                ),
            }
            crate::host::failpoint::point("whole:loaded");
        }
        Ok(Output::Nothing)
    }
}
