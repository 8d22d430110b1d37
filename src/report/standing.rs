//! Where a change stands: in one word for programs, in a few for people.

use serde::{Deserialize, Serialize};

use crate::journal::{Phase, Procedure, StepState};
use crate::step::{Run, State};

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing was done yet.
    Opened,
    /// The snapshot is taken.
    Prepared,
    /// The new version runs; a decision is awaited.
    Upgraded,
    /// The previous version runs; a decision is awaited.
    BackedOut,
    /// Users move between two hosts.
    Coexisting,
    /// It is over.
    Closed,
    /// A procedure was interrupted.
    Interrupted,
    /// A step failed.
    Failed,
    /// A person must decide how a procedure goes on.
    Halted,
    /// Its journal cannot be used.
    Unreadable,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Opened,
        Self::Prepared,
        Self::Upgraded,
        Self::BackedOut,
        Self::Coexisting,
        Self::Closed,
        Self::Interrupted,
        Self::Failed,
        Self::Halted,
        Self::Unreadable,
    ];

    /// That of a change.
    pub fn of(state: &State) -> Self {
        if let Some(run) = state.current() {
            return if run.halted.is_some() {
                Self::Halted
            } else if failure(run).is_some() {
                Self::Failed
            } else {
                Self::Interrupted
            };
        }
        match state.phase {
            Phase::Opened => Self::Opened,
            Phase::Prepared => Self::Prepared,
            Phase::Upgraded => Self::Upgraded,
            Phase::BackedOut => Self::BackedOut,
            Phase::Coexisting => Self::Coexisting,
            Phase::Closed => Self::Closed,
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Prepared => "prepared",
            Self::Upgraded => "upgraded",
            Self::BackedOut => "backed-out",
            Self::Coexisting => "coexisting",
            Self::Closed => "closed",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Halted => "halted",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether a procedure is unfinished.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Interrupted | Self::Failed | Self::Halted)
    }
}

/// Where a change stands, in a few words.
pub(super) fn stand(state: &State) -> String {
    let word = Standing::of(state).word();
    match state.current() {
        Some(run) => format!("{word} in the {}", noun(run.plan.procedure)),
        None => word.replace('-', " "),
    }
}

/// What a procedure is called in a sentence.
pub(super) fn noun(procedure: Procedure) -> &'static str {
    if procedure == Procedure::Migrate { "migration" } else { procedure.verb() }
}

/// Why the step that a procedure stands at failed.
pub(super) fn failure(run: &Run) -> Option<String> {
    match &run.steps[run.next()?] {
        StepState::Failed(error) => Some(error.clone()),
        _ => None,
    }
}
