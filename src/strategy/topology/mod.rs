//! Where the service runs, and what that changes in a plan: one host, or a cluster that starts and
//! watches it.

mod cluster;

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
    if manifest.cluster.is_some() {
        cluster::arrange(plan, playbook, manifest, wanted)
    } else {
        Ok(plan)
    }
}
