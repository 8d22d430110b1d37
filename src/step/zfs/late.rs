//! Datasets below ours that do not go back: they are of other use, or were created after the
//! snapshot. Mounted below ours, they prevent the unmount, so they are unmounted, and later mounted
//! again. Those that stay with the upgraded state would be mounted into the restored data by a
//! boot, which their `canmount` prevents; those that keep their place are left as they are.

use anyhow::{Context as _, Result};

use crate::step::Context;
use crate::step::zfs::stays::Stays;
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, PROP_CANMOUNT};

/// The value of [`PROP_CANMOUNT`] for a dataset without a `canmount` of its own.
const NOT_SET: &str = "-";

/// Those below `root` that are not `members`, parents first. Only file systems: a volume is not
/// mounted.
fn below(context: &Context<'_>, root: &Dataset, members: &[Dataset]) -> Result<Vec<DatasetInfo>> {
    let tree = context.engine.tree(root)?;
    Ok(tree
        .into_iter()
        .filter(|info| info.kind == DatasetKind::Filesystem && !members.contains(&info.name))
        .collect())
}

/// Those of them that are mounted in the folder of a member.
pub(in crate::step) fn inside(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
) -> Result<Vec<DatasetInfo>> {
    let tree = context.engine.tree(root)?;
    let points: Vec<_> = tree
        .iter()
        .filter(|info| members.contains(&info.name))
        .filter_map(|info| info.mountpoint.clone())
        .collect();
    let mut list = below(context, root, members)?;
    list.retain(|info| {
        info.mountpoint
            .as_ref()
            .is_some_and(|path| points.iter().any(|point| path.starts_with(point)))
    });
    Ok(list)
}

/// Unmounts those that are mounted in the folder of a member.
pub(in crate::step) fn unmount(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
) -> Result<()> {
    for info in inside(context, root, members)?.iter().rev().filter(|info| info.mounted) {
        context
            .engine
            .unmount(&info.name)
            .with_context(|| format!("{} could not be unmounted", info.name))?;
        (context.say)(&format!(
            "{} is unmounted meanwhile: it lies within the data, and does not go back with it",
            info.name
        ));
    }
    Ok(())
}

/// Whether one of them waits to be mounted again.
pub(in crate::step) fn waits(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
) -> Result<bool> {
    let inside = inside(context, root, members)?;
    Ok(inside.iter().any(|info| !info.mounted && info.canmount == "on"))
}

/// Mounts them again. A failure is reported, but does not keep the service closed.
pub(in crate::step) fn mount(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
) -> Result<()> {
    for info in
        inside(context, root, members)?.iter().filter(|info| !info.mounted && info.canmount == "on")
    {
        if let Err(error) = context.engine.mount(&info.name) {
            (context.say)(&format!("{} could not be mounted again: {error}", info.name));
        }
    }
    Ok(())
}

/// Prevents a boot from mounting them, and remembers their `canmount`; not of those that keep their
/// place.
pub(in crate::step) fn lay_aside(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
    stays: &[Stays],
    with: &Dataset,
) -> Result<()> {
    let stays = |info: &DatasetInfo| {
        let within =
            |it: &Stays| info.name.is_within(&it.dataset) || info.name.is_within(&it.carried);
        stays.iter().any(within)
    };
    for info in
        below(context, root, members)?.iter().filter(|info| info.canmount == "on" && !stays(info))
    {
        let own = context.engine.local(&info.name, "canmount")?;
        context.engine.set(&info.name, PROP_CANMOUNT, own.as_deref().unwrap_or(NOT_SET))?;
        context.engine.set(&info.name, "canmount", "noauto")?;
        (context.say)(&format!(
            "{} was made after the snapshot: it stays with {with}, with canmount=noauto",
            info.name
        ));
    }
    Ok(())
}

/// Whether the `canmount` of any of them is remembered.
pub(in crate::step) fn laid_aside(context: &Context<'_>, root: &Dataset) -> Result<bool> {
    for info in context.engine.tree(root)? {
        if context.engine.local(&info.name, PROP_CANMOUNT)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Restores their `canmount`.
pub(in crate::step) fn give_back(context: &Context<'_>, root: &Dataset) -> Result<()> {
    for info in context.engine.tree(root)? {
        match context.engine.local(&info.name, PROP_CANMOUNT)?.as_deref() {
            None => continue,
            Some(NOT_SET) => context.engine.inherit(&info.name, "canmount")?,
            Some(value) => context.engine.set(&info.name, "canmount", value)?,
        }
        context.engine.inherit(&info.name, PROP_CANMOUNT)?;
    }
    Ok(())
}
