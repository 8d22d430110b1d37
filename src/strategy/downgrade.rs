//! The way back without losing what was written since.

use anyhow::Result;

use super::input::DowngradeInput;
use super::parts::Parts;
use super::{data, topology};
use crate::journal::Opening;
use crate::playbook::Playbook;
use crate::step::Plan;

/// The plan of a downgrade.
///
/// # Errors
/// When the playbook's texts cannot be filled in, or a dataset's name becomes too long.
pub fn downgrade(playbook: &Playbook, manifest: &Opening, input: &DowngradeInput) -> Result<Plan> {
    let plan = data::of(manifest.way).downgrade(Parts { playbook, manifest }, input)?;
    topology::arrange(plan, playbook, manifest, Some((&manifest.from_version, "downgrade")))
}
