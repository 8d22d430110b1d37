//! How a version is installed: one file each.

mod in_place;
mod side_by_side;

use anyhow::Result;

use super::input::ServedClients;
use super::parts::Parts;
use crate::journal::{ChangeManifest, StepId};
use crate::step::{Action, Step};

/// What each of them does.
pub(in crate::strategy) trait Install: Sync {
    /// What is kept of the old version, so that it can come back.
    ///
    /// # Errors
    /// When the playbook's texts cannot be filled in.
    fn put_aside(&self, _parts: Parts<'_>) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }

    /// What is done while the old version still serves.
    ///
    /// # Errors
    /// As [`Install::put_aside`].
    fn before_upgrade(&self, _parts: Parts<'_>) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }

    /// The step that makes the new version the installed one.
    ///
    /// # Errors
    /// As [`Install::put_aside`].
    fn upgrade(&self, parts: Parts<'_>, id: StepId) -> Result<Step>;

    /// The steps that make the old version the installed one.
    ///
    /// # Errors
    /// As [`Install::put_aside`].
    fn reinstall(&self, parts: Parts<'_>) -> Result<Vec<Step>>;

    /// Whether the data goes back before the program. Where the old version stays installed, it is
    /// found whole before anything is given up.
    fn rollback_first(&self, _parts: Parts<'_>) -> bool {
        false
    }

    /// The same as [`Install::reinstall`], after an upgrade that may have ended in the middle of
    /// its packages: it leaves more to be mended.
    ///
    /// # Errors
    /// As [`Install::put_aside`].
    fn after_cut(&self, parts: Parts<'_>, served: ServedClients) -> Result<Vec<Step>> {
        let mut steps = self.reinstall(parts)?;
        for step in &mut steps {
            if let Action::Package(package) = &mut step.action {
                package.cut = served == ServedClients::Never;
            }
        }
        Ok(steps)
    }
}

/// How it is done in this change.
pub(in crate::strategy) fn of(manifest: &ChangeManifest) -> &'static dyn Install {
    if manifest.beside.is_some() { &side_by_side::SideBySide } else { &in_place::InPlace }
}
