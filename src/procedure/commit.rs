//! Plans a commit: accepts an upgrade or a downgrade, and destroys what was kept for the other way.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

use super::{ProcedureInputs, Settings};
use crate::host::quote::quote;
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
    if state.phase == Phase::BackedOut {
        fully_proved(state, accepted)?;
    }
    let close = || {
        let (promote, destroy, with) = (Vec::new(), Vec::new(), Vec::new());
        strategy::commit(state, Procedure::CommitUpgrade, promote, destroy, with, Vec::new())
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

/// The name of what was not compared.
const NOT_PROVED: &str = "not-fully-proved";

/// Whether a person answers for what was not compared.
pub fn answers_for_proof(accepted: &[String]) -> bool {
    accepted.iter().any(|word| word == NOT_PROVED)
}

/// What was not compared is not destroyed without a yes that names it.
fn fully_proved(state: &State, accepted: &[String]) -> Result<(), CliError> {
    let partly = state.partly_compared();
    if !state.awaits_full_proof() || answers_for_proof(accepted) {
        return Ok(());
    }
    let commit = format!("backout commit --accept {NOT_PROVED}");
    Err(match state.full_proof {
        Some(proof) => {
            let mut error = CliError::new(
                ErrorKind::Refused,
                "what the previous version has differs from what the upgraded one had",
            );
            error.cause.push(proof.to_string());
            error
                .next("backout undo", "go back to the upgraded state")
                .next("backout prove", "compare again, and see the items")
                .next(commit, "destroy the upgraded state: you answer for the items")
        }
        None => {
            let mut error = CliError::new(
                ErrorKind::Refused,
                "not everything was compared with the upgraded state, which would be destroyed",
            );
            error.cause.extend(partly.iter().map(|(name, items)| {
                format!("of the {name}, only what was written since the snapshot: {items} of them")
            }));
            error
                .next("backout prove", "compare everything, while the service runs")
                .next(commit, "destroy it without: you answer for what was not compared")
        }
    })
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
        return Err(error.next(commit_accepting(&left.unnamed), "destroy them too"));
    }
    if let Some((first, _)) = left.of_others.first() {
        let title = "datasets that hold none of the product's data were written to since the \
            snapshot, and would be destroyed";
        let mut error = CliError::new(ErrorKind::Refused, title);
        error.cause.extend(left.of_others.iter().map(|(_, why)| why.clone()));
        let names: Vec<&str> = left.of_others.iter().map(|(name, _)| name.as_str()).collect();
        return Err(error
            .next(
                format!("zfs send {}@… > FILE", quote(first.as_str())),
                "save what was written there first: nobody else has it",
            )
            .next(commit_accepting(&names), "destroy it"));
    }
    let files: Vec<String> = state
        .manifest
        .other_files
        .iter()
        .map(|path| path.display().to_string())
        .filter(|path| !left.destroy.is_empty() && !accepted.contains(path))
        .collect();
    if !files.is_empty() {
        let title = "files that are not the product's lie on what is to be destroyed, and nothing \
            of what was written to them since the snapshot was captured";
        let mut error = CliError::new(ErrorKind::Refused, title);
        error.cause.extend(files.iter().cloned());
        let kept: Vec<&str> = left.destroy.iter().map(|(dataset, _)| dataset.as_str()).collect();
        return Err(error
            .next(
                "zfs set mountpoint=/mnt DATASET; zfs mount DATASET",
                format!("save what you need of them first. DATASET: {}", kept.join(", ")),
            )
            .next(commit_accepting(&files), "destroy it"));
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
    let downgraded = procedure == Procedure::CommitDowngrade;
    let aside = strategy::remove_aside(inputs.product(), state, downgraded)?;
    let kept = strategy::remove_kept(state, &settings.layout(&state.manifest));
    let folders = aside.into_iter().chain(kept).collect();
    let mut plan =
        strategy::commit(state, procedure, left.promote, left.destroy, left.snapshots, folders);
    let roots = inputs.roots();
    plan.steps.splice(0..0, super::standby::input(&inputs, state, &roots).before_commit()?);
    Ok(plan)
}

/// The command that destroys these, too.
fn commit_accepting(names: &[impl AsRef<OsStr>]) -> String {
    let accept = |name| format!(" --accept {}", quote(name));
    format!("backout commit{}", names.iter().map(accept).collect::<String>())
}

fn look(inputs: &ProcedureInputs, state: &State, accepted: &[String]) -> zfs::Result<Leftovers> {
    let product = super::stays::of_product(inputs, state, &state.manifest.datasets);
    look_at(inputs.engine.as_ref(), &inputs.roots(), &product, state, accepted)
}

/// `product`: the datasets that hold the product's data.
fn look_at(
    engine: &dyn Engine,
    roots: &[Dataset],
    product: &BTreeSet<Dataset>,
    state: &State,
    accepted: &[String],
) -> zfs::Result<Leftovers> {
    let ours = &state.snapshots;
    let mut left = Leftovers::default();
    let names: Vec<Snapshot> = ours.iter().map(|(name, _)| name.clone()).collect();
    let of: BTreeSet<(&Snapshot, Guid)> = ours.iter().map(|(name, guid)| (name, *guid)).collect();
    let known: BTreeSet<Guid> = ours.iter().map(|(_, guid)| *guid).collect();
    let before: BTreeSet<Guid> = ours
        .iter()
        .filter(|(name, _)| name.short() == state.manifest.snapshot)
        .map(|(_, guid)| *guid)
        .collect();
    let mut taken = engine.snapshot_infos(&names)?;
    taken.retain(|info| of.contains(&(&info.name, info.guid)));
    left.blockers.extend(blockers(engine, state, &taken)?);
    for root in roots {
        let tree: Vec<Dataset> = engine.tree(root)?.into_iter().map(|info| info.name).collect();
        let roles = engine.locals_of(&tree, &[PROP_ROLE])?;
        let active = tree
            .into_iter()
            .zip(&roles)
            .filter(|(_, here)| here.get(PROP_ROLE).is_some_and(|role| role == "active"));
        left.promote.extend(active.map(|(name, _)| name));
        for ending in strategy::kept_endings(state) {
            let aside = root.with_suffix(&ending)?;
            if engine.dataset(&aside)?.is_none() {
                continue;
            }
            let mut kept = engine.history(&aside)?;
            kept.reverse();
            let names: Vec<Dataset> = kept.iter().map(|(info, _)| info.name.clone()).collect();
            let marks = engine.locals_of(&names, &[PROP_CHANGE, PROP_ROLE])?;
            let (mut asked, mut others) = (Vec::new(), Vec::new());
            for ((info, all), here) in kept.into_iter().zip(&marks) {
                let of_this = here.get(PROP_CHANGE) == Some(&state.manifest.change);
                if !of_this || !here.contains_key(PROP_ROLE) {
                    left.strangers.push(info.name.to_string());
                    continue;
                }
                // When a clone is promoted, snapshots older than its origin move to the clone.
                let origin = all.iter().find(|other| before.contains(&other.guid)).cloned();
                asked.extend(origin.clone());
                if info.name != aside
                    && !product.contains(&info.name.moved(&aside, root)?)
                    && !accepted.iter().any(|name| name == info.name.as_str())
                {
                    others.push((info.clone(), origin.as_ref().map(|found| found.name.clone())));
                }
                let goes = |snapshot: &SnapshotInfo| {
                    origin.as_ref().is_none_or(|origin| zfs::is_newer(snapshot, origin))
                };
                for snapshot in all.into_iter().rev().filter(goes) {
                    let known = known.contains(&snapshot.guid);
                    if !known && !accepted.iter().any(|name| name == snapshot.name.as_str()) {
                        left.unnamed.push(snapshot.name.to_string());
                    }
                    left.snapshots.push((snapshot.name.clone(), snapshot.guid));
                    if !known {
                        asked.push(snapshot);
                    }
                }
                left.destroy.push((info.name, info.guid));
            }
            left.blockers.extend(blockers(engine, state, &asked)?);
            left.of_others.extend(written(engine, &others)?);
        }
    }
    Ok(left)
}

/// What was written to each dataset since its snapshot before the upgrade, or since it was cloned
/// from that, in words. Nothing about those that nothing was written to.
fn written(
    engine: &dyn Engine,
    all: &[(DatasetInfo, Option<Snapshot>)],
) -> zfs::Result<Vec<(Dataset, String)>> {
    let own: Vec<Snapshot> = all
        .iter()
        .filter_map(|(info, since)| since.clone().filter(|since| since.dataset() == info.name))
        .collect();
    let bytes = engine.written_since_each(&own)?;
    let of: BTreeMap<&Snapshot, u64> = own.iter().zip(bytes).collect();
    let mut said = Vec::new();
    for (info, since) in all {
        let name = &info.name;
        let why = match since.as_ref().or(info.origin.as_ref()) {
            Some(since) => {
                let bytes = match of.get(since) {
                    Some(bytes) => *bytes,
                    None => engine.written_since(name, since)?,
                };
                if bytes == 0 {
                    continue;
                }
                let size = humansize::format_size(bytes, humansize::BINARY);
                format!("{name}: {size} were written since {since}")
            }
            None => format!("{name}: what was written since the snapshot cannot be told"),
        };
        said.push((name.clone(), why));
    }
    Ok(said)
}

/// The holds and clones of others that prevent snapshots from being destroyed.
fn blockers(
    engine: &dyn Engine,
    state: &State,
    snapshots: &[SnapshotInfo],
) -> zfs::Result<Vec<String>> {
    let held = snapshots.iter().filter(|snapshot| snapshot.userrefs > 0);
    let held: Vec<Snapshot> = held.map(|snapshot| snapshot.name.clone()).collect();
    let tags: BTreeMap<&Snapshot, Vec<String>> = held.iter().zip(engine.holds_of(&held)?).collect();
    let clones: BTreeSet<&Dataset> =
        snapshots.iter().flat_map(|snapshot| &snapshot.clones).collect();
    let clones: Vec<Dataset> = clones.into_iter().cloned().collect();
    let marks = engine.locals_of(&clones, &[PROP_CHANGE])?;
    let change = &state.manifest.change;
    let ours: BTreeSet<&Dataset> = clones
        .iter()
        .zip(&marks)
        .filter(|(_, here)| here.get(PROP_CHANGE) == Some(change))
        .map(|(name, _)| name)
        .collect();
    let mut found = Vec::new();
    for snapshot in snapshots {
        let tags = tags.get(&snapshot.name).into_iter().flatten();
        let whose: Vec<String> = tags
            .filter(|tag| **tag != hold_tag(change))
            .map(|tag| format!("the hold {tag:?}"))
            .chain(
                snapshot
                    .clones
                    .iter()
                    .filter(|clone| !ours.contains(clone))
                    .map(|clone| format!("the clone {clone}")),
            )
            .collect();
        if !whose.is_empty() {
            found.push(format!("{}: {}", snapshot.name, whose.join(", ")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::sim::command::Commands;
    use crate::zfs::{CliEngine, DatasetKind, FakeEngine};

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
        let said = |name: &Dataset, since: Option<&Snapshot>| {
            let info = engine.dataset(name).expect("readable").expect("there");
            let all = written(&engine, &[(info, since.cloned())]).expect("readable");
            all.into_iter().next().map(|(_, why)| why)
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

    /// A state after a kept downgrade of so many datasets below one, each with six snapshots of
    /// others.
    fn kept(children: usize) -> (FakeEngine, Dataset, State) {
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse().expect("a name")).expect("pool");
        let root: Dataset = "tank/app".parse().expect("a name");
        let names = |root: &str| -> Vec<Dataset> {
            let below = (0..children).map(|child| format!("{root}/c{child:04}"));
            let all = std::iter::once(root.to_owned()).chain(below);
            all.map(|name| name.parse().expect("a name")).collect()
        };
        let aside = names("tank/app.upgraded");
        for name in &aside {
            engine.create(name, DatasetKind::Filesystem, &[]).expect("made");
            for number in 0..6 {
                let other = name.at(&format!("auto{number}")).expect("a name");
                engine.snapshot(&[other], &[]).expect("taken");
            }
        }
        let at = |short: &str| -> Vec<Snapshot> {
            aside.iter().map(|name| name.at(short).expect("a name")).collect()
        };
        let taken: Vec<Snapshot> = [at("c1"), at("c1-upgraded")].concat();
        engine.snapshot(&at("c1"), &[]).expect("taken");
        engine.snapshot(&at("c1-upgraded"), &[]).expect("taken");
        engine.hold_all(&taken, &hold_tag("c1")).expect("held");
        let ours = [(PROP_CHANGE, "c1"), (PROP_ROLE, "upgraded")];
        engine.set_all(&aside, &ours).expect("set");
        for (snapshot, name) in at("c1").iter().zip(names("tank/app")) {
            let clone = [(PROP_CHANGE, "c1"), (PROP_ROLE, "active")];
            engine.clone_snapshot(snapshot, &name, &clone).expect("cloned");
        }
        let infos = engine.snapshot_infos(&taken).expect("read");
        let manifest = serde_json::json!({
            "format": 1, "change": "c1", "tool": "0", "host": "h", "playbook": "app",
            "playbook_sha256": "", "site_sha256": "", "from_version": "1", "upgrade_to": "2",
            "snapshot": "c1", "snapshot_time": "", "datasets": [], "values": {}
        });
        let mut state = State::opened(serde_json::from_value(manifest).expect("a manifest"));
        state.snapshots = infos.into_iter().map(|info| (info.name, info.guid)).collect();
        (engine, root, state)
    }

    #[test]
    fn a_commit_looks_at_many_datasets_with_as_many_commands() {
        let look = |children: usize| {
            let (engine, root, state) = kept(children);
            let commands = Commands::new(engine);
            let engine = CliEngine::new(commands.runner());
            let accepted: Vec<String> = Vec::new();
            let left =
                look_at(&engine, &[root], &BTreeSet::new(), &state, &accepted).expect("read");
            assert_eq!((left.promote.len(), left.destroy.len()), (children + 1, children + 1));
            assert_eq!((left.strangers.len(), left.blockers.len()), (0, 0), "{:?}", left.blockers);
            commands.taken()
        };
        let (few, many) = (look(10), look(100));
        assert_eq!(few.len(), many.len(), "{many:#?}");
    }
}
