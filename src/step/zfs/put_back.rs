//! The reverse swap: the upgraded dataset returns to its place.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{MountedDataset, Output};
use crate::step::zfs::late;
use crate::step::zfs::set_aside::set_role;
use crate::step::zfs::stays::Stays;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, Guid, PROP_CHANGE, PROP_ROLE};

/// See [`crate::step::Action::PutBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutBack {
    /// The upgraded dataset's own name.
    pub dataset: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// Where it was set aside.
    pub aside: Dataset,
    /// The clone's name before it took the place.
    pub candidate: Dataset,
    /// The name under which the clone is kept; without one it is destroyed.
    pub keep_as: Option<Dataset>,
    /// The dataset and those below it that take part, parents first.
    pub members: Vec<MountedDataset>,
    /// The datasets of other use below it. They are carried along by the clone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<Stays>,
}

impl Effect for PutBack {
    fn preview(&self) -> Vec<String> {
        let swap = format!("zfs rename -u {} {}", self.aside, self.dataset);
        let home = |it: &Stays| format!("zfs rename -u {} {}", it.carried, it.dataset);
        std::iter::once(swap).chain(self.stays.iter().map(home)).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let engine = context.engine;
        let in_place = engine.dataset(&self.dataset)?.is_some_and(|here| here.guid == self.guid);
        if !in_place {
            return Ok(match engine.dataset(&self.aside)? {
                Some(aside) if aside.guid == self.guid => Probe::Absent,
                _ => Probe::Foreign(format!(
                    "the upgraded dataset {} is neither in its place nor at {}",
                    self.dataset, self.aside
                )),
            });
        }
        let mut clean = engine.dataset(&self.candidate)?.is_none();
        for member in &self.members {
            clean &= engine.local(&member.dataset, PROP_ROLE)?.is_none()
                && engine.local(&member.dataset, PROP_CHANGE)?.is_none();
        }
        for other in &self.stays {
            clean &= other.is_home(context)?;
        }
        clean &= !late::laid_aside(context, &self.dataset)?;
        Ok(if clean { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let engine = context.engine;
        let away = self.keep_as.as_ref().unwrap_or(&self.candidate);
        if let Some(here) = engine.dataset(&self.dataset)?.filter(|here| here.guid != self.guid) {
            if engine.local(&here.name, PROP_CHANGE)?.as_deref() != Some(context.change()) {
                bail!("{} is not a dataset of this change", here.name);
            }
            self.take(context, &self.dataset)?;
            engine.rename(&self.dataset, away)?;
            crate::host::failpoint::point("put-back:away");
        }
        if engine.dataset(&self.dataset)?.is_none() {
            engine.rename(&self.aside, &self.dataset)?;
            crate::host::failpoint::point("put-back:renamed");
        }
        // Before the clone is destroyed, or closed as undone.
        for other in &self.stays {
            other.bring_home(context)?;
        }
        if self.keep_as.is_some() {
            set_role(context, &self.members_under(away)?, "undone")?;
        } else {
            self.discard(context)?;
        }
        for member in &self.members {
            engine.inherit(&member.dataset, PROP_ROLE)?;
            engine.inherit(&member.dataset, PROP_CHANGE)?;
        }
        late::give_back(context, &self.dataset)?;
        Ok(Output::Nothing)
    }
}

impl PutBack {
    fn members_under(&self, root: &Dataset) -> Result<Vec<Dataset>> {
        self.members.iter().map(|member| Ok(member.dataset.moved(&self.dataset, root)?)).collect()
    }

    /// Unmounts all of them, children first.
    fn take(&self, context: &Context<'_>, root: &Dataset) -> Result<()> {
        let members = self.members_under(root)?;
        late::unmount(context, root, &members)?;
        if let Some(away) = &self.keep_as {
            late::lay_aside(context, root, &members, &self.stays, away)?;
        }
        for dataset in members.iter().rev() {
            if let Some(info) = context.engine.dataset(dataset)?
                && info.kind == crate::zfs::DatasetKind::Filesystem
            {
                context.engine.set(dataset, "canmount", "noauto")?;
                context.engine.unmount(dataset)?;
            }
        }
        Ok(())
    }

    /// Destroys the clone. It is ours by its origin, and the service was never opened on it.
    fn discard(&self, context: &Context<'_>) -> Result<()> {
        let engine = context.engine;
        for dataset in self.members_under(&self.candidate)?.iter().rev() {
            let Some(info) = engine.dataset(dataset)? else { continue };
            let ours = info
                .origin
                .as_ref()
                .is_some_and(|origin| origin.short() == context.state.manifest.snapshot);
            if !ours {
                bail!("{dataset} is no clone of this change's snapshot; it is left as it is");
            }
            // An interrupted earlier attempt may have left it mounted.
            if info.mounted {
                engine.unmount(dataset)?;
            }
            for snapshot in engine.snapshots(dataset)? {
                if engine.snapshot_local(&snapshot.name, PROP_CHANGE)?.as_deref()
                    == Some(context.change())
                {
                    engine.release(&snapshot.name, &context.tag())?;
                    engine.destroy_snapshot(&snapshot.name, snapshot.guid)?;
                }
            }
            engine.destroy_dataset(dataset, info.guid)?;
        }
        Ok(())
    }
}
