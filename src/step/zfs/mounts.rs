//! A rollback under open files succeeds and leaves stale pages, so the datasets are unmounted
//! first. `canmount=noauto` prevents a reboot from mounting and changing them (`zfsprops(7)`).

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::{MountedDataset, Output};
use crate::step::zfs::{in_use, late};
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, ZfsError, outermost};

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
    fn filesystems(&self, context: &Context<'_>) -> Result<Vec<(&MountedDataset, DatasetInfo)>> {
        let found = context.engine.datasets(&self.members())?;
        let mut found: BTreeMap<Dataset, DatasetInfo> =
            found.into_iter().map(|info| (info.name.clone(), info)).collect();
        let mut list = Vec::new();
        for mount in &self.mounts {
            let info = found
                .remove(&mount.dataset)
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
    ) -> Result<Vec<(&MountedDataset, DatasetInfo)>> {
        let mut list = self.filesystems(context)?;
        list.sort_by(|(a, _), (b, _)| a.mountpoint.cmp(&b.mountpoint));
        Ok(list)
    }

    fn take(&self, context: &Context<'_>) -> Result<()> {
        let list = self.outermost_first(context)?;
        let automatic = list.iter().filter(|(_, info)| info.canmount != "noauto");
        let automatic: Vec<Dataset> = automatic.map(|(_, info)| info.name.clone()).collect();
        context.engine.set_all(&automatic, &[("canmount", "noauto")])?;
        let members = self.members();
        for root in self.roots() {
            late::unmount(context, root, &members)?;
        }
        let inner_first: Vec<&DatasetInfo> = list.iter().rev().map(|(_, info)| info).collect();
        unmount(context, &inner_first, "could not be unmounted")
    }

    fn members(&self) -> Vec<Dataset> {
        self.mounts.iter().map(|mount| mount.dataset.clone()).collect()
    }

    /// Those that are not below another of them.
    fn roots(&self) -> impl Iterator<Item = &Dataset> {
        outermost(&self.mounts, |mount| &mount.dataset).into_iter().map(|mount| &mount.dataset)
    }
}

/// Unmounts them in this order. A failure names who uses the one that it is about.
fn unmount(context: &Context<'_>, list: &[&DatasetInfo], failed: &str) -> Result<()> {
    let names: Vec<Dataset> = list.iter().map(|info| info.name.clone()).collect();
    let Err(error) = context.engine.unmount_all(&names) else { return Ok(()) };
    let about = match &error {
        ZfsError::Busy { what, .. } => list.iter().find(|info| info.name.as_str() == what),
        _ => None,
    };
    let text = match about.map(|info| (&info.name, in_use::who(context, info))) {
        Some((name, Some(users))) => format!("{name} {failed}: it is used by {users}"),
        Some((name, None)) => format!("{name} {failed}"),
        None => format!("the datasets {failed}"),
    };
    Err(anyhow::Error::new(error).context(text))
}

/// A mount in the folder of a dataset that is not mounted yet would be hidden by it, so it is
/// unmounted first. `list` starts with the outermost.
fn uncover(context: &Context<'_>, list: &[(&MountedDataset, DatasetInfo)]) -> Result<()> {
    let covers = |outer: &MountedDataset, inner: &MountedDataset| match (
        &outer.mountpoint,
        &inner.mountpoint,
    ) {
        (Some(outer), Some(inner)) => inner != outer && inner.starts_with(outer),
        _ => false,
    };
    let missing: Vec<&MountedDataset> = list
        .iter()
        .filter(|(outer, info)| outer.mounted && !info.mounted)
        .map(|(outer, _)| *outer)
        .collect();
    let hidden = list
        .iter()
        .rev()
        .filter(|(inner, info)| info.mounted && missing.iter().any(|outer| covers(outer, inner)));
    let hidden: Vec<&DatasetInfo> = hidden.map(|(_, info)| info).collect();
    unmount(context, &hidden, "could not be unmounted, to be mounted in its place again")
}

/// Checks that everything is mounted that was mounted when the change began. A server or a package
/// that finds an empty folder starts afresh in it, and a capture of it is empty. After a reboot a
/// dataset may be unmounted (`canmount=noauto`, a key that is not loaded).
pub(in crate::step) fn needed(context: &Context<'_>) -> Result<()> {
    let mut mounts: Vec<_> =
        context.state.manifest.datasets.iter().filter(|mount| mount.mounted).collect();
    mounts.sort_by_key(|mount| &mount.mountpoint);
    let names: Vec<Dataset> = mounts.iter().map(|mount| mount.dataset.clone()).collect();
    let found: BTreeMap<Dataset, DatasetInfo> = context
        .engine
        .datasets(&names)?
        .into_iter()
        .map(|info| (info.name.clone(), info))
        .collect();
    let list: Vec<_> = mounts
        .iter()
        .filter_map(|mount| Some((*mount, found.get(&mount.dataset)?.clone())))
        .filter(|(_, info)| info.kind == DatasetKind::Filesystem)
        .collect();
    uncover(context, &list)?;
    let mut away = Vec::new();
    for (name, info) in names.iter().map(|name| (name, found.get(name))) {
        let info = info.with_context(|| {
            format!("the dataset {name} is gone; it was mounted when the change began")
        })?;
        if info.readonly {
            bail!("{name} is read-only; it was not when the change began");
        }
        if info.kind == DatasetKind::Filesystem {
            away.push(name.clone());
        }
    }
    // Most of the time everything is mounted.
    if list.iter().all(|(_, info)| info.mounted) {
        return Ok(());
    }
    context.engine.mount_all(&away).map_err(|error| {
        let text = "a dataset is not mounted that was when the change began, and could not be";
        anyhow::Error::new(error).context(text)
    })
}

impl Mounts {
    fn give(&self, context: &Context<'_>) -> Result<()> {
        let members = self.members();
        let list = self.outermost_first(context)?;
        if list.iter().any(|(mount, info)| mount.mounted && !info.mounted) {
            for root in self.roots() {
                // Mounted on the bare folder, they would be hidden by the next mount.
                late::unmount(context, root, &members)?;
            }
        }
        uncover(context, &list)?;
        let mut values: BTreeMap<Option<&str>, Vec<Dataset>> = BTreeMap::new();
        for (mount, _) in &list {
            let value = mount.canmount.as_deref();
            values.entry(value).or_default().push(mount.dataset.clone());
        }
        for (value, names) in values {
            match value {
                Some(value) => context.engine.set_all(&names, &[("canmount", value)])?,
                None => context.engine.inherit_all(&names, &["canmount"])?,
            }
        }
        let names = list.iter().filter(|(mount, _)| mount.mounted);
        let names: Vec<Dataset> = names.map(|(mount, _)| mount.dataset.clone()).collect();
        context.engine.mount_all(&names).context("a dataset could not be mounted")?;
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

    fn durable(&self) -> bool {
        true
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

    /// Each change was looked at when it was made, and clients wait.
    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        self.0.give(context)
    }
}

impl Give<'_> {
    /// Whether each of ours has its `canmount`, and is mounted if it was.
    fn given(&self, context: &Context<'_>) -> Result<bool> {
        let list = self.0.filesystems(context)?;
        let names: Vec<Dataset> = list.iter().map(|(_, info)| info.name.clone()).collect();
        let here = context.engine.locals_of(&names, &["canmount"])?;
        Ok(list.iter().zip(&here).all(|((mount, info), here)| {
            here.get("canmount") == mount.canmount.as_ref() && (info.mounted || !mount.mounted)
        }))
    }
}

impl Effect for Give<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.mounts.iter().map(|mount| format!("zfs mount {}", mount.dataset)).collect()
    }

    fn durable(&self) -> bool {
        true
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
