//! What is true of a change, and what may be typed next.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::Serialize;

use super::dead::from_files;
use super::offers::offers;
use super::stand::{failure, stand};
use super::timeline::Timeline;
use super::{
    Command, Compared, Condition, LastProof, Next, Room, StandbyReport, SwitchCost, WayBack,
    compared,
};
use crate::journal::{Output, Phase, Procedure, Side, StepId, StepState};
use crate::step::{self, Action, Run, State};
use crate::strategy::{aside_of, data_of};

/// What is true of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its id.
    pub change: String,
    /// Where it stands, in a few words.
    pub state: String,
    /// The version before.
    pub from: String,
    /// The version asked for.
    pub to: String,
    /// The procedure under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub procedure: Option<String>,
    /// The step it stands at, if it is not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Steps done, and steps in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<(usize, usize)>,
    /// Why a person must decide, or why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether the way back is open, while a decision is awaited and it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_back: Option<WayBack>,
    /// The standby, where there is one and it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<StandbyReport>,
    /// What the way back takes on the pools, while a decision is awaited and it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// The last comparison of both versions, as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proved: Option<LastProof>,
    /// How long the last switch, or its rehearsal, kept clients waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchCost>,
    /// What is true now.
    pub now: Vec<String>,
    /// What may be typed next; the first is what most people want.
    pub next: Vec<Next>,
    /// What the last downgrade compared, and what not, until the change is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

impl Report {
    /// With commands that say which change is meant: there is more than one.
    #[must_use]
    pub fn naming_change(mut self) -> Self {
        self.next.iter_mut().for_each(|next| next.name_change(&self.change));
        self
    }

    /// With what the way back takes.
    #[must_use]
    pub fn taking(mut self, room: Room) -> Self {
        self.now.push(room.words());
        self.room = Some(room);
        self
    }

    /// With what the journal says of proofs and switches. `now`: what their age counts to.
    #[must_use]
    pub fn telling(mut self, story: &Timeline, now: DateTime<FixedOffset>) -> Self {
        self.proved = LastProof::of(story, now);
        self.switch = SwitchCost::of(story);
        self.now.extend(self.proved.as_ref().map(LastProof::words));
        self.now.extend(self.switch.as_ref().map(SwitchCost::words));
        self
    }

    /// With a full proof that is under way: how far it is.
    #[must_use]
    pub fn proving(mut self, said: &str) -> Self {
        self.now.push(format!("Everything is being compared, in the background: {said}."));
        for next in &mut self.next {
            if next.command == Command::Prove.to_string() {
                next.command = Command::Commit.to_string();
                next.meaning = "accept the downgrade, and destroy the upgraded state: it waits \
                                until everything is compared"
                    .to_owned();
            }
        }
        self
    }

    /// With a full proof that ended without a result, and how far it was.
    #[must_use]
    pub fn proof_broken_off(mut self, said: &str) -> Self {
        self.now.push(format!("The last comparison of everything ended without a result: {said}."));
        self
    }

    /// With a full proof that does not begin by itself, and why.
    #[must_use]
    pub fn proof_by_hand(mut self, why: &str) -> Self {
        self.now.push(format!("Everything is compared when you say so: {why}."));
        self
    }
}

/// What the journal says, in words. Pure.
pub fn report(state: &State) -> Report {
    report_with(state, None)
}

/// The same with what was seen of the way back. Pure.
pub fn report_with(state: &State, way_back: Option<WayBack>) -> Report {
    let manifest = &state.manifest;
    let mut report = Report {
        change: manifest.change.clone(),
        state: stand(state),
        from: manifest.from_version.clone(),
        to: manifest.upgrade_to.clone(),
        procedure: None,
        step: None,
        done: None,
        why: None,
        way_back: None,
        standby: None,
        room: None,
        proved: None,
        switch: None,
        now: Vec::new(),
        next: offers(state),
        compared: None,
    };
    if state.phase == Phase::BackedOut && state.current().is_none() {
        report.compared = compared(state);
    }
    match state.current() {
        Some(run) => {
            let done = run.steps.iter().filter(|step| **step == StepState::Done).count();
            report.procedure = Some(run.plan.procedure.verb().to_owned());
            report.done = Some((done, run.steps.len()));
            report.step = run.next().map(|at| run.plan.steps[at].id.to_string());
            report.why = run.halted.clone().or_else(|| failure(run));
            report.now = under_way(state, run);
        }
        None => report.now = between(state, way_back.as_ref()),
    }
    // S7: what is offered is accepted.
    if way_back.as_ref().is_some_and(|it| it.condition == Condition::Damaged) {
        report.next.retain(|next| next.command != Command::Downgrade.to_string());
    }
    report.way_back = way_back;
    if state.phase != Phase::Closed {
        report.now.extend(left_alone(state));
    }
    report
}

/// The datasets of other use below the service's.
fn left_alone(state: &State) -> Option<String> {
    let names = state.manifest.left.iter().map(|left| match &left.mountpoint {
        Some(place) => format!("{} at {}", left.dataset, place.display()),
        None => left.dataset.to_string(),
    });
    let names: Vec<String> = names.collect();
    (!names.is_empty())
        .then(|| format!("Of other use, and left as they are: {}.", names.join(", ")))
}

/// What is true while no procedure is under way.
fn between(state: &State, seen: Option<&WayBack>) -> Vec<String> {
    let (from, to) = (&state.manifest.from_version, &state.manifest.upgrade_to);
    let snapshot = &state.manifest.snapshot;
    match state.phase {
        Phase::Opened => vec!["Nothing was done yet.".to_owned()],
        Phase::Prepared => vec![
            format!("Version {from} serves its clients."),
            format!("The snapshot @{snapshot} is taken and held."),
            "A downgrade brings back what is written from the snapshot on.".to_owned(),
        ],
        Phase::Upgraded => {
            let open = data_of(state.manifest.data_strategy).way_back(&state.manifest);
            let usual = WayBack::open();
            let way_back = seen.unwrap_or(&usual).words(from, open);
            let mut now = vec![format!("Version {to} serves its clients.")];
            now.extend(way_back);
            if state.has_standby() {
                now.push(format!("Version {from} was started beside it, as a standby."));
            }
            if let Some(proof) = state.rehearsed() {
                now.push(format!("The switch was rehearsed: {}.", proof.counts()));
            }
            now
        }
        Phase::BackedOut => backed_out(state),
        Phase::Coexisting => coexisting(state),
        Phase::Closed => vec!["The change is closed. Nothing of it is left to do.".to_owned()],
    }
}

fn backed_out(state: &State) -> Vec<String> {
    let from = &state.manifest.from_version;
    let rejects = rejects(state);
    let proof = match state.outputs.get(&StepId::PROVE) {
        Some(Output::Proof(proof)) => Some(proof),
        _ => None,
    };
    let packages = !data_of(state.manifest.data_strategy).has_data();
    let mut now = Vec::new();
    if packages {
        now.push(format!("Version {from} serves its clients."));
    } else {
        let whole = rejects.is_none() && proof.is_none_or(|proof| proof.holds());
        let what = if from_files(state) {
            "what its files held of what was written since. Nothing was compared, and what these \
             do not carry faithfully is not known: the upgraded version did not answer"
        } else if whole {
            "all that was written since"
        } else {
            "what was written since, but for what was answered for"
        };
        now.push(format!("Version {from} serves its clients, with {what}."));
    }
    now.extend(rejects);
    now.extend(proof.map(ToString::to_string));
    now.extend(compared(state).map(|compared| compared.sentence()));
    let partly = state.partly_compared();
    if state.kept_upgraded() && !partly.is_empty() {
        now.push(match state.full_proof {
            Some(proof) if proof.holds() => {
                format!("Everything was compared since then: {}.", proof.counts())
            }
            Some(proof) => {
                format!("Everything was compared since then, and it differs: {}.", proof.counts())
            }
            None => {
                let names: Vec<String> = partly
                    .iter()
                    .map(|(name, items)| format!("{name} ({items} of them)"))
                    .collect();
                format!(
                    "Only what was written since the snapshot was compared of: {}.",
                    names.join(", ")
                )
            }
        });
    }
    if !packages && state.kept_upgraded() {
        now.push(format!(
            "The upgraded state is kept beside it; the names end in `{}`.",
            aside_of(state)
        ));
        if state.has_standby() {
            let to = &state.manifest.upgrade_to;
            now.push(format!("Version {to} was started beside it, as a standby."));
        }
        if from_files(state) {
            let undo = "If that version was mended: `backout undo --accept not-answering`.";
            now.push(undo.to_owned());
        }
    }
    now
}

/// Two hosts serve.
fn coexisting(state: &State) -> Vec<String> {
    let (mut on, mut proofs) = (BTreeMap::new(), 0);
    let steps = state.runs.iter().flat_map(|run| run.plan.steps.iter().zip(&run.steps));
    for (step, done) in steps {
        if let (Action::AssignUsers(it), StepState::Done) = (&step.action, done) {
            on.extend(it.users.iter().map(|user| (user.as_str(), it.host.as_str())));
        }
        if let Some(Output::Users { list }) = state.outputs.get(&step.id) {
            proofs += list.iter().filter(|(_, proof)| proof.holds()).count();
        }
    }
    let mut now = vec!["Both hosts serve their users.".to_owned()];
    let mut hosts: Vec<&str> = on.values().copied().collect();
    hosts.sort_unstable();
    hosts.dedup();
    for host in hosts {
        let users = on.values().filter(|it| **it == host).count();
        let are = if users == 1 { "is" } else { "are" };
        now.push(format!(
            "{users} of those who were moved or let go by this change {are} on {host}."
        ));
    }
    now.push(format!("{proofs} moves were proved: nothing lost, nothing twice."));
    now
}

/// The items that the restore left out.
fn rejects(state: &State) -> Option<String> {
    let Some(Output::Rejects { count, file }) = state.outputs.get(&StepId::RESTORE) else {
        return None;
    };
    let (items, stand) =
        if *count == 1 { ("item was", "it stands") } else { ("items were", "they stand") };
    Some(format!("{count} {items} rejected by it and left out; {stand} in {}", file.display()))
}

/// What is true while a procedure is under way.
fn under_way(state: &State, run: &Run) -> Vec<String> {
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
    let (serves, beside) = match state.standby_side() {
        Side::Previous => ("upgraded", "previous"),
        Side::Upgraded => ("previous", "upgraded"),
    };
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
