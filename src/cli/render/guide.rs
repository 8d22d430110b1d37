//! What a downgrade will be like, on one screen, before it begins; and what it was like.

use chrono::TimeDelta;

use super::wrap::labelled;
use crate::journal::{Family, Procedure};
use crate::report::{Timeline, spent};
use crate::step::{Plan, State};
use crate::strategy;

/// What is known before a downgrade begins.
pub struct Foreseen<'a> {
    /// The change.
    pub state: &'a State,
    /// What will be done.
    pub plan: &'a Plan,
    /// The change so far.
    pub past: Option<&'a Timeline>,
    /// Bytes written since the snapshot, where that can be told.
    pub written: Option<u64>,
}

/// What comes back, what is kept, what is destroyed, how long clients are shut out. Lines.
pub fn foreseen(it: &Foreseen<'_>) -> Vec<String> {
    let manifest = &it.state.manifest;
    let data = strategy::data_of(manifest.data_strategy);
    let mut lines = vec![format!(
        "Version {} comes back, with {}.",
        manifest.from_version,
        data.brings_back(manifest)
    )];
    let written = it.written.map(|bytes| humansize::format_size(bytes, humansize::BINARY));
    if let Some(written) = &written {
        lines.push(labelled("Written:", &format!("{written} since the snapshot.")));
    }
    let (kept, destroyed) = if !data.has_data() {
        let kept = "the upgraded version's configuration; `backout undo` goes back to it.";
        (kept.to_owned(), "nothing.")
    } else if it.plan.procedure == Procedure::DowngradeKeep {
        let kept = format!(
            "the upgraded state, under names that end in `{}`, until `backout commit`; `backout \
             undo` goes back to it.",
            strategy::ASIDE
        );
        (kept, "nothing.")
    } else {
        let destroyed =
            "the upgraded state, and every snapshot newer than the one before the upgrade.";
        ("the capture of what was written since the snapshot.".to_owned(), destroyed)
    };
    lines.push(labelled("Kept:", &kept));
    lines.push(labelled("Destroyed:", destroyed));
    lines.push(labelled("Shut out:", &expected(it, data.takes_time())));
    lines.push(labelled(
        "Interrupted:",
        "by anything, Ctrl-C or a power cut too: `backout resume` goes on.",
    ));
    lines
}

/// How long clients will be shut out, from what was measured.
fn expected(it: &Foreseen<'_>, more: &str) -> String {
    if let Some(deadline) = it.plan.steps.iter().find_map(|step| step.deadline.as_ref()) {
        let limit = spent(TimeDelta::seconds(i64::try_from(deadline.seconds).unwrap_or(i64::MAX)));
        return format!(
            "from the moment that writes are refused to the standby's first answer. After {limit} \
             the switch is given up, and the upgraded version goes on."
        );
    }
    let Some(past) = it.past else { return "from the stop to the last step.".to_owned() };
    if let Some(before) = past.shut_out_in(Procedure::is_downgrade) {
        return format!("the downgrade before this one took {}; expect about that.", spent(before));
    }
    let upgrade = |procedure| procedure == Procedure::Upgrade;
    let packages = past.spent_in(&crate::journal::StepId::UPGRADE);
    match (past.shut_out_in(upgrade), packages) {
        (Some(whole), Some(packages)) => format!(
            "the upgrade took {}, {} of it for the packages; expect that{more}.",
            spent(whole),
            spent(packages)
        ),
        _ => "from the stop to the last step; the packages take most of it.".to_owned(),
    }
}

/// How long the procedure that ended now took, how long clients were shut out, and what a downgrade
/// brought back.
pub fn was(past: &Timeline) -> Vec<String> {
    let Some(run) = past.procedures.last() else { return Vec::new() };
    let mut took = format!("{} in all", spent(run.ended - run.began));
    if let Some(time) = past.shut_out_in(|procedure| procedure == run.procedure) {
        took = format!("{took}; clients were shut out for {}", spent(time));
    }
    let mut lines = vec![labelled("Took:", &format!("{took}."))];
    let captured = run.steps.iter().rev().find(|step| step.step.is_of(Family::Capture));
    let captured = captured.and_then(|step| step.result.as_ref());
    if let Some(captured) = captured.filter(|_| run.procedure.is_downgrade()) {
        lines.push(labelled("Carried:", &format!("what was written since: {captured}.")));
    }
    lines
}
