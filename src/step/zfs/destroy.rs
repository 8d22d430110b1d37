//! Accepting a change destroys what is left of the other way. Everything is named with its
//! identity: another object that got the name since is not touched.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::zfs::clone_snapshot::is_ours;
use crate::step::zfs::snapshot::{drop_all, of_this_change};
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{
    Dataset, DatasetInfo, Guid, PROP_CHANGE, PROP_ROLE, PROP_ROLLED_BACK, Properties, Snapshot,
};

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
        let found = context.engine.datasets(&self.datasets)?;
        let here: BTreeSet<&Dataset> = found.iter().map(|info| &info.name).collect();
        if let Some(gone) = self.datasets.iter().find(|name| !here.contains(name)) {
            bail!("the dataset {gone} is gone");
        }
        let marks = context.engine.locals_of(&self.datasets, &[PROP_ROLE, PROP_CHANGE])?;
        let left = found.iter().any(|info| is_ours(info, context))
            || marks.iter().any(|here| !here.is_empty());
        Ok(if left { Probe::Absent } else { Probe::Present(Output::Nothing) })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        // A second promotion would take over the snapshots of the upgraded dataset's own origin.
        let found = context.engine.datasets(&self.datasets)?.into_iter();
        let clones: Vec<Dataset> =
            found.filter(|info| is_ours(info, context)).map(|info| info.name).collect();
        context.engine.promote_all(&clones)?;
        context.engine.inherit_all(&self.datasets, &[PROP_ROLE, PROP_CHANGE])?;
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
        let left = !self.left(context)?.is_empty();
        Ok(if left { Probe::Absent } else { Probe::Present(Output::Nothing) })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        drop_all(context, &those_here(context, &self.snapshots)?)?;
        context.engine.destroy_datasets(&self.datasets)?;
        Ok(Output::Nothing)
    }
}

impl Destroy {
    /// The datasets that exist still.
    fn left(&self, context: &Context<'_>) -> Result<Vec<DatasetInfo>> {
        let (names, guids): (Vec<Dataset>, Vec<Guid>) = self.datasets.iter().cloned().unzip();
        let of: BTreeMap<&Dataset, &Guid> = names.iter().zip(&guids).collect();
        let mut found = context.engine.datasets(&names)?;
        found.retain(|info| of.get(&info.name) == Some(&&info.guid));
        Ok(found)
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
        let left = !those_here(context, &self.snapshots)?.is_empty()
            || !self.found(context)?.is_empty()
            || !self.rolled_back(context)?.is_empty();
        Ok(if left { Probe::Absent } else { Probe::Present(Output::Nothing) })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        drop_all(context, &those_here(context, &self.snapshots)?)?;
        drop_all(context, &self.found(context)?)?;
        context.engine.inherit_all(&self.rolled_back(context)?, &[PROP_ROLLED_BACK])?;
        Ok(Output::Nothing)
    }
}

impl DropSnapshots {
    /// The marked ones that exist.
    fn found(&self, context: &Context<'_>) -> Result<Vec<(Snapshot, Guid)>> {
        let found = context.engine.snapshot_infos(&self.marked)?;
        of_this_change(context, found.into_iter().map(|info| (info.name, info.guid)).collect())
    }

    /// The datasets with the rollback mark of this change.
    fn rolled_back(&self, context: &Context<'_>) -> Result<Vec<Dataset>> {
        let names: BTreeSet<Dataset> =
            self.snapshots.iter().map(|(snapshot, _)| snapshot.dataset()).collect();
        let names: Vec<Dataset> = names.into_iter().collect();
        let found = context.engine.datasets(&names)?.into_iter();
        let names: Vec<Dataset> = found.map(|info| info.name).collect();
        let marks = context.engine.locals_of(&names, &[PROP_ROLLED_BACK])?;
        let ours = |here: &Properties| {
            let mark = here.get(PROP_ROLLED_BACK);
            mark.is_some_and(|mark| mark.split('/').next() == Some(context.change()))
        };
        let found = names.into_iter().zip(&marks).filter(|(_, here)| ours(here));
        Ok(found.map(|(name, _)| name).collect())
    }
}

/// Those of the snapshots that exist, with the same identity.
fn those_here(
    context: &Context<'_>,
    snapshots: &[(Snapshot, Guid)],
) -> Result<Vec<(Snapshot, Guid)>> {
    let names: Vec<Snapshot> = snapshots.iter().map(|(name, _)| name.clone()).collect();
    let found = context.engine.snapshot_infos(&names)?;
    let here: BTreeSet<(&Snapshot, Guid)> =
        found.iter().map(|info| (&info.name, info.guid)).collect();
    Ok(snapshots.iter().filter(|(name, guid)| here.contains(&(name, *guid))).cloned().collect())
}
