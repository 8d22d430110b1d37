//! Destroying and promoting many at once, by one channel program for each pool. The engines provide
//! the operations ([`Hands`]).

use std::collections::BTreeMap;

use super::error::of_errno;
use super::program::lines;
use super::rollback::Hands;
use super::words::{WORDS, batches};
use super::{Dataset, Guid, Pool, Result, RollbackMethod, Snapshot, ZfsError};

/// The channel program (`zfs-program(8)`).
pub(super) const BATCH: &str = concat!(include_str!("program.lua"), include_str!("batch.lua"));
/// What one program is about: a name, and the identity that it must have.
type Named = (String, Guid);

/// `Engine::destroy_snapshots` of the real engines.
pub(super) fn destroy_snapshots(hands: &impl Hands, list: &[(Snapshot, Guid)]) -> Result<()> {
    let named = list.iter().map(|(name, guid)| (name.dataset(), name.to_string(), *guid));
    if !at_once(hands, "snapshots", named)? {
        let mut each = list.iter();
        return each.try_for_each(|(name, guid)| hands.destroy_snapshot(name, *guid).map(drop));
    }
    let names: Vec<Snapshot> = list.iter().map(|(name, _)| name.clone()).collect();
    gone(hands.snapshot_infos(&names)?.first().map(|info| info.name.to_string()))
}

/// `Engine::destroy_datasets` of the real engines.
pub(super) fn destroy_datasets(hands: &impl Hands, list: &[(Dataset, Guid)]) -> Result<()> {
    let named = list.iter().map(|(name, guid)| (name.clone(), name.to_string(), *guid));
    if !at_once(hands, "datasets", named)? {
        let mut each = list.iter();
        return each.try_for_each(|(name, guid)| hands.destroy_dataset(name, *guid).map(drop));
    }
    let names: Vec<Dataset> = list.iter().map(|(name, _)| name.clone()).collect();
    gone(hands.datasets(&names)?.first().map(|info| info.name.to_string()))
}

/// `Engine::promote_all` of the real engines.
pub(super) fn promote_all(hands: &impl Hands, datasets: &[Dataset]) -> Result<()> {
    let found = hands.datasets(datasets)?;
    if found.len() < datasets.len() {
        let missing = datasets.iter().find(|name| !found.iter().any(|info| info.name == **name));
        return Err(ZfsError::NotFound(missing.map(ToString::to_string).unwrap_or_default()));
    }
    let clones: Vec<_> = found.into_iter().filter(|info| info.origin.is_some()).collect();
    let named = clones.iter().map(|info| (info.name.clone(), info.name.to_string(), info.guid));
    if !at_once(hands, "promote", named)? {
        return clones.iter().try_for_each(|info| hands.promote(&info.name).map(drop));
    }
    let origins: BTreeMap<&Dataset, &Option<Snapshot>> =
        clones.iter().map(|info| (&info.name, &info.origin)).collect();
    let names: Vec<Dataset> = clones.iter().map(|info| info.name.clone()).collect();
    for info in hands.datasets(&names)? {
        if origins.get(&info.name).is_some_and(|origin| **origin == info.origin) {
            return Err(ZfsError::Unexpected {
                command: "promote".to_owned(),
                detail: format!("it succeeded, but {} is still a clone", info.name),
            });
        }
    }
    Ok(())
}

fn gone(left: Option<String>) -> Result<()> {
    match left {
        None => Ok(()),
        Some(name) => Err(ZfsError::Unexpected {
            command: "destroy".to_owned(),
            detail: format!("it succeeded, but {name} is still there"),
        }),
    }
}

/// Whether a program did it for all of them. If not, nothing was done, and each is done by itself:
/// there are fewer than two, or no program may run here.
fn at_once(
    hands: &impl Hands,
    mode: &str,
    list: impl ExactSizeIterator<Item = (Dataset, String, Guid)>,
) -> Result<bool> {
    if RollbackMethod::permitted() != RollbackMethod::Program || list.len() < 2 {
        return Ok(false);
    }
    match run(hands, mode, list) {
        Err(ZfsError::NoPrograms) => Ok(false),
        ran => ran.map(|()| true),
    }
}

/// Runs the program for each pool, in the order of `list`.
fn run(
    hands: &impl Hands,
    mode: &str,
    list: impl Iterator<Item = (Dataset, String, Guid)>,
) -> Result<()> {
    let mut pools: Vec<(Pool, Vec<Named>)> = Vec::new();
    for (dataset, name, guid) in list {
        let pool = dataset.pool();
        match pools.iter_mut().find(|(found, _)| *found == pool) {
            Some((_, named)) => named.push((name, guid)),
            None => pools.push((pool, vec![(name, guid)])),
        }
    }
    for (pool, named) in &pools {
        for part in batches(named, WORDS, |(name, _)| name.len() + 30) {
            let mut arguments = vec![mode.to_owned()];
            for (name, guid) in part {
                arguments.extend([name.clone(), guid.0.cast_signed().to_string()]);
            }
            understand(hands, &hands.program(BATCH, pool, &arguments)?, part)?;
        }
    }
    Ok(())
}

fn understand(hands: &impl Hands, answer: &str, asked: &[Named]) -> Result<()> {
    if answer == "done" {
        return Ok(());
    }
    let unexpected = |detail: String| ZfsError::Unexpected {
        command: "the program for many".to_owned(),
        detail,
    };
    let lines = lines(answer);
    let Some(line) = lines.first() else {
        return Err(unexpected("it returned nothing".to_owned()));
    };
    Err(match line.kind {
        "replaced" => {
            let expected = asked.iter().find(|(name, _)| name == line.name);
            match (expected, line.detail.parse::<i64>()) {
                (Some((name, expected)), Ok(found)) => ZfsError::Replaced {
                    what: name.clone(),
                    found: found.cast_unsigned(),
                    expected: expected.0,
                },
                _ => unexpected(format!("{answer:?}")),
            }
        }
        "held" | "cloned" => line.not_free(hands)?,
        "snapshot" | "stopped" => match line.detail.parse() {
            Ok(errno) => of_errno(errno, "the program for many", line.name),
            Err(_) => unexpected(format!("{answer:?}")),
        },
        _ => unexpected(format!("{answer:?}")),
    })
}
