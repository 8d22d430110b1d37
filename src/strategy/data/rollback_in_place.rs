//! `zfs rollback`: the upgraded data is destroyed. Only by `--in-place`.

use crate::journal::StepId;
use crate::step::{Action, Rollback, Step};
use crate::strategy::input::DowngradeInput;
use crate::strategy::parts::{Parts, members};

/// The steps that roll the datasets back.
pub(super) fn steps(parts: Parts<'_>, input: &DowngradeInput) -> Vec<Step> {
    let mounts = members(parts.manifest, &input.snapshots);
    let action = Rollback {
        to: StepId::SNAPSHOT,
        mounts: mounts.clone(),
        consented: input.consented.clone(),
        consented_bookmarks: input.consented_bookmarks.clone(),
        base: false,
    };
    vec![
        parts.unmount(&mounts, &StepId::MOUNT),
        Step::new(
            StepId::ROLLBACK,
            format!("roll all datasets back to @{}", parts.manifest.snapshot),
            Action::Rollback(action),
        ),
        parts.mount(&mounts).until(&StepId::START),
    ]
}
