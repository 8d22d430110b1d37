//! All datasets of a pool are snapshotted in one transaction, marked as ours, and held.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{HaltKind, Output, StepId};
use crate::step::recovery_metadata::RecoveryMetadata;
use crate::step::{Context, Effect, NeedsDecision, Probe, Step};
use crate::zfs::{Dataset, Guid, PROP_CHANGE, Snapshot};

/// The name of the snapshot step that a change goes back to.
pub const BEFORE_UPGRADE: &str = "before-upgrade";

/// See [`crate::step::Action::Snapshot`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeSnapshot {
    /// All datasets, children included.
    pub datasets: Vec<Dataset>,
    /// The part after the `@`.
    pub name: String,
    /// The step this is, for the breadcrumb on the pool: [`BEFORE_UPGRADE`], `after-upgrade`,
    /// `base`.
    #[serde(rename = "crumb")]
    pub label: String,
    /// Whether a hold is put on them.
    pub hold: bool,
}

/// Records which step of a change took a snapshot.
const PROP_STEP: &str = "backout:step";

/// Why a snapshot is not the expected one, if so.
pub(in crate::step) fn surprise(
    context: &Context<'_>,
    name: &Snapshot,
    guid: Guid,
) -> Result<Option<String>> {
    Ok(match context.engine.snapshot_info(name)? {
        Some(info) if info.guid == guid => None,
        Some(info) => Some(format!(
            "{name} is another snapshot than the one that was taken: its guid is {}, not {guid}",
            info.guid
        )),
        None => Some(format!("the snapshot {name} is gone")),
    })
}

/// The snapshots before the upgrade define what was written since, so they must be unchanged.
pub(in crate::step) fn unchanged(context: &Context<'_>) -> Result<()> {
    if !context.state.manifest.data_strategy.is_zfs() {
        return Ok(());
    }
    for (name, guid) in context.snapshots(&StepId::SNAPSHOT)? {
        if let Some(why) = surprise(context, name, *guid)? {
            return Err(NeedsDecision::new(HaltKind::Foreign, why).into());
        }
    }
    Ok(())
}

impl TakeSnapshot {
    fn names(&self) -> Result<Vec<Snapshot>> {
        self.datasets.iter().map(|dataset| Ok(dataset.at(&self.name)?)).collect()
    }
}

impl Effect for TakeSnapshot {
    fn preview(&self) -> Vec<String> {
        let mut pools: Vec<_> = self.datasets.iter().map(Dataset::pool).collect();
        pools.sort();
        pools.dedup();
        pools
            .iter()
            .flat_map(|pool| {
                of_pool(&self.name, self.datasets.iter().filter(|dataset| dataset.pool() == *pool))
            })
            .collect()
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let (mut list, mut found) = (Vec::new(), 0);
        for name in self.names()? {
            let Some(info) = context.engine.snapshot_info(&name)? else { continue };
            if context.engine.snapshot_local(&name, PROP_CHANGE)?.as_deref()
                != Some(context.change())
            {
                return Ok(Probe::Foreign(format!(
                    "the snapshot {name} exists already, and is not of this change"
                )));
            }
            found += 1;
            let held = !self.hold || context.engine.holds(&name)?.contains(&context.tag());
            if held {
                list.push((name, info.guid));
            }
        }
        Ok(match found {
            0 => Probe::Absent,
            _ if !context.begun(&step.id) => Probe::Partial(format!(
                "snapshots @{} of an earlier procedure are there",
                self.name
            )),
            // With several pools, one may have its snapshots already. They would not be from the
            // same moment.
            _ if found < self.datasets.len() => {
                Probe::Partial(format!("only some of the snapshots @{} are there", self.name))
            }
            _ if list.len() < found => Probe::Absent,
            _ => Probe::Present(Output::Snapshots { list }),
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let mut missing = Vec::new();
        for name in self.names()? {
            if context.engine.snapshot_info(&name)?.is_none() {
                missing.push(name);
            }
        }
        if !missing.is_empty() {
            let mut properties =
                vec![(PROP_CHANGE, context.change().to_owned()), (PROP_STEP, self.label.clone())];
            if self.label == BEFORE_UPGRADE {
                let metadata = RecoveryMetadata {
                    manifest: context.state.manifest.clone(),
                    installer: context.files(&StepId::SAVE_INSTALLER).to_vec(),
                };
                match metadata.properties()? {
                    Some(more) => properties.extend(more),
                    None => (context.say)(
                        "the change is too long for the snapshot's properties: without the state \
                            folder it cannot be adopted",
                    ),
                }
            }
            let properties: Vec<(&str, &str)> =
                properties.iter().map(|(name, value)| (*name, value.as_str())).collect();
            context
                .engine
                .snapshot(&missing, &properties)
                .context("the snapshot could not be taken")?;
        }
        crate::host::failpoint::point(&format!("snapshot-{}:unheld", self.label));
        if self.hold {
            for name in self.names()? {
                context
                    .engine
                    .hold(&name, &context.tag())
                    .with_context(|| format!("{name} could not be held"))?;
            }
        }
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        for name in self.names()? {
            if let Some(info) = context.engine.snapshot_info(&name)?
                && context.engine.snapshot_local(&name, PROP_CHANGE)?.as_deref()
                    == Some(context.change())
            {
                context.engine.release(&name, &context.tag())?;
                context.engine.destroy_snapshot(&name, info.guid)?;
            }
        }
        Ok(())
    }
}

/// One command for all of a pool; where it is long, a line each, as a shell takes it.
fn of_pool<'a>(name: &str, datasets: impl Iterator<Item = &'a Dataset>) -> Vec<String> {
    let names: Vec<String> = datasets.map(|dataset| format!("{dataset}@{name}")).collect();
    let whole = format!("zfs snapshot {}", names.join(" "));
    if whole.len() <= 100 {
        return vec![whole];
    }
    let last = names.len().saturating_sub(1);
    let lines = names
        .iter()
        .enumerate()
        .map(|(i, name)| format!("    {name}{}", if i == last { "" } else { " \\" }));
    std::iter::once("zfs snapshot \\".to_owned()).chain(lines).collect()
}
