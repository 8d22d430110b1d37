//! The way forward.

use anyhow::Result;

use super::cluster::in_cluster;
use super::parts::Parts;
use super::reserve::reserve;
use crate::journal::Opening;
use crate::journal::{Procedure, Side};
use crate::playbook::{Playbook, Way};
use crate::step::{Action, BEFORE_UPGRADE, Plan, Step, TakeSnapshot};

/// Everything that must exist before an upgrade. The service is down for the moment of the
/// snapshot.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn snapshot_only(playbook: &Playbook, opening: &Opening) -> Result<Plan> {
    let parts = Parts { playbook, opening };
    let mut steps = prepare(parts, false)?;
    steps.push(parts.start()?);
    in_cluster(Plan { procedure: Procedure::Snapshot, steps }, playbook, opening, None)
}

/// The upgrade, with the snapshot before it, unless that exists (`prepared`).
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn upgrade(playbook: &Playbook, opening: &Opening, prepared: bool) -> Result<Plan> {
    let parts = Parts { playbook, opening };
    let mut steps = if prepared { parts.install_beside()?.into_iter().chain([parts.stop()?]).collect() } else { prepare(parts, true)? };
    if !prepared
        && parts.opening.way == Way::Zfs
        && let Some(stop) = steps.iter_mut().find(|step| step.id == "stop")
    {
        // The snapshot would lack what clients wrote after it, and a failed upgrade goes back to
        // the snapshot.
        *stop = stop.clone().renewing("snapshot", "upgrade");
    }
    steps.push(parts.upgrade("upgrade")?);
    steps.push(parts.start()?);
    let wanted = Some((opening.upgrade_to.as_str(), "upgrade"));
    in_cluster(Plan { procedure: Procedure::Upgrade, steps }, playbook, opening, wanted)
}

/// `beside`: includes the installation beside the old one, if that is the strategy.
fn prepare(parts: Parts<'_>, beside: bool) -> Result<Vec<Step>> {
    // Side by side, the installed version stays where it is.
    let mut steps = match parts.install_beside()? {
        Some(install) if beside => vec![install],
        Some(_) => Vec::new(),
        None => vec![parts.save_installer()?],
    };
    steps.extend(parts.save_config(Side::Previous)?);
    steps.push(parts.stop()?);
    if parts.opening.way != Way::Zfs {
        return Ok(steps);
    }
    let snapshot = TakeSnapshot {
        datasets: parts.opening.datasets.iter().map(|mount| mount.dataset.clone()).collect(),
        name: parts.opening.snapshot.clone(),
        crumb: BEFORE_UPGRADE.into(),
        hold: true,
    };
    steps.push(Step::new("snapshot", format!("snapshot and hold all datasets @{}", snapshot.name), Action::Snapshot(snapshot)));
    steps.extend(reserve(parts.opening));
    Ok(steps)
}
