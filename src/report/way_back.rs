//! Whether the way back from an upgrade is still open, while a person has not decided yet.

use serde::{Deserialize, Serialize};

/// What is known of the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Everything that it needs is there.
    Open,
    /// Everything is there, but a check would refuse the downgrade now, or it will be damaged.
    Refused,
    /// Something that it needs is gone. A downgrade would be refused.
    Damaged,
    /// It could not be looked at, or nothing says what to look at.
    Unknown,
}

/// The way back of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// What is known.
    pub condition: Condition,
    /// Why, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// When `check` saw the damage first, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What to do, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_do: Vec<String>,
}

impl WayBack {
    /// Without a reason.
    pub fn open() -> Self {
        Self { condition: Condition::Open, why: Vec::new(), seen: None, to_do: Vec::new() }
    }

    /// For these reasons.
    pub fn because(condition: Condition, why: Vec<String>) -> Self {
        Self { condition, why, ..Self::open() }
    }

    /// What is true of it, for a person. `from`: the version before. `open`: the words for a way
    /// back that is open.
    pub(super) fn words(&self, from: &str, open: String) -> Vec<String> {
        let lead = match self.condition {
            Condition::Open => return vec![open],
            Condition::Refused => {
                format!("The way back to {from} is there, but a check would refuse it.")
            }
            Condition::Damaged => {
                let seen =
                    self.seen.iter().map(|at| format!(" `backout check` saw it first at {at}."));
                format!("The way back to {from} is damaged.{}", seen.collect::<String>())
            }
            Condition::Unknown => format!("Whether the way back to {from} is open is not known."),
        };
        [lead].into_iter().chain(self.why.iter().cloned()).chain(self.to_do.clone()).collect()
    }
}
