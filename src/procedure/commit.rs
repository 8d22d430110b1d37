//! Plans a commit: accepts an upgrade or a downgrade, and destroys what was kept for the other way.

use super::{ProcedureInputs, Settings};
use crate::journal::{Phase, Procedure};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::{Plan, State, hold_tag};
use crate::strategy;
use crate::zfs::{
    self, Dataset, DatasetInfo, Engine, Guid, PROP_CHANGE, PROP_ROLE, Snapshot, SnapshotInfo,
};

/// The plan of a commit. `accepted`: the names that a person answered for.
///
/// # Errors
/// When the state does not permit it, or it would destroy something that does not belong to this
/// change.
pub fn plan(settings: &Settings, state: &State, accepted: &[String]) -> Result<Plan, CliError> {
    permit(state, Command::Commit)?;
    let close = || {
        let (promote, destroy, with) = (Vec::new(), Vec::new(), Vec::new());
        strategy::commit(state, Procedure::CommitUpgrade, promote, destroy, with, None)
    };
    match state.phase {
        Phase::Opened | Phase::Closed => Ok(close()),
        Phase::Coexisting => {
            all_moved(settings, state, accepted)?;
            Ok(close())
        }
        Phase::Prepared | Phase::Upgraded | Phase::BackedOut => accept(settings, state, accepted),
    }
}

/// Refuses while users are on the old host, unless that was accepted.
fn all_moved(settings: &Settings, state: &State, accepted: &[String]) -> Result<(), CliError> {
    let left = super::migrate::left_behind(&ProcedureInputs::of_change(settings, state)?)?;
    if left.is_empty() || accepted.iter().any(|word| word == "left-behind") {
        return Ok(());
    }
    let mut error = CliError::new(
        ErrorKind::Refused,
        format!("not everybody has moved: {} left, or on hold", left.len()),
    );
    error.cause.extend(left.iter().take(20).cloned());
    Err(error.next("backout migrate --all", "move them, too").next(
        "backout commit --accept left-behind",
        "they stay where they are: you answer for them",
    ))
}

/// What was kept for the other way, and the clones that took its place.
#[derive(Default)]
struct Leftovers {
    promote: Vec<Dataset>,
    destroy: Vec<(Dataset, Guid)>,
    snapshots: Vec<(Snapshot, Guid)>,
    strangers: Vec<String>,
    unnamed: Vec<String>,
    of_others: Vec<(Dataset, String)>,
    blockers: Vec<String>,
}

/// Plans the commit. Nothing that is not ours is destroyed unless it was named.
fn accept(settings: &Settings, state: &State, accepted: &[String]) -> Result<Plan, CliError> {
    let inputs = ProcedureInputs::of_change(settings, state)?;
    let left = look(&inputs, state, accepted).map_err(|error| {
        CliError::new(ErrorKind::Failed, "the datasets of this change could not be looked at")
            .cause(error.to_string())
    })?;
    if let Some(first) = left.strangers.first() {
        let mut error = CliError::new(
            ErrorKind::Refused,
            "datasets that are not of this change stand below what is to be destroyed",
        );
        error.cause.extend(
            left.strangers
                .iter()
                .map(|name| format!("{name} was made after the snapshot before the upgrade")),
        );
        return Err(error.next(
            format!("zfs rename {first} …"),
            "move what you want to keep, destroy the rest, and commit again",
        ));
    }
    if !left.unnamed.is_empty() {
        let mut error = CliError::new(
            ErrorKind::Refused,
            "snapshots that are not of this change would go with what is to be destroyed",
        );
        error.cause.extend(left.unnamed.iter().cloned());
        let flags: Vec<String> = left
            .unnamed
            .iter()
            .map(|name| format!("--accept {}", crate::host::quote::quote(name)))
            .collect();
        return Err(error.next(format!("backout commit {}", flags.join(" ")), "destroy them too"));
    }
    if let Some((first, _)) = left.of_others.first() {
        let title = "datasets that hold none of the product's data were written to since the \
            snapshot, and would be destroyed";
        let mut error = CliError::new(ErrorKind::Refused, title);
        error.cause.extend(left.of_others.iter().map(|(_, why)| why.clone()));
        let flags: Vec<String> = left
            .of_others
            .iter()
            .map(|(name, _)| format!("--accept {}", crate::host::quote::quote(name.as_str())))
            .collect();
        return Err(error
            .next(
                format!("zfs send {}@… > FILE", crate::host::quote::quote(first.as_str())),
                "save what was written there first: nobody else has it",
            )
            .next(format!("backout commit {}", flags.join(" ")), "destroy it"));
    }
    if !left.blockers.is_empty() {
        let mut error =
            CliError::new(ErrorKind::Refused, "others hold snapshots that are to be destroyed");
        error.cause.extend(left.blockers.iter().cloned());
        return Err(error.next(
            "backout commit",
            "once those holds are released; nothing is lost by \
                waiting",
        ));
    }
    let procedure = if state.phase == Phase::BackedOut {
        Procedure::CommitDowngrade
    } else {
        Procedure::CommitUpgrade
    };
    let folders =
        strategy::remove_aside(inputs.product(), state, procedure == Procedure::CommitDowngrade)?;
    Ok(strategy::commit(state, procedure, left.promote, left.destroy, left.snapshots, folders))
}

fn look(inputs: &ProcedureInputs, state: &State, accepted: &[String]) -> zfs::Result<Leftovers> {
    let engine = inputs.engine.as_ref();
    let ours = &state.snapshots;
    let mut left = Leftovers::default();
    let product = super::stays::of_product(inputs, state, &state.manifest.datasets);
    for (name, guid) in ours {
        if let Some(snapshot) = engine.snapshot_info(name)?.filter(|found| found.guid == *guid) {
            left.blockers.extend(blockers(engine, state, &snapshot)?);
        }
    }
    for root in inputs.roots() {
        for info in engine.tree(&root)? {
            if engine.local(&info.name, PROP_ROLE)?.as_deref() == Some("active") {
                left.promote.push(info.name);
            }
        }
        for ending in strategy::kept_endings(state) {
            let aside = root.with_suffix(&ending)?;
            if engine.dataset(&aside)?.is_none() {
                continue;
            }
            for info in engine.tree(&aside)?.into_iter().rev() {
                let of_this = engine.local(&info.name, PROP_CHANGE)?.as_deref()
                    == Some(state.manifest.change.as_str());
                if !of_this || engine.local(&info.name, PROP_ROLE)?.is_none() {
                    left.strangers.push(info.name.to_string());
                    continue;
                }
                let all = engine.snapshots(&info.name)?;
                // When a clone is promoted, snapshots older than its origin move to the clone.
                let before = |other: &&SnapshotInfo| {
                    ours.iter().any(|(name, guid)| {
                        *guid == other.guid && name.short() == state.manifest.snapshot
                    })
                };
                let origin = all.iter().find(before).cloned();
                if let Some(origin) = &origin {
                    left.blockers.extend(blockers(engine, state, origin)?);
                }
                if info.name != aside
                    && !product.contains(&info.name.moved(&aside, &root)?)
                    && !accepted.iter().any(|name| name == info.name.as_str())
                {
                    left.of_others.extend(written(
                        engine,
                        &info,
                        origin.as_ref().map(|found| &found.name),
                    )?);
                }
                let goes = |snapshot: &SnapshotInfo| {
                    origin.as_ref().is_none_or(|origin| zfs::is_newer(snapshot, origin))
                };
                for snapshot in all.into_iter().rev().filter(goes) {
                    let known = ours.iter().any(|(_, guid)| *guid == snapshot.guid);
                    if !known && !accepted.iter().any(|name| name == snapshot.name.as_str()) {
                        left.unnamed.push(snapshot.name.to_string());
                    }
                    left.blockers.extend(if known {
                        None
                    } else {
                        blockers(engine, state, &snapshot)?
                    });
                    left.snapshots.push((snapshot.name, snapshot.guid));
                }
                left.destroy.push((info.name, info.guid));
            }
        }
    }
    Ok(left)
}

/// What was written to a dataset since the snapshot before the upgrade, or since it was cloned from
/// that, in words.
fn written(
    engine: &dyn Engine,
    info: &DatasetInfo,
    snapshot: Option<&Snapshot>,
) -> zfs::Result<Option<(Dataset, String)>> {
    let why = match snapshot.or(info.origin.as_ref()) {
        Some(since) => match engine.written_since(&info.name, since)? {
            0 => return Ok(None),
            bytes => format!(
                "{}: {} were written since {since}",
                info.name,
                humansize::format_size(bytes, humansize::BINARY)
            ),
        },
        None => format!("{}: what was written since the snapshot cannot be told", info.name),
    };
    Ok(Some((info.name.clone(), why)))
}

/// The holds and clones of others that prevent a snapshot from being destroyed.
fn blockers(
    engine: &dyn Engine,
    state: &State,
    snapshot: &SnapshotInfo,
) -> zfs::Result<Option<String>> {
    let mut whose = Vec::new();
    for tag in engine
        .holds(&snapshot.name)?
        .into_iter()
        .filter(|tag| *tag != hold_tag(&state.manifest.change))
    {
        whose.push(format!("the hold {tag:?}"));
    }
    for clone in &snapshot.clones {
        if engine.local(clone, PROP_CHANGE)?.as_deref() != Some(state.manifest.change.as_str()) {
            whose.push(format!("the clone {clone}"));
        }
    }
    Ok((!whose.is_empty()).then(|| format!("{}: {}", snapshot.name, whose.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::{DatasetKind, FakeEngine};

    #[test]
    fn s4_what_was_written_since_is_told_of_the_kept_dataset_and_of_a_clone() {
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse().expect("a name")).expect("pool");
        let dataset = |name: &str| -> Dataset { name.parse().expect("a name") };
        let (kept, clone, snapshot) = (
            dataset("tank/dumps"),
            dataset("tank/clone"),
            "tank/dumps@before".parse().expect("a name"),
        );
        engine.create(&kept, DatasetKind::Filesystem, &[]).expect("made");
        engine.write(&kept, "monday").expect("written");
        engine.snapshot(std::slice::from_ref(&snapshot), &[]).expect("snapshot");
        engine.clone_snapshot(&snapshot, &clone, &[]).expect("cloned");
        let said = |name: &Dataset, since| {
            let info = engine.dataset(name).expect("readable").expect("there");
            written(&engine, &info, since).expect("readable").map(|(_, why)| why)
        };
        assert_eq!((said(&kept, Some(&snapshot)), said(&clone, None)), (None, None));
        engine.write(&kept, "tuesday").expect("written");
        engine.mount(&clone).expect("mounted");
        engine.write(&clone, "tuesday").expect("written");
        assert_eq!(
            said(&kept, Some(&snapshot)).as_deref(),
            Some("tank/dumps: 4 KiB were written since tank/dumps@before")
        );
        assert_eq!(
            said(&clone, None).as_deref(),
            Some("tank/clone: 4 KiB were written since tank/dumps@before")
        );
    }
}
