//! Questions to the parts of a playbook.

use crate::playbook::model::{Pass, Playbook, VersionRule};

impl Playbook {
    /// The passes of the capture.
    pub fn passes(&self) -> &[Pass] {
        self.capture.as_ref().map_or(&[], |capture| &capture.passes)
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
