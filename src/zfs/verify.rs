//! Checks before and after a change that all engines share.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dataset, Engine, Pool, Result, Snapshot, ZfsError};

fn unexpected<T>(command: &str, detail: String) -> Result<T> {
    Err(ZfsError::Unexpected { command: command.to_owned(), detail })
}

/// Groups the snapshots by pool. Refuses a dataset that is named twice, as the kernel module would.
pub(super) fn by_pool(snapshots: &[Snapshot]) -> Result<BTreeMap<Pool, Vec<&Snapshot>>> {
    let mut seen = BTreeSet::new();
    let mut pools: BTreeMap<Pool, Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        let dataset = snapshot.dataset();
        if !seen.insert(dataset.clone()) {
            return unexpected("snapshot", format!("{dataset} is named twice"));
        }
        pools.entry(dataset.pool()).or_default().push(snapshot);
    }
    Ok(pools)
}

/// Checks that all snapshots exist, with their properties.
pub(super) fn snapshots_made(
    engine: &dyn Engine,
    snapshots: &[&Snapshot],
    properties: &[(&str, &str)],
) -> Result<()> {
    for snapshot in snapshots {
        if engine.snapshot_info(snapshot)?.is_none() {
            return unexpected("snapshot", format!("it succeeded, but there is no {snapshot}"));
        }
        for (property, value) in properties {
            if engine.snapshot_local(snapshot, property)?.as_deref() != Some(*value) {
                return unexpected(
                    "snapshot",
                    format!("it succeeded, but {snapshot} does not carry {property}"),
                );
            }
        }
    }
    Ok(())
}

/// Checks that the hold exists, or that it does not.
pub(super) fn held(
    engine: &dyn Engine,
    snapshot: &Snapshot,
    tag: &str,
    expected: bool,
) -> Result<()> {
    if engine.holds(snapshot)?.iter().any(|found| found == tag) == expected {
        return Ok(());
    }
    unexpected(
        "hold",
        format!(
            "the hold {tag:?} on {snapshot} is {}",
            if expected { "not there" } else { "still there" }
        ),
    )
}

/// Checks a clone's origin and properties. Compares native properties only where ZFS does not
/// rewrite the value.
pub(super) fn cloned(
    engine: &dyn Engine,
    snapshot: &Snapshot,
    target: &Dataset,
    properties: &[(&str, &str)],
) -> Result<()> {
    match engine.dataset(target)? {
        Some(info) if info.origin.as_ref() == Some(snapshot) => {}
        _ => {
            return unexpected(
                "clone",
                format!("it succeeded, but {target} is no clone of {snapshot}"),
            );
        }
    }
    properties.iter().try_for_each(|(property, value)| set(engine, target, property, value))
}

/// Checks that a property has its value locally.
pub(super) fn set(
    engine: &dyn Engine,
    dataset: &Dataset,
    property: &str,
    value: &str,
) -> Result<()> {
    // ZFS may print others differently: `1G`, `none`, a path without its trailing slash.
    let literal = property.contains(':') || matches!(property, "canmount" | "readonly");
    if !literal || engine.local(dataset, property)?.as_deref() == Some(value) {
        return Ok(());
    }
    unexpected("set", format!("it succeeded, but {property} of {dataset} is not {value:?}"))
}

/// Checks that `from` is gone and that `to` is the same object.
pub(super) fn renamed(
    engine: &dyn Engine,
    from: &Dataset,
    to: &Dataset,
    guid: super::Guid,
) -> Result<()> {
    if engine.dataset(from)?.is_some() {
        return unexpected("rename", format!("it succeeded, but {from} is still there"));
    }
    match engine.dataset(to)? {
        Some(info) if info.guid == guid => Ok(()),
        _ => unexpected("rename", format!("it succeeded, but {to} is not what {from} was")),
    }
}

/// Checks that the dataset is mounted, or that it is not.
pub(super) fn mounted(engine: &dyn Engine, dataset: &Dataset, expected: bool) -> Result<()> {
    match engine.dataset(dataset)? {
        Some(info) if info.mounted == expected => Ok(()),
        Some(_) => unexpected(
            "mount",
            format!("it succeeded, but {dataset} is {}mounted", if expected { "not " } else { "" }),
        ),
        None => Err(ZfsError::NotFound(dataset.to_string())),
    }
}
