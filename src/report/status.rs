//! What is true of a change, and what may be typed next.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::Serialize;

use super::dead::from_files;
use super::offers::offers;
use super::standing::{Standing, failure, stand};
use super::timeline::Timeline;
use super::under_way::{rejects, under_way};
use super::{
    Command, Compared, Condition, LastProof, Next, Room, StandbyReport, SwitchCost, WayBack,
    compared,
};
use crate::journal::{Output, Phase, StepId, StepState};
use crate::step::{Action, State};
use crate::strategy::{aside_of, data_of};

/// What is true of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its id.
    pub change: String,
    /// Where it stands, in a few words.
    pub state: String,
    /// The same in one word, for programs.
    pub standing: Standing,
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
        standing: Standing::of(state),
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
    if state.kept_upgraded() {
        now.extend(match state.full_proof {
            Some(proof) if proof.holds() => {
                Some(format!("Everything was compared since then: {}.", proof.counts()))
            }
            Some(proof) => Some(format!(
                "Everything was compared since then, and it differs: {}.",
                proof.counts()
            )),
            None if partly.is_empty() => None,
            None => {
                let names: Vec<String> = partly
                    .iter()
                    .map(|(name, items)| format!("{name} ({items} of them)"))
                    .collect();
                Some(format!(
                    "Only what was written since the snapshot was compared of: {}.",
                    names.join(", ")
                ))
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
