//! The reverse swap: the dataset that was set aside returns to its place.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{MountedDataset, Output};
use crate::step::zfs::clone_snapshot::is_ours;
use crate::step::zfs::set_aside::{ACTIVE, set_role, set_role_aside};
use crate::step::zfs::snapshot::{drop_all, of_this_change};
use crate::step::zfs::stays::Stays;
use crate::step::zfs::{excluded, late};
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, DatasetKind, Guid, PROP_CHANGE, PROP_ROLE};

/// See [`crate::step::Action::PutBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutBack {
    /// Its own name.
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
    /// It is a clone that a downgrade put there, and is active again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clone: bool,
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
                    "the dataset {} that was set aside is neither in its place nor at {}",
                    self.dataset, self.aside
                )),
            });
        }
        let mut clean = engine.dataset(&self.candidate)?.is_none();
        let names = self.members_under(&self.dataset)?;
        let marks = engine.locals_of(&names, &[PROP_ROLE, PROP_CHANGE])?;
        clean &= marks.iter().all(|here| match self.clone {
            true => here.get(PROP_ROLE).is_some_and(|role| role == ACTIVE),
            false => here.is_empty(),
        });
        clean &= Stays::all_home(&self.stays, context)?;
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
        Stays::bring_home(&self.stays, context)?;
        if self.keep_as.is_some() {
            set_role_aside(context, &self.members_under(away)?, "undone")?;
        } else {
            self.discard(context)?;
        }
        let members = self.members_under(&self.dataset)?;
        excluded::include(context, &members)?;
        if self.clone {
            set_role(context, &members, ACTIVE)?;
        } else {
            engine.inherit_all(&members, &[PROP_ROLE, PROP_CHANGE])?;
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
        let found = context.engine.datasets(&members)?;
        let filesystems: Vec<Dataset> = found
            .into_iter()
            .rev()
            .filter(|info| info.kind == DatasetKind::Filesystem)
            .map(|info| info.name)
            .collect();
        context.engine.set_all(&filesystems, &[("canmount", "noauto")])?;
        context.engine.unmount_all(&filesystems)?;
        Ok(())
    }

    /// Destroys the clone. It is ours by its origin, and the service was never opened on it.
    fn discard(&self, context: &Context<'_>) -> Result<()> {
        let engine = context.engine;
        let mut found = engine.datasets(&self.members_under(&self.candidate)?)?;
        found.reverse();
        if let Some(other) = found.iter().find(|info| !is_ours(info, context)) {
            bail!("{} is no clone of this change's snapshot; it is left as it is", other.name);
        }
        // An interrupted earlier attempt may have left some mounted.
        let mounted = found.iter().filter(|info| info.mounted);
        let mounted: Vec<Dataset> = mounted.map(|info| info.name.clone()).collect();
        engine.unmount_all(&mounted)?;
        let clones: BTreeSet<&Dataset> = found.iter().map(|info| &info.name).collect();
        let mut taken = Vec::new();
        if engine.dataset(&self.candidate)?.is_some() {
            for (info, snapshots) in engine.history(&self.candidate)? {
                if clones.contains(&info.name) {
                    taken.extend(snapshots.into_iter().map(|one| (one.name, one.guid)));
                }
            }
        }
        drop_all(context, &of_this_change(context, taken)?)?;
        let gone: Vec<(Dataset, Guid)> =
            found.iter().map(|info| (info.name.clone(), info.guid)).collect();
        engine.destroy_datasets(&gone)?;
        Ok(())
    }
}
