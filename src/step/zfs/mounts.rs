//! A rollback under open files succeeds and leaves stale pages, so the datasets are unmounted
//! first. `canmount=noauto` prevents a reboot from mounting and changing them (`zfsprops(7)`).

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{MountedDataset, Output};
use crate::step::zfs::{in_use, late};
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, DatasetInfo, DatasetKind};

/// See [`crate::step::Action::Unmount`], [`crate::step::Action::Mount`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mounts {
    /// Parents before children.
    pub mounts: Vec<MountedDataset>,
}

/// Takes them away.
pub(in crate::step) struct Unmount<'a>(pub &'a Mounts);
/// Gives them back.
pub(in crate::step) struct Give<'a>(pub &'a Mounts);

impl Mounts {
    /// The file systems among them as they are now. Volumes are not mounted.
    fn filesystems(
        &self,
        context: &Context<'_>,
    ) -> Result<Vec<(&crate::journal::MountedDataset, DatasetInfo)>> {
        let mut list = Vec::new();
        for mount in &self.mounts {
            let info = context
                .engine
                .dataset(&mount.dataset)?
                .with_context(|| format!("the dataset {} is gone", mount.dataset))?;
            if info.kind == DatasetKind::Filesystem {
                list.push((mount, info));
            }
        }
        Ok(list)
    }

    /// The same in mount order: one that is mounted within another follows it, whatever their names
    /// and pools are.
    fn outermost_first(
        &self,
        context: &Context<'_>,
    ) -> Result<Vec<(&crate::journal::MountedDataset, DatasetInfo)>> {
        let mut list = self.filesystems(context)?;
        list.sort_by(|(a, _), (b, _)| a.mountpoint.cmp(&b.mountpoint));
        Ok(list)
    }

    fn take(&self, context: &Context<'_>) -> Result<()> {
        let list = self.outermost_first(context)?;
        for (mount, info) in &list {
            if info.canmount != "noauto" {
                context.engine.set(&mount.dataset, "canmount", "noauto")?;
            }
        }
        let members = self.members();
        for root in self.roots() {
            late::unmount(context, root, &members)?;
        }
        for (mount, info) in list.iter().rev() {
            context.engine.unmount(&mount.dataset).with_context(|| {
                match in_use::who(context, info) {
                    Some(users) => {
                        format!("{} could not be unmounted: it is used by {users}", mount.dataset)
                    }
                    None => format!("{} could not be unmounted", mount.dataset),
                }
            })?;
        }
        Ok(())
    }

    fn members(&self) -> Vec<Dataset> {
        self.mounts.iter().map(|mount| mount.dataset.clone()).collect()
    }

    /// Those that are not below another of them.
    fn roots(&self) -> impl Iterator<Item = &Dataset> {
        let below = |name: &Dataset| {
            self.mounts.iter().any(|other| other.dataset != *name && name.is_within(&other.dataset))
        };
        self.mounts.iter().map(|mount| &mount.dataset).filter(move |name| !below(name))
    }
}

/// A mount in the folder of a dataset that is not mounted yet would be hidden by it, so it is
/// unmounted first. `list` starts with the outermost.
fn uncover(
    context: &Context<'_>,
    list: &[(&crate::journal::MountedDataset, DatasetInfo)],
) -> Result<()> {
    let covers = |outer: &crate::journal::MountedDataset,
                  inner: &crate::journal::MountedDataset| match (
        &outer.mountpoint,
        &inner.mountpoint,
    ) {
        (Some(outer), Some(inner)) => inner != outer && inner.starts_with(outer),
        _ => false,
    };
    for (inner, there) in list.iter().rev().filter(|(_, info)| info.mounted) {
        if list.iter().any(|(outer, info)| outer.mounted && !info.mounted && covers(outer, inner)) {
            context.engine.unmount(&inner.dataset).with_context(|| {
                match in_use::who(context, there) {
                    Some(users) => format!(
                        "{} could not be unmounted, to be mounted in its place \
                    again: it is used by {users}",
                        inner.dataset
                    ),
                    None => format!(
                        "{} could not be unmounted, to be mounted in its place again",
                        inner.dataset
                    ),
                }
            })?;
        }
    }
    Ok(())
}

/// Checks that everything is mounted that was mounted when the change began. A server or a package
/// that finds an empty folder starts afresh in it, and a capture of it is empty. After a reboot a
/// dataset may be unmounted (`canmount=noauto`, a key that is not loaded).
pub(in crate::step) fn needed(context: &Context<'_>) -> Result<()> {
    let mut mounts: Vec<_> =
        context.state.manifest.datasets.iter().filter(|mount| mount.mounted).collect();
    mounts.sort_by_key(|mount| &mount.mountpoint);
    let mut list = Vec::new();
    for mount in &mounts {
        list.extend(
            context
                .engine
                .dataset(&mount.dataset)?
                .filter(|info| info.kind == DatasetKind::Filesystem)
                .map(|info| (*mount, info)),
        );
    }
    uncover(context, &list)?;
    for mount in mounts {
        let there = context.engine.dataset(&mount.dataset)?;
        let there = there.with_context(|| {
            format!("the dataset {} is gone; it was mounted when the change began", mount.dataset)
        })?;
        if there.readonly {
            bail!("{} is read-only; it was not when the change began", mount.dataset);
        }
        if there.kind == DatasetKind::Filesystem && !there.mounted {
            context
                .engine
                .mount(&mount.dataset)
                .with_context(|| format!("{} is not mounted, and could not be", mount.dataset))?;
        }
    }
    Ok(())
}

impl Mounts {
    fn give(&self, context: &Context<'_>) -> Result<()> {
        let members = self.members();
        for root in self.roots() {
            // Mounted on the bare folder, they would be hidden by the next mount.
            if self.filesystems(context)?.iter().any(|(mount, info)| mount.mounted && !info.mounted)
            {
                late::unmount(context, root, &members)?;
            }
        }
        let list = self.outermost_first(context)?;
        uncover(context, &list)?;
        for (mount, _) in list {
            match &mount.canmount {
                Some(value) => context.engine.set(&mount.dataset, "canmount", value)?,
                None => context.engine.inherit(&mount.dataset, "canmount")?,
            }
            if mount.mounted {
                context
                    .engine
                    .mount(&mount.dataset)
                    .with_context(|| format!("{} could not be mounted", mount.dataset))?;
            }
        }
        for root in self.roots() {
            late::mount(context, root, &members)?;
        }
        Ok(())
    }
}

impl Effect for Unmount<'_> {
    fn preview(&self) -> Vec<String> {
        self.0
            .mounts
            .iter()
            .rev()
            .map(|mount| format!("zfs set canmount=noauto {0}; zfs unmount {0}", mount.dataset))
            .collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let list = self.0.filesystems(context)?;
        let mut away = list.iter().all(|(_, info)| !info.mounted && info.canmount == "noauto");
        for root in self.0.roots() {
            away &=
                late::inside(context, root, &self.0.members())?.iter().all(|info| !info.mounted);
        }
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

impl Give<'_> {
    /// Whether each of ours has its `canmount`, and is mounted if it was.
    fn given(&self, context: &Context<'_>) -> Result<bool> {
        for (mount, info) in self.0.filesystems(context)? {
            let canmount = context.engine.local(&mount.dataset, "canmount")?;
            if canmount != mount.canmount || (mount.mounted && !info.mounted) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Effect for Give<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.mounts.iter().map(|mount| format!("zfs mount {}", mount.dataset)).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for root in self.0.roots() {
            if late::waits(context, root, &self.0.members())? {
                return Ok(Probe::Absent);
            }
        }
        Ok(if self.given(context)? { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    /// Without those of others: that they cannot be mounted does not keep the service closed.
    fn confirm(&self, step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        anyhow::ensure!(self.given(context)?, "{}: the datasets are not as they were", step.id);
        Ok(output)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        self.0.give(context)?;
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        self.0.take(context)
    }
}
