//! The way back without losing what was written since.

use anyhow::Result;

use super::input::DowngradeInput;
use super::parts::Parts;
use super::{data, topology};
use crate::journal::ChangeManifest;
use crate::playbook::Playbook;
use crate::step::Plan;

/// The plan of a downgrade.
///
/// # Errors
/// When the playbook's texts cannot be filled in, or a dataset's name becomes too long.
pub fn downgrade(
    playbook: &Playbook,
    manifest: &ChangeManifest,
    input: &DowngradeInput,
) -> Result<Plan> {
    let plan = data::of(manifest.data_strategy).downgrade(Parts { playbook, manifest }, input)?;
    topology::arrange(plan, playbook, manifest, Some((&manifest.from_version, "downgrade")))
}
