//! The upgraded version writes out whole what the capture cannot carry.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::step::data::whole::items;
use crate::step::files::copy;
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::WriteWhole`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteWhole {
    /// The step that noticed the items.
    pub items: StepId,
    /// Writes one into its folder.
    pub command: CommandTemplate,
}

// What an interrupted attempt wrote may be half of it.
impl Repeated for WriteWhole {
    fn preview(&self) -> Vec<String> {
        vec![format!("for each item: {}", self.command)]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for (item, folder) in items(context, &self.items)? {
            copy::fresh_dir(&folder)?;
            let more = [("item", item.name.clone()), ("item_dir", folder.display().to_string())];
            context
                .runner
                .run(&context.fill(&self.command, &more)?)
                .with_context(|| format!("{} could not be written out", item.name))?;
            crate::host::failpoint::point("whole:written");
        }
        Ok(Output::Files { list: copy::seal(&context.whole_dir(&self.items))? })
    }
}
