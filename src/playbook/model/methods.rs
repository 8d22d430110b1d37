//! Questions to the parts of a playbook.

use crate::playbook::model::{Pass, Playbook, VersionRule};

impl Playbook {
    /// The passes of the capture.
    pub fn passes(&self) -> &[Pass] {
        self.capture.as_ref().map_or(&[], |capture| &capture.passes)
    }

    /// Whether what was written can be captured from the files, without the new version: the last
    /// pass sees everything.
    pub fn captures_from_files(&self) -> bool {
        let stopped =
            self.passes().last().is_some_and(|it| it.service == super::ServiceState::Stopped);
        let position =
            |it: &super::Restore| it.position.is_none() || it.position_from_files.is_some();
        stopped && self.restore.as_ref().is_some_and(position)
    }

    /// The first rule that fits an upgrade path.
    pub fn rule_for(&self, from: &str, to: &str) -> Option<&VersionRule> {
        self.version.rules.iter().find(|rule| rule.fits(from, to))
    }
}

impl VersionRule {
    /// Whether the rule fits an upgrade path.
    pub fn fits(&self, from: &str, to: &str) -> bool {
        self.from.matches(from) && self.to.matches(to)
    }
}
