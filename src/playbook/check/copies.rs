//! What needs a server that runs on a copy of the data.

use super::Check;
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    /// What is only used with `aside.serve`, and what that needs.
    pub(super) fn copies(&mut self) {
        let it = self.playbook;
        let serve = it.aside.as_ref().and_then(|aside| aside.serve.as_ref());
        if serve.is_some() {
            if it.service.maintenance.is_none() {
                self.report.error(
                    &Path::of(&["aside", "serve"]),
                    "it is asked and stopped as the server of `service.maintenance`, which is \
                        not there",
                    "add [service.maintenance], with the same unit and socket",
                );
            }
            return;
        }
        let remedy = "add [aside.serve], or remove it";
        if it.whole.as_ref().is_some_and(|whole| whole.differing.is_some()) {
            self.report.error(
                &Path::of(&["whole", "differing"]),
                "it is never used: without `aside.serve`, nothing can be carried from the \
                    upgraded data",
                remedy,
            );
        }
        // A switch to a standby lists what was touched, too.
        if it.standby.is_some() {
            return;
        }
        for (i, _) in it.inventories.iter().enumerate().filter(|(_, it)| it.touched.is_some()) {
            self.report.error(
                &Path::of(&["inventory"]).at(i).key("touched"),
                "it is never used: without `aside.serve`, the rest could not be compared later",
                remedy,
            );
        }
    }
}
