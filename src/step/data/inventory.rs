//! The product's own list of what it holds, one item on each line, sorted for the comparison.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::host::files::{open_own, private_dir, sync_dir};
use crate::journal::Output;
use crate::journal::Side;
use crate::playbook::{CommandTemplate, Pattern};
use crate::step::Effect;
use crate::step::Step;
use crate::step::files::copy;
use crate::step::{Context, Probe};
use serde::{Deserialize, Serialize};

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
}

/// The file of one inventory.
pub(in crate::step) fn path(folder: &Path, name: &str, side: Side) -> PathBuf {
    folder.join(format!("{name}.{}", if side == Side::Upgraded { "expected" } else { "found" }))
}

/// The same name with a suffix.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The items of an inventory's file.
///
/// # Errors
/// When it cannot be read.
pub(in crate::step) fn items(path: &Path) -> Result<Vec<Vec<u8>>> {
    let file = File::open(path).with_context(|| format!("cannot open the inventory {}", path.display()))?;
    BufReader::new(file).split(b'\n').collect::<Result<_, _>>().with_context(|| format!("cannot read the inventory {}", path.display()))
}

impl Effect for TakeInventory {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        // An existing list may describe an older state, so it is always taken again.
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let target = path(&context.inventory_dir(), &self.name, self.side);
        let folder = target.parent().context("an inventory stands in a folder")?;
        private_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let raw = beside(&target, ".raw");
        let mut command = context.fill(&self.command, &[])?;
        command.stdout = Some(raw.clone());
        context.runner.run(&command).with_context(|| format!("the inventory of {} could not be taken", self.name))?;
        let mut list = items(&raw)?;
        list.retain(|line| {
            let line = String::from_utf8_lossy(line);
            !self.ignore.iter().any(|pattern| pattern.is_match(&line))
        });
        list.sort_unstable();
        let work = beside(&target, ".new");
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::new(open_own(OpenOptions::new().write(true).create(true).truncate(true), &work)?);
            crate::host::failpoint::full(&format!("list {}", target.file_name().unwrap_or_default().display()))?;
            for line in &list {
                file.write_all(line)?;
                file.write_all(b"\n")?;
            }
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&work, &target)?;
            fs::remove_file(&raw)?;
            sync_dir(folder)
        };
        write().with_context(|| format!("cannot write {}", target.display()))?;
        let (sha256, _) = copy::sha256(&target)?;
        Ok(Output::Inventory { items: list.len() as u64, sha256 })
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}
