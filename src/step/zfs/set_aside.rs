//! The swap: the upgraded dataset is renamed out of the way, and the clone into its place. Nothing
//! of the product's is mounted meanwhile, and each half has its own checkpoint. A dataset of other
//! use below it is renamed along with it, mounted as it is, and right after that to its own name.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{HaltKind, Output};
use crate::step::zfs::stays::Stays;
use crate::step::zfs::{excluded, late};
use crate::step::{Action, Context, Effect, NeedsDecision, Probe, Step, present};
use crate::zfs::{Dataset, DatasetInfo, Guid, PROP_CHANGE, PROP_ROLE, Properties};

/// The role of a clone that took the place of a dataset.
pub(in crate::step) const ACTIVE: &str = "active";

/// What is kept aside: its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// By a downgrade: the upgraded data.
    #[default]
    Upgraded,
    /// By an undo: what the previous version had.
    Undone,
}

impl Kept {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_upgraded(&self) -> bool {
        *self == Self::Upgraded
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Upgraded => "upgraded",
            Self::Undone => "undone",
        }
    }
}

/// See [`crate::step::Action::SetAside`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetAside {
    /// The dataset that serves.
    pub dataset: Dataset,
    /// Its identity.
    pub guid: Guid,
    /// Its name from now on.
    pub aside: Dataset,
    /// It and the datasets below it that take part.
    pub members: Vec<Dataset>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Kept::is_upgraded")]
    pub kept: Kept,
}

/// See [`crate::step::Action::TakePlace`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakePlace {
    /// The clone.
    pub candidate: Dataset,
    /// The name it takes.
    pub dataset: Dataset,
    /// The identity of the dataset that was set aside, which the clone does not have.
    pub upgraded: Guid,
    /// The dataset and those below it that take part.
    pub members: Vec<Dataset>,
    /// The datasets of other use below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<Stays>,
}

impl Effect for SetAside {
    fn preview(&self) -> Vec<String> {
        vec![format!("zfs rename -u {} {}", self.dataset, self.aside)]
    }

    fn destroys(&self) -> bool {
        true
    }

    fn durable(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let (here, aside) = both(context, &self.dataset, &self.aside)?;
        Ok(match (here, aside) {
            (Some(here), None) if here.guid == self.guid => Probe::Absent,
            (_, Some(aside)) if aside.guid == self.guid => Probe::Present(Output::Nothing),
            (_, Some(_)) => Probe::Foreign(format!(
                "the dataset {} exists already, and is not {}",
                self.aside, self.dataset
            )),
            (Some(_), None) => Probe::Foreign(format!(
                "{} is another dataset than when this was planned",
                self.dataset
            )),
            (None, None) => Probe::Foreign(format!("the dataset {} is gone", self.dataset)),
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        clones_are_alike(context)?;
        set_role_aside(context, &self.members, self.kept.as_str())?;
        let stays = stays(context, &self.dataset)?;
        late::lay_aside(context, &self.dataset, &self.members, &stays, &self.aside)?;
        context.engine.rename(&self.dataset, &self.aside)?;
        Ok(Output::Nothing)
    }

    /// Each change was looked at when it was made, and clients wait.
    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl Effect for TakePlace {
    fn preview(&self) -> Vec<String> {
        let swap = format!("zfs rename -u {} {}", self.candidate, self.dataset);
        let home = |it: &Stays| format!("zfs rename -u {} {}", it.carried, it.dataset);
        std::iter::once(swap).chain(self.stays.iter().map(home)).collect()
    }

    fn durable(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let (here, candidate) = both(context, &self.dataset, &self.candidate)?;
        let Some(here) = here else {
            return Ok(match candidate {
                Some(_)
                    if context.engine.local(&self.candidate, PROP_CHANGE)?.as_deref()
                        == Some(context.change()) =>
                {
                    Probe::Absent
                }
                Some(_) => {
                    Probe::Foreign(format!("{} is not a dataset of this change", self.candidate))
                }
                None => Probe::Foreign(format!(
                    "neither {} nor {} exists",
                    self.dataset, self.candidate
                )),
            });
        };
        if here.guid == self.upgraded {
            return Ok(Probe::Foreign(format!(
                "{} is the dataset that should have been set aside",
                self.dataset
            )));
        }
        if context.engine.local(&self.dataset, PROP_CHANGE)?.as_deref() != Some(context.change()) {
            return Ok(Probe::Foreign(format!("{} is not a dataset of this change", self.dataset)));
        }
        let roles = context.engine.locals_of(&self.members, &[PROP_ROLE])?;
        let active = |here: &Properties| here.get(PROP_ROLE).is_some_and(|role| role == ACTIVE);
        let all = roles.iter().all(active) && Stays::all_home(&self.stays, context)?;
        Ok(if all { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        if context.engine.dataset(&self.dataset)?.is_none() {
            context.engine.rename(&self.candidate, &self.dataset)?;
            crate::host::failpoint::point("take-place:renamed");
        }
        set_role(context, &self.members, ACTIVE)?;
        Stays::bring_home(&self.stays, context)?;
        Ok(Output::Nothing)
    }

    /// As of [`SetAside`].
    fn confirm(&self, step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        if self.stays.is_empty() { Ok(output) } else { present(self.probe(step, context)?, step) }
    }
}

/// What there is of these names.
fn both(
    context: &Context<'_>,
    one: &Dataset,
    other: &Dataset,
) -> Result<(Option<DatasetInfo>, Option<DatasetInfo>)> {
    let mut found = context.engine.datasets(&[one.clone(), other.clone()])?;
    let mut take = |name: &Dataset| {
        found.iter().position(|info| info.name == *name).map(|at| found.swap_remove(at))
    };
    Ok((take(one), take(other)))
}

/// The datasets below this one that get their names back when the clone takes its place.
fn stays(context: &Context<'_>, dataset: &Dataset) -> Result<Vec<Stays>> {
    let steps = context.run()?.plan.steps.iter();
    let of = |step: &Step| match &step.action {
        Action::TakePlace(it) if it.dataset == *dataset => Some(it.stays.clone()),
        _ => None,
    };
    Ok(steps.filter_map(of).flatten().collect())
}

/// Every clone of the plan that has not taken its place yet is set up as the dataset whose place it
/// is.
fn clones_are_alike(context: &Context<'_>) -> Result<()> {
    let mut found = Vec::new();
    for step in &context.run()?.plan.steps {
        if let Action::Clone(clone) = &step.action {
            found.extend(clone.differs(context)?);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let lines: String = found.iter().map(|(what, how)| format!("\n  {what}: {how}")).collect();
    let why = "a clone is not set up as the dataset whose place it is to take, and it does not \
        take it. Each with the command that makes them alike";
    Err(NeedsDecision::new(HaltKind::Foreign, format!("{why}:{lines}")).into())
}

/// Sets the role of datasets of this change.
pub(in crate::step) fn set_role(
    context: &Context<'_>,
    datasets: &[Dataset],
    role: &str,
) -> Result<()> {
    let properties = [(PROP_CHANGE, context.change()), (PROP_ROLE, role)];
    context.engine.set_all(datasets, &properties).context("the datasets could not be marked")
}

/// The same for datasets that are kept aside: no tool takes snapshots of them.
pub(in crate::step) fn set_role_aside(
    context: &Context<'_>,
    datasets: &[Dataset],
    role: &str,
) -> Result<()> {
    let properties = [(PROP_CHANGE, context.change()), (PROP_ROLE, role)];
    excluded::exclude(context, datasets, &properties)
        .context("the datasets could not be marked and excluded from snapshots")
}
