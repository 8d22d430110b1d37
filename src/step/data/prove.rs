//! The proof: every item came back exactly once, and there is no other.

use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{Family, HaltKind, Output, Proof, Side, StepId};
use crate::playbook::Extractor;
use crate::proof::inventory::{self, Ended};
use crate::step::{Action, Context, Effect, NeedsDecision, Probe, Step};

/// See [`crate::step::Action::Prove`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prove {
    /// Names of the inventories.
    pub inventories: Vec<String>,
}

/// How many differing items are shown. The files have all of them.
const SHOWN: usize = 5;

impl Effect for Prove {
    fn preview(&self) -> Vec<String> {
        Vec::new()
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        Ok(Probe::Absent)
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
            let ends = ends(context, name)?;
            let ended = ends.map(|ends| Ended { ends, by: now() });
            let (result, differing) = inventory::prove(&folder, name, SHOWN, ended)?;
            proof += result;
            shown.extend(differing);
        }
        if !proof.holds() && !context.run()?.differences_accepted {
            let list = format!(
                "{proof}\n{}\nall of them: {}/*.missing and *.unexpected",
                shown.join("\n"),
                folder.display()
            );
            return Err(NeedsDecision::new(HaltKind::Differences, list).into());
        }
        Ok(Output::Proof(proof))
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

/// How the items of a list say when they end by themselves.
fn ends<'a>(context: &'a Context<'_>, name: &str) -> Result<Option<&'a Extractor>> {
    Ok(context.run()?.plan.steps.iter().find_map(|step| match &step.action {
        Action::Inventory(list) if list.name == name => list.ends.as_ref(),
        _ => None,
    }))
}

/// In milliseconds since 1970. The product ends its items by this clock. If it was set back, an
/// item too many is reported, never one too few.
fn now() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis())
}

/// A list that was changed since it was taken proves nothing.
pub(in crate::step) fn unchanged(context: &Context<'_>, step: &StepId, path: &Path) -> Result<()> {
    let Some(Output::Inventory { sha256, .. }) = context.output(step) else {
        bail!("the journal does not say that the inventory {} was taken", path.display());
    };
    inventory::unchanged(path, sha256)
}
