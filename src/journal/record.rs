//! The lines of a journal, as types. A reader refuses what it would not write itself. So a field
//! that is added to a format later has a `default` that is not written (`skip_serializing_if`):
//! older journals stay readable, and older tools refuse newer journals only where they use the
//! field.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::manifest::ChangeManifest;
use super::output::{FileEntry, Output, Proof};
use super::plan::{Action, Plan};
use super::{Family, StepId};

/// The version of the journal that this tool writes and reads.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Action")]
pub struct Line<A> {
    /// Counts from 1 without a gap.
    pub seq: u64,
    /// When it was written (local time with its offset from UTC). For display only: no decision
    /// depends on a clock.
    pub at: DateTime<FixedOffset>,
    /// What happened.
    #[serde(flatten)]
    pub record: Record<A>,
}

/// What happened.
#[allow(clippy::large_enum_variant, reason = "the largest stands once in a journal")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case", bound = "A: Action")]
pub enum Record<A> {
    /// The change began. Always the first line, never again.
    Opened(ChangeManifest),
    /// A procedure was planned and begins.
    Planned {
        /// All of it.
        plan: Plan<A>,
    },
    /// A step's effect is about to be made.
    Started {
        /// The step.
        step: StepId,
        /// Counts from 1 in this procedure.
        attempt: u32,
    },
    /// A step's effect is there.
    Done {
        /// The step.
        step: StepId,
        /// The effect was found, not made by this attempt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        adopted: bool,
        /// What later steps need of it.
        output: Output,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: StepId,
        /// The whole reason.
        error: String,
    },
    /// The steps from this one on must be repeated.
    Rewound {
        /// The step.
        to: StepId,
        /// Why.
        why: String,
    },
    /// A person must decide.
    Halted {
        /// The step.
        step: StepId,
        /// Why.
        why: String,
        /// What the decision is about.
        #[serde(default, skip_serializing_if = "HaltKind::is_unsaid")]
        kind: HaltKind,
    },
    /// Somebody asked for a stop.
    Interrupted,
    /// A person answered for something.
    Answered {
        /// For what.
        question: OpenQuestion,
    },
    /// The procedure is complete.
    Finished,
    /// After a downgrade that compared only what was written since the snapshot: everything was
    /// compared.
    Proved {
        /// The comparison.
        proof: Proof,
        /// The lists, each with its number of items.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lists: Vec<(String, u64)>,
    },
    /// A mended playbook or site file was taken into the change.
    Replaced(Replacement<A>),
}

/// See [`Record::Replaced`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "A: Action")]
pub struct Replacement<A> {
    /// Counts from 1: where the copies are ([`super::Layout::with_edition`]).
    pub edition: u32,
    /// As in [`ChangeManifest`].
    pub playbook_sha256: String,
    /// As in [`ChangeManifest`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<FileEntry>,
    /// As in [`ChangeManifest`].
    pub site_sha256: String,
    /// Values of variables that are new or others now.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub values: std::collections::BTreeMap<String, String>,
    /// As in [`ChangeManifest`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_back: bool,
    /// The plan of the procedure under way, as it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan<A>>,
}

/// What a person can answer for in the middle of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenQuestion {
    /// The inventories differ. Open the service all the same.
    Differences,
    /// A step was tried too often; try again.
    TryAgain,
    /// The previous version rejects items. Leave them out of the restore.
    Rejects,
    /// The inventories differ. Carry what differs whole, from the upgraded data, and compare again.
    Repair,
}

/// What a person has to decide after a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaltKind {
    /// A journal of 0.1.0 does not say it: see [`HaltKind::of`].
    #[default]
    Unsaid,
    /// Something is there that this change did not make, or something of it was replaced.
    Foreign,
    /// A step was tried too often.
    TooOften,
    /// The previous version rejects items.
    Rejects,
    /// The lists differ, or one of them proves nothing.
    Differences,
    /// The lists differ, and what differs can be carried whole from the upgraded data.
    Repairable,
    /// Other nodes of the cluster do not have the version yet.
    OtherNodes,
}

impl HaltKind {
    /// Whether the record does not say it.
    fn is_unsaid(&self) -> bool {
        *self == Self::Unsaid
    }

    /// Whether lists differ.
    pub fn is_about_differences(self) -> bool {
        matches!(self, Self::Differences | Self::Repairable)
    }

    /// The kind of a halt in a journal of 0.1.0, which gave only the step and the reason.
    pub fn of(self, step: &StepId, why: &str) -> Self {
        match self {
            Self::Unsaid if why.starts_with("the previous version rejects ") => Self::Rejects,
            Self::Unsaid if why.starts_with("it was tried ") => Self::TooOften,
            Self::Unsaid if *step == StepId::PROVE || step.is_of(Family::Prove) => {
                Self::Differences
            }
            Self::Unsaid if *step == StepId::AWAIT_NODES => Self::OtherNodes,
            Self::Unsaid => Self::Foreign,
            said => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_of_0_1_0_is_told_by_its_step_and_its_words() {
        for (step, why, kind) in [
            ("restore", "the previous version rejects 2 items:\n…", HaltKind::Rejects),
            ("rollback", "it was tried 8 times; the last time: busy", HaltKind::TooOften),
            ("prove", "proof: 3 items expected, 2 found", HaltKind::Differences),
            ("prove:1.1", "what users have differs between the hosts", HaltKind::Differences),
            ("await-nodes", "node2 has version 10.11.19", HaltKind::OtherNodes),
            ("unmount", "t/app is another dataset", HaltKind::Foreign),
        ] {
            assert_eq!(HaltKind::Unsaid.of(&step.into(), why), kind, "{step}: {why}");
        }
        assert_eq!(HaltKind::Foreign.of(&StepId::PROVE, "it was tried "), HaltKind::Foreign);
    }
}
