//! Datasets below ours that do not go back: they are of other use, or were created after the
//! snapshot. Mounted below ours, they prevent the unmount, so they are unmounted, and later mounted
//! again. Those that stay with the upgraded state would be mounted into the restored data by a
//! boot, which their `canmount` prevents; those that keep their place are left as they are.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::step::Context;
use crate::step::zfs::stays::Stays;
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, PROP_CANMOUNT};

/// The value of [`PROP_CANMOUNT`] for a dataset without a `canmount` of its own.
const NOT_SET: &str = "-";

/// Those below `root` that are not `members`, parents first. Only file systems: a volume is not
/// mounted.
fn below(context: &Context<'_>, root: &Dataset, members: &[Dataset]) -> Result<Vec<DatasetInfo>> {
    Ok(others(context.engine.tree(root)?, members))
}

fn others(tree: Vec<DatasetInfo>, members: &[Dataset]) -> Vec<DatasetInfo> {
    let members: BTreeSet<&Dataset> = members.iter().collect();
    let other =
        |info: &DatasetInfo| info.kind == DatasetKind::Filesystem && !members.contains(&info.name);
    tree.into_iter().filter(other).collect()
}

/// Those of them that are mounted in the folder of a member.
pub(in crate::step) fn inside(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
) -> Result<Vec<DatasetInfo>> {
    let tree = context.engine.tree(root)?;
    let all: BTreeSet<&Dataset> = members.iter().collect();
    let points: BTreeSet<PathBuf> = tree
        .iter()
        .filter(|info| all.contains(&info.name))
        .filter_map(|info| info.mountpoint.clone())
        .collect();
    let mut list = others(tree, members);
    list.retain(|info| {
        let path = info.mountpoint.as_deref();
        path.is_some_and(|path| path.ancestors().any(|above| points.contains(above)))
    });
    Ok(list)
}

/// Unmounts those that are mounted in the folder of a member.
pub(in crate::step) fn unmount(
    context: &Context<'_>,
    root: &Dataset,
    members: &[Dataset],
) -> Result<()> {
    let mut list = inside(context, root, members)?;
    list.retain(|info| info.mounted);
    list.reverse();
    let names: Vec<Dataset> = list.into_iter().map(|info| info.name).collect();
    context.engine.unmount_all(&names).with_context(|| match names.as_slice() {
        [one] => format!("{one} could not be unmounted"),
        _ => "datasets that lie within the data could not be unmounted".to_owned(),
    })?;
    for name in names {
        (context.say)(&format!(
            "{name} is unmounted meanwhile: it lies within the data, and does not go back with it"
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
    let mut list = inside(context, root, members)?;
    list.retain(|info| !info.mounted && info.canmount == "on");
    let names: Vec<Dataset> = list.into_iter().map(|info| info.name).collect();
    if context.engine.mount_all(&names).is_ok() {
        return Ok(());
    }
    for name in names {
        if let Err(error) = context.engine.mount(&name) {
            (context.say)(&format!("{name} could not be mounted again: {error}"));
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
    let mut list = below(context, root, members)?;
    list.retain(|info| info.canmount == "on" && !stays(info));
    let names: Vec<Dataset> = list.into_iter().map(|info| info.name).collect();
    for (name, own) in names.iter().zip(context.engine.locals_of(&names, &["canmount"])?) {
        let own = own.get("canmount").map_or(NOT_SET, String::as_str);
        context.engine.set(name, PROP_CANMOUNT, own)?;
        context.engine.set(name, "canmount", "noauto")?;
        (context.say)(&format!(
            "{name} was made after the snapshot: it stays with {with}, with canmount=noauto"
        ));
    }
    Ok(())
}

/// Those whose `canmount` is remembered, with it.
fn remembered(context: &Context<'_>, root: &Dataset) -> Result<Vec<(Dataset, String)>> {
    let names: Vec<Dataset> =
        context.engine.tree(root)?.into_iter().map(|info| info.name).collect();
    let here = context.engine.locals_of(&names, &[PROP_CANMOUNT])?;
    let found = names.into_iter().zip(here);
    Ok(found.filter_map(|(name, mut here)| Some((name, here.remove(PROP_CANMOUNT)?))).collect())
}

/// Whether the `canmount` of any of them is remembered.
pub(in crate::step) fn laid_aside(context: &Context<'_>, root: &Dataset) -> Result<bool> {
    Ok(!remembered(context, root)?.is_empty())
}

/// Restores their `canmount`.
pub(in crate::step) fn give_back(context: &Context<'_>, root: &Dataset) -> Result<()> {
    for (name, own) in remembered(context, root)? {
        match own.as_str() {
            NOT_SET => context.engine.inherit(&name, "canmount")?,
            value => context.engine.set(&name, "canmount", value)?,
        }
        context.engine.inherit(&name, PROP_CANMOUNT)?;
    }
    Ok(())
}
