//! The way forward.

use anyhow::Result;

use super::parts::Parts;
use super::{data, install, topology};
use crate::journal::{ChangeManifest, Procedure, Side, StepId};
use crate::playbook::Playbook;
use crate::step::{Plan, Step};

/// Everything that must exist before an upgrade. The service is down for the moment of the
/// snapshot.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn snapshot_only(playbook: &Playbook, manifest: &ChangeManifest) -> Result<Plan> {
    let parts = Parts { playbook, manifest };
    let mut steps = put_aside(parts)?;
    steps.extend(protect(parts)?);
    steps.push(parts.start(Side::Previous)?);
    topology::arrange(Plan { procedure: Procedure::Snapshot, steps }, playbook, manifest, None)
}

/// The upgrade, with the snapshot before it, unless that exists (`prepared`).
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn upgrade(playbook: &Playbook, manifest: &ChangeManifest, prepared: bool) -> Result<Plan> {
    let parts = Parts { playbook, manifest };
    let install = install::of(manifest);
    let mut steps = if prepared { Vec::new() } else { put_aside(parts)? };
    steps.extend(install.before_upgrade(parts)?);
    if prepared {
        steps.push(parts.stop()?);
    } else {
        steps.extend(protect(parts)?);
    }
    if !prepared
        && let Some(again) = data::of(manifest.data_strategy).upgrade_renews()
        && let Some(stop) = steps.iter_mut().find(|step| step.id == StepId::STOP)
    {
        *stop = stop.clone().renewing(&again, &StepId::UPGRADE);
    }
    steps.push(install.upgrade(parts, StepId::UPGRADE)?);
    steps.push(parts.start(Side::Upgraded)?);
    let wanted = Some((manifest.upgrade_to.as_str(), "upgrade"));
    topology::arrange(Plan { procedure: Procedure::Upgrade, steps }, playbook, manifest, wanted)
}

/// What is kept of the old version, so that it can come back.
fn put_aside(parts: Parts<'_>) -> Result<Vec<Step>> {
    let mut steps = install::of(parts.manifest).put_aside(parts)?;
    steps.extend(parts.keep_programs(Side::Previous)?);
    Ok(steps)
}

/// The configuration is saved, the service closed, the data protected.
fn protect(parts: Parts<'_>) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = parts.save_config(Side::Previous)?.into_iter().collect();
    steps.push(parts.stop()?);
    steps.extend(data::of(parts.manifest.data_strategy).protect(parts));
    Ok(steps)
}
