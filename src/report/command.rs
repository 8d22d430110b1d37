//! The commands that a change may permit.

use std::fmt;

use crate::journal::OpenQuestion;

/// A command that a person may type about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `backout snapshot`
    Snapshot,
    /// `backout upgrade`
    Upgrade,
    /// `backout downgrade`
    Downgrade,
    /// `backout resume`
    Resume,
    /// `backout resume` with a person's answer.
    Answer(OpenQuestion),
    /// `backout abort`
    Abort,
    /// `backout undo`
    Undo,
    /// `backout standby start`
    StandbyStart,
    /// `backout standby stop`
    StandbyStop,
    /// `backout rehearse`
    Rehearse,
    /// `backout migrate`, to the new host.
    Migrate,
    /// `backout migrate --back`
    MigrateBack,
    /// `backout prove`
    Prove,
    /// `backout commit`
    Commit,
}

impl Command {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 17] = [
        Self::Resume,
        Self::Answer(OpenQuestion::Repair),
        Self::Answer(OpenQuestion::Differences),
        Self::Answer(OpenQuestion::Rejects),
        Self::Answer(OpenQuestion::TryAgain),
        Self::Upgrade,
        Self::Snapshot,
        Self::Downgrade,
        Self::Abort,
        Self::StandbyStart,
        Self::StandbyStop,
        Self::Rehearse,
        Self::Migrate,
        Self::MigrateBack,
        Self::Prove,
        Self::Commit,
        Self::Undo,
    ];

    /// The verb alone.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Resume | Self::Answer(_) => "resume",
            Self::Abort => "abort",
            Self::Undo => "undo",
            Self::StandbyStart | Self::StandbyStop => "standby",
            Self::Rehearse => "rehearse",
            Self::Migrate | Self::MigrateBack => "migrate",
            Self::Prove => "prove",
            Self::Commit => "commit",
        }
    }
}

/// As it is typed. A word in capitals stands for a value.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = match self {
            Self::Answer(OpenQuestion::Repair) => " --repair",
            Self::Answer(OpenQuestion::Differences) => " --accept-differences",
            Self::Answer(OpenQuestion::Rejects) => " --accept-rejects",
            Self::Answer(OpenQuestion::TryAgain) => " --try-again",
            Self::StandbyStart => " start",
            Self::StandbyStop => " stop",
            Self::Migrate => " --next 50",
            Self::MigrateBack => " --back --user NAME",
            _ => "",
        };
        write!(f, "backout {}{options}", self.verb())
    }
}
