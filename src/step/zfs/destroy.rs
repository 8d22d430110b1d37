//! Accepting a change destroys what is left of the other way. Everything is named with its
//! identity: another object that got the name since is not touched.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, DatasetInfo, Guid, PROP_CHANGE, PROP_ROLE, PROP_ROLLED_BACK, Snapshot};

/// See [`crate::step::Action::Promote`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promote {
    /// Parents before children.
    pub datasets: Vec<Dataset>,
}

/// See [`crate::step::Action::Destroy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destroy {
    /// Children before parents, each with its identity.
    pub datasets: Vec<(Dataset, Guid)>,
    /// Their snapshots, each with its identity; newest first.
    pub snapshots: Vec<(Snapshot, Guid)>,
}

/// See [`crate::step::Action::DropSnapshots`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropSnapshots {
    /// Each with its identity.
    pub snapshots: Vec<(Snapshot, Guid)>,
    /// Snapshots of a step that may have been interrupted before their identities were recorded:
    /// destroyed if they carry this change's mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marked: Vec<Snapshot>,
}

impl Effect for Promote {
    fn preview(&self) -> Vec<String> {
        self.datasets.iter().map(|dataset| format!("zfs promote {dataset}")).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for dataset in &self.datasets {
            let info = context
                .engine
                .dataset(dataset)?
                .with_context(|| format!("the dataset {dataset} is gone"))?;
            let marked = |property| {
                Ok::<_, anyhow::Error>(context.engine.local(dataset, property)?.is_some())
            };
            if is_ours(&info, context) || marked(PROP_ROLE)? || marked(PROP_CHANGE)? {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for dataset in &self.datasets {
            // A second promotion would take over the snapshots of the upgraded dataset's own
            // origin.
            if context.engine.dataset(dataset)?.is_some_and(|info| is_ours(&info, context)) {
                context.engine.promote(dataset)?;
            }
            context.engine.inherit(dataset, PROP_ROLE)?;
            context.engine.inherit(dataset, PROP_CHANGE)?;
        }
        Ok(Output::Nothing)
    }
}

impl Effect for Destroy {
    fn preview(&self) -> Vec<String> {
        let snapshots =
            self.snapshots.iter().map(|(snapshot, _)| format!("zfs destroy {snapshot}"));
        snapshots
            .chain(self.datasets.iter().map(|(dataset, _)| format!("zfs destroy {dataset}")))
            .collect()
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for (dataset, guid) in &self.datasets {
            if context.engine.dataset(dataset)?.is_some_and(|info| info.guid == *guid) {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        drop_all(context, &self.snapshots)?;
        for (dataset, guid) in &self.datasets {
            context.engine.destroy_dataset(dataset, *guid)?;
        }
        Ok(Output::Nothing)
    }
}

impl Effect for DropSnapshots {
    fn preview(&self) -> Vec<String> {
        self.snapshots
            .iter()
            .map(|(snapshot, _)| format!("zfs release …; zfs destroy {snapshot}"))
            .collect()
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for (snapshot, guid) in &self.snapshots {
            if context.engine.snapshot_info(snapshot)?.is_some_and(|info| info.guid == *guid) {
                return Ok(Probe::Absent);
            }
        }
        let left = !self.found(context)?.is_empty() || !self.rolled_back(context)?.is_empty();
        Ok(if left { Probe::Absent } else { Probe::Present(Output::Nothing) })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        drop_all(context, &self.snapshots)?;
        drop_all(context, &self.found(context)?)?;
        for dataset in self.rolled_back(context)? {
            context.engine.inherit(&dataset, PROP_ROLLED_BACK)?;
        }
        Ok(Output::Nothing)
    }
}

impl DropSnapshots {
    /// The marked ones that exist.
    fn found(&self, context: &Context<'_>) -> Result<Vec<(Snapshot, Guid)>> {
        let mut found = Vec::new();
        for snapshot in &self.marked {
            if let Some(info) = context.engine.snapshot_info(snapshot)?
                && context.engine.snapshot_local(snapshot, PROP_CHANGE)?.as_deref()
                    == Some(context.change())
            {
                found.push((info.name, info.guid));
            }
        }
        Ok(found)
    }

    /// The datasets with the rollback mark of this change.
    fn rolled_back(&self, context: &Context<'_>) -> Result<Vec<Dataset>> {
        let mut found = Vec::new();
        for (snapshot, _) in &self.snapshots {
            let dataset = snapshot.dataset();
            if context.engine.dataset(&dataset)?.is_some()
                && let Some(mark) = context.engine.local(&dataset, PROP_ROLLED_BACK)?
                && mark.split('/').next() == Some(context.change())
            {
                found.push(dataset);
            }
        }
        Ok(found)
    }
}

/// Whether it is a clone of the snapshot before the upgrade.
fn is_ours(info: &DatasetInfo, context: &Context<'_>) -> bool {
    info.origin.as_ref().is_some_and(|origin| origin.short() == context.state.manifest.snapshot)
}

fn drop_all(context: &Context<'_>, snapshots: &[(Snapshot, Guid)]) -> Result<()> {
    for (snapshot, guid) in snapshots {
        if context.engine.snapshot_info(snapshot)?.is_some_and(|info| info.guid == *guid) {
            context.engine.release(snapshot, &context.tag())?;
            context.engine.destroy_snapshot(snapshot, *guid)?;
        }
    }
    Ok(())
}
