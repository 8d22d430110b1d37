//! The way back without losing what was written since.

use anyhow::{Context as _, Result};

use super::cluster::in_cluster;
use super::parts::Parts;
use super::reserve::release;
use crate::journal::Opening;
use crate::journal::{Mount, Procedure, Side};
use crate::playbook::model::{Interrupted, ServiceState};
use crate::playbook::{Playbook, Way};
use crate::step::State;
use crate::step::{Action, CloneSnapshot, Plan, Prove, Restore, Rollback, SetAside, Step, TakePlace, TakeSnapshot, Verify};
pub(super) use crate::zfs::ENDING_CANDIDATE as CANDIDATE;
use crate::zfs::{Dataset, Guid, Snapshot};
pub use crate::zfs::{ENDING_ASIDE as ASIDE, ENDING_UNDONE as UNDONE};

/// Whether clients could write since the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The service was open. What was written is captured and restored.
    Yes,
    /// The upgrade never opened the service, so there is nothing to capture.
    Never,
}

/// What a downgrade is planned from, apart from playbook and opening.
#[derive(Debug, Clone)]
pub struct DowngradeInput {
    /// Keep the upgraded state beside the restored one, or destroy it.
    pub keep: bool,
    /// Whether there is something to capture.
    pub opened: Opened,
    /// The site's datasets, without those below them.
    pub roots: Vec<Dataset>,
    /// The snapshots before the upgrade.
    pub snapshots: Vec<(Snapshot, Guid)>,
    /// Newer snapshots that the operator accepted to lose (in place only).
    pub consented: Vec<(Snapshot, Guid)>,
    /// Newer bookmarks that the operator accepted to lose (in place only).
    pub consented_bookmarks: Vec<String>,
}

/// The suffix for what the undo with this number (from 1) leaves aside. For a second one, the name
/// of the first is taken.
pub fn undone(number: usize) -> String {
    if number < 2 { UNDONE.to_owned() } else { format!("{UNDONE}-{number}") }
}

/// The suffixes under which a change may keep datasets.
pub fn kept_endings(state: &State) -> Vec<String> {
    let undos = state.runs.iter().filter(|run| run.plan.procedure == Procedure::Undo).count();
    (1..=undos.max(1)).map(undone).chain([ASIDE.to_owned()]).collect()
}

/// The plan of a downgrade.
///
/// # Errors
/// When the playbook's texts cannot be filled in, or a dataset's name becomes too long.
pub fn downgrade(playbook: &Playbook, opening: &Opening, input: &DowngradeInput) -> Result<Plan> {
    match opening.way {
        Way::Zfs => {}
        Way::Full => return super::full(playbook, opening, input.opened),
        Way::Packages => return super::packages(playbook, opening, input.opened),
        Way::Coexistent => anyhow::bail!("nothing was upgraded here: users move back instead"),
    }
    let parts = Parts { playbook, opening };
    let mut steps = Vec::new();
    let opened = input.opened == Opened::Yes;
    if opened {
        steps.extend(parts.captures(ServiceState::Running)?);
    }
    steps.extend(parts.save_config(Side::Upgraded)?);
    let stop = steps.len();
    steps.push(parts.stop()?);
    if !input.keep {
        steps.extend(release(opening));
    }
    if opened {
        steps.push(parts.maintenance_start("maintenance-start", "upgraded", "maintenance-stop")?);
        steps.extend(parts.goal()?);
        steps.extend(parts.inventories(Side::Upgraded)?);
        steps.extend(parts.captures(ServiceState::Maintenance)?);
        steps.push(parts.maintenance_stop("maintenance-stop", "upgraded")?);
        steps.extend(parts.captures(ServiceState::Stopped)?);
    }
    let back = if input.keep { keep(parts, input, opened)? } else { in_place(parts, input) };
    let mut reinstall = parts.reinstall()?;
    if !opened {
        // The upgrade was interrupted within its packages.
        for step in &mut reinstall {
            if let Action::Package(package) = &mut step.action {
                package.cut = true;
            }
        }
    }
    let rollback_first = parts.rollback_first();
    let begins = back.iter().map(|step| step.id.clone()).find(|id| id != "unmount").context("a way back has steps")?;
    steps.push(verify(parts, opened, &begins)?);
    if opened && let Some(step) = steps.get_mut(stop) {
        // A service that was found open again may have accepted writes that the capture lacks.
        let unless = if rollback_first { Some(begins) } else { reinstall.first().map(|step| step.id.clone()) };
        *step = step.clone().renewing("maintenance-start", &unless.context("a version is installed again")?);
    }
    if rollback_first {
        steps.extend(back);
        steps.extend(reinstall);
    } else {
        steps.extend(reinstall);
        steps.extend(back);
    }
    steps.extend(parts.put_config(Side::Previous)?);
    if opened {
        steps.push(parts.maintenance_start("maintenance-start-previous", "previous", "maintenance-stop-previous")?);
        steps.push(restore(parts, input.keep)?);
        steps.extend(parts.inventories(Side::Previous)?);
        let inventories = playbook.inventories.iter().map(|inventory| inventory.name.clone()).collect();
        steps.push(Step::new("prove", "compare the lists: nothing lost, nothing twice", Action::Prove(Prove { inventories })));
        steps.push(parts.maintenance_stop("maintenance-stop-previous", "previous")?);
    }
    steps.push(parts.start()?);
    let procedure = if input.keep { Procedure::DowngradeKeep } else { Procedure::DowngradeInPlace };
    in_cluster(Plan { procedure, steps }, playbook, opening, Some((&opening.from_version, "downgrade")))
}

fn verify(parts: Parts<'_>, opened: bool, until: &str) -> Result<Step> {
    let verify = parts.playbook.capture.as_ref().map(|capture| &capture.verify);
    let command = if opened { parts.optional(verify)? } else { None };
    let action = Action::Verify(Verify { capture: opened.then(|| "capture".to_owned()), command });
    Ok(Step::new("verify", "read the capture and the installer back", action).until(until))
}

fn restore(parts: Parts<'_>, keep: bool) -> Result<Step> {
    let restore = parts.playbook.restore.as_ref().context("the playbook does not say how the capture is restored")?;
    let resumable = restore.interrupted == Interrupted::Continue;
    let action = Restore {
        command: parts.command(&restore.command)?,
        position: parts.optional(restore.position.as_ref())?,
        resumable,
        rejects: restore.rejects.clone(),
        past_rejects: parts.optional(restore.past_rejects.as_ref())?,
    };
    let mut step = Step::new("restore", "bring what was captured into the previous version", Action::Restore(action));
    if !resumable {
        step.rewind_to = Some(if keep { "rollback-base" } else { "rollback" }.to_owned());
    }
    Ok(step)
}

/// The datasets that have the snapshot. One that was created after it does not, and stays with the
/// upgraded state.
pub(super) fn members(opening: &Opening, snapshots: &[(Snapshot, Guid)]) -> Vec<Mount> {
    let has = |mount: &&Mount| snapshots.iter().any(|(snapshot, _)| snapshot.dataset() == mount.dataset);
    opening.datasets.iter().filter(has).cloned().collect()
}

fn in_place(parts: Parts<'_>, input: &DowngradeInput) -> Vec<Step> {
    let mounts = members(parts.opening, &input.snapshots);
    let action = Rollback {
        to: "snapshot".into(),
        mounts: mounts.clone(),
        consented: input.consented.clone(),
        consented_bookmarks: input.consented_bookmarks.clone(),
        base: false,
    };
    vec![
        parts.unmount(&mounts, "mount"),
        Step::new("rollback", format!("roll all datasets back to @{}", parts.opening.snapshot), Action::Rollback(action)),
        parts.mount(&mounts).until("start"),
    ]
}

fn keep(parts: Parts<'_>, input: &DowngradeInput, opened: bool) -> Result<Vec<Step>> {
    let mounts = members(parts.opening, &input.snapshots);
    let post = TakeSnapshot {
        datasets: mounts.iter().map(|mount| mount.dataset.clone()).collect(),
        name: format!("{}-upgraded", parts.opening.snapshot),
        crumb: "after-upgrade".into(),
        hold: true,
    };
    let first_aside = input.roots.first().map(|root| format!("set-aside:{root}")).unwrap_or_default();
    let mut steps = vec![
        parts.unmount(&mounts, &first_aside),
        Step::new("snapshot-upgraded", format!("snapshot and hold the upgraded state @{}", post.name), Action::Snapshot(post)),
    ];
    for root in &input.roots {
        let candidate = root.with_suffix(CANDIDATE)?;
        for mount in mounts.iter().filter(|mount| mount.dataset.is_within(root)) {
            let found = input.snapshots.iter().find(|(snapshot, _)| snapshot.dataset() == mount.dataset);
            let (snapshot, guid) = found.cloned().with_context(|| format!("{} has no snapshot", mount.dataset))?;
            let target = mount.dataset.moved(root, &candidate)?;
            let title = format!("clone {snapshot} as {target}");
            let action = CloneSnapshot { like: mount.dataset.clone(), snapshot, guid, target };
            steps.push(Step::new(format!("clone:{}", mount.dataset), title, Action::Clone(action)));
        }
    }
    for root in &input.roots {
        let upgraded = mounts.iter().find(|mount| mount.dataset == *root).with_context(|| format!("{root} has no snapshot"))?.guid;
        let members: Vec<Dataset> = mounts.iter().map(|mount| mount.dataset.clone()).filter(|dataset| dataset.is_within(root)).collect();
        let aside = root.with_suffix(ASIDE)?;
        let title = format!("rename the upgraded {root} to {aside}");
        let action = SetAside { dataset: root.clone(), guid: upgraded, aside, members: members.clone() };
        steps.push(Step::new(format!("set-aside:{root}"), title, Action::SetAside(action)));
        let candidate = root.with_suffix(CANDIDATE)?;
        let title = format!("rename {candidate} to {root}");
        let action = TakePlace { candidate, dataset: root.clone(), upgraded, members };
        steps.push(Step::new(format!("take-place:{root}"), title, Action::TakePlace(action)));
    }
    if opened && parts.playbook.restore.as_ref().is_some_and(|restore| restore.interrupted == Interrupted::Rollback) {
        // An interrupted restore starts over from here.
        let base = TakeSnapshot {
            datasets: mounts.iter().map(|mount| mount.dataset.clone()).collect(),
            name: format!("{}-base", parts.opening.snapshot),
            crumb: "base".into(),
            hold: false,
        };
        let rollback = Rollback {
            to: "snapshot-base".into(),
            mounts: mounts.clone(),
            consented: Vec::new(),
            consented_bookmarks: Vec::new(),
            base: true,
        };
        steps.push(Step::new("snapshot-base", "snapshot the clones, to begin a restore again from", Action::Snapshot(base)));
        steps.push(Step::new("rollback-base", "roll the clones back, if a restore was cut off", Action::Rollback(rollback)));
    }
    steps.push(parts.mount(&mounts).until("start"));
    Ok(steps)
}
