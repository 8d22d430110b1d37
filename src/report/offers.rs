//! Which of the permitted commands are offered, and how they are described.

use super::dead::{drops_what_opened, starts_it};
use super::permitted::verdict;
use super::standing::noun;
use super::{Command, Next};
use crate::journal::{HaltKind, OpenQuestion, Phase, Procedure, StepId};
use crate::step::State;
use crate::strategy::data_of;

/// What may be typed next; the first is what most people want.
pub fn offers(state: &State) -> Vec<Next> {
    let offer = |command: Command| {
        verdict(state, command).ok()?;
        Some(Next { command: command.to_string(), meaning: meaning(state, command)? })
    };
    let standby = |command: &Command| {
        matches!(command, Command::StandbyStart | Command::StandbyStop | Command::Undo)
    };
    // After a downgrade most people go on; a standby is for those who may go back.
    let last = state.phase == Phase::BackedOut && state.current().is_none();
    let (beside, mut all): (Vec<Command>, Vec<Command>) =
        Command::ALL.into_iter().partition(|command| last && standby(command));
    all.extend(beside);
    all.into_iter().filter_map(offer).collect()
}

/// The version that serves beside a standby.
fn serves(state: &State) -> &'static str {
    state.standby_side().other().word()
}

/// What a permitted command does. `None`: it is not offered.
fn meaning(state: &State, command: Command) -> Option<String> {
    let (from, to) = (&state.manifest.from_version, &state.manifest.upgrade_to);
    let packages = !data_of(state.manifest.data_strategy).has_data();
    let run = state.current();
    let text = match command {
        Command::Resume => {
            let run = run?;
            if run.under_deadline().is_some() {
                let serves = serves(state);
                format!("take the switch back: the {serves} version accepts writes again")
            } else if run.halted.is_some() {
                "look again, and go on if the reason is gone".to_owned()
            } else {
                format!("go on with the {}", noun(run.plan.procedure))
            }
        }
        Command::Answer(OpenQuestion::Repair) => {
            "carry whole from the upgraded data what differs, and compare again".to_owned()
        }
        Command::Answer(OpenQuestion::Differences) => {
            "open it nevertheless: you answer for the items".to_owned()
        }
        Command::Answer(OpenQuestion::Rejects) => {
            "restore all the rest: you answer for the items".to_owned()
        }
        Command::Answer(OpenQuestion::TryAgain) => {
            run.filter(|run| run.halt_kind() == Some(HaltKind::TooOften))?;
            "the same, after too many tries".to_owned()
        }
        Command::Snapshot => return None,
        Command::Upgrade if state.phase == Phase::Prepared => format!("upgrade to version {to}"),
        Command::Upgrade => "take the snapshot and upgrade".to_owned(),
        Command::Downgrade if run.is_some() => {
            "give the upgrade up, and bring the previous version back".to_owned()
        }
        Command::Downgrade if packages => format!("bring version {from} back"),
        Command::Downgrade if state.has_standby() => {
            format!("let the standby of version {from} take over")
        }
        Command::Downgrade => {
            format!("bring version {from} back, with everything that was written since")
        }
        // They would be refused, but for a yes that says more.
        Command::Abort | Command::Undo if starts_it(state, command) => return None,
        Command::Abort if drops_what_opened(state, command) => return None,
        Command::Abort => match run?.plan.procedure {
            Procedure::Snapshot => "give it up; the service is opened again as it was".to_owned(),
            Procedure::Upgrade => {
                "give the upgrade up; the service is opened again as it was".to_owned()
            }
            Procedure::Rehearse => {
                "give it up; the upgraded version accepts writes again".to_owned()
            }
            Procedure::StandbyStart => "give it up; nothing of the standby is left".to_owned(),
            Procedure::Undo => "give the undo up; the previous version is opened again".to_owned(),
            Procedure::Migrate => {
                "give it up; who is on hold is served again where they were".to_owned()
            }
            _ if run?.was_begun(&StepId::SERVE) => {
                "take the switch back; the upgraded version is opened again, and what the previous \
                 one has is kept beside it"
                    .to_owned()
            }
            _ => "give the downgrade up; the upgraded version is opened again".to_owned(),
        },
        Command::StandbyStart if state.has_standby() => {
            "start again what of the standby does not run".to_owned()
        }
        Command::StandbyStart if state.phase == Phase::BackedOut => {
            "keep the upgraded version running beside it, fed, so that an undo loses nothing"
                .to_owned()
        }
        Command::StandbyStart => {
            "keep the previous version running beside it, so that the way back takes seconds"
                .to_owned()
        }
        Command::Rehearse => {
            "all of a switch but the exchange, compared while writes wait: is the way back sound?"
                .to_owned()
        }
        Command::StandbyStop => "end the standby; the usual way back stays".to_owned(),
        Command::Undo if state.has_standby() => {
            format!("let the standby of version {to} take over")
        }
        Command::Undo if packages => format!("go back to version {to}"),
        Command::Undo => format!("go back to version {to} and its state"),
        Command::Migrate if state.phase == Phase::Opened => "move users".to_owned(),
        Command::Migrate => "move more of those who have not moved yet".to_owned(),
        Command::MigrateBack if state.phase == Phase::Opened => return None,
        Command::MigrateBack => "move a user back".to_owned(),
        Command::Prove if !state.awaits_full_proof() => return None,
        Command::Prove if state.full_proof.is_some() => {
            "compare everything again, and see the items that differ".to_owned()
        }
        Command::Prove => {
            "compare everything, on clones, while the service runs; `commit` waits for it"
                .to_owned()
        }
        // It would be refused, but for a yes that names what was not compared.
        Command::Commit if state.awaits_full_proof() => return None,
        Command::Commit => match state.phase {
            Phase::Opened => "close it; nothing is to be dropped".to_owned(),
            Phase::Prepared => "give the upgrade up, and drop the snapshot".to_owned(),
            Phase::Upgraded => format!("accept version {to}, and drop the way back"),
            Phase::BackedOut if packages => "accept the downgrade".to_owned(),
            Phase::BackedOut if state.kept_upgraded() => {
                "accept the downgrade, and destroy the upgraded state".to_owned()
            }
            Phase::BackedOut => "accept the downgrade, and drop the snapshot".to_owned(),
            Phase::Coexisting => "close the change, when all have moved".to_owned(),
            Phase::Closed => return None,
        },
    };
    Some(text)
}
