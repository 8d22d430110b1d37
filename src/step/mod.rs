//! The steps, one small file each: how the world is asked whether the effect is there, how it is made, how a half of it is taken back.

mod assign_users;
mod await_nodes;
mod capture;
mod capture_users;
mod clone_snapshot;
mod config;
mod destroy;
mod drop_backup;
mod files;
mod goal;
mod hand_back;
mod hold_users;
mod in_use;
mod installer;
mod inventory;
mod late;
mod leave_alone;
mod maintenance;
mod mark;
mod mounts;
mod move_aside;
mod move_back;
mod package;
mod prove;
mod prove_users;
mod put_back;
mod reserve;
mod restore;
mod restore_users;
mod rollback;
mod service;
mod set_aside;
mod snapshot;
mod switch;
mod users;
mod verify;

pub use crate::playbook::version::version_is;
pub use crate::preflight::versions::installed_version;
pub use files::{copy_all, read_back};

use anyhow::Result;

use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::change::run::present;
use crate::journal::Output;
use crate::plan::{Action, Step};

/// What every step can do.
pub trait Effect {
    /// Asks the world, and changes nothing.
    ///
    /// # Errors
    /// When the world does not answer.
    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe>;

    /// Makes the effect.
    ///
    /// # Errors
    /// When that fails; the effect may then be there by halves.
    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output>;

    /// Takes a half-done effect back.
    ///
    /// # Errors
    /// When that fails.
    fn rewind(&self, _step: &Step, _context: &Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Proves the effect after `apply`, by asking the world: an exit status of 0 proves nothing.
    ///
    /// # Errors
    /// When the effect is not there.
    fn confirm(&self, step: &Step, context: &Context<'_>, _output: Output) -> Result<Output> {
        present(self.probe(step, context)?, step)
    }
}

/// The step cannot go on until a person decides.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NeedsDecision(pub String);

impl<T: Effect> Effect for &T {
    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        (**self).probe(step, context)
    }
    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        (**self).apply(step, context)
    }
    fn rewind(&self, step: &Step, context: &Context<'_>) -> Result<()> {
        (**self).rewind(step, context)
    }
    fn confirm(&self, step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        (**self).confirm(step, context, output)
    }
}

/// The effect of an action.
pub fn effect(action: &Action) -> Box<dyn Effect + '_> {
    match action {
        Action::SaveInstaller(it) => Box::new(it),
        Action::SaveConfig(it) => Box::new(config::Save(it)),
        Action::PutConfig(it) => Box::new(config::Put(it)),
        Action::Stop(it) => Box::new(service::Stop(it)),
        Action::Start(it) => Box::new(service::Start(it)),
        Action::MaintenanceStart(it) => Box::new(maintenance::Start(it)),
        Action::MaintenanceStop(it) => Box::new(maintenance::Stop(it)),
        Action::Snapshot(it) => Box::new(it),
        Action::Reserve(it) => Box::new(reserve::Hold(it)),
        Action::ReleaseReserve(it) => Box::new(reserve::Release(it)),
        Action::Package(it) => Box::new(it),
        Action::Switch(it) => Box::new(it),
        Action::Goal(it) => Box::new(it),
        Action::Inventory(it) => Box::new(it),
        Action::Capture(it) => Box::new(it),
        Action::Verify(it) => Box::new(it),
        Action::Unmount(it) => Box::new(mounts::Unmount(it)),
        Action::Mount(it) => Box::new(mounts::Give(it)),
        Action::Clone(it) => Box::new(it),
        Action::SetAside(it) => Box::new(it),
        Action::TakePlace(it) => Box::new(it),
        Action::Rollback(it) => Box::new(it),
        Action::MoveAside(it) => Box::new(move_aside::Aside(it)),
        Action::MakeEmpty(it) => Box::new(move_aside::Empty(it)),
        Action::MoveBack(it) => Box::new(it),
        Action::RemoveAside(it) => Box::new(it),
        Action::Restore(it) => Box::new(it),
        Action::Prove(it) => Box::new(it),
        Action::PutBack(it) => Box::new(it),
        Action::Promote(it) => Box::new(it),
        Action::Destroy(it) => Box::new(it),
        Action::DropSnapshots(it) => Box::new(it),
        Action::LeaveAlone(it) => Box::new(leave_alone::LeaveAlone(it)),
        Action::HandBack(it) => Box::new(hand_back::HandBack(it)),
        Action::Mark(it) => Box::new(it),
        Action::AwaitNodes(it) => Box::new(it),
        Action::Release(it) => Box::new(service::Release(it)),
        Action::HoldUsers(it) => Box::new(it),
        Action::CaptureUsers(it) => Box::new(it),
        Action::RestoreUsers(it) => Box::new(it),
        Action::ProveUsers(it) => Box::new(it),
        Action::AssignUsers(it) => Box::new(it),
        Action::DropBackup(it) => Box::new(it),
    }
}

/// Whether an action takes something away that cannot be had back: everything that must be true is checked again right before it.
pub fn destroys(action: &Action) -> bool {
    matches!(
        action,
        Action::Rollback(_)
            | Action::SetAside(_)
            | Action::Destroy(_)
            | Action::DropSnapshots(_)
            | Action::MoveAside(_)
            | Action::RemoveAside(_)
            | Action::RestoreUsers(_)
    )
}
