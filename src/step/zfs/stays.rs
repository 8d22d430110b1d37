//! Datasets of other use below one that is exchanged for a clone. Nothing captures or compares what
//! is in them, so they neither go back nor aside: they keep their name, their place and what is in
//! them now.

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
    /// Whether it has its own name. One that is gone was destroyed by somebody else, and is not
    /// waited for.
    pub(in crate::step) fn is_home(&self, context: &Context<'_>) -> Result<bool> {
        Ok(context.engine.dataset(&self.carried)?.is_none_or(|there| there.guid != self.guid))
    }

    /// Gives it its own name again.
    pub(in crate::step) fn bring_home(&self, context: &Context<'_>) -> Result<()> {
        if !self.is_home(context)? {
            context
                .engine
                .rename(&self.carried, &self.dataset)
                .with_context(|| format!("{} could not be left in its place", self.dataset))?;
            crate::host::failpoint::point("stays:renamed");
        }
        Ok(())
    }
}
