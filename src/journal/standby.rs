//! What a journal says of the previous version that runs beside the upgraded one.

use super::plan::{Action, Procedure};
use super::{Family, Output, Proof, State, StepId, StepState};

impl<A: Action> State<A> {
    /// Whether there may be a standby: its clones were begun, and neither destroyed nor exchanged
    /// for the upgraded datasets since. Whether its server runs, only the host says.
    pub fn has_standby(&self) -> bool {
        let mut there = false;
        for run in &self.runs {
            for (at, step) in run.plan.steps.iter().enumerate() {
                let begun = run.begun.get(at).copied().unwrap_or_default();
                let done = run.steps.get(at) == Some(&StepState::Done);
                if step.id.is_of(Family::StandbyClone) && begun {
                    there = true;
                } else if step.id == StepId::STANDBY_DROP && done
                    || step.id == StepId::STANDBY_SET_UP && begun
                {
                    there = false;
                }
            }
        }
        there
    }

    /// What the last finished rehearsal found, since the last downgrade.
    pub fn rehearsed(&self) -> Option<Proof> {
        let since = self.runs.iter().rev().take_while(|run| !run.plan.procedure.is_downgrade());
        let mut rehearsals =
            since.filter(|run| run.finished && run.plan.procedure == Procedure::Rehearse);
        rehearsals.next()?;
        match self.outputs.get(&StepId::PROVE) {
            Some(Output::Proof(proof)) => Some(*proof),
            _ => None,
        }
    }

    /// Whether a standby can be made: the programs of the previous version were kept.
    pub fn may_have_standby(&self) -> bool {
        self.manifest.data_strategy.is_zfs()
            && self.outputs.contains_key(&StepId::KEEP_PROGRAMS_PREVIOUS)
    }
}
