//! What the capture touched of an inventory, so that only that is compared before the service is
//! opened.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::host::files::private_dir;
use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::proof::ahead::Ahead;
use crate::proof::inventory;
use crate::step::data::inventory::printed;
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::FindTouched`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindTouched {
    /// Of which inventory.
    pub name: String,
    /// The step that captured what was written.
    pub capture: StepId,
    /// Prints it.
    pub command: CommandTemplate,
    /// Prints what was written since both servers were compared, if a step did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<CommandTemplate>,
}

/// A capture that is larger than this, in bytes, and than a quarter of the data, touched so much
/// that a list of everything is as quick.
const MUCH: u64 = 64 << 20;

impl FindTouched {
    /// Why everything is listed without a look at what was touched.
    fn too_much(&self, context: &Context<'_>) -> Result<Option<String>> {
        let captured: u64 = context.files(&self.capture).iter().map(|file| file.size).sum();
        if captured <= MUCH {
            return Ok(None);
        }
        let mut data = 0_u64;
        for mount in &context.state.manifest.datasets {
            let found = context.engine.dataset(&mount.dataset)?;
            data = data.saturating_add(found.map_or(0, |found| found.referenced));
        }
        Ok((captured > data / 4).then(|| "more than a quarter of the data was written".to_owned()))
    }
}

// An existing file may be of an older capture.
impl Repeated for FindTouched {
    fn preview(&self) -> Vec<String> {
        let since = self.since.iter();
        let all = since.map(|it| format!("{it}, or, if both were not compared before:"));
        all.chain([self.command.to_string()]).collect()
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.inventory_dir();
        private_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if let Some(why) = self.too_much(context)? {
            return Ok(self.all(context, why));
        }
        let what = || format!("what the capture touched of the {} could not be told", self.name);
        let command = match self.since(context, &folder)? {
            Some(since) => since,
            None => context.fill_with_capture(&self.command, &self.capture)?,
        };
        let lines = printed(context, command, &[], &folder).with_context(what)?;
        let file = inventory::touched(&folder, &self.name);
        Ok(match inventory::keep_touched(&file, lines)? {
            Ok((items, sha256)) => Output::Inventory { items, sha256 },
            Err(why) => self.all(context, why),
        })
    }
}

impl FindTouched {
    /// What prints what was written since both servers were compared.
    fn since(&self, context: &Context<'_>, folder: &Path) -> Result<Option<Command>> {
        let compared = context.state.ahead(context.run()?, &self.name);
        let (Some(since), Some((_, sha256))) = (&self.since, compared) else { return Ok(None) };
        let file = Ahead::file(folder, &self.name);
        inventory::unchanged(&file, sha256)?;
        let mark = Ahead::read(&file)?.mark;
        Ok(Some(context.fill(since, &[("ahead_mark", mark)])?))
    }

    fn all(&self, context: &Context<'_>, why: String) -> Output {
        (context.say)(&format!("all {} are listed: {why}", self.name));
        Output::Text { text: why }
    }
}
