//! One procedure of a change, as its records tell: which steps were begun, done, failed or rewound.

use super::StepId;
use super::plan::{Action, Deadline, Plan, Role, Step};
use super::record::HaltKind;

/// The state of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun, and not known to have ended: it is running, or was interrupted.
    Started,
    /// Ended with an error.
    Failed(String),
    /// Its effect is there.
    Done,
}

/// One procedure, from its plan to its end.
#[derive(Debug, Clone)]
pub struct Run<A> {
    /// Its plan.
    pub plan: Plan<A>,
    /// One for each step.
    pub steps: Vec<StepState>,
    /// How often each step was started since it was last done, or since a person last said to try
    /// again.
    pub attempts: Vec<u32>,
    /// How many of these attempts a person has answered for: the limit of attempts counts on from
    /// there. The numbers of attempts in a journal go on.
    pub(super) answered_attempts: Vec<u32>,
    /// Whether each step was ever started: its effect may have been made.
    pub begun: Vec<bool>,
    /// Whether the effect of a step was found missing, since steps were last rewound.
    pub undone: Vec<bool>,
    /// How often steps were rewound.
    pub rounds: u32,
    /// Why a person must decide, if so.
    pub halted: Option<String>,
    pub(super) halt: HaltKind,
    /// Whether the last record is a request to stop.
    pub interrupted: bool,
    /// Whether a person answered for differing inventories.
    pub differences_accepted: bool,
    /// Whether a person answered for items that the previous version rejects.
    pub rejects_accepted: bool,
    /// Whether a person asked to carry whole what differs.
    pub repair: bool,
    /// Whether it is complete.
    pub finished: bool,
}

impl<A: Action> Run<A> {
    pub(super) fn new(plan: Plan<A>) -> Self {
        let count = plan.steps.len();
        Self {
            plan,
            steps: vec![StepState::Pending; count],
            attempts: vec![0; count],
            answered_attempts: vec![0; count],
            begun: vec![false; count],
            undone: vec![false; count],
            rounds: 0,
            halted: None,
            halt: HaltKind::Unsaid,
            interrupted: false,
            differences_accepted: false,
            rejects_accepted: false,
            repair: false,
            finished: false,
        }
    }

    /// Whether another plan can take the place of this one: it is the same as far as steps were
    /// begun, but for their commands.
    ///
    /// # Errors
    /// Where it differs.
    pub fn may_go_on_with(&self, plan: &Plan<A>) -> Result<(), String> {
        if plan.procedure != self.plan.procedure {
            return Err(format!("it is the plan of a {}", plan.procedure.verb()));
        }
        let begun = self.begun.iter().rposition(|begun| *begun).map_or(0, |last| last + 1);
        for (at, step) in self.plan.steps.iter().enumerate().take(begun) {
            if plan.steps.get(at).is_none_or(|other| other.id != step.id) {
                return Err(format!("step `{}` was begun, and is not in the new plan", step.id));
            }
        }
        Ok(())
    }

    /// Takes the other plan ([`Self::may_go_on_with`]). A person mended something: what was tried
    /// too often may be tried again.
    pub(super) fn go_on_with(&mut self, plan: Plan<A>) {
        let count = plan.steps.len();
        self.plan = plan;
        self.steps.resize(count, StepState::Pending);
        self.attempts.resize(count, 0);
        self.begun.resize(count, false);
        self.undone.resize(count, false);
        self.answered_attempts.clone_from(&self.attempts);
        self.halted = None;
    }

    /// The first step that is not done.
    pub fn next(&self) -> Option<usize> {
        self.steps.iter().position(|state| *state != StepState::Done)
    }

    /// The plan without the steps that are done.
    pub fn left(&self) -> Plan<A> {
        let steps = self.plan.steps.iter().zip(&self.steps);
        let left = steps.filter(|(_, state)| **state != StepState::Done);
        let steps = left.map(|(step, _)| step.clone()).collect();
        Plan { procedure: self.plan.procedure, steps }
    }

    /// A step by its id.
    pub fn step(&self, id: &StepId) -> Option<(&Step<A>, &StepState)> {
        let at = self.plan.position(id)?;
        Some((self.plan.steps.get(at)?, self.steps.get(at)?))
    }

    /// Whether the step of this id was ever begun.
    pub fn was_begun(&self, id: &StepId) -> bool {
        self.plan.position(id).is_some_and(|at| self.begun.get(at).copied().unwrap_or(false))
    }

    /// Whether a standby takes over in it.
    pub fn is_switch(&self) -> bool {
        self.plan.position(&StepId::STANDBY_SET_UP).is_some()
    }

    /// How often a step was tried since it was last done, or since a person last gave an answer.
    pub fn tries(&self, at: usize) -> u32 {
        let count = |list: &[u32]| list.get(at).copied().unwrap_or_default();
        count(&self.attempts).saturating_sub(count(&self.answered_attempts))
    }

    /// Whether the step with this id was not begun, or was rewound.
    pub fn is_pending(&self, id: &StepId) -> bool {
        self.step(id).is_none_or(|(_, state)| *state == StepState::Pending)
    }

    /// The step to rewind to, and why: later steps relied on an effect that was found missing. For
    /// example, clients that found the service open may have written what no capture has.
    pub fn renewal(&self) -> Option<(StepId, String)> {
        let next = self.next()?;
        self.plan.steps.iter().zip(&self.undone).zip(&self.steps).find_map(
            |((step, undone), state)| {
                let renews =
                    step.renews.as_ref().filter(|_| *undone && *state == StepState::Done)?;
                let from = self.plan.position(&renews.from)?;
                let due = from <= next
                    && self.steps.get(from) != Some(&StepState::Pending)
                    && !self.was_begun(&renews.unless);
                due.then(|| {
                    (
                        renews.from.clone(),
                        format!(
                            "step `{}` was found undone; what was made since is made again",
                            step.id
                        ),
                    )
                })
            },
        )
    }

    /// Whether clients could write while the service had to be closed.
    pub fn was_reopened(&self) -> bool {
        let stop = |step: &Step<A>| step.action.role() == Role::ClosesService;
        self.plan.steps.iter().zip(&self.undone).any(|(step, undone)| *undone && stop(step))
    }

    /// What a person must decide about, if so.
    pub fn halt_kind(&self) -> Option<HaltKind> {
        self.halted.as_ref().map(|_| self.halt)
    }

    /// Whether it waits for a person's answer about items that the previous version rejects.
    pub fn asks_for_rejects(&self) -> bool {
        !self.rejects_accepted && self.halt_kind() == Some(HaltKind::Rejects)
    }

    /// Whether it waits for an answer about a repair of what differs.
    pub fn asks_for_repair(&self) -> bool {
        self.halt_kind() == Some(HaltKind::Repairable)
            && self.plan.position(&StepId::REPAIR_NOTICE).is_some()
    }

    /// The deadline under which it is now: a step that has one was begun, and the step that must
    /// begin by then was not.
    pub fn under_deadline(&self) -> Option<&Deadline> {
        self.plan.steps.iter().find_map(|step| {
            let deadline = step.deadline.as_ref()?;
            let under = self.was_begun(&step.id) && !self.was_begun(&deadline.until);
            under.then_some(deadline)
        })
    }

    /// Whether the point of no return was reached. Its effect may have been made.
    pub fn beyond_return(&self) -> bool {
        self.plan
            .point_of_no_return()
            .is_some_and(|at| self.begun.get(at).copied().unwrap_or(false))
    }
}
