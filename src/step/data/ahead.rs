//! Both servers' lists, compared while clients still write. Under the refusal, only what was written
//! meanwhile is listed again.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::host::files::private_dir;
use crate::journal::{Output, Side};
use crate::playbook::{CommandTemplate, Pattern};
use crate::proof::ahead::Ahead;
use crate::proof::{inventory, sort};
use crate::step::data::inventory::printed;
use crate::step::standby::run;
use crate::step::{Context, Measure, Repeated, Step};

/// See [`crate::step::Action::CompareAhead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompareAhead {
    /// Of which inventory.
    pub name: String,
    /// Prints a position: what was written before it is on the standby.
    pub mark: CommandTemplate,
    /// Prints what was written since a mark.
    pub since: CommandTemplate,
    /// The lists of the version that serves.
    pub here: Lists,
    /// Those of the standby.
    pub there: Lists,
    /// Regular expressions for lines that are not items.
    pub ignore: Vec<Pattern>,
}

/// How a server is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lists {
    /// Prints the list.
    pub all: CommandTemplate,
    /// Prints the list of what was touched.
    pub touched: CommandTemplate,
}

/// As few items as this are listed under the refusal.
const FEW: u64 = 500;
/// So often, at most, what was written meanwhile is listed while clients write.
const PASSES: usize = 6;

/// Why it cannot be told what is written.
struct NotTold(String);

impl CompareAhead {
    /// A mark.
    fn mark(&self, context: &Context<'_>) -> Result<Result<String, NotTold>> {
        let said = run(context, &self.mark).context("no mark could be made in what is written")?;
        ensure!(!said.is_empty(), "no mark was printed");
        Ok(match said.as_bytes().strip_prefix(inventory::NOT_TOLD) {
            Some(why) => Err(NotTold(String::from_utf8_lossy(why).trim().to_owned())),
            None => Ok(said),
        })
    }

    /// Lists one side: all of it, or what is in the file. Returns the number of items.
    fn list(
        &self,
        context: &Context<'_>,
        folder: &Path,
        side: Side,
        touched: Option<&Path>,
    ) -> Result<u64> {
        let lists = if side == Side::Upgraded { &self.here } else { &self.there };
        let command = match touched {
            None => context.fill(&lists.all, &[])?,
            Some(file) => {
                context.fill(&lists.touched, &[("touched_file", file.display().to_string())])?
            }
        };
        if side == Side::Previous {
            let other = inventory::existing(folder, &self.name, Side::Upgraded);
            sort::room(folder, inventory::room_like(&other))?;
        }
        let what = || format!("the inventory of {} could not be taken", self.name);
        let lines = printed(context, command, &self.ignore, folder).with_context(what)?;
        let (items, _) = inventory::keep(&inventory::path(folder, &self.name, side), lines)?;
        ensure!(
            !context.runner.interrupt.requested(),
            "asked to stop before clients were shut out; both versions go on"
        );
        Ok(items)
    }

    /// Compares everything, and then what was written meanwhile, until that is little.
    fn compare(&self, context: &Context<'_>, folder: &Path) -> Result<Result<Ahead, NotTold>> {
        let sides = [Side::Upgraded, Side::Previous];
        let both = |touched: Option<&Path>| {
            let mut most = 0;
            for side in sides {
                most = self.list(context, folder, side, touched)?.max(most);
            }
            anyhow::Ok(most)
        };
        let mut mark = match self.mark(context)? {
            Ok(mark) => mark,
            Err(why) => return Ok(Err(why)),
        };
        both(None)?;
        let mut ahead = inventory::ahead(folder, &self.name)?;
        let file = inventory::touched(folder, &self.name);
        let mut before = u64::MAX;
        for _ in 0..PASSES {
            // The next pass begins where this one does.
            let next = match self.mark(context)? {
                Ok(next) => next,
                Err(why) => return Ok(Err(why)),
            };
            let since = context.fill(&self.since, &[("ahead_mark", mark)])?;
            let lines = printed(context, since, &[], folder)
                .with_context(|| format!("what was written of the {}", self.name))?;
            if let Err(why) = inventory::keep_touched(&file, lines)? {
                return Ok(Err(NotTold(why)));
            }
            let items = both(Some(&file))?;
            inventory::again(&mut ahead, folder, &self.name)?;
            mark = next;
            // It does not become less where clients write as quickly as it is listed, and where some
            // items are always listed.
            if items <= FEW || items > before / 2 {
                break;
            }
            before = items;
        }
        ahead.mark = mark;
        Ok(Ok(ahead))
    }
}

// A list that is there may be of an older state.
impl Repeated for CompareAhead {
    fn preview(&self) -> Vec<String> {
        let all = [&self.mark, &self.here.all, &self.there.all, &self.since];
        all.into_iter()
            .chain([&self.here.touched, &self.there.touched])
            .map(|it| it.to_string())
            .collect()
    }

    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        Some(Measure::items(&context.items, None))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.inventory_dir();
        private_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        match self.compare(context, &folder)? {
            Ok(ahead) => {
                let sha256 = ahead.keep(&Ahead::file(&folder, &self.name))?;
                Ok(Output::Inventory { items: ahead.items, sha256 })
            }
            Err(NotTold(why)) => {
                (context.say)(&format!(
                    "the {} are compared while clients are shut out: {why}",
                    self.name
                ));
                Ok(Output::Text { text: why })
            }
        }
    }
}
