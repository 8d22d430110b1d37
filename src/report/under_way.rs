//! What is true while a procedure is under way: is the service open, where is the data? Pure.

use super::Command;
use super::dead::{NOT_OPENED, drops_what_opened, from_files};
use super::permitted::verdict;
use super::standing::failure;
use crate::journal::{Output, Procedure, StepId, StepState};
use crate::step::{self, Action, Run, State};
use crate::strategy::data_of;

/// What is true while a procedure is under way.
pub(super) fn under_way(state: &State, run: &Run) -> Vec<String> {
    if data_of(state.manifest.data_strategy).moves_users() {
        return hold_truth(run);
    }
    let mut now = vec![service_truth(state)];
    if step::holding(run).is_some()
        && failure(run).is_none()
        && run.halted.is_none()
        && !run.interrupted
    {
        now.push("Connections of clients may be held until it is open again.".to_owned());
    }
    now.extend(data_truth(state, run));
    if run.plan.procedure.is_downgrade() && from_files(state) && !run.beyond_return() {
        let to = &state.manifest.upgrade_to;
        now.push(format!(
            "Version {to} did not answer when this began. If it was mended, you can still go back: \
             `backout abort --accept not-answering`."
        ));
    }
    if verdict(state, Command::Abort).is_ok() && drops_what_opened(state, Command::Abort) {
        now.push(format!(
            "Version {} did not open. You can still go back to version {}: `backout abort --accept \
             {NOT_OPENED}`.",
            state.manifest.upgrade_to, state.manifest.from_version
        ));
    }
    if matches!(run.step(&StepId::RESTORE), Some((_, StepState::Done))) {
        now.extend(rejects(state));
    }
    now
}

/// Who is on hold, and who has moved.
fn hold_truth(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let mut moved = 0;
    for (step, done) in run.plan.steps.iter().zip(&run.steps) {
        if let (Action::AssignUsers(it), StepState::Done) = (&step.action, done) {
            moved += it.users.len();
        }
    }
    match crate::strategy::held(run) {
        Some(held) if held.is_empty() => lines.push("Nobody is on hold for it.".to_owned()),
        Some(held) => {
            let users: Vec<&str> =
                held.iter().flat_map(|hold| &hold.users).map(String::as_str).collect();
            lines.push(format!("On hold, their mail waits: {}.", users.join(", ")));
            lines.push("All of their data is on the host where they were.".to_owned());
        }
        None => {
            lines.push("Users are about to be served by the other host; some may be.".to_owned())
        }
    }
    let are = if moved == 1 { "user of it is" } else { "users of it are" };
    lines.push(format!("{moved} {are} through."));
    lines
}

/// Whether clients are served, by the last procedure that stopped or opened the service.
fn service_truth(state: &State) -> String {
    let side = state.standby_side();
    let (serves, beside) = (side.other().word(), side.word());
    // A finished procedure left the service open; an aborted one may have left it closed.
    let unfinished = state.runs.iter().rev().take_while(|run| !run.finished);
    for run in unfinished {
        match run.step(&StepId::START) {
            Some((step, StepState::Done)) if matches!(step.action, Action::Release(_)) => {
                return "The service runs on another node.".to_owned();
            }
            Some((_, StepState::Done)) => {
                return "The service is open to its clients.".to_owned();
            }
            _ => {}
        }
        if run.was_begun(&StepId::START) {
            return "The service was about to be opened to its clients; it may be open.".to_owned();
        }
        if let Some((_, state)) = run.step(&StepId::SERVE)
            && run.was_begun(&StepId::SERVE)
            && !run.was_begun(&StepId::SERVE_STOP)
        {
            return match state {
                StepState::Done => format!(
                    "The {beside} version serves its clients, from its private root; its packages \
                     are brought back."
                ),
                _ => format!(
                    "The {beside} version was about to be opened to its clients; it may be open."
                ),
            };
        }
        if run.was_begun(&StepId::STOP) {
            return "The service is closed to its clients.".to_owned();
        }
        let allowed = matches!(run.step(&StepId::ALLOW), Some((_, StepState::Done)));
        if run.was_begun(&StepId::REFUSE) && !allowed {
            return format!("The {serves} version refuses its clients' writes.");
        }
    }
    let committing = |run: &Run| {
        matches!(run.plan.procedure, Procedure::CommitUpgrade | Procedure::CommitDowngrade)
    };
    if state.current().is_some_and(committing) {
        return "The service serves its clients; a commit does not touch it.".to_owned();
    }
    if state.current().is_some_and(|run| run.plan.procedure.is_beside()) {
        return format!("The {serves} version serves its clients; a standby does not touch it.");
    }
    "The service was not touched yet.".to_owned()
}

/// Where the data is.
fn data_truth(state: &State, run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let snapshot = &state.manifest.snapshot;
    let procedure: Procedure = run.plan.procedure;
    if procedure.is_downgrade() && data_of(state.manifest.data_strategy).has_data() {
        let captured = run.plan.position(&StepId::STANDBY_SET_UP).is_none()
            && matches!(run.step(&StepId::VERIFY), Some((_, StepState::Done)));
        let taken = matches!(run.step(&StepId::STANDBY_SET_UP), Some((_, StepState::Done)));
        lines.push(if taken {
            "The standby has everything that was written.".to_owned()
        } else if captured {
            "What was written since is captured, checksummed and read back.".to_owned()
        } else {
            "The upgraded data is in its place, and complete.".to_owned()
        });
        if run.beyond_return() {
            lines.push(
                "The point of no return has passed: the downgrade can only be completed."
                    .to_owned(),
            );
        } else if set_aside(run) {
            lines.push(
                "The upgraded data is kept beside it, complete: you can still go back to it."
                    .to_owned(),
            );
        }
    } else if procedure == Procedure::Undo && run.is_switch() {
        let taken = matches!(run.step(&StepId::STANDBY_SET_UP), Some((_, StepState::Done)));
        lines.push(if taken {
            "The standby has everything that was written since the downgrade.".to_owned()
        } else {
            "The data of the previous version is in its place, and complete.".to_owned()
        });
    } else if dropping(run) {
        lines.push("The snapshots of this change are being dropped.".to_owned());
    } else if matches!(state.outputs.get(&StepId::SNAPSHOT), Some(Output::Snapshots { .. })) {
        lines.push(format!("The snapshot @{snapshot} is taken and held."));
    }
    lines
}

/// Whether the upgraded data may have left its place.
fn set_aside(run: &Run) -> bool {
    run.plan.steps.iter().any(|step| {
        matches!(step.action, Action::SetAside(_) | Action::MoveAside(_)) && run.was_begun(&step.id)
    })
}

/// Whether the snapshots before the upgrade may be gone.
fn dropping(run: &Run) -> bool {
    run.plan.steps.iter().any(|step| step.id == StepId::DROP_SNAPSHOT && run.was_begun(&step.id))
}

/// The items that the restore left out.
pub(super) fn rejects(state: &State) -> Option<String> {
    let Some(Output::Rejects { count, file }) = state.outputs.get(&StepId::RESTORE) else {
        return None;
    };
    let (items, stand) =
        if *count == 1 { ("item was", "it stands") } else { ("items were", "they stand") };
    Some(format!("{count} {items} rejected by it and left out; {stand} in {}", file.display()))
}
