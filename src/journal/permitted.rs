//! Which procedure a change permits next, or why it does not: the one table of this. The journal
//! refuses a record by it, and `report` offers and refuses commands by it.

use super::StepId;
use super::fold::{Phase, State};
use super::plan::{Action, Procedure, Role};
use super::run::{Run, StepState};
use crate::playbook::DataStrategy;

/// Why a change does not permit a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPermitted {
    /// A procedure is under way, and comes first.
    UnderWay,
    /// No procedure is under way.
    NothingUnderWay,
    /// The change is not in a state in which this procedure can begin.
    WrongPhase,
    /// The change is about two hosts, or is not.
    WrongStrategy,
    /// An upgrade has touched the packages.
    PackagesTouched,
    /// A downgrade in place has begun to roll back.
    BeyondReturn,
    /// A kept downgrade has begun to open the service.
    MayBeOpen,
    /// Users may be served by the other host.
    UsersMayHaveMoved,
    /// This procedure has no way back.
    OnlyForward(Procedure),
    /// The upgraded state was destroyed by a downgrade in place.
    Destroyed,
    /// The programs of the previous version were not kept at the upgrade.
    NoPrograms,
    /// The upgraded version cannot stand by after a downgrade.
    NoStandbyBack,
    /// There is no standby.
    NoStandby,
}

impl<A: Action> State<A> {
    /// Whether this procedure may begin now.
    ///
    /// # Errors
    /// Why it may not.
    pub fn permits_procedure(&self, procedure: Procedure) -> Result<(), NotPermitted> {
        let only = |phase: bool| if phase { Ok(()) } else { Err(NotPermitted::WrongPhase) };
        let two_hosts = self.manifest.data_strategy == DataStrategy::Coexistent;
        match (procedure, self.current()) {
            (Procedure::Abort, Some(run)) => may_be_aborted(run),
            (Procedure::Abort, None) => Err(NotPermitted::NothingUnderWay),
            // An upgrade that failed half-way is backed out like a finished one.
            (Procedure::DowngradeKeep | Procedure::DowngradeInPlace, Some(run))
                if run.plan.procedure == Procedure::Upgrade && run.was_begun(&StepId::UPGRADE) =>
            {
                Ok(())
            }
            (_, Some(_)) => Err(NotPermitted::UnderWay),
            (Procedure::Snapshot, None) => match self.phase {
                Phase::Opened if self.manifest.data_strategy.is_zfs() => Ok(()),
                Phase::Opened => Err(NotPermitted::WrongStrategy),
                _ => Err(NotPermitted::WrongPhase),
            },
            (Procedure::Upgrade, None) => match self.phase {
                Phase::Opened | Phase::Prepared if !two_hosts => Ok(()),
                Phase::Opened | Phase::Prepared => Err(NotPermitted::WrongStrategy),
                _ => Err(NotPermitted::WrongPhase),
            },
            (Procedure::DowngradeKeep | Procedure::DowngradeInPlace, None) => {
                only(self.phase == Phase::Upgraded)
            }
            (Procedure::Undo, None) => {
                only(self.phase == Phase::BackedOut)?;
                if self.kept_upgraded() { Ok(()) } else { Err(NotPermitted::Destroyed) }
            }
            (Procedure::Migrate, None) if !two_hosts => Err(NotPermitted::WrongStrategy),
            (Procedure::Migrate, None) => {
                only(matches!(self.phase, Phase::Opened | Phase::Coexisting))
            }
            (Procedure::StandbyStart, None) => self.may_have_standby(),
            (Procedure::Rehearse, None) => {
                only(self.phase == Phase::Upgraded)?;
                self.may_have_standby()
            }
            (Procedure::StandbyStop, None) => {
                only(matches!(self.phase, Phase::Upgraded | Phase::BackedOut))?;
                if self.has_standby() { Ok(()) } else { Err(NotPermitted::NoStandby) }
            }
            (Procedure::CommitUpgrade, None) => only(matches!(
                self.phase,
                Phase::Opened | Phase::Prepared | Phase::Upgraded | Phase::Coexisting
            )),
            (Procedure::CommitDowngrade, None) => only(self.phase == Phase::BackedOut),
        }
    }

    /// Whether everything may be compared now: a kept downgrade is finished that compared only what
    /// was written since the snapshot.
    ///
    /// # Errors
    /// Why it may not.
    pub fn permits_full_proof(&self) -> Result<(), NotPermitted> {
        if self.current().is_some() {
            return Err(NotPermitted::UnderWay);
        }
        let wanted = self.phase == Phase::BackedOut
            && self.kept_upgraded()
            && !self.partly_listed().is_empty();
        if wanted { Ok(()) } else { Err(NotPermitted::WrongPhase) }
    }

    /// Whether the last downgrade kept the upgraded state.
    pub fn kept_upgraded(&self) -> bool {
        let downgrade = self.last_run(Procedure::is_downgrade);
        downgrade.is_some_and(|run| run.plan.procedure == Procedure::DowngradeKeep)
    }
}

/// Whether the version that stood by may have been opened from its private root. If it could not be,
/// what it has is kept by an abort.
fn may_serve<A: Action>(run: &Run<A>) -> bool {
    let failed = matches!(run.step(&StepId::SERVE), Some((_, StepState::Failed(_))));
    run.was_begun(&StepId::SERVE) && !failed
}

fn may_be_aborted<A: Action>(run: &Run<A>) -> Result<(), NotPermitted> {
    match run.plan.procedure {
        Procedure::Snapshot => Ok(()),
        Procedure::Upgrade if run.was_begun(&StepId::UPGRADE) => Err(NotPermitted::PackagesTouched),
        Procedure::Upgrade => Ok(()),
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace if run.beyond_return() => {
            Err(NotPermitted::BeyondReturn)
        }
        // An abort would lose what clients write on the previous version; an undo keeps it.
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace
            if run.was_begun(&StepId::START) || may_serve(run) =>
        {
            Err(NotPermitted::MayBeOpen)
        }
        Procedure::DowngradeKeep
        | Procedure::DowngradeInPlace
        | Procedure::StandbyStart
        | Procedure::Rehearse => Ok(()),
        // A switch back: the standby that took over was not opened.
        Procedure::Undo if run.is_switch() && !run.was_begun(&StepId::START) && !may_serve(run) => {
            Ok(())
        }
        // A user whose assignment was begun may be on the other host already.
        Procedure::Migrate => {
            let mut steps = run.plan.steps.iter().zip(&run.steps).zip(&run.begun);
            let moving = steps.any(|((step, state), begun)| {
                step.action.role() == Role::AssignsUsers && *begun && *state != StepState::Done
            });
            if moving { Err(NotPermitted::UsersMayHaveMoved) } else { Ok(()) }
        }
        Procedure::Abort
        | Procedure::Undo
        | Procedure::StandbyStop
        | Procedure::CommitUpgrade
        | Procedure::CommitDowngrade => Err(NotPermitted::OnlyForward(run.plan.procedure)),
    }
}
