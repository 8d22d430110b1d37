//! How the data goes back: one file each says its plan, its way back from there, and its words for
//! people.

pub(in crate::strategy) mod clone_and_swap;
mod full_backup;
mod moving_users;
mod no_data;
mod rollback_in_place;
pub(in crate::strategy) mod snapshot;
pub(in crate::strategy) mod standby;
pub(in crate::strategy) mod switch;
pub(in crate::strategy) mod switch_back;

use anyhow::Result;

use crate::journal::StepId;

pub use moving_users::{held, let_go, migrate};

use super::input::{DowngradeInput, Exchanged};
use super::parts::Parts;
use crate::journal::ChangeManifest;
use crate::playbook::{DataStrategy, Playbook};
use crate::step::{Plan, Run, State, Step};

/// What each of them says and does. Steps are in the order in which they run.
pub(crate) trait Strategy: Sync {
    /// What it is, for `check`.
    fn about(&self) -> &'static str;

    /// What is true of the way back while the upgraded version serves.
    fn way_back(&self, manifest: &ChangeManifest) -> String;

    /// What comes back with the previous version.
    fn brings_back(&self, manifest: &ChangeManifest) -> String;

    /// What of a downgrade takes time beside the packages; empty when nothing does.
    fn takes_time(&self) -> &'static str {
        ""
    }

    /// Whether data goes back.
    fn has_data(&self) -> bool {
        true
    }

    /// Whether `--keep` and `--in-place` are a choice.
    fn rolls_back(&self) -> bool {
        false
    }

    /// Whether users move between two hosts, and nothing is upgraded here.
    fn moves_users(&self) -> bool {
        false
    }

    /// Where what is kept aside is found.
    fn kept_in(&self) -> &'static str {
        "on datasets"
    }

    /// What is done to the data before packages are touched, while the service is closed.
    fn protect(&self, _parts: Parts<'_>) -> Vec<Step> {
        Vec::new()
    }

    /// The step of an upgrade that is made again when the service was found open after it.
    fn upgrade_renews(&self) -> Option<StepId> {
        None
    }

    /// The plan of a downgrade.
    ///
    /// # Errors
    /// When the playbook's texts cannot be filled in, or it does not say how.
    fn downgrade(&self, parts: Parts<'_>, input: &DowngradeInput) -> Result<Plan>;

    /// From a downgrade, the upgraded data back into its place. `abort`: the previous version was
    /// never opened.
    ///
    /// # Errors
    /// As [`Strategy::downgrade`].
    fn put_back(
        &self,
        _parts: Parts<'_>,
        _state: &State,
        _run: &Run,
        _exchanged: Exchanged<'_>,
        _abort: bool,
    ) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }

    /// After that: what the downgrade made and nobody needs.
    ///
    /// # Errors
    /// As [`Strategy::downgrade`].
    fn clean_up(&self, _parts: Parts<'_>, _run: &Run) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }

    /// In a commit: removes what was kept for the other version and is no dataset.
    ///
    /// # Errors
    /// As [`Strategy::downgrade`].
    fn remove_aside(
        &self,
        _playbook: &Playbook,
        _state: &State,
        _downgraded: bool,
    ) -> Result<Option<Step>> {
        Ok(None)
    }
}

/// The strategy of this name. Nobody else asks which it is.
pub(crate) fn of(data_strategy: DataStrategy) -> &'static dyn Strategy {
    match data_strategy {
        DataStrategy::Zfs => &snapshot::Snapshot,
        DataStrategy::Full => &full_backup::FullBackup,
        DataStrategy::Packages => &no_data::NoData,
        DataStrategy::Coexistent => &moving_users::MovingUsers,
    }
}
