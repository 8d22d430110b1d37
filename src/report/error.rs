//! Errors as people read them.

use serde::Serialize;

use super::permitted::permitted;
use super::status::report;
use super::{Command, Next, Report};
use crate::change::LockError;
use crate::preflight::Finding;
use crate::step::State;

/// The kind of an error, for programs that call the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Something failed. It can be tried again.
    Failed,
    /// The command line, or a file named on it, cannot be used.
    Usage,
    /// The state of the change does not permit the command.
    NotPermitted,
    /// The command was permitted earlier, but no longer is.
    TooLate,
    /// A check refused.
    Refused,
    /// An answer is missing, and there is nobody to ask.
    AnswerMissing,
    /// A person's decision is awaited, or was no.
    Awaiting,
    /// Another run of the tool is at work.
    Locked,
    /// Halted: a person must decide how to continue.
    Halted,
}

/// What went wrong, for a person: what failed, its cause, what is true now, what to do next.
#[derive(Debug)]
pub struct CliError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What failed, in one line.
    pub what: String,
    /// Why.
    pub cause: Vec<String>,
    /// What the checks found, when they refused. A person reads it as the cause; programs get both.
    pub findings: Box<[Finding]>,
    /// What is true now, a line each.
    pub now: Vec<String>,
    /// What to type next.
    pub next: Vec<Next>,
}

impl CliError {
    /// An error of this kind. Callers that know what is true now add it.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let (cause, now, next) = (Vec::new(), Vec::new(), Vec::new());
        Self { kind, what: what.into(), cause, findings: Box::default(), now, next }
    }

    /// An error of a change, with its state and the commands that it permits.
    pub fn of_change(kind: ErrorKind, what: impl Into<String>, report: &Report) -> Self {
        let (now, next) = (report.now.clone(), report.next.clone());
        Self { now, next, ..Self::new(kind, what) }
    }

    /// Says that nothing was changed. This is known only before a verb has begun to work.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.now.insert(0, "Nothing was changed.".into());
        self
    }

    /// With a cause.
    #[must_use]
    pub fn cause(mut self, why: impl Into<String>) -> Self {
        self.cause.push(why.into());
        self
    }

    /// With the chain of an error as its cause.
    #[must_use]
    pub fn because(mut self, error: &anyhow::Error) -> Self {
        self.cause.extend(error.chain().map(ToString::to_string));
        // Leaves out a source that its error already quotes.
        self.cause.dedup_by(|later, earlier| earlier.ends_with(later.as_str()));
        self
    }

    /// With a command to type.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>, meaning: impl Into<String>) -> Self {
        self.next.push(Next { command: command.into(), meaning: meaning.into() });
        self
    }

    /// With commands that say which change is meant, as the person did.
    #[must_use]
    pub fn naming_change(mut self, id: Option<&str>) -> Self {
        if let Some(id) = id {
            self.next.iter_mut().for_each(|next| next.name_change(id));
        }
        self
    }

    /// With what is true now, a line each.
    #[must_use]
    pub fn now(mut self, lines: Vec<String>) -> Self {
        self.now = lines;
        self
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        let mut chain = error.chain().map(ToString::to_string);
        let what = chain.next().unwrap_or_default();
        Self { cause: chain.collect(), ..Self::new(ErrorKind::Failed, what) }
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let held = matches!(error, LockError::Held { .. });
        let kind = if held { ErrorKind::Locked } else { ErrorKind::Failed };
        Self::new(kind, error.to_string()).next("backout status", "see what it is doing")
    }
}

/// Refuses a command that the state of the change does not permit: with what is true now, and what
/// may be typed instead.
///
/// # Errors
/// See [`permitted`].
pub fn permit(state: &State, command: Command) -> Result<(), CliError> {
    permitted(state, command).map_err(|refusal| {
        let too_late = refusal.is_too_late();
        let kind = if too_late { ErrorKind::TooLate } else { ErrorKind::NotPermitted };
        CliError::of_change(kind, refusal.to_string(), &report(state))
    })
}
