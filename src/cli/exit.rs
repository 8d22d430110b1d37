//! Exit statuses.

use crate::report::ErrorKind;

/// What every verb's help ends with.
pub const STATUSES: &str = "Exit status: 0 done; 1 failed, and what it says is true; 2 wrong usage; 3 refused by a check; \
    4 unfinished, or waiting for an answer; 5 another run is at work; 6 halted, you must decide.";

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

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Usage | ErrorKind::NotPermitted => Self::Usage,
            ErrorKind::TooLate | ErrorKind::Refused | ErrorKind::AnswerMissing => Self::Refused,
            ErrorKind::Awaiting => Self::Awaiting,
            ErrorKind::Locked => Self::Locked,
            ErrorKind::Halted => Self::Halted,
        }
    }
}
