//! Checks before and after a change that all engines share.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dataset, Engine, Guid, NewClone, Pool, Result, Snapshot, SnapshotInfo, ZfsError};

fn unexpected<T>(command: &str, detail: String) -> Result<T> {
    Err(ZfsError::Unexpected { command: command.to_owned(), detail })
}

/// Checks that a snapshot is the expected one.
pub(super) fn same(what: impl ToString, found: Guid, expected: Guid) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(ZfsError::Replaced { what: what.to_string(), found: found.0, expected: expected.0 })
    }
}

/// Checks that a snapshot could be destroyed: no holds, no clones.
pub(super) fn free(engine: &dyn Engine, snapshot: &SnapshotInfo) -> Result<()> {
    if snapshot.userrefs > 0 {
        return Err(ZfsError::Held {
            snapshot: snapshot.name.clone(),
            tags: engine.holds(&snapshot.name)?,
        });
    }
    if !snapshot.clones.is_empty() {
        return Err(ZfsError::Cloned {
            snapshot: snapshot.name.clone(),
            clones: snapshot.clones.clone(),
        });
    }
    Ok(())
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
    let names: Vec<Snapshot> = snapshots.iter().map(|name| (*name).clone()).collect();
    let found = engine.snapshot_infos(&names)?;
    let here: BTreeSet<&Snapshot> = found.iter().map(|info| &info.name).collect();
    if let Some(missing) = names.iter().find(|name| !here.contains(name)) {
        return unexpected("snapshot", format!("it succeeded, but there is no {missing}"));
    }
    let asked: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    if asked.is_empty() {
        return Ok(());
    }
    for (snapshot, here) in names.iter().zip(engine.snapshot_locals_of(&names, &asked)?) {
        for (property, value) in properties {
            if here.get(*property).map(String::as_str) != Some(*value) {
                return unexpected(
                    "snapshot",
                    format!("it succeeded, but {snapshot} does not carry {property}"),
                );
            }
        }
    }
    Ok(())
}

/// Checks that each of the snapshots has the hold, or that none has.
pub(super) fn held_each(
    engine: &dyn Engine,
    snapshots: &[Snapshot],
    tag: &str,
    expected: bool,
) -> Result<()> {
    let tags = engine.holds_of(snapshots)?;
    let has = |tags: &[String]| tags.iter().any(|found| found == tag);
    let Some((name, _)) = snapshots.iter().zip(&tags).find(|(_, tags)| has(tags) != expected)
    else {
        return Ok(());
    };
    let there = if expected { "not there" } else { "still there" };
    unexpected("hold", format!("the hold {tag:?} on {name} is {there}"))
}

/// Checks origins and properties of clones.
pub(super) fn cloned_each(engine: &dyn Engine, clones: &[NewClone]) -> Result<()> {
    let targets: Vec<Dataset> = clones.iter().map(|clone| clone.target.clone()).collect();
    let found = engine.datasets(&targets)?;
    let origins: BTreeMap<&Dataset, Option<&Snapshot>> =
        found.iter().map(|info| (&info.name, info.origin.as_ref())).collect();
    for clone in clones {
        if origins.get(&clone.target) != Some(&Some(&clone.snapshot)) {
            let (target, snapshot) = (&clone.target, &clone.snapshot);
            return unexpected(
                "clone",
                format!("it succeeded, but {target} is no clone of {snapshot}"),
            );
        }
    }
    let asked: BTreeSet<&str> = clones
        .iter()
        .flat_map(|clone| &clone.properties)
        .map(|(name, _)| name.as_str())
        .filter(|name| is_literal(name))
        .collect();
    let asked: Vec<&str> = asked.into_iter().collect();
    if asked.is_empty() {
        return Ok(());
    }
    for (clone, here) in clones.iter().zip(engine.locals_of(&targets, &asked)?) {
        for (property, value) in clone.properties.iter().filter(|(name, _)| is_literal(name)) {
            if here.get(property) != Some(value) {
                return not_set(&clone.target, property, value);
            }
        }
    }
    Ok(())
}

/// Whether ZFS prints the value as it was given: others it may print differently, such as `1G`,
/// `none`, a path without its trailing slash.
fn is_literal(property: &str) -> bool {
    property.contains(':') || matches!(property, "canmount" | "readonly")
}

fn not_set(dataset: &Dataset, property: &str, value: &str) -> Result<()> {
    unexpected("set", format!("it succeeded, but {property} of {dataset} is not {value:?}"))
}

/// Checks that properties have their values locally on each dataset.
pub(super) fn set_each(
    engine: &dyn Engine,
    datasets: &[Dataset],
    properties: &[(&str, &str)],
) -> Result<()> {
    let literal: Vec<&(&str, &str)> =
        properties.iter().filter(|(property, _)| is_literal(property)).collect();
    let asked: Vec<&str> = literal.iter().map(|(property, _)| *property).collect();
    if asked.is_empty() {
        return Ok(());
    }
    for (dataset, here) in datasets.iter().zip(engine.locals_of(datasets, &asked)?) {
        for (property, value) in &literal {
            if here.get(*property).map(String::as_str) != Some(*value) {
                return not_set(dataset, property, value);
            }
        }
    }
    Ok(())
}

/// Checks of each (from, to) that `from` is gone and that `to` is the object with that identity.
pub(super) fn renamed_each(
    engine: &dyn Engine,
    names: &[(Dataset, Dataset)],
    guids: &[Guid],
) -> Result<()> {
    let all: Vec<Dataset> =
        names.iter().flat_map(|(from, to)| [from.clone(), to.clone()]).collect();
    let found = engine.datasets(&all)?;
    let found: BTreeMap<&Dataset, Guid> =
        found.iter().map(|info| (&info.name, info.guid)).collect();
    for ((from, to), guid) in names.iter().zip(guids) {
        if found.get(from) == Some(guid) {
            return unexpected("rename", format!("it succeeded, but {from} is still there"));
        }
        if found.get(to) != Some(guid) {
            return unexpected("rename", format!("it succeeded, but {to} is not what {from} was"));
        }
    }
    Ok(())
}

/// Checks that each of the datasets is mounted, or that none is.
pub(super) fn mounted_each(
    engine: &dyn Engine,
    datasets: &[Dataset],
    expected: bool,
) -> Result<()> {
    let found = engine.datasets(datasets)?;
    if let Some(info) = found.iter().find(|info| info.mounted != expected) {
        let not = if expected { "not " } else { "" };
        return unexpected("mount", format!("it succeeded, but {} is {not}mounted", info.name));
    }
    let here: BTreeSet<&Dataset> = found.iter().map(|info| &info.name).collect();
    match datasets.iter().find(|name| !here.contains(name)) {
        None => Ok(()),
        Some(missing) => Err(ZfsError::NotFound(missing.to_string())),
    }
}
