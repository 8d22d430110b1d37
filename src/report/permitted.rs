//! Which command a state permits, or the reason why not, in words. The table is the journal's.

use std::fmt;

use super::Command;
use super::standing::{noun, stand};
use crate::journal::{HaltKind, NotPermitted, OpenQuestion, Phase, Procedure};
use crate::step::{Run, State};

/// Why a state does not permit a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The change does not permit its procedure.
    Procedure(NotPermitted),
    /// No question is open that this would answer.
    NothingAsked(OpenQuestion),
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
            Why::Procedure(
                NotPermitted::PackagesTouched
                    | NotPermitted::BeyondReturn
                    | NotPermitted::MayBeOpen
                    | NotPermitted::UsersMayHaveMoved
                    | NotPermitted::OnlyForward(_)
                    | NotPermitted::Destroyed
            )
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stand = &self.stand;
        match (self.why, self.command) {
            (Why::NothingAsked(OpenQuestion::Differences), _) => {
                write!(f, "there are no differences to answer for ({stand})")
            }
            (Why::NothingAsked(OpenQuestion::Repair), _) => {
                write!(f, "there is nothing to repair, or nothing to repair it from ({stand})")
            }
            (Why::NothingAsked(OpenQuestion::Rejects), _) => {
                write!(f, "there are no rejected items to answer for ({stand})")
            }
            (Why::Procedure(NotPermitted::PackagesTouched), _) => {
                write!(f, "the packages were touched: the way back is a downgrade")
            }
            (Why::Procedure(NotPermitted::BeyondReturn), _) => write!(
                f,
                "the point of no return has passed: the upgraded state may be gone, \
                 and what was written is in the capture"
            ),
            (Why::Procedure(NotPermitted::MayBeOpen), _) => write!(
                f,
                "the previous version may have been open to its clients already: \
                 finish the downgrade, then undo it"
            ),
            (Why::Procedure(NotPermitted::UsersMayHaveMoved), _) => write!(
                f,
                "users may be served by the other host already: finish, then move them back"
            ),
            (Why::Procedure(NotPermitted::OnlyForward(Procedure::Abort)), _) => {
                write!(f, "the abort was begun already; it can be finished")
            }
            (Why::Procedure(NotPermitted::OnlyForward(procedure)), _) => {
                write!(f, "the {} cannot be aborted; it can be finished", noun(procedure))
            }
            (Why::Procedure(NotPermitted::Destroyed), _) => {
                write!(f, "the downgrade was in place: it destroyed the upgraded state")
            }
            (Why::Procedure(NotPermitted::NoPrograms), _) => write!(
                f,
                "there can be no standby: the programs of the previous version were not kept at \
                 the upgrade, as the playbook had no [standby] then, the data is not on ZFS, or a cluster starts the \
                 service"
            ),
            (Why::Procedure(NotPermitted::NoStandbyBack), _) => write!(
                f,
                "the upgraded version cannot stand by: its programs were not kept at the \
                 downgrade, or the playbook has no [standby.back]"
            ),
            (Why::Procedure(NotPermitted::NoStandby), _) => {
                write!(f, "there is no standby ({stand})")
            }
            (_, Command::StandbyStart | Command::StandbyStop | Command::Rehearse) => {
                write!(f, "a standby is for a change that awaits its decision ({stand})")
            }
            (_, Command::Resume | Command::Answer(_)) => {
                write!(f, "there is nothing to resume ({stand})")
            }
            (_, Command::Abort) => write!(f, "there is nothing to abort ({stand})"),
            (_, Command::Undo) => write!(f, "there is no finished downgrade to undo ({stand})"),
            (_, Command::Prove) => {
                write!(f, "there is nothing left to compare ({stand})")
            }
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

/// A command that begins a procedure is permitted when the procedure is
/// ([`State::permits_procedure`]).
pub(super) fn verdict(state: &State, command: Command) -> Result<(), Why> {
    let run = state.current();
    let nothing = Why::Procedure(NotPermitted::NothingUnderWay);
    let procedure = match command {
        Command::Resume => return run.map(|_| ()).ok_or(nothing),
        Command::Answer(question) => {
            let run = run.ok_or(nothing)?;
            return if asks(run, question) { Ok(()) } else { Err(Why::NothingAsked(question)) };
        }
        Command::Prove => return state.permits_full_proof().map_err(Why::Procedure),
        Command::Snapshot => Procedure::Snapshot,
        Command::Upgrade => Procedure::Upgrade,
        Command::Downgrade => Procedure::DowngradeKeep,
        Command::Abort => Procedure::Abort,
        Command::Undo => Procedure::Undo,
        Command::StandbyStart => Procedure::StandbyStart,
        Command::StandbyStop => Procedure::StandbyStop,
        Command::Rehearse => Procedure::Rehearse,
        Command::Migrate | Command::MigrateBack => Procedure::Migrate,
        Command::Commit if state.phase == Phase::BackedOut => Procedure::CommitDowngrade,
        Command::Commit => Procedure::CommitUpgrade,
    };
    state.permits_procedure(procedure).map_err(Why::Procedure)
}

/// Whether a procedure waits for this answer.
fn asks(run: &Run, question: OpenQuestion) -> bool {
    match question {
        OpenQuestion::Differences => run.halt_kind().is_some_and(HaltKind::is_about_differences),
        OpenQuestion::Repair => run.asks_for_repair(),
        OpenQuestion::Rejects => run.asks_for_rejects(),
        // Harmless where it was not asked for.
        OpenQuestion::TryAgain => true,
    }
}
