//! What the last downgrade compared, and whether that was everything.

use super::fold::State;
use super::output::Output;
use super::plan::{Action, Procedure, Step};
use super::run::Run;
use super::step_id::{Family, StepId};

impl<A: Action> State<A> {
    /// The inventories of which the last downgrade compared only what was written since the
    /// snapshot. With each: how many items that touched.
    pub fn partly_compared(&self) -> Vec<(String, u64)> {
        let mut all = self.partly_listed();
        if let Some(run) = self.last_run(Procedure::is_downgrade) {
            all.retain(|(name, _)| self.ahead(run, name).is_none());
        }
        all
    }

    /// The inventories of which the last downgrade listed only a part while the service was closed:
    /// also those that were compared in full before. With each: how many items that touched.
    pub fn partly_listed(&self) -> Vec<(String, u64)> {
        let Some(run) = self.last_run(Procedure::is_downgrade) else { return Vec::new() };
        let partly = |step: &Step<A>| match self.outputs.get(&step.id) {
            Some(Output::Inventory { items, .. }) => {
                Some((step.id.what(Family::Touched)?.to_owned(), *items))
            }
            _ => None,
        };
        run.plan.steps.iter().filter_map(partly).collect()
    }

    /// What this procedure compared of an inventory while clients wrote: the number of items and the
    /// SHA-256 of what differed. Nothing if it did not, or could not.
    pub fn ahead(&self, run: &Run<A>, name: &str) -> Option<(u64, &str)> {
        let step = StepId::of(Family::Ahead, name);
        run.plan.position(&step)?;
        match self.outputs.get(&step) {
            Some(Output::Inventory { items, sha256 }) => Some((*items, sha256)),
            _ => None,
        }
    }

    /// Whether the last downgrade's upgraded state is kept, and not everything was compared with it,
    /// or that differs.
    pub fn awaits_full_proof(&self) -> bool {
        self.permits_full_proof().is_ok()
            && match self.full_proof {
                Some(proof) => !proof.holds(),
                None => !self.partly_compared().is_empty(),
            }
    }
}
