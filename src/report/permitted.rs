//! The table of permitted commands: for a state and a command, yes or the reason why not.

use std::fmt;

use super::Command;
use super::stand::{noun, stand};
use crate::journal::{HaltKind, Phase, Procedure, Question, StepId};
use crate::step::{Run, State};
use crate::strategy::data_of;

/// Why a state does not permit a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A procedure is under way, and comes first.
    UnderWay,
    /// No procedure is under way.
    NothingUnderWay,
    /// The change is not in a state in which this command can begin.
    WrongPhase,
    /// The change is about two hosts, or is not.
    WrongStrategy,
    /// No question is open that this would answer.
    NothingAsked(Question),
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
}

/// A command that the state of a change does not permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for.
    pub command: Command,
    /// Why not.
    pub why: Why,
    /// Which change, and where it stands: `mariadb-20261129: upgraded`.
    pub stand: String,
}

impl Refusal {
    /// Whether the command was permitted earlier, but no longer is.
    pub fn is_too_late(&self) -> bool {
        matches!(
            self.why,
            Why::PackagesTouched
                | Why::BeyondReturn
                | Why::MayBeOpen
                | Why::UsersMayHaveMoved
                | Why::OnlyForward(_)
                | Why::Destroyed
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stand = &self.stand;
        match (self.why, self.command) {
            (Why::NothingAsked(Question::Differences), _) => {
                write!(f, "there are no differences to answer for ({stand})")
            }
            (Why::NothingAsked(Question::Rejects), _) => {
                write!(f, "there are no rejected items to answer for ({stand})")
            }
            (Why::PackagesTouched, _) => {
                write!(f, "the packages were touched: the way back is a downgrade")
            }
            (Why::BeyondReturn, _) => write!(
                f,
                "the point of no return has passed: the upgraded state may be gone, \
                 and what was written is in the capture"
            ),
            (Why::MayBeOpen, _) => write!(
                f,
                "the previous version may have been open to its clients already: \
                 finish the downgrade, then undo it"
            ),
            (Why::UsersMayHaveMoved, _) => write!(
                f,
                "users may be served by the other host already: finish, then move them back"
            ),
            (Why::OnlyForward(Procedure::Abort), _) => {
                write!(f, "the abort was begun already; it can be finished")
            }
            (Why::OnlyForward(procedure), _) => {
                write!(f, "the {} cannot be aborted; it can be finished", noun(procedure))
            }
            (Why::Destroyed, _) => {
                write!(f, "the downgrade was in place: it destroyed the upgraded state")
            }
            (_, Command::Resume | Command::Answer(_)) => {
                write!(f, "there is nothing to resume ({stand})")
            }
            (_, Command::Abort) => write!(f, "there is nothing to abort ({stand})"),
            (_, Command::Undo) => write!(f, "there is no finished downgrade to undo ({stand})"),
            (_, Command::Commit) => write!(f, "there is nothing to accept ({stand})"),
            (_, Command::Downgrade) => write!(f, "a downgrade cannot begin ({stand})"),
            (_, Command::Migrate | Command::MigrateBack) => {
                write!(f, "users cannot be moved now ({stand})")
            }
            (_, Command::Snapshot | Command::Upgrade) => {
                write!(f, "a new {} cannot begin ({stand})", self.command.verb())
            }
        }
    }
}

/// Whether the state of a change permits a command. The checks look at the host later.
///
/// # Errors
/// Why it does not.
pub fn permitted(state: &State, command: Command) -> Result<(), Refusal> {
    verdict(state, command).map_err(|why| {
        let stand = format!("{}: {}", state.manifest.change, stand(state));
        Refusal { command, why, stand }
    })
}

/// The table.
pub(super) fn verdict(state: &State, command: Command) -> Result<(), Why> {
    let two_hosts = data_of(state.manifest.data_strategy).moves_users();
    match (command, state.current()) {
        (Command::Resume, Some(_)) => Ok(()),
        (Command::Answer(question), Some(run)) => {
            if asks(run, question) {
                Ok(())
            } else {
                Err(Why::NothingAsked(question))
            }
        }
        (Command::Abort, Some(run)) => may_be_aborted(run),
        // An upgrade that failed half-way is backed out like a finished one.
        (Command::Downgrade, Some(run)) => {
            let half_upgraded =
                run.plan.procedure == Procedure::Upgrade && run.was_begun(&StepId::UPGRADE);
            if half_upgraded { Ok(()) } else { Err(Why::UnderWay) }
        }
        (Command::Resume | Command::Answer(_) | Command::Abort, None) => Err(Why::NothingUnderWay),
        (_, Some(_)) => Err(Why::UnderWay),
        (Command::Snapshot, None) => match state.phase {
            Phase::Opened if data_of(state.manifest.data_strategy).rolls_back() => Ok(()),
            Phase::Opened => Err(Why::WrongStrategy),
            _ => Err(Why::WrongPhase),
        },
        (Command::Upgrade, None) => match state.phase {
            Phase::Opened | Phase::Prepared if !two_hosts => Ok(()),
            Phase::Opened | Phase::Prepared => Err(Why::WrongStrategy),
            _ => Err(Why::WrongPhase),
        },
        (Command::Downgrade, None) => only(state.phase == Phase::Upgraded),
        (Command::Undo, None) => {
            only(state.phase == Phase::BackedOut)?;
            if kept(state) { Ok(()) } else { Err(Why::Destroyed) }
        }
        (Command::Migrate, None) if !two_hosts => Err(Why::WrongStrategy),
        (Command::MigrateBack, None) if !two_hosts => Err(Why::WrongStrategy),
        (Command::Migrate | Command::MigrateBack, None) => {
            only(matches!(state.phase, Phase::Opened | Phase::Coexisting))
        }
        (Command::Commit, None) => only(state.phase != Phase::Closed),
    }
}

fn only(phase: bool) -> Result<(), Why> {
    if phase { Ok(()) } else { Err(Why::WrongPhase) }
}

fn may_be_aborted(run: &Run) -> Result<(), Why> {
    match run.plan.procedure {
        Procedure::Snapshot => Ok(()),
        Procedure::Upgrade if run.was_begun(&StepId::UPGRADE) => Err(Why::PackagesTouched),
        Procedure::Upgrade => Ok(()),
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace if run.beyond_return() => {
            Err(Why::BeyondReturn)
        }
        // An abort would lose what clients write on the previous version; an undo keeps it.
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace if run.was_begun(&StepId::START) => {
            Err(Why::MayBeOpen)
        }
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace => Ok(()),
        Procedure::Migrate if crate::strategy::held(run).is_none() => Err(Why::UsersMayHaveMoved),
        Procedure::Migrate => Ok(()),
        Procedure::Abort
        | Procedure::Undo
        | Procedure::CommitUpgrade
        | Procedure::CommitDowngrade => Err(Why::OnlyForward(run.plan.procedure)),
    }
}

/// Whether a procedure waits for this answer.
fn asks(run: &Run, question: Question) -> bool {
    match question {
        Question::Differences => run.halt_kind() == Some(HaltKind::Differences),
        Question::Rejects => run.asks_for_rejects(),
        // Harmless where it was not asked for.
        Question::TryAgain => true,
    }
}

/// Whether the last downgrade kept the upgraded state.
pub(super) fn kept(state: &State) -> bool {
    let downgrade = state.last_run(Procedure::is_downgrade);
    downgrade.is_some_and(|run| run.plan.procedure == Procedure::DowngradeKeep)
}
