//! On a full pool a rollback works, but the restore after it may not: the previous version writes
//! new blocks. So a small `refreservation` (`zfsprops(7)`) is made while there is room, and
//! released when it is needed.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::zfs::excluded;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, DatasetInfo, PROP_CHANGE, PROP_ROLE, ZfsError};

/// See [`crate::step::Action::Reserve`], [`crate::step::Action::ReleaseReserve`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserve {
    /// At most one for each pool, empty except for its `refreservation`, beside the first dataset
    /// there that can have one.
    pub reserves: Vec<Dataset>,
    /// The datasets that the space is for.
    pub datasets: Vec<Dataset>,
}

/// What [`PROP_ROLE`] says of it.
const ROLE: &str = "reserve";
/// The least and the most bytes reserved in a pool.
const LEAST: u64 = 32 << 20;
const MOST: u64 = 1 << 30;
/// Between these two, this fraction of the data is reserved.
const PART: u64 = 100;

/// Holds it back.
pub(in crate::step) struct Hold<'a>(pub &'a Reserve);
/// Gives it back.
pub(in crate::step) struct Release<'a>(pub &'a Reserve);

/// The dataset, if it is a reserve of this change.
fn ours(context: &Context<'_>, name: &Dataset) -> Result<Option<DatasetInfo>> {
    let Some(info) = context.engine.dataset(name)? else { return Ok(None) };
    let is = |property, value: &str| {
        Ok::<_, ZfsError>(context.engine.local(name, property)?.as_deref() == Some(value))
    };
    Ok((is(PROP_CHANGE, context.change())? && is(PROP_ROLE, ROLE)?).then_some(info))
}

impl Hold<'_> {
    /// Bytes.
    fn size(&self, context: &Context<'_>, reserve: &Dataset) -> Result<u64> {
        let here = self.0.datasets.iter().filter(|dataset| dataset.pool() == reserve.pool());
        let here: Vec<Dataset> = here.cloned().collect();
        let data: u64 = context.engine.datasets(&here)?.iter().map(|info| info.referenced).sum();
        Ok((data / PART).clamp(LEAST, MOST))
    }
}

impl Effect for Hold<'_> {
    fn preview(&self) -> Vec<String> {
        let create = |name: &Dataset| {
            format!("zfs create -o canmount=off -o mountpoint=none -o refreservation=… {name}")
        };
        self.0.reserves.iter().map(create).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for name in &self.0.reserves {
            // A dataset with its name that is not ours stays as it is. Then there is no reserve.
            if context.engine.dataset(name)?.is_none() {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for name in &self.0.reserves {
            if context.engine.dataset(name)?.is_some() {
                continue;
            }
            let size = self.size(context, name)?.to_string();
            let properties = [
                ("canmount", "off"),
                ("mountpoint", "none"),
                ("refreservation", size.as_str()),
                (PROP_CHANGE, context.change()),
                (PROP_ROLE, ROLE),
                excluded::PROPERTIES[0],
                excluded::PROPERTIES[1],
            ];
            match context.engine.create_filesystem(name, &properties) {
                Err(
                    error @ (ZfsError::NoSpace(_)
                    | ZfsError::Permission(_)
                    | ZfsError::KeyNotLoaded(_)),
                ) => {
                    (context.say)(&format!(
                        "no room is held back for a downgrade in place: {error}"
                    ));
                }
                made => made.with_context(|| format!("{name} could not be made"))?,
            }
        }
        Ok(Output::Nothing)
    }

    /// A kept downgrade needs none, and one in place usually works without.
    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl Effect for Release<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.reserves.iter().map(|name| format!("zfs destroy {name}")).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for name in &self.0.reserves {
            if ours(context, name)?.is_some()
                && context
                    .engine
                    .local(name, "refreservation")?
                    .is_some_and(|value| !matches!(value.as_str(), "0" | "none"))
            {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for name in &self.0.reserves {
            let Some(info) = ours(context, name)? else { continue };
            match context.engine.destroy_dataset(name, info.guid) {
                // Snapshots of it by another tool are not ours to destroy.
                Err(error @ ZfsError::Busy { .. }) => {
                    context.engine.set(name, "refreservation", "none")?;
                    (context.say)(&format!("{name} is empty, and stays: {error}"));
                }
                gone => drop(gone.with_context(|| format!("{name} could not be destroyed"))?),
            }
        }
        Ok(Output::Nothing)
    }
}
