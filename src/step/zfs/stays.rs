//! Datasets of other use below one that is exchanged for a clone. Nothing captures or compares what
//! is in them, so they neither go back nor aside: they keep their name, their place and what is in
//! them now.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::step::Context;
use crate::zfs::{Dataset, Guid};

/// A dataset of other use below one that is exchanged. It keeps its name and its content, and what
/// is below it goes with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stays {
    /// Its name.
    pub dataset: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// Its name while the one above it has another one.
    pub carried: Dataset,
}

impl Stays {
    /// Those that have another name than their own. One that is gone was destroyed by somebody else,
    /// and is not waited for.
    fn away<'a>(all: &'a [Self], context: &Context<'_>) -> Result<Vec<&'a Self>> {
        let names: Vec<Dataset> = all.iter().map(|it| it.carried.clone()).collect();
        let found = context.engine.datasets(&names)?;
        let there: BTreeSet<(&Dataset, Guid)> =
            found.iter().map(|info| (&info.name, info.guid)).collect();
        Ok(all.iter().filter(|it| there.contains(&(&it.carried, it.guid))).collect())
    }

    /// Whether each has its own name.
    pub(in crate::step) fn all_home(all: &[Self], context: &Context<'_>) -> Result<bool> {
        Ok(Self::away(all, context)?.is_empty())
    }

    /// Gives each its own name again.
    pub(in crate::step) fn bring_home(all: &[Self], context: &Context<'_>) -> Result<()> {
        let away = Self::away(all, context)?;
        let names: Vec<(Dataset, Dataset)> =
            away.iter().map(|it| (it.carried.clone(), it.dataset.clone())).collect();
        context.engine.rename_all(&names).with_context(|| match names.as_slice() {
            [(_, one)] => format!("{one} could not be left in its place"),
            _ => "the datasets of other use could not be left in their places".to_owned(),
        })?;
        if !names.is_empty() {
            crate::host::failpoint::point("stays:renamed");
        }
        Ok(())
    }
}
