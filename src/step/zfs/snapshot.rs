//! All datasets of a pool are snapshotted in one transaction, marked as ours, and held.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
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

/// Why one of the snapshots is not the expected one, if so.
pub(in crate::step) fn surprise<'a>(
    context: &Context<'_>,
    expected: impl IntoIterator<Item = (&'a Snapshot, Guid)>,
) -> Result<Option<String>> {
    let (names, guids): (Vec<Snapshot>, Vec<Guid>) =
        expected.into_iter().map(|(name, guid)| (name.clone(), guid)).unzip();
    let found = context.engine.snapshot_infos(&names)?;
    let found: BTreeMap<&Snapshot, Guid> =
        found.iter().map(|info| (&info.name, info.guid)).collect();
    let why = |(name, guid): (&Snapshot, &Guid)| match found.get(name) {
        Some(here) if here == guid => None,
        Some(here) => Some(format!(
            "{name} is another snapshot than the one that was taken: its guid is {here}, not {guid}"
        )),
        None => Some(format!("the snapshot {name} is gone")),
    };
    Ok(names.iter().zip(&guids).find_map(why))
}

/// Releases and destroys these snapshots, which exist.
pub(in crate::step) fn drop_all(
    context: &Context<'_>,
    snapshots: &[(Snapshot, Guid)],
) -> Result<()> {
    let names: Vec<Snapshot> = snapshots.iter().map(|(name, _)| name.clone()).collect();
    context.engine.release_all(&names, &context.tag())?;
    context.engine.destroy_snapshots(snapshots)?;
    Ok(())
}

/// Those of these snapshots, which exist, that carry the mark of this change.
pub(in crate::step) fn of_this_change(
    context: &Context<'_>,
    mut snapshots: Vec<(Snapshot, Guid)>,
) -> Result<Vec<(Snapshot, Guid)>> {
    let names: Vec<Snapshot> = snapshots.iter().map(|(name, _)| name.clone()).collect();
    let marks = context.engine.snapshot_locals_of(&names, &[PROP_CHANGE])?;
    let mut marks = marks.iter().map(|here| here.get(PROP_CHANGE).map(String::as_str));
    snapshots.retain(|_| marks.next().flatten() == Some(context.change()));
    Ok(snapshots)
}

/// The snapshots before the upgrade define what was written since, so they must be unchanged.
pub(in crate::step) fn unchanged(context: &Context<'_>) -> Result<()> {
    if !context.state.manifest.data_strategy.is_zfs() {
        return Ok(());
    }
    let taken = context.snapshots(&StepId::SNAPSHOT)?.iter().map(|(name, guid)| (name, *guid));
    match surprise(context, taken)? {
        Some(why) => Err(NeedsDecision::new(HaltKind::Foreign, why).into()),
        None => Ok(()),
    }
}

impl TakeSnapshot {
    fn names(&self) -> Result<Vec<Snapshot>> {
        self.datasets.iter().map(|dataset| Ok(dataset.at(&self.name)?)).collect()
    }

    /// Those that exist.
    fn found(&self, context: &Context<'_>) -> Result<Vec<(Snapshot, Guid)>> {
        let found = context.engine.snapshot_infos(&self.names()?)?;
        Ok(found.into_iter().map(|info| (info.name, info.guid)).collect())
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

    fn durable(&self) -> bool {
        true
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut list = self.found(context)?;
        let ours = of_this_change(context, list.clone())?;
        if let Some((name, _)) =
            list.iter().find(|one| ours.len() < list.len() && !ours.contains(one))
        {
            return Ok(Probe::Foreign(format!(
                "the snapshot {name} exists already, and is not of this change"
            )));
        }
        let found = list.len();
        if self.hold {
            let names: Vec<Snapshot> = list.iter().map(|(name, _)| name.clone()).collect();
            let mut tags = context.engine.holds_of(&names)?.into_iter();
            list.retain(|_| tags.next().is_some_and(|tags| tags.contains(&context.tag())));
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
        let names = self.names()?;
        let here = context.engine.snapshot_infos(&names)?;
        let here: BTreeSet<&Snapshot> = here.iter().map(|info| &info.name).collect();
        let missing: Vec<Snapshot> =
            names.iter().filter(|name| !here.contains(name)).cloned().collect();
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
            context
                .engine
                .hold_all(&names, &context.tag())
                .context("the snapshot could not be held")?;
        }
        Ok(Output::Nothing)
    }

    /// Their marks and holds were looked at when they were made, and clients may wait.
    fn confirm(&self, step: &Step, context: &Context<'_>, _output: Output) -> Result<Output> {
        let list = self.found(context)?;
        ensure!(list.len() == self.datasets.len(), "{}: not all snapshots are there", step.id);
        Ok(Output::Snapshots { list })
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        drop_all(context, &of_this_change(context, self.found(context)?)?)
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
