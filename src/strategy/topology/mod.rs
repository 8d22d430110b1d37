//! Where the service runs, and what that changes in a plan: one host, or a cluster that starts and
//! watches it; and what stands before it that can hold connections of clients.

mod cluster;
mod hold;

use anyhow::Result;

use crate::journal::ChangeManifest;
use crate::playbook::Playbook;
use crate::step::Plan;

/// The plan as it is there. `wanted`: the version that every node must have in the end, and the
/// verb that brings it there; `None` when no node's packages change.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub(super) fn arrange(
    plan: Plan,
    playbook: &Playbook,
    manifest: &ChangeManifest,
    wanted: Option<(&str, &str)>,
) -> Result<Plan> {
    let plan = if manifest.cluster.is_some() {
        cluster::arrange(plan, playbook, manifest, wanted)?
    } else {
        plan
    };
    hold::arrange(plan, playbook, manifest)
}
