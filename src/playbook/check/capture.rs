//! What must be so of the capture, the restore and the inventories.

use super::{Check, is_plain};
use crate::playbook::model::{Capture, Interrupted, Restore, ServiceState};
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    pub(super) fn capture_and_restore(&mut self, capture: &Capture, restore: &Restore) {
        let at = Path::of(&["capture", "pass"]);
        match capture.passes.last() {
            None => self.report.error(&at, "the capture has no pass", "add a [[capture.pass]]"),
            Some(last) if last.service == ServiceState::Running => {
                let remedy = "add a last pass with service = \"stopped\" or \"maintenance\"";
                let what = "the last pass runs while clients write, so it cannot see everything";
                self.report.error(&at.at(capture.passes.len() - 1).key("service"), what, remedy);
            }
            Some(_) => {}
        }
        for (i, pass) in capture.passes.iter().enumerate() {
            self.required(
                &at.at(i).key("about"),
                &pass.about,
                "say in a few words what it does: it is shown while it runs",
            );
            if pass.command.is_none()
                && pass.new_files.is_empty()
                && pass.grown_files.is_empty()
                && pass.numbered_files.is_empty()
            {
                let remedy = "give it a `command`, `new_files`, `grown_files` or `numbered_files`";
                self.report.error(&at.at(i), "this pass does nothing", remedy);
            }
        }
        let at = Path::of(&["restore"]);
        if restore.past_rejects.is_some() && restore.rejects.is_empty() {
            let what = "nothing says how a reject is told, so nobody is ever asked, and \
                `past_rejects` never runs";
            self.report.error(
                &at.key("past_rejects"),
                what,
                "add `rejects`: regular expressions for the lines that mean a rejected item",
            );
        }
        if restore.service == ServiceState::Running {
            let remedy = "write service = \"maintenance\", or \"stopped\" where the server loads at \
                its start what the command puts beside its data";
            self.report.error(
                &at.key("service"),
                "clients would see half of what is restored",
                remedy,
            );
        }
        let stopped = restore.service == ServiceState::Stopped;
        if stopped && restore.position.is_some() {
            let what = "`position` asks the server, and it does not run while this is restored";
            self.report.error(
                &at.key("position"),
                what,
                "remove it: make sure that repeating the restore changes nothing",
            );
        }
        if restore.position.is_none() && !stopped && restore.interrupted == Interrupted::Continue {
            let what =
                "an interrupted restore begins again from the start, as there is no `position`";
            let remedy = "make sure that repeating it changes nothing, or give `position`, or \
                write interrupted = \"rollback\"";
            self.report.warn(&at.key("interrupted"), what, remedy);
        }
    }

    /// The passes run by the state of the service. `{capture_files}` is complete after the last
    /// one that is written, so that one must run last.
    pub(super) fn pass_order(&mut self, capture: &Capture) {
        let at = Path::of(&["capture", "pass"]);
        for (i, pair) in capture.passes.windows(2).enumerate() {
            let [earlier, later] = pair else { continue };
            if later.service < earlier.service {
                let what = format!(
                    "this pass runs with the service {}, so it runs before the one above it ({})",
                    later.service.word(),
                    earlier.service.word()
                );
                let remedy = "write the passes in the order in which they run: first those with \
                    \"running\", then \"maintenance\", then \"stopped\"";
                self.report.error(&at.at(i + 1).key("service"), what, remedy);
            }
        }
    }

    pub(super) fn inventories(&mut self) {
        let it = self.playbook;
        let at = Path::of(&["inventory"]);
        for (i, inventory) in it.inventories.iter().enumerate() {
            let name = at.at(i).key("name");
            if !is_plain(&inventory.name, '-') {
                let remedy =
                    "use lower-case letters, digits and `-`, a letter first, such as \"rows\"";
                self.report.error(
                    &name,
                    format!("{:?} cannot be the name of an inventory", inventory.name),
                    remedy,
                );
            }
            if it.inventories[..i].iter().any(|earlier| earlier.name == inventory.name) {
                let what = format!("there are two inventories of the name {:?}", inventory.name);
                self.report.error(&name, what, "give one of them another name");
            }
        }
        for (i, limit) in it.limits.iter().enumerate() {
            self.required(
                &Path::of(&["limit"]).at(i).key("about"),
                &limit.about,
                "say what does not come back",
            );
        }
    }
}
