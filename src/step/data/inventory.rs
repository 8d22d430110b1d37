//! The product's own list of what it holds, one item on each line, sorted for the comparison.

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::host::files::private_dir;
use crate::journal::{Family, Output, Side, StepId};
use crate::playbook::{CommandTemplate, Extractor, Pattern};
use crate::proof::inventory;
use crate::proof::sort::{self, Sorted};
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::Inventory`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeInventory {
    /// What is listed.
    pub name: String,
    /// Of which version.
    pub side: Side,
    /// Prints the list.
    pub command: CommandTemplate,
    /// Regular expressions for lines that are not items.
    pub ignore: Vec<Pattern>,
    /// Finds when an item ends by itself, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Extractor>,
    /// Prints the list of what the capture touched, if a step found that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<CommandTemplate>,
}

impl TakeInventory {
    /// What prints the list.
    fn command(&self, context: &Context<'_>, folder: &Path) -> Result<Command> {
        let found = context.output(&StepId::of(Family::Touched, &self.name));
        let (Some(command), Some(Output::Inventory { sha256, .. })) = (&self.touched, found) else {
            return context.fill(&self.command, &[]);
        };
        let file = inventory::touched(folder, &self.name);
        inventory::unchanged(&file, sha256)?;
        context.fill(command, &[("touched_file", file.display().to_string())])
    }
}

/// What a command prints, sorted. Lines that match one of `ignore` are left out. `folder`: where
/// the list will be.
///
/// # Errors
/// When the command fails, or there is no room for what it prints.
pub fn printed(
    context: &Context<'_>,
    command: Command,
    ignore: &[Pattern],
    folder: &Path,
) -> Result<Sorted> {
    let read = |source: &mut dyn BufRead| inventory::read(source, ignore, folder);
    let (lines, failed) = context.runner.stream(command, read)?;
    // A list that could not be written ends the command, too.
    let lines = lines?;
    failed.map_or(Ok(lines), |error| Err(error.into()))
}

// An existing list may describe an older state, so it is always taken again.
impl Repeated for TakeInventory {
    fn preview(&self) -> Vec<String> {
        let touched = self.touched.iter();
        let all = touched.map(|it| format!("{it}, or, if what was touched cannot be told:"));
        all.chain([self.command.to_string()]).collect()
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.inventory_dir();
        let list = inventory::path(&folder, &self.name, self.side);
        private_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if self.side == Side::Previous {
            let expected = inventory::existing(&folder, &self.name, Side::Upgraded);
            sort::room(&folder, inventory::room_like(&expected))?;
        }
        let command = self.command(context, &folder)?;
        let what = || format!("the inventory of {} could not be taken", self.name);
        let lines = printed(context, command, &self.ignore, &folder).with_context(what)?;
        let (items, sha256) = inventory::keep(&list, lines)?;
        Ok(Output::Inventory { items, sha256 })
    }
}
