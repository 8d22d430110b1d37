//! The steps, one file each: its data, how to find out whether its effect exists, how to make it,
//! and how to take back a partial one.

mod action;
pub mod cluster;
mod context;
pub mod data;
pub mod files;
mod measure;
pub mod package;
pub mod recovery_metadata;
pub mod service;
pub mod standby;
pub mod users;
pub mod zfs;

pub use crate::playbook::hosts::{OnHost, Reach, Show};
pub use crate::playbook::version::version_is;
pub use crate::preflight::versions::installed_version;
pub use crate::zfs::hold_tag;
pub use action::Action;
pub use cluster::await_nodes::AwaitNodes;
pub use cluster::leave_alone::Cluster;
pub use cluster::version_mark::{ReadVersionMark, VersionMark};
pub use context::Context;
pub use data::ahead::{CompareAhead, Lists};
pub use data::capture::CapturePass;
pub use data::inventory::TakeInventory;
pub use data::prove::{Prove, RepairFrom};
pub use data::repair::{DropClones, NoticeDiffering, WriteFromClone};
pub use data::restore::Restore;
pub use data::target_position::TargetPosition;
pub use data::touched::FindTouched;
pub use data::verify::Verify;
pub use data::whole::{LoadWhole, NoticeWhole, WriteWhole};
pub use files::copy::{copy_all, read_back};
pub use files::move_aside::Folders;
pub use files::move_back::{MoveBack, RemoveAside};
pub use measure::{Measure, Unit};
pub use package::config::Config;
pub use package::install::{Package, PackageJob};
pub use package::installer::SaveInstaller;
pub use package::keep::KeepPrograms;
pub use package::switch::Switch;
pub use service::hold::{Connections, holding, let_go};
pub use service::maintenance::Maintenance;
pub use service::units::Service;
pub use standby::clones::StandbyClones;
pub use standby::feed::{CatchUp, Feed};
pub use standby::resume::ResumeStandby;
pub use standby::server::StandbyServer;
pub use standby::switch::{
    Allow, Drain, EndUpgraded, ForgetStandby, Refuse, ServeFromRoot, Settle, SourcePosition,
};
pub use users::assign::AssignUsers;
pub use users::capture::CaptureUsers;
pub use users::directory::UserList;
pub use users::drop_backup::DropBackup;
pub use users::hold::HoldUsers;
pub use users::prove::ProveUsers;
pub use users::restore::RestoreUsers;
pub use zfs::clone_snapshot::{CloneOne, CloneRole, CloneSnapshot};
pub use zfs::destroy::{Destroy, DropSnapshots, Promote};
pub use zfs::mounts::Mounts;
pub use zfs::put_back::PutBack;
pub use zfs::reserve::Reserve;
pub use zfs::rollback::Rollback;
pub use zfs::set_aside::{Kept, SetAside, TakePlace};
pub use zfs::snapshot::{BEFORE_UPGRADE, TakeSnapshot};
pub use zfs::stays::Stays;
pub use zfs::succeed::Succeed;

use anyhow::Result;

use crate::journal::{self, HaltKind, Output};

/// A plan of these steps.
pub type Plan = journal::Plan<Action>;
/// A step of a plan.
pub type Step = journal::Step<Action>;
/// A procedure, from its plan to its end.
pub type Run = journal::Run<Action>;
/// The fold of a journal.
pub type State = journal::State<Action>;
/// What happened.
pub type Record = journal::Record<Action>;
/// Mended files, with the plan that the change goes on with.
pub type Replacement = journal::Replacement<Action>;
/// A line of a journal.
pub type Line = journal::Line<Action>;
/// What a reading of a journal found.
pub type Reading = journal::Reading<Action>;

/// What was found of a step's effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// Nothing of it exists.
    Absent,
    /// A part of it exists, or this cannot be determined.
    Partial(String),
    /// All of it exists.
    Present(crate::journal::Output),
    /// Something else exists in its place that is not ours.
    Foreign(String),
}

/// What every step can do.
pub trait Effect {
    /// The commands as a person would type them, one a line: what `plan` shows.
    fn preview(&self) -> Vec<String>;

    /// Whether it takes something away that cannot be had back. Everything that must be true is
    /// checked again right before it.
    fn destroys(&self) -> bool {
        false
    }

    /// How far it has come while it is made, for whoever watches, where that can be seen.
    fn measure(&self, _context: &Context<'_>) -> Option<Measure> {
        None
    }

    /// Looks at the host, and changes nothing.
    ///
    /// # Errors
    /// When this cannot be determined.
    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe>;

    /// Makes the effect.
    ///
    /// # Errors
    /// When that fails. The effect may then be partial.
    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output>;

    /// Whether a power cut after `apply` takes nothing of it. So it is with what ZFS changes: each
    /// change returns when its transaction is written (`dsl_sync_task`). A mount is gone with any
    /// boot.
    fn durable(&self) -> bool {
        false
    }

    /// Takes a partial effect back.
    ///
    /// # Errors
    /// When that fails.
    fn rewind(&self, _step: &Step, _context: &Context<'_>) -> Result<()> {
        Ok(())
    }

    /// Proves the effect after `apply` by looking at the host. An exit status of 0 proves nothing.
    ///
    /// # Errors
    /// When the effect does not exist.
    fn confirm(&self, step: &Step, context: &Context<'_>, _output: Output) -> Result<Output> {
        present(self.probe(step, context)?, step)
    }
}

/// The step cannot go on until a person decides.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NeedsDecision {
    /// What the decision is about.
    pub kind: HaltKind,
    /// Why it must be made.
    pub why: String,
}

impl NeedsDecision {
    /// With the reason for people.
    pub fn new(kind: HaltKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }
}

/// A step that may run again, and of whose effect nobody can tell from outside whether all of it is
/// there: it is made again each time, and its end without an error is what counts.
pub trait Repeated {
    /// As [`Effect::preview`].
    fn preview(&self) -> Vec<String>;

    /// As [`Effect::measure`].
    fn measure(&self, _context: &Context<'_>) -> Option<Measure> {
        None
    }

    /// Makes the effect.
    ///
    /// # Errors
    /// When that fails.
    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output>;
}

/// The effect of a [`Repeated`] step.
struct Again<T>(T);

impl<T: Repeated> Repeated for &T {
    fn preview(&self) -> Vec<String> {
        (**self).preview()
    }
    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        (**self).measure(context)
    }
    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        (**self).apply(step, context)
    }
}

impl<T: Repeated> Effect for Again<T> {
    fn preview(&self) -> Vec<String> {
        self.0.preview()
    }
    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        self.0.measure(context)
    }
    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        Ok(Probe::Absent)
    }
    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        self.0.apply(step, context)
    }
    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl<T: Effect> Effect for &T {
    fn preview(&self) -> Vec<String> {
        (**self).preview()
    }
    fn destroys(&self) -> bool {
        (**self).destroys()
    }
    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        (**self).measure(context)
    }
    fn durable(&self) -> bool {
        (**self).durable()
    }
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
        Action::KeepPrograms(it) => Box::new(Again(it)),
        Action::SaveConfig(it) => Box::new(package::config::Save(it)),
        Action::PutConfig(it) => Box::new(package::config::Put(it)),
        Action::Stop(it) => Box::new(service::units::Stop(it)),
        Action::Start(it) => Box::new(service::units::Start(it)),
        Action::MaintenanceStart(it) => Box::new(service::maintenance::Start(it)),
        Action::MaintenanceStop(it) => Box::new(service::maintenance::Stop(it)),
        Action::Snapshot(it) => Box::new(it),
        Action::Reserve(it) => Box::new(zfs::reserve::Hold(it)),
        Action::ReleaseReserve(it) => Box::new(zfs::reserve::Release(it)),
        Action::Package(it) => Box::new(it),
        Action::Switch(it) => Box::new(it),
        Action::TargetPosition(it) => Box::new(Again(it)),
        Action::FindTouched(it) => Box::new(Again(it)),
        Action::CompareAhead(it) => Box::new(Again(it)),
        Action::Inventory(it) => Box::new(Again(it)),
        Action::Capture(it) => Box::new(Again(it)),
        Action::NoticeWhole(it) => Box::new(Again(it)),
        Action::WriteWhole(it) => Box::new(Again(it)),
        Action::LoadWhole(it) => Box::new(Again(it)),
        Action::NoticeDiffering(it) => Box::new(Again(it)),
        Action::WriteFromClone(it) => Box::new(Again(it)),
        Action::DropClones(it) => Box::new(Again(it)),
        Action::Verify(it) => Box::new(it),
        Action::Unmount(it) => Box::new(zfs::mounts::Unmount(it)),
        Action::Mount(it) => Box::new(zfs::mounts::Give(it)),
        Action::Clone(it) => Box::new(it),
        Action::SetAside(it) => Box::new(it),
        Action::TakePlace(it) => Box::new(it),
        Action::Rollback(it) => Box::new(it),
        Action::MoveAside(it) => Box::new(files::move_aside::Aside(it)),
        Action::MakeEmpty(it) => Box::new(files::move_aside::Empty(it)),
        Action::MoveBack(it) => Box::new(it),
        Action::RemoveAside(it) => Box::new(it),
        Action::Restore(it) => Box::new(it),
        Action::Prove(it) => Box::new(Again(it)),
        Action::PutBack(it) => Box::new(it),
        Action::Promote(it) => Box::new(it),
        Action::Succeed(it) => Box::new(it),
        Action::Destroy(it) => Box::new(it),
        Action::DropSnapshots(it) => Box::new(it),
        Action::MountStandby(it) => Box::new(standby::clones::Mount(it)),
        Action::StandbyStart(it) => Box::new(standby::server::Start(it)),
        Action::StandbyStop(it) => Box::new(Again(standby::server::Stop(it))),
        Action::FeedStart(it) => Box::new(Again(standby::feed::Start(it))),
        Action::FeedStop(it) => Box::new(Again(standby::feed::Stop(it))),
        Action::CatchUp(it) => Box::new(Again(it)),
        Action::DropStandby(it) => Box::new(standby::clones::Drop(it)),
        Action::ResumeStandby(it) => Box::new(Again(it)),
        Action::Refuse(it) => Box::new(Again(it)),
        Action::Allow(it) => Box::new(Again(it)),
        Action::SourcePosition(it) => Box::new(Again(it)),
        Action::Drain(it) => Box::new(Again(it)),
        Action::Settle(it) => Box::new(Again(it)),
        Action::EndUpgraded(it) => Box::new(Again(it)),
        Action::ForgetStandby(it) => Box::new(Again(it)),
        Action::SetUpStandby(it) => Box::new(standby::clones::SetUp(it)),
        Action::Serve(it) => Box::new(standby::switch::Serve(it)),
        Action::ServeStop(it) => Box::new(Again(standby::switch::ServeStop(it))),
        Action::HoldConnections(it) => Box::new(service::hold::HoldThem(it)),
        Action::LetThrough(it) => Box::new(service::hold::LetThrough(it)),
        Action::LeaveAlone(it) => Box::new(cluster::leave_alone::LeaveAlone(it)),
        Action::HandBack(it) => Box::new(cluster::hand_back::HandBack(it)),
        Action::VersionMark(it) => Box::new(it),
        Action::AwaitNodes(it) => Box::new(it),
        Action::Release(it) => Box::new(service::units::Release(it)),
        Action::HoldUsers(it) => Box::new(it),
        Action::CaptureUsers(it) => Box::new(Again(it)),
        Action::RestoreUsers(it) => Box::new(it),
        Action::ProveUsers(it) => Box::new(Again(it)),
        Action::AssignUsers(it) => Box::new(it),
        Action::DropBackup(it) => Box::new(it),
    }
}

/// Whether what a step did is flushed before the journal says that it is done. Not if it is on disk
/// by itself; and not under a deadline, before the last step that it covers: a procedure that is
/// cut off there goes back, whatever its steps did.
pub fn flushes(run: &Run, at: usize) -> bool {
    let Some(step) = run.plan.steps.get(at) else { return true };
    let until = run.under_deadline().and_then(|deadline| run.plan.position(&deadline.until));
    !effect(&step.action).durable() && until.is_none_or(|until| at + 1 >= until)
}

/// Checks that a probe found the complete effect.
pub(crate) fn present(probe: Probe, step: &Step) -> Result<Output> {
    match probe {
        Probe::Present(output) => Ok(output),
        Probe::Absent => {
            anyhow::bail!("step `{}` ran without an error, but its effect is not there", step.id)
        }
        Probe::Partial(why) | Probe::Foreign(why) => {
            anyhow::bail!(
                "step `{}` ran without an error, but its effect is not whole: {why}",
                step.id
            )
        }
    }
}
