//! A clone of the snapshot takes the place of the upgraded data, which is kept beside it.
//! Reversible.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::journal::{Family, MountedDataset, StepId};
use crate::playbook::model::Interrupted;
use crate::step::{
    Action, CloneOne, CloneRole, CloneSnapshot, PutBack, Rollback, Run, SetAside, State, Stays,
    Step, TakePlace, TakeSnapshot,
};
use crate::strategy::input::{ASIDE, DowngradeInput, Exchanged, aside_of, is_switch, undone_of};
use crate::strategy::parts::{Parts, members};
use crate::zfs::{
    Dataset, ENDING_CANDIDATE as CANDIDATE, ENDING_STANDBY as STANDBY, Guid, Snapshot,
};

/// The steps that make the clones and exchange them for the upgraded datasets.
pub(super) fn steps(parts: Parts<'_>, input: &DowngradeInput, opened: bool) -> Result<Vec<Step>> {
    let mounts = members(parts.manifest, &input.snapshots);
    let first_aside =
        input.roots.first().map(|root| StepId::of(Family::SetAside, root)).unwrap_or(StepId::MOUNT);
    let mut steps = vec![parts.unmount(&mounts, &first_aside), snapshot_upgraded(parts, &mounts)];
    let snapshots: BTreeMap<Dataset, (&Snapshot, &Guid)> = input
        .snapshots
        .iter()
        .map(|(snapshot, guid)| (snapshot.dataset(), (snapshot, guid)))
        .collect();
    for root in &input.roots {
        let candidate = root.with_suffix(CANDIDATE)?;
        let mut all = Vec::new();
        for mount in mounts.iter().filter(|mount| mount.dataset.is_within(root)) {
            let (snapshot, guid) = snapshots
                .get(&mount.dataset)
                .map(|(snapshot, guid)| ((*snapshot).clone(), **guid))
                .with_context(|| format!("{} has no snapshot", mount.dataset))?;
            let target = mount.dataset.moved(root, &candidate)?;
            all.push(CloneOne { like: mount.dataset.clone(), snapshot, guid, target });
        }
        let mut all = all.into_iter();
        let Some(top) = all.next() else { continue };
        let below: Vec<CloneOne> = all.collect();
        let title = match below.len() {
            0 => format!("clone {} as {}", top.snapshot, top.target),
            more => format!("clone {} as {}, with {more} below", top.snapshot, top.target),
        };
        steps.push(Step::new(
            StepId::of(Family::Clone, root),
            title,
            Action::Clone(CloneSnapshot { top, below, role: CloneRole::Candidate }),
        ));
    }
    steps.extend(exchange(&mounts, input, CANDIDATE)?);
    if opened
        && parts
            .playbook
            .restore
            .as_ref()
            .is_some_and(|restore| restore.interrupted == Interrupted::Rollback)
    {
        // An interrupted restore starts over from here.
        let base = TakeSnapshot {
            datasets: mounts.iter().map(|mount| mount.dataset.clone()).collect(),
            name: format!("{}-base", parts.manifest.snapshot),
            label: "base".into(),
            hold: false,
        };
        let rollback = Rollback {
            to: StepId::SNAPSHOT_BASE,
            mounts: mounts.clone(),
            consented: Vec::new(),
            consented_bookmarks: Vec::new(),
            base: true,
        };
        steps.push(Step::new(
            StepId::SNAPSHOT_BASE,
            "snapshot the clones, to begin a restore again from",
            Action::Snapshot(base),
        ));
        steps.push(Step::new(
            StepId::ROLLBACK_BASE,
            "roll the clones back, if a restore was cut off",
            Action::Rollback(rollback),
        ));
    }
    steps.push(parts.mount(&mounts).until(&StepId::START));
    Ok(steps)
}

/// The snapshot of the upgraded state, after which it is not written to any more.
pub(super) fn snapshot_upgraded(parts: Parts<'_>, mounts: &[MountedDataset]) -> Step {
    let post = TakeSnapshot {
        datasets: mounts.iter().map(|mount| mount.dataset.clone()).collect(),
        name: format!("{}-upgraded", parts.manifest.snapshot),
        label: "after-upgrade".into(),
        hold: true,
    };
    let title = format!("snapshot and hold the upgraded state @{}", post.name);
    Step::new(StepId::SNAPSHOT_UPGRADED, title, Action::Snapshot(post))
}

/// The upgraded datasets go aside, and the clones whose names have this ending take their place.
pub(super) fn exchange(
    mounts: &[MountedDataset],
    input: &DowngradeInput,
    ending: &str,
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for root in &input.roots {
        let upgraded = mounts
            .iter()
            .find(|mount| mount.dataset == *root)
            .with_context(|| format!("{root} has no snapshot"))?
            .guid;
        let members: Vec<Dataset> = mounts
            .iter()
            .map(|mount| mount.dataset.clone())
            .filter(|dataset| dataset.is_within(root))
            .collect();
        let aside = root.with_suffix(ASIDE)?;
        let title = format!("rename the upgraded {root} to {aside}");
        let aside_name = aside.clone();
        let action =
            SetAside { dataset: root.clone(), guid: upgraded, aside, members: members.clone() };
        steps.push(Step::new(StepId::of(Family::SetAside, root), title, Action::SetAside(action)));
        let candidate = root.with_suffix(ending)?;
        let title = format!("rename {candidate} to {root}");
        let stays = stays_below(root, &aside_name, &input.stays)?;
        let action = TakePlace { candidate, dataset: root.clone(), upgraded, members, stays };
        steps.push(Step::new(
            StepId::of(Family::TakePlace, root),
            title,
            Action::TakePlace(action),
        ));
    }
    Ok(steps)
}

/// Those below a root, each with the name that it has while the root is called `carried`.
fn stays_below(root: &Dataset, carried: &Dataset, stays: &[(Dataset, Guid)]) -> Result<Vec<Stays>> {
    let below = stays.iter().filter(|(dataset, _)| dataset.is_within(root));
    below
        .map(|(dataset, guid)| {
            let carried = dataset.moved(root, carried)?;
            Ok(Stays { dataset: dataset.clone(), guid: *guid, carried })
        })
        .collect()
}

/// The datasets of other use that a downgrade left in their place.
pub fn stays_of(run: &Run) -> Vec<(Dataset, Guid)> {
    let of = |step: &Step| match &step.action {
        Action::TakePlace(it) => Some(it.stays.clone()),
        _ => None,
    };
    let stays = run.plan.steps.iter().filter_map(of).flatten();
    stays.map(|it| (it.dataset, it.guid)).collect()
}

/// The steps that put the upgraded datasets back into their place.
pub(super) fn put_back(
    state: &State,
    run: &Run,
    exchanged: Exchanged<'_>,
    members: &[MountedDataset],
    abort: bool,
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let makes = |step: &Step| matches!(step.action, Action::Clone(_) | Action::SetUpStandby(_));
    let cloned = run.plan.steps.iter().any(|step| makes(step) && run.was_begun(&step.id));
    if cloned {
        let undone = undone_of(state);
        // A dataset that is mounted within another one is unmounted before it.
        let outermost = |root: &&Dataset| {
            let within =
                state.manifest.datasets.iter().filter(|mount| mount.dataset.is_within(root));
            within.filter_map(|mount| mount.mountpoint.clone()).min()
        };
        let mut roots: Vec<&Dataset> = exchanged.roots.iter().collect();
        roots.sort_by_key(|root| std::cmp::Reverse(outermost(root)));
        for root in roots {
            let ending = if is_switch(run) { STANDBY } else { CANDIDATE };
            let candidate = root.with_suffix(ending)?;
            let keep_as = if abort { None } else { Some(root.with_suffix(&undone)?) };
            let stays = stays_below(root, keep_as.as_ref().unwrap_or(&candidate), exchanged.stays)?;
            let action = PutBack {
                dataset: root.clone(),
                guid: state
                    .manifest
                    .datasets
                    .iter()
                    .find(|mount| mount.dataset == *root)
                    .map_or(crate::zfs::Guid(0), |mount| mount.guid),
                aside: root.with_suffix(aside_of(state))?,
                candidate,
                keep_as,
                stays,
                members: members
                    .iter()
                    .filter(|mount| mount.dataset.is_within(root))
                    .cloned()
                    .collect(),
            };
            let title = format!("put the upgraded {root} back into its place");
            steps.push(Step::new(
                StepId::of(Family::PutBack, root),
                title,
                Action::PutBack(action),
            ));
        }
    }
    Ok(steps)
}
