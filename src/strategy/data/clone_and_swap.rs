//! A clone of the snapshot takes the place of the upgraded data, which is kept beside it.
//! Reversible.

use anyhow::{Context as _, Result};

use crate::journal::{Family, MountedDataset, Side, StepId};
use crate::playbook::model::Interrupted;
use crate::step::{
    Action, CloneOne, CloneRole, DropSnapshots, Kept, PutBack, Rollback, Run, SetAside, State,
    Stays, Step, TakePlace, TakeSnapshot,
};
use crate::strategy::input::{ASIDE, DowngradeInput, Exchanged, aside_of, marked, undone_of};
use crate::strategy::parts::{Parts, members};
use crate::zfs::{Dataset, ENDING_CANDIDATE as CANDIDATE, ENDING_STANDBY as STANDBY, Guid};

/// The steps that make the clones and exchange them for the upgraded datasets.
pub(super) fn steps(parts: Parts<'_>, input: &DowngradeInput, opened: bool) -> Result<Vec<Step>> {
    let mounts = members(parts.manifest, &input.snapshots);
    let first_aside =
        input.roots.first().map(|root| StepId::of(Family::SetAside, root)).unwrap_or(StepId::MOUNT);
    let mut steps = vec![parts.unmount(&mounts, &first_aside), snapshot_upgraded(parts, &mounts)];
    let clones = parts.clones(&input.roots, &input.snapshots, CANDIDATE, CloneRole::Candidate)?;
    for (root, clones) in clones {
        let CloneOne { snapshot, target, .. } = &clones.top;
        let title = match clones.below.len() {
            0 => format!("clone {snapshot} as {target}"),
            more => format!("clone {snapshot} as {target}, with {more} below"),
        };
        steps.push(Step::new(StepId::of(Family::Clone, &root), title, Action::Clone(clones)));
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

/// In a way back: drops it again. Nothing if it was not begun.
pub(super) fn drop_upgraded(run: &Run) -> Result<Option<Step>> {
    if !run.was_begun(&StepId::SNAPSHOT_UPGRADED) {
        return Ok(None);
    }
    let marked = marked(run, &StepId::SNAPSHOT_UPGRADED)?;
    let action = Action::DropSnapshots(DropSnapshots { snapshots: Vec::new(), marked });
    let title = "drop the snapshot of the upgraded state";
    Ok(Some(Step::new(StepId::DROP_UPGRADED, title, action)))
}

/// The snapshot that everything is compared from later, where that was not done before the service
/// opens. `whose`: the data, for people.
pub(super) fn snapshot_restored(parts: Parts<'_>, mounts: &[MountedDataset], whose: &str) -> Step {
    let restored = TakeSnapshot {
        datasets: mounts.iter().map(|mount| mount.dataset.clone()).collect(),
        name: format!("{}-restored", parts.manifest.snapshot),
        label: "restored".into(),
        hold: false,
    };
    let title = format!("snapshot {whose} data @{}, to compare everything later", restored.name);
    Step::new(StepId::SNAPSHOT_RESTORED, title, Action::Snapshot(restored))
}

/// How the datasets that serve are exchanged for clones.
pub(super) struct Exchange<'a> {
    /// The datasets that take part, parents first.
    pub(super) mounts: &'a [MountedDataset],
    /// The site's datasets, with the identity that those have that go aside.
    pub(super) roots: Vec<(Dataset, Guid)>,
    /// The datasets of other use.
    pub(super) stays: &'a [(Dataset, Guid)],
    /// What goes aside.
    pub(super) side: Side,
    /// The ending of its name then.
    pub(super) aside: &'a str,
    /// The ending of the clones' names.
    pub(super) clones: &'a str,
}

/// The upgraded datasets, for clones whose names have this ending.
pub(super) fn exchange(
    mounts: &[MountedDataset],
    input: &DowngradeInput,
    clones: &str,
) -> Result<Vec<Step>> {
    let guid = |root: &Dataset| {
        let mount = mounts.iter().find(|mount| mount.dataset == *root);
        let mount = mount.with_context(|| format!("{root} has no snapshot"))?;
        Ok((root.clone(), mount.guid))
    };
    let roots = input.roots.iter().map(guid).collect::<Result<_>>()?;
    let (stays, side, aside) = (&input.stays, Side::Upgraded, ASIDE);
    Exchange { mounts, roots, stays, side, aside, clones }.steps()
}

impl Exchange<'_> {
    /// Each goes aside, and its clone takes its place.
    pub(super) fn steps(self) -> Result<Vec<Step>> {
        let word = self.side.word();
        let kept = match self.side {
            Side::Upgraded => Kept::Upgraded,
            Side::Previous => Kept::Undone,
        };
        let mut steps = Vec::new();
        for (root, guid) in self.roots {
            let members: Vec<Dataset> = self
                .mounts
                .iter()
                .map(|mount| mount.dataset.clone())
                .filter(|dataset| dataset.is_within(&root))
                .collect();
            let aside = root.with_suffix(self.aside)?;
            let title = format!("rename the {word} {root} to {aside}");
            let stays = stays_below(&root, &aside, self.stays)?;
            let action =
                SetAside { dataset: root.clone(), guid, aside, members: members.clone(), kept };
            let id = StepId::of(Family::SetAside, &root);
            steps.push(Step::new(id, title, Action::SetAside(action)));
            let candidate = root.with_suffix(self.clones)?;
            let title = format!("rename {candidate} to {root}");
            let id = StepId::of(Family::TakePlace, &root);
            let action = TakePlace { candidate, dataset: root, upgraded: guid, members, stays };
            steps.push(Step::new(id, title, Action::TakePlace(action)));
        }
        Ok(steps)
    }
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

/// In the order in which they go back: one that is mounted within another one is unmounted before
/// it.
fn innermost_first<'a>(state: &State, roots: &'a [Dataset]) -> Vec<&'a Dataset> {
    let outermost = |root: &&Dataset| {
        let within = state.manifest.datasets.iter().filter(|mount| mount.dataset.is_within(root));
        within.filter_map(|mount| mount.mountpoint.clone()).min()
    };
    let mut roots: Vec<&Dataset> = roots.iter().collect();
    roots.sort_by_key(|root| std::cmp::Reverse(outermost(root)));
    roots
}

/// Those of them that are this dataset or below it.
fn below(members: &[MountedDataset], root: &Dataset) -> Vec<MountedDataset> {
    members.iter().filter(|mount| mount.dataset.is_within(root)).cloned().collect()
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
        for root in innermost_first(state, exchanged.roots) {
            let ending = if run.is_switch() { STANDBY } else { CANDIDATE };
            let candidate = root.with_suffix(ending)?;
            let keep_as = if abort { None } else { Some(root.with_suffix(&undone)?) };
            let stays = stays_below(root, keep_as.as_ref().unwrap_or(&candidate), exchanged.stays)?;
            let mut mounts = state.manifest.datasets.iter();
            let mount = mounts.find(|mount| mount.dataset == *root);
            let action = PutBack {
                dataset: root.clone(),
                guid: mount.map_or(Guid(0), |mount| mount.guid),
                aside: root.with_suffix(aside_of(state))?,
                candidate,
                keep_as,
                stays,
                members: below(members, root),
                clone: false,
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

/// From a switch back that is given up: the steps that put the datasets of the previous version
/// back, which its steps name.
pub(super) fn put_previous_back(
    state: &State,
    run: &Run,
    roots: &[Dataset],
    members: &[MountedDataset],
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let all = stays_of(run);
    for root in innermost_first(state, roots) {
        let went = |step: &Step| match &step.action {
            Action::SetAside(it) if it.dataset == *root => Some((it.guid, it.aside.clone())),
            _ => None,
        };
        let Some((guid, aside)) = run.plan.steps.iter().find_map(went) else { continue };
        let candidate = root.with_suffix(STANDBY)?;
        let action = PutBack {
            dataset: root.clone(),
            guid,
            aside,
            stays: stays_below(root, &candidate, &all)?,
            candidate,
            keep_as: None,
            members: below(members, root),
            clone: true,
        };
        let title = format!("put the previous {root} back into its place");
        steps.push(Step::new(StepId::of(Family::PutBack, root), title, Action::PutBack(action)));
    }
    Ok(steps)
}
