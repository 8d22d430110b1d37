//! What a journal says of the previous version that runs beside the upgraded one.

use super::permitted::NotPermitted;
use super::plan::{Action, Procedure};
use super::{Family, Output, Phase, Proof, Side, State, StepId, StepState};

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

    /// Which version stands by, if there is a standby: the previous one beside the upgraded one, and
    /// after a downgrade the other way round.
    pub fn standby_side(&self) -> Side {
        if self.phase == Phase::BackedOut { Side::Upgraded } else { Side::Previous }
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

    /// Whether a standby can be made now: the programs of the version that would stand by were
    /// kept, and its data.
    ///
    /// # Errors
    /// Why not.
    pub fn may_have_standby(&self) -> Result<(), NotPermitted> {
        let kept = |programs: &StepId| {
            self.manifest.data_strategy.is_zfs() && self.outputs.contains_key(programs)
        };
        // Or this host has the programs.
        let on_host = self.manifest.standby_on_host
            && self.manifest.data_strategy.is_zfs()
            && self.manifest.cluster.is_none();
        match self.phase {
            Phase::Upgraded if on_host => Ok(()),
            Phase::Upgraded if kept(&StepId::KEEP_PROGRAMS_PREVIOUS) => Ok(()),
            Phase::Upgraded => Err(NotPermitted::NoPrograms),
            Phase::BackedOut if !self.kept_upgraded() => Err(NotPermitted::Destroyed),
            Phase::BackedOut
                if self.manifest.stands_back && (on_host || kept(&StepId::KEEP_PROGRAMS)) =>
            {
                Ok(())
            }
            Phase::BackedOut => Err(NotPermitted::NoStandbyBack),
            _ => Err(NotPermitted::WrongPhase),
        }
    }
}
