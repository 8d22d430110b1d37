//! The product's own list of what it holds, one item on each line, sorted for the comparison.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::host::files::private_dir;
use crate::journal::{Family, Output, Side, StepId};
use crate::playbook::{CommandTemplate, Extractor, Pattern};
use crate::proof::inventory;
use crate::proof::sort::{self, Sorted};
use crate::step::{Context, Measure, Repeated, Step};

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
    let read = |source: &mut dyn BufRead| {
        inventory::read(&mut Counting { source, items: &context.items }, ignore, folder)
    };
    let (lines, failed) = context.runner.stream(command, read)?;
    // A list that could not be written ends the command, too.
    let lines = lines?;
    failed.map_or(Ok(lines), |error| Err(error.into()))
}

/// Counts the lines that are read.
struct Counting<'a> {
    source: &'a mut dyn BufRead,
    items: &'a AtomicU64,
}

impl Read for Counting<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.source.read(into)
    }
}

impl BufRead for Counting<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What was filled is given again.
        let lines = self
            .source
            .fill_buf()
            .map_or(0, |bytes| bytes.iter().take(amount).filter(|byte| **byte == b'\n').count());
        self.items.fetch_add(lines as u64, Ordering::Relaxed);
        self.source.consume(amount);
    }
}

// An existing list may describe an older state, so it is always taken again.
impl Repeated for TakeInventory {
    fn preview(&self) -> Vec<String> {
        let touched = self.touched.iter();
        let all = touched.map(|it| format!("{it}, or, if what was touched cannot be told:"));
        all.chain([self.command.to_string()]).collect()
    }

    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        // That of the other version is as long, if nothing is lost.
        let other = StepId::of(Family::Inventory, &self.name);
        let total = match context.output(&other) {
            Some(Output::Inventory { items, .. }) if self.side == Side::Previous => Some(*items),
            _ => None,
        };
        Some(Measure::items(&context.items, total))
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
