//! Datasets below ours that were created after the snapshot. They do not go back, but they are in
//! the way: mounted below ours, they prevent the unmount; and set aside with ours, a boot would
//! mount them into the restored data. So they are unmounted, and later restored as they were.

use anyhow::{Context as _, Result};

use crate::step::Context;
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
            "{} was made after the snapshot: it is unmounted, and does not go back",
            info.name
        ));
    }
    Ok(())
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

/// Prevents a boot from mounting them, and remembers their `canmount`.
pub(in crate::step) fn lay_aside(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
    with: &Dataset,
) -> Result<()> {
    for info in below(context, root, members)?.iter().filter(|info| info.canmount == "on") {
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
