//! A plan: the ordered steps of one procedure, as data. It is shown before it runs and recorded
//! completely when it starts, so later changes to the playbook or the site file do not affect it.
//!
//! The journal does not know what an action does. It asks for its [`Role`].

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StepId;

/// What a step does, as far as the journal needs to know.
pub trait Action: std::fmt::Debug + Clone + PartialEq + Serialize + DeserializeOwned {
    /// What it means for the rules of the journal.
    fn role(&self) -> Role;
}

/// See [`Action::role`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Closes the service to its clients.
    ClosesService,
    /// Copies what was written since the snapshot.
    Captures,
    /// Destroys the upgraded data.
    PointOfNoReturn,
    /// Compares what a batch of users has on both hosts.
    ProvesUsers,
    /// Tells the directory which host users are on.
    AssignsUsers,
    /// Anything else.
    Other,
}

/// The steps of a procedure, first to last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Action")]
pub struct Plan<A> {
    /// Which procedure it is.
    pub procedure: Procedure,
    /// In order.
    pub steps: Vec<Step<A>>,
}

impl<A> Plan<A> {
    /// The place of a step.
    pub fn position(&self, id: &StepId) -> Option<usize> {
        self.steps.iter().position(|step| step.id == *id)
    }
}

impl<A: Action> Plan<A> {
    /// The point of no return, when the plan has one.
    pub fn point_of_no_return(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.action.role() == Role::PointOfNoReturn)
    }
}

/// The procedures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Procedure {
    /// Snapshot only: everything that must exist before an upgrade.
    Snapshot,
    /// Snapshot (unless there is one) and upgrade.
    Upgrade,
    /// Back to the previous version with what was written since; the upgraded state stays beside
    /// it.
    DowngradeKeep,
    /// Back to the previous version with what was written since; the upgraded state is destroyed.
    DowngradeInPlace,
    /// Back to the state before a procedure that was not finished.
    Abort,
    /// Back to the upgraded state after a finished downgrade.
    Undo,
    /// Users move to the other host, or back.
    Migrate,
    /// The previous version starts beside the upgraded one, and is fed.
    StandbyStart,
    /// Nothing of that is left.
    StandbyStop,
    /// All of a switch but the exchange: the standby catches up, and is compared under a refusal of
    /// writes.
    Rehearse,
    /// Accept the upgrade, drop the way back.
    CommitUpgrade,
    /// Accept the downgrade, drop the way to the upgraded state.
    CommitDowngrade,
}

impl Procedure {
    /// As the command line calls it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Upgrade => "upgrade",
            Self::DowngradeKeep | Self::DowngradeInPlace => "downgrade",
            Self::Abort => "abort",
            Self::Undo => "undo",
            Self::Migrate => "migrate",
            Self::StandbyStart => "standby start",
            Self::StandbyStop => "standby stop",
            Self::Rehearse => "rehearse",
            Self::CommitUpgrade | Self::CommitDowngrade => "commit",
        }
    }

    /// Whether it is about a standby alone: the version that serves goes on.
    pub fn is_beside(self) -> bool {
        matches!(self, Self::StandbyStart | Self::StandbyStop | Self::Rehearse)
    }

    /// Whether it is one of the two downgrades.
    pub fn is_downgrade(self) -> bool {
        matches!(self, Self::DowngradeKeep | Self::DowngradeInPlace)
    }
}

/// One effect with a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Action")]
pub struct Step<A> {
    /// Its name, unique in a plan.
    pub id: StepId,
    /// What it does, for people.
    pub title: String,
    /// The effect.
    pub action: A,
    /// Its effect is checked again on each resume and before anything is destroyed, until the step
    /// with this name begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_until: Option<StepId>,
    /// The step to rewind to when this one is half done, if repeating it is not harmless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewind_to: Option<StepId>,
    /// The steps to repeat if the effect of this step is found missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<Renews>,
    /// From here on there is not much time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
}

/// See [`Step::deadline`]. When the time is over, a step fails, or the run is broken off before
/// `until` begins, the procedure is given up by itself: it is aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The step that must have begun by then.
    pub until: StepId,
    /// From the beginning of the step that has this.
    pub seconds: u64,
}

/// See [`Step::renews`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renews {
    /// The steps from this one on.
    pub from: StepId,
    /// Unless this one was begun.
    pub unless: StepId,
}

impl<A> Step<A> {
    pub(crate) fn new(id: StepId, title: impl Into<String>, action: A) -> Self {
        Self {
            id,
            title: title.into(),
            action,
            holds_until: None,
            rewind_to: None,
            renews: None,
            deadline: None,
        }
    }

    pub(crate) fn until(mut self, step: &StepId) -> Self {
        self.holds_until = Some(step.clone());
        self
    }

    pub(crate) fn renewing(mut self, from: &StepId, unless: &StepId) -> Self {
        self.renews = Some(Renews { from: from.clone(), unless: unless.clone() });
        self
    }
}
