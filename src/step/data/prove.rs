//! The proof: every item came back exactly once, and there is no other.

use crate::journal::{Family, StepId};
use std::cmp::Ordering;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::host::files::write_atomic;
use crate::journal::{HaltKind, Side};
use crate::journal::{Output, Proof};
use crate::step::Effect;
use crate::step::NeedsDecision;
use crate::step::Step;
use crate::step::data::inventory;
use crate::step::files::copy;
use crate::step::{Context, Probe};
use serde::{Deserialize, Serialize};

/// See [`crate::step::Action::Prove`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prove {
    /// Names of the inventories.
    pub inventories: Vec<String>,
}

/// How many differing items are shown. The files have all of them.
const SHOWN: usize = 5;

/// The differences between two sorted lists. Items that occur twice count twice.
pub(in crate::step) fn compare<'a>(expected: &'a [Vec<u8>], found: &'a [Vec<u8>]) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    let (mut missing, mut unexpected) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (expected.iter().peekable(), found.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return (missing, unexpected),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        match order {
            Ordering::Less => missing.extend(left.next().map(Vec::as_slice)),
            Ordering::Greater => unexpected.extend(right.next().map(Vec::as_slice)),
            Ordering::Equal => {
                left.next();
                right.next();
            }
        }
    }
}

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
            let (expected_at, found_at) = (inventory::path(&folder, name, Side::Upgraded), inventory::path(&folder, name, Side::Previous));
            let whole = unchanged(context, &StepId::of(Family::Inventory, name), &expected_at)
                .and_then(|()| unchanged(context, &StepId::of(Family::InventoryFound, name), &found_at));
            if let Err(error) = whole {
                // The list cannot be taken again. A person must look at the data, and accept it.
                anyhow::ensure!(
                    context.run()?.differences_accepted,
                    NeedsDecision::new(HaltKind::Differences, format!("{error:#}\nNothing can be proved of {name}."))
                );
                (context.say)(&format!("nothing is proved of {name}: {error:#}"));
                continue;
            }
            let (expected, found) = (inventory::items(&expected_at)?, inventory::items(&found_at)?);
            let (missing, unexpected) = compare(&expected, &found);
            proof.expected += expected.len() as u64;
            proof.found += found.len() as u64;
            proof.missing += missing.len() as u64;
            proof.unexpected += unexpected.len() as u64;
            for (list, word) in [(missing, "missing"), (unexpected, "unexpected")] {
                let path = folder.join(format!("{name}.{word}"));
                let mut text = list.join(&b'\n');
                text.extend(if list.is_empty() { "" } else { "\n" }.bytes());
                write_atomic(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
                shown.extend(list.iter().take(SHOWN).map(|item| format!("  {word} in {name}: {}", String::from_utf8_lossy(item))));
            }
        }
        if !proof.holds() && !context.run()?.differences_accepted {
            let list = format!("{proof}\n{}\nall of them: {}/*.missing and *.unexpected", shown.join("\n"), folder.display());
            return Err(NeedsDecision::new(HaltKind::Differences, list).into());
        }
        Ok(Output::Proof(proof))
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

/// A list that was changed since it was taken proves nothing.
pub(in crate::step) fn unchanged(context: &Context<'_>, step: &StepId, path: &Path) -> Result<()> {
    let Some(Output::Inventory { sha256, .. }) = context.output(step) else {
        bail!("the journal does not say that the inventory {} was taken", path.display());
    };
    let (found, _) = copy::sha256(path)?;
    if found != *sha256 {
        bail!("the inventory {} is not as it was written: its SHA-256 is {found}, not {sha256}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn an_item_twice_is_not_an_item_once() {
        let (expected, found) = (lines(&["a", "b", "b", "c"]), lines(&["b", "c", "c", "d"]));
        let (missing, unexpected) = compare(&expected, &found);
        assert_eq!(missing, [b"a", b"b"]);
        assert_eq!(unexpected, [b"c", b"d"]);
    }

    proptest! {
        #[test]
        fn taking_the_differences_away_makes_both_equal(mut expected: Vec<Vec<u8>>, mut found: Vec<Vec<u8>>) {
            expected.sort();
            found.sort();
            let (missing, unexpected) = compare(&expected, &found);
            let without = |list: &[Vec<u8>], gone: &[&[u8]]| {
                let mut list = list.to_vec();
                for item in gone {
                    let at = list.iter().position(|other| other == item).expect("it was there");
                    list.remove(at);
                }
                list
            };
            prop_assert_eq!(without(&expected, &missing), without(&found, &unexpected));
        }
    }
}
