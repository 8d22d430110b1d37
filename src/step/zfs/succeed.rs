//! After an undo that was a switch: what took over was cloned from the upgraded data that was kept.
//! It becomes that data: it gets its snapshots, and what is left of the other, which has nothing of
//! its own, is destroyed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::step::zfs::clone_snapshot::is_ours;
use crate::step::zfs::snapshot::drop_all;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{
    Dataset, DatasetInfo, Guid, PROP_CHANGE, PROP_ROLE, Properties, Snapshot, outermost,
};

/// See [`crate::step::Action::Succeed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Succeed {
    /// Each with the one that it was cloned from, parents first.
    pub datasets: Vec<(Dataset, Dataset)>,
    /// Snapshots of others on those, which a person answered for; newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<(Snapshot, Guid)>,
}

impl Succeed {
    fn names(&self) -> Vec<Dataset> {
        self.datasets.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What is left of those that they were cloned from, parents first.
    fn former(&self, context: &Context<'_>) -> Result<Vec<DatasetInfo>> {
        let names: Vec<Dataset> = self.datasets.iter().map(|(_, former)| former.clone()).collect();
        Ok(context.engine.datasets(&names)?)
    }

    fn promote(&self, context: &Context<'_>) -> Result<()> {
        let former: BTreeMap<&Dataset, &Dataset> =
            self.datasets.iter().map(|(name, former)| (name, former)).collect();
        // A second promotion would take over the snapshots of what that one was cloned from.
        let of_it = |info: &DatasetInfo| {
            let origin = info.origin.as_ref().map(Snapshot::dataset);
            origin.as_ref() == former.get(&info.name).copied()
        };
        let found = context.engine.datasets(&self.names())?.into_iter();
        let clones: Vec<Dataset> = found.filter(of_it).map(|info| info.name).collect();
        context.engine.promote_all(&clones)?;
        Ok(())
    }

    /// Those have nothing of their own.
    fn empty(&self, context: &Context<'_>, former: &[DatasetInfo]) -> Result<()> {
        let engine = context.engine;
        let known: BTreeSet<&Dataset> = former.iter().map(|info| &info.name).collect();
        for top in outermost(former, |info| &info.name) {
            for (info, snapshots) in engine.history(&top.name)? {
                let name = &info.name;
                ensure!(
                    known.contains(name),
                    "{name} stands below the upgraded data that was kept: move or destroy it"
                );
                if let Some(snapshot) = snapshots.first() {
                    bail!(
                        "somebody took a snapshot of the upgraded data that was kept: {}. Destroy \
                         it",
                        snapshot.name
                    );
                }
            }
        }
        for info in former {
            let origin = info.origin.as_ref().filter(|_| is_ours(info, context));
            let origin = origin.with_context(|| format!("{} has data of its own", info.name))?;
            let written = engine.written_since(&info.name, origin)?;
            ensure!(
                written == 0,
                "{written} bytes were written to {} since {origin}: move or destroy it",
                info.name
            );
        }
        Ok(())
    }
}

impl Effect for Succeed {
    fn preview(&self) -> Vec<String> {
        let promote = self.datasets.iter().map(|(name, _)| format!("zfs promote {name}"));
        let destroy = self.datasets.iter().rev().map(|(_, former)| format!("zfs destroy {former}"));
        promote.chain(destroy).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let names = self.names();
        let found = context.engine.datasets(&names)?;
        let here: BTreeSet<&Dataset> = found.iter().map(|info| &info.name).collect();
        if let Some(gone) = names.iter().find(|name| !here.contains(name)) {
            bail!("the dataset {gone} is gone");
        }
        let marks = context.engine.locals_of(&names, &[PROP_ROLE, PROP_CHANGE])?;
        let done = self.former(context)?.is_empty() && marks.iter().all(Properties::is_empty);
        let list = found.into_iter().map(|info| (info.name, info.guid)).collect();
        Ok(if done { Probe::Present(Output::Datasets { list }) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let engine = context.engine;
        self.promote(context)?;
        crate::host::failpoint::point("succeed:promoted");
        let names: Vec<Snapshot> = self.snapshots.iter().map(|(name, _)| name.clone()).collect();
        let there = engine.snapshot_infos(&names)?;
        let there: BTreeSet<(&Snapshot, Guid)> =
            there.iter().map(|info| (&info.name, info.guid)).collect();
        let accepted = self.snapshots.iter().filter(|(name, guid)| there.contains(&(name, *guid)));
        drop_all(context, &accepted.cloned().collect::<Vec<_>>())?;
        let former = self.former(context)?;
        self.empty(context, &former)?;
        let gone: Vec<(Dataset, Guid)> =
            former.into_iter().rev().map(|info| (info.name, info.guid)).collect();
        engine.destroy_datasets(&gone)?;
        engine.inherit_all(&self.names(), &[PROP_ROLE, PROP_CHANGE])?;
        Ok(Output::Nothing)
    }
}
