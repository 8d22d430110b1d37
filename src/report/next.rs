//! A command that is offered.

use serde::{Deserialize, Serialize};

use super::Command;

/// A command that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// What to type.
    pub command: String,
    /// What it does.
    pub meaning: String,
}

impl Next {
    /// Says which change is meant, where a command is about one.
    pub fn name_change(&mut self, id: &str) {
        let Some(rest) = self.command.strip_prefix("backout ") else { return };
        let verb = rest.split(' ').next().unwrap_or_default();
        let about_one = Command::ALL.into_iter().any(|command| command.verb() == verb);
        if about_one || matches!(verb, "log" | "report") {
            self.command = format!("backout --change {id} {rest}");
        }
    }
}
