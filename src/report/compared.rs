//! What the last downgrade compared, list by list, and what a playbook does not promise. Pure.

use serde::{Deserialize, Serialize};

use crate::journal::{Family, Output, Procedure, StepId};
use crate::step::{Action, State};

/// What was compared with the upgraded version, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Each list.
    pub lists: Vec<ComparedList>,
    /// The playbook's limits: what does not come back, is different, or is in no list.
    pub not_compared: Vec<String>,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedList {
    /// Of what.
    pub name: String,
    /// How many items of the upgraded version were compared.
    pub items: u64,
    /// Whether these are all.
    pub of: Extent,
}

/// How much of a list was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Everything.
    All,
    /// What was written since the snapshot.
    Delta,
}

impl ComparedList {
    /// In words: `rows (12, of what was written since the snapshot)`.
    fn words(&self) -> String {
        let of = match self.of {
            Extent::All => "all",
            Extent::Delta => "of what was written since the snapshot",
        };
        format!("{} ({}, {of})", self.name, self.items)
    }
}

impl Compared {
    /// The lists, as one sentence.
    pub fn sentence(&self) -> String {
        format!("Compared: {}.", self.lists())
    }

    /// The lists, each with how many items of it were compared.
    pub fn lists(&self) -> String {
        self.lists.iter().map(ComparedList::words).collect::<Vec<_>>().join(", ")
    }
}

/// What the last downgrade compared, and a full proof after it. `None`: nothing.
pub fn compared(state: &State) -> Option<Compared> {
    let run = state.last_run(Procedure::is_downgrade)?;
    let (step, _) = run.step(&StepId::PROVE)?;
    let (Action::Prove(prove), Some(Output::Proof(_))) =
        (&step.action, state.outputs.get(&StepId::PROVE))
    else {
        return None;
    };
    let partly = state.partly_compared();
    let list = |name: &String| {
        if let Some((_, items)) = state.full_lists.iter().find(|(list, _)| list == name) {
            return Some(ComparedList { name: name.clone(), items: *items, of: Extent::All });
        }
        if let Some((items, _)) = state.ahead(run, name) {
            return Some(ComparedList { name: name.clone(), items, of: Extent::All });
        }
        let output = state.outputs.get(&StepId::of(Family::Inventory, name));
        let Some(Output::Inventory { items, .. }) = output else { return None };
        let delta = partly.iter().any(|(list, _)| list == name);
        let of = if delta { Extent::Delta } else { Extent::All };
        Some(ComparedList { name: name.clone(), items: *items, of })
    };
    Some(Compared {
        lists: prove.inventories.iter().filter_map(list).collect(),
        not_compared: prove.limits.clone(),
    })
}
