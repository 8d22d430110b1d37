//! What those who watch a procedure are told, and how a run of the tool ended.

use std::time::Duration;

use crate::journal::{HaltKind, Output, StepId};
use crate::step::{Measure, Step};

/// What happens while a procedure runs, for those who watch.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step begins.
    Started {
        /// The step.
        step: &'a Step,
        /// Its place, from 1.
        number: usize,
        /// The number of steps.
        total: usize,
        /// Counts from 1.
        attempt: u32,
        /// How far it has come while it runs, where that can be seen.
        measure: Option<Measure>,
    },
    /// A step's effect exists.
    Done {
        /// The step.
        step: &'a Step,
        /// Found, not made now.
        adopted: bool,
        /// What it left.
        output: &'a Output,
        /// How long it took.
        took: Duration,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: &'a Step,
        /// The reason.
        error: &'a str,
    },
    /// The steps from this one on are repeated.
    Rewound {
        /// The step.
        to: &'a StepId,
        /// Why.
        why: &'a str,
    },
    /// A line from within a step.
    Said(&'a str),
}

/// How a run of the tool ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The procedure is complete.
    Finished,
    /// Somebody asked for a stop. What is done is recorded.
    Interrupted,
    /// A person must decide.
    Halted {
        /// The step.
        step: StepId,
        /// Why.
        why: String,
        /// What the decision is about.
        kind: HaltKind,
    },
    /// It did not come far enough in its time, and is to be aborted now.
    GivenUp {
        /// Why.
        why: String,
    },
    /// A step failed. It can be tried again.
    Failed {
        /// The step.
        step: StepId,
        /// Why.
        error: String,
    },
}
