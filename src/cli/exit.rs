//! Exit statuses, and errors as people read them.

use crate::change::LockError;
use crate::report::{Command, Next, permitted, report};
use crate::step::State;

/// What every verb's help ends with.
pub const STATUSES: &str = "Exit status: 0 done; 1 failed, and what it says is true; 2 usage; 3 a check refused; \
    4 awaiting a person's decision; 5 another run is at work; 6 halted, a person must decide.";

/// How a run of the tool ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed; it can be tried again.
    Failed,
    /// The command line, or a file named on it, cannot be used.
    Usage,
    /// A check refused; nothing was changed.
    Refused,
    /// A person's decision is awaited (an answer is missing, or a stop was asked for).
    Awaiting,
    /// Another run holds the lock.
    Locked,
    /// Halted: only a person can say how it goes on.
    Halted,
}

impl Exit {
    /// The number.
    pub fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Awaiting => 4,
            Self::Locked => 5,
            Self::Halted => 6,
        }
    }
}

/// What went wrong, for a person: what failed, its cause, what is true now, what to do next.
#[derive(Debug)]
pub struct Trouble {
    /// The exit status.
    pub exit: Exit,
    /// What failed, in one line.
    pub what: String,
    /// Why.
    pub cause: Vec<String>,
    /// What is true now, a line each.
    pub now: Vec<String>,
    /// What to type next.
    pub next: Vec<Next>,
}

impl Trouble {
    /// An error. What is true now is said by those who know it.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), cause: Vec::new(), now: Vec::new(), next: Vec::new() }
    }

    /// Says that nothing was changed. Only where a verb has not begun to work can this be known.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.now.insert(0, "Nothing was changed.".into());
        self
    }

    /// With the chain of an error as its cause.
    #[must_use]
    pub fn because(mut self, error: &anyhow::Error) -> Self {
        self.cause.extend(error.chain().map(ToString::to_string));
        // An error that quotes its source says the same twice.
        self.cause.dedup_by(|later, earlier| earlier.ends_with(later.as_str()));
        self
    }

    /// With a command to type.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>, meaning: impl Into<String>) -> Self {
        self.next.push(Next { command: command.into(), meaning: meaning.into() });
        self
    }

    /// With what is true now, a line each.
    #[must_use]
    pub fn now(mut self, lines: Vec<String>) -> Self {
        self.now = lines;
        self
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        let mut chain = error.chain().map(ToString::to_string);
        let what = chain.next().unwrap_or_default();
        let mut trouble = Self::new(Exit::Failed, what);
        trouble.cause = chain.collect();
        trouble
    }
}

impl From<LockError> for Trouble {
    fn from(error: LockError) -> Self {
        let exit = if matches!(error, LockError::Held { .. }) { Exit::Locked } else { Exit::Failed };
        Self::new(exit, error.to_string()).next("backout status", "see what it is doing")
    }
}

/// Refuses a command that the state of the change does not permit.
///
/// # Errors
/// Why not, what is true now, and what may be typed instead.
pub fn permit(state: &State, command: Command) -> Result<(), Trouble> {
    permitted(state, command).map_err(|refusal| {
        let exit = if refusal.is_too_late() { Exit::Refused } else { Exit::Usage };
        let report = report(state);
        let mut trouble = Trouble::new(exit, refusal.to_string());
        trouble.now.extend(report.now);
        trouble.next = report.next;
        trouble
    })
}
