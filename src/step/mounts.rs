//! A rollback under open files succeeds and leaves stale pages: the datasets are taken away from everybody first. `canmount=noauto` keeps a reboot from
//! mounting and dirtying them (`zfsprops(7)`).

use anyhow::{Context as _, Result};

use super::Effect;
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::journal::Output;
use crate::plan::{Mounts, Step};
use crate::zfs::{DatasetInfo, DatasetKind};

/// Takes them away.
pub(super) struct Unmount<'a>(pub &'a Mounts);
/// Gives them back.
pub(super) struct Give<'a>(pub &'a Mounts);

impl Mounts {
    /// The file systems among them as they are now. Volumes are not mounted.
    fn filesystems(&self, context: &Context<'_>) -> Result<Vec<(&crate::plan::Mount, DatasetInfo)>> {
        let mut list = Vec::new();
        for mount in &self.mounts {
            let info = context.engine.dataset(&mount.dataset)?.with_context(|| format!("the dataset {} is gone", mount.dataset))?;
            if info.kind == DatasetKind::Filesystem {
                list.push((mount, info));
            }
        }
        Ok(list)
    }

    fn take(&self, context: &Context<'_>) -> Result<()> {
        let list = self.filesystems(context)?;
        for (mount, info) in &list {
            if info.canmount != "noauto" {
                context.engine.set(&mount.dataset, "canmount", "noauto")?;
            }
        }
        for (mount, _) in list.iter().rev() {
            context.engine.unmount(&mount.dataset).with_context(|| format!("{} could not be unmounted", mount.dataset))?;
        }
        Ok(())
    }
}

/// Everything that was mounted when the change began is mounted: a server or a package that finds an empty folder begins anew in it, and a capture of it
/// is empty. After a reboot a dataset may not be (`canmount=noauto`, a key that is not loaded).
pub(super) fn needed(context: &Context<'_>) -> Result<()> {
    for mount in context.state.opening.datasets.iter().filter(|mount| mount.mounted) {
        let there = context.engine.dataset(&mount.dataset)?;
        if there.is_some_and(|info| info.kind == DatasetKind::Filesystem && !info.mounted) {
            context.engine.mount(&mount.dataset).with_context(|| format!("{} is not mounted, and could not be", mount.dataset))?;
        }
    }
    Ok(())
}

impl Mounts {
    fn give(&self, context: &Context<'_>) -> Result<()> {
        for (mount, _) in self.filesystems(context)? {
            match &mount.canmount {
                Some(value) => context.engine.set(&mount.dataset, "canmount", value)?,
                None => context.engine.inherit(&mount.dataset, "canmount")?,
            }
            if mount.mounted {
                context.engine.mount(&mount.dataset).with_context(|| format!("{} could not be mounted", mount.dataset))?;
            }
        }
        Ok(())
    }
}

impl Effect for Unmount<'_> {
    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let list = self.0.filesystems(context)?;
        let away = list.iter().all(|(_, info)| !info.mounted && info.canmount == "noauto");
        Ok(if away { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        self.0.take(context)?;
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        self.0.give(context)
    }
}

impl Effect for Give<'_> {
    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for (mount, info) in self.0.filesystems(context)? {
            let canmount = context.engine.local(&mount.dataset, "canmount")?;
            if canmount != mount.canmount || (mount.mounted && !info.mounted) {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        self.0.give(context)?;
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        self.0.take(context)
    }
}
