//! The proof: every item came back exactly once, and there is no other.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::files::write_atomic;
use crate::journal::{Family, HaltKind, Output, Proof, Side, StepId, WholeItem};
use crate::playbook::{CommandTemplate, Extractor};
use crate::proof::ahead::Ahead;
use crate::proof::inventory::{self, Ended};
use crate::step::data::whole::parse_differing;
use crate::step::{Action, Context, NeedsDecision, Repeated, Step};

/// See [`crate::step::Action::Prove`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prove {
    /// Names of the inventories.
    pub inventories: Vec<String>,
    /// What differs can be carried whole, or could be if the upgraded data were there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairFrom>,
    /// What the playbook does not promise: what is in no list, or does not come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
}

/// What a repair of what differs is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum RepairFrom {
    /// The upgraded data is kept, with the programs that read it.
    Kept {
        /// Prints the items that hold what differs.
        differing: Box<CommandTemplate>,
    },
    /// The upgraded data, or its programs, are not there.
    Nothing,
}

/// Among the lists: the items that hold what differs, as the command printed them.
const DIFFERING: &str = "differing";
/// An item is written and read at least at this rate, in bytes a second.
const RATE: u64 = 10 << 20;

/// The items that hold what differed at the last proof.
pub(super) fn differing(context: &Context<'_>) -> Result<Vec<WholeItem>> {
    let path = context.inventory_dir().join(DIFFERING);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(parse_differing(&text)?.0)
}

/// Whether something can be repaired; and what, for a person.
fn repairable(context: &Context<'_>, differing: &CommandTemplate) -> Result<(bool, String)> {
    let folder = context.inventory_dir();
    let more = [("differing_dir", folder.display().to_string())];
    let printed = context.runner.run(&context.fill(differing, &more)?)?;
    let (list, not_carried) = parse_differing(&printed.stdout)?;
    write_atomic(&folder.join(DIFFERING), printed.stdout.as_bytes())?;
    let all = folder.join(DIFFERING).display().to_string();
    let few = |text: &mut String, lines: &[String]| {
        for line in lines.iter().take(SHOWN) {
            *text += &format!("\n  {line}");
        }
        if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            *text += &format!("\n  and {more} more: {all}");
        }
    };
    let mut text = "Nothing of it can be carried whole.".to_owned();
    if !list.is_empty() {
        let bytes = list.iter().map(|item| item.size).sum::<u64>();
        // Written out and loaded, and three starts of a server.
        let minutes = 2 + 2 * bytes / (RATE * 60);
        text = format!(
            "It stands in {} of {}, which `backout resume --repair` carries whole from the \
             upgraded data; that may take {minutes} minutes, and the comparison again:",
            counted(list.len()),
            humansize::format_size(bytes, humansize::BINARY),
        );
        let items: Vec<String> = list.iter().map(ToString::to_string).collect();
        few(&mut text, &items);
        if !not_carried.is_empty() {
            text += "\nNot carried, and will still differ:";
        }
    }
    few(&mut text, &not_carried);
    Ok((!list.is_empty(), text))
}

fn counted(items: usize) -> String {
    if items == 1 { "one item".to_owned() } else { format!("{items} items") }
}

/// How many differing items are shown. The files have all of them.
const SHOWN: usize = 5;

impl Repeated for Prove {
    fn preview(&self) -> Vec<String> {
        Vec::new()
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.inventory_dir();
        let mut proof = Proof::default();
        let mut shown = Vec::new();
        for name in &self.inventories {
            let (expected_at, found_at) = (
                inventory::existing(&folder, name, Side::Upgraded),
                inventory::existing(&folder, name, Side::Previous),
            );
            let whole = unchanged(context, &StepId::of(Family::Inventory, name), &expected_at)
                .and_then(|()| {
                    unchanged(context, &StepId::of(Family::InventoryFound, name), &found_at)
                });
            if let Err(error) = whole {
                // The list cannot be taken again. A person must look at the data, and accept it.
                anyhow::ensure!(
                    context.run()?.differences_accepted,
                    NeedsDecision::new(
                        HaltKind::Differences,
                        format!("{error:#}\nNothing can be proved of {name}.")
                    )
                );
                (context.say)(&format!("nothing is proved of {name}: {error:#}"));
                continue;
            }
            let ended = ends(context, name)?.map(Ended::by_now);
            let ahead = ahead(context, &folder, name)?;
            let (result, differing) = inventory::prove(&folder, name, SHOWN, ended, ahead)?;
            proof += result;
            shown.extend(differing);
        }
        if !proof.holds() && !context.run()?.differences_accepted {
            let mut list = format!(
                "{proof}\n{}\nall of them: {}/*.missing and *.unexpected",
                shown.join("\n"),
                folder.display()
            );
            let mut kind = HaltKind::Differences;
            match &self.repair {
                Some(RepairFrom::Kept { differing }) => match repairable(context, differing) {
                    Ok((some, text)) => {
                        if some {
                            kind = HaltKind::Repairable;
                        }
                        list = format!("{list}\n{text}");
                    }
                    Err(error) => {
                        list = format!(
                            "{list}\nWhat of it can be carried whole could not be found out: \
                             {error:#}"
                        );
                    }
                },
                Some(RepairFrom::Nothing) => {
                    list += "\nThere is nothing left to repair it from: \
                             no upgraded data is kept with the programs that read it.";
                }
                None => {}
            }
            return Err(NeedsDecision::new(kind, list).into());
        }
        Ok(Output::Proof(proof))
    }
}

/// What differed when both were compared before, if the lists are of what was written since.
fn ahead(context: &Context<'_>, folder: &Path, name: &str) -> Result<Option<Ahead>> {
    let touched = context.output(&StepId::of(Family::Touched, name));
    let compared = context.state.ahead(context.run()?, name);
    let (Some(Output::Inventory { .. }), Some((_, sha256))) = (touched, compared) else {
        return Ok(None);
    };
    let file = Ahead::file(folder, name);
    inventory::unchanged(&file, sha256)?;
    Ahead::read(&file).map(Some)
}

/// How the items of a list say when they end by themselves.
fn ends<'a>(context: &'a Context<'_>, name: &str) -> Result<Option<&'a Extractor>> {
    Ok(context.run()?.plan.steps.iter().find_map(|step| match &step.action {
        Action::Inventory(list) if list.name == name => list.ends.as_ref(),
        _ => None,
    }))
}

/// A list that was changed since it was taken proves nothing.
pub(in crate::step) fn unchanged(context: &Context<'_>, step: &StepId, path: &Path) -> Result<()> {
    let Some(Output::Inventory { sha256, .. }) = context.output(step) else {
        bail!("the journal does not say that the inventory {} was taken", path.display());
    };
    inventory::unchanged(path, sha256)
}
