//! The story of a change, as its journal tells it: procedures, steps, interruptions, how long
//! clients were shut out, what was compared. Pure.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::{Deserialize, Serialize};

use super::words::{after, answered, result};
use super::{Compared, compared};
use crate::journal::{Action as _, Output, Procedure, Proof, Role, StepId};
use crate::step::{Line, Plan, Record, State};

/// When something was written into the journal: local time with its offset from UTC.
type Time = DateTime<FixedOffset>;

/// The story of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The change's id.
    pub change: String,
    /// The host on which it was opened.
    pub host: String,
    /// The version of this tool that opened it.
    pub tool: String,
    /// The playbook.
    pub playbook: String,
    /// The version before.
    pub from: String,
    /// The version asked for.
    pub to: String,
    /// The datasets, parents first.
    pub datasets: Vec<String>,
    /// The snapshot before the upgrade: the part after the `@`.
    pub snapshot: String,
    /// When the change was opened.
    pub opened: Time,
    /// Its procedures, first to last.
    pub procedures: Vec<ProcedureEntry>,
    /// When clients were shut out.
    pub shut_out: Vec<Window>,
    /// What the last downgrade compared, and what not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// The comparison of everything after it, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_proof: Option<Proof>,
}

impl Timeline {
    /// Since when clients are shut out, if they are.
    pub fn shut_out_since(&self) -> Option<Time> {
        self.shut_out.last().filter(|window| window.until.is_none()).map(|window| window.from)
    }

    /// How long a step took, the last time that it came to its end.
    pub fn spent_in(&self, step: &StepId) -> Option<TimeDelta> {
        let steps = self.procedures.iter().rev().flat_map(|procedure| &procedure.steps);
        steps.filter(|entry| entry.step == *step).find_map(StepEntry::spent)
    }

    /// For how long the last procedure of this kind shut clients out, all of its windows together.
    pub fn shut_out_in(&self, of: impl Fn(Procedure) -> bool) -> Option<TimeDelta> {
        let run = self.procedures.iter().rev().find(|run| of(run.procedure))?;
        let within = |window: &&Window| window.from >= run.began && window.from <= run.ended;
        let each: Option<Vec<TimeDelta>> =
            self.shut_out.iter().filter(within).map(Window::spent).collect();
        each.filter(|each| !each.is_empty()).map(|each| each.into_iter().sum())
    }

    /// Whether clients are served again after this step.
    pub fn opens(step: &StepId) -> bool {
        [StepId::START, StepId::SERVE, StepId::ALLOW].contains(step)
    }
}

/// One procedure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcedureEntry {
    /// Which one.
    pub procedure: Procedure,
    /// When it began.
    pub began: Time,
    /// When its last record was written.
    pub ended: Time,
    /// What came of it.
    pub outcome: Outcome,
    /// Its steps, in the plan's order.
    pub steps: Vec<StepEntry>,
    /// What did not go straight on, in order.
    pub events: Vec<EventEntry>,
    /// The comparison of both versions, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// What came of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is complete.
    Finished,
    /// It is not complete.
    Unfinished,
    /// Another procedure took its place.
    GivenUp,
}

impl Outcome {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Unfinished => "unfinished",
            Self::GivenUp => "given up",
        }
    }
}

/// One step of a procedure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEntry {
    /// Its name.
    pub step: StepId,
    /// What it does.
    pub title: String,
    /// When it was last begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Time>,
    /// When it was last done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// How often it was begun.
    pub tries: u32,
    /// What it came to: sizes, items, positions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl ProcedureEntry {
    fn tell(&mut self, at: Time, kind: EventKind, what: String) {
        self.events.push(EventEntry { at, kind, what });
    }
}

impl StepEntry {
    /// How long its last try took, if it was done.
    pub fn spent(&self) -> Option<TimeDelta> {
        Some(self.ended? - self.began?)
    }
}

/// Something that did not go straight on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventEntry {
    /// When it is known to have happened.
    pub at: Time,
    /// Of what kind it is.
    pub kind: EventKind,
    /// In words.
    pub what: String,
}

/// What did not go straight on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The run was cut off, and went on later.
    CutOff,
    /// A person stopped it.
    Stopped,
    /// A step failed.
    Failed,
    /// Only a person could say how it goes on.
    Halted,
    /// Steps were to be made again.
    Rewound,
    /// A person answered.
    Answered,
    /// Everything was compared.
    Compared,
    /// Mended files were taken in.
    Replaced,
}

impl EventKind {
    /// Whether the procedure stood still.
    pub fn interrupts(self) -> bool {
        matches!(self, Self::CutOff | Self::Stopped | Self::Failed | Self::Halted)
    }
}

/// A time in which clients were shut out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// When the step that closes the service began.
    pub from: Time,
    /// When the service was open again; `None`: it is not.
    pub until: Option<Time>,
}

impl Window {
    /// How long, if it is over.
    pub fn spent(&self) -> Option<TimeDelta> {
        self.until.map(|until| until - self.from)
    }
}

/// Tells the story of a journal. `None`: its first line does not open a change.
pub fn timeline(lines: &[Line]) -> Option<Timeline> {
    let (first, rest) = lines.split_first()?;
    let Record::Opened(manifest) = &first.record else { return None };
    let mut story = Story::default();
    for line in rest {
        story.tell(line);
    }
    Some(Timeline {
        change: manifest.change.clone(),
        host: manifest.host.clone(),
        tool: manifest.tool.clone(),
        playbook: manifest.playbook.clone(),
        from: manifest.from_version.clone(),
        to: manifest.upgrade_to.clone(),
        datasets: manifest.datasets.iter().map(|one| one.dataset.to_string()).collect(),
        snapshot: manifest.snapshot.clone(),
        opened: first.at,
        procedures: story.procedures,
        shut_out: story.shut_out,
        compared: last_compared(lines),
        full_proof: story.full_proof,
    })
}

/// What the last downgrade compared, with the full proof after it: a commit forgets that.
fn last_compared(lines: &[Line]) -> Option<Compared> {
    let is_downgrade = |line: &Line| matches!(&line.record, Record::Planned { plan } if plan.procedure.is_downgrade());
    let proved = lines.iter().rposition(|line| matches!(line.record, Record::Proved { .. }));
    let until = match proved {
        Some(at) if !lines[at..].iter().any(is_downgrade) => at + 1,
        _ => lines.len(),
    };
    compared(&State::fold(&lines[..until]).ok()??)
}

#[derive(Default)]
struct Story {
    procedures: Vec<ProcedureEntry>,
    shut_out: Vec<Window>,
    full_proof: Option<Proof>,
    /// The plan of the last procedure.
    last: Option<Plan>,
}

impl Story {
    fn tell(&mut self, line: &Line) {
        if let Record::Planned { plan } = &line.record {
            self.begin(line.at, plan);
            return;
        }
        let at = line.at;
        self.note_service(line);
        let Some(run) = self.procedures.last_mut() else { return };
        // A step that was begun, and did not end: nobody wrote down that it was cut off.
        let cut_off = run.steps.iter().find(|step| step.began > step.ended);
        let cut_off = cut_off.map(|step| step.step.clone());
        let waited = at - run.ended;
        match &line.record {
            Record::Started { step, .. } => {
                if cut_off.is_some() && run.events.last().is_none_or(|event| event.at < run.ended) {
                    let what = match cut_off {
                        Some(cut) => format!("cut off within {cut}; went on {}", after(waited)),
                        None => format!("went on {}", after(waited)),
                    };
                    run.events.push(EventEntry { at, kind: EventKind::CutOff, what });
                }
                if let Some(entry) = run.steps.iter_mut().find(|entry| entry.step == *step) {
                    entry.began = Some(at);
                    entry.ended = None;
                    entry.tries += 1;
                }
            }
            Record::Done { step, output, .. } => {
                if let Some(entry) = run.steps.iter_mut().find(|entry| entry.step == *step) {
                    entry.began = entry.began.or(Some(at));
                    entry.ended = Some(at);
                    entry.result = result(output);
                }
                if let Output::Proof(proof) = output {
                    run.proof = Some(*proof);
                }
            }
            Record::Failed { step, error } => {
                run.tell(at, EventKind::Failed, format!("{step} failed: {error}"));
            }
            Record::Halted { step, why, .. } => {
                run.tell(at, EventKind::Halted, format!("halted at {step}: {why}"));
            }
            Record::Rewound { to, why } => {
                run.tell(at, EventKind::Rewound, format!("back to {to}: {why}"));
            }
            Record::Interrupted => run.tell(at, EventKind::Stopped, "stopped on request".into()),
            Record::Answered { question } => {
                run.tell(at, EventKind::Answered, answered(*question).into());
            }
            Record::Finished => run.outcome = Outcome::Finished,
            Record::Proved { proof, .. } => {
                run.tell(at, EventKind::Compared, format!("everything compared: {proof}"));
                self.full_proof = Some(*proof);
                return;
            }
            Record::Replaced(new) => {
                let what = format!("mended files were taken in (edition {})", new.edition);
                run.tell(at, EventKind::Replaced, what);
                return;
            }
            Record::Opened(_) | Record::Planned { .. } => {}
        }
        run.ended = at;
    }

    fn begin(&mut self, at: Time, plan: &Plan) {
        if plan.procedure.is_downgrade() {
            self.full_proof = None;
        }
        if let Some(before) = self.procedures.last_mut()
            && before.outcome == Outcome::Unfinished
        {
            before.outcome = Outcome::GivenUp;
        }
        let steps = plan.steps.iter().map(|step| StepEntry {
            step: step.id.clone(),
            title: step.title.clone(),
            began: None,
            ended: None,
            tries: 0,
            result: None,
        });
        self.procedures.push(ProcedureEntry {
            procedure: plan.procedure,
            began: at,
            ended: at,
            outcome: Outcome::Unfinished,
            steps: steps.collect(),
            events: Vec::new(),
            proof: None,
        });
        self.last = Some(plan.clone());
    }

    /// Opens and closes the windows in which clients are shut out.
    fn note_service(&mut self, line: &Line) {
        let open = self.shut_out.last().is_none_or(|window| window.until.is_some());
        match &line.record {
            Record::Started { step, .. } if open && self.closes(step) => {
                self.shut_out.push(Window { from: line.at, until: None });
            }
            Record::Done { step, .. } if !open && Timeline::opens(step) => {
                if let Some(window) = self.shut_out.last_mut() {
                    window.until = Some(line.at);
                }
            }
            _ => {}
        }
    }

    fn closes(&self, step: &StepId) -> bool {
        let steps = self.last.iter().flat_map(|plan| &plan.steps);
        steps.filter(|one| one.id == *step).any(|one| one.action.role() == Role::ClosesService)
    }
}
