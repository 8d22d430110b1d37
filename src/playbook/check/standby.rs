//! What must be so of the standby.

use crate::playbook::check::Check;
use crate::playbook::check::commands::Commands;
use crate::playbook::model::{CommandSpec, Standby};
use crate::playbook::names::TemplatePlace;
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    /// What a standby needs of the other parts of the playbook.
    pub(super) fn standby(&mut self) {
        let it = self.playbook;
        let Some(standby) = &it.standby else {
            for (i, inventory) in it.inventories.iter().enumerate() {
                let Some(touched) = &inventory.touched else { continue };
                let there = [("fed", touched.fed.is_some()), ("ahead", touched.ahead.is_some())];
                for (key, _) in there.iter().filter(|(_, there)| *there) {
                    self.report.error(
                        &Path::of(&["inventory"]).at(i).key("touched").key(key),
                        "there is no standby that something could be fed to",
                        "add [standby], or remove this",
                    );
                }
            }
            return;
        };
        let at = Path::of(&["standby"]);
        if it.stateless {
            self.report.error(
                &at,
                "`standby` is there, but the product keeps no data (`stateless`)",
                "remove one of them",
            );
        }
        let files = it.aside.as_ref().and_then(|aside| aside.files.as_ref());
        if files.is_none() && !standby.is_on_host() {
            self.report.error(
                &at,
                "nothing says which programs the standby runs",
                "add [aside] with `files`: a command that prints the paths of the product's \
                 programs",
            );
        }
        for (i, inventory) in it.inventories.iter().enumerate() {
            let inventory_at = Path::of(&["inventory"]).at(i);
            let mut commands = vec![(inventory_at.key("command"), &inventory.command)];
            if let Some(touched) = &inventory.touched {
                let at = inventory_at.key("touched");
                commands.push((at.key("command"), &touched.command));
                if touched.ahead.is_some() && touched.fed.is_none() {
                    self.report.error(
                        &at.key("ahead"),
                        "nothing says what was fed, for a switch in which `mark` cannot tell",
                        "add `fed` beside it",
                    );
                }
            }
            for (at, _) in commands.into_iter().filter(|(_, command)| !asks(command)) {
                self.report.error(
                    &at,
                    "in a switch two servers are asked for this list, and nothing says which one",
                    "write `{address}` where the command names the server's socket or port",
                );
            }
        }
    }
}

/// Whether a command names the server that it asks.
fn asks(command: &CommandSpec) -> bool {
    command.template().names().any(|name| name == "address")
}

impl Commands<'_, '_> {
    pub(super) fn standby(&mut self, standby: &Standby) {
        let at = Path::of(&["standby"]);
        if let Some(address) = &standby.address {
            self.value(&at.key("address"), address);
        }
        if let Some(address) = standby.back.as_ref().and_then(|back| back.address.as_ref()) {
            self.value(&at.key("back").key("address"), address);
        }
        self.optional(&at.key("forget"), standby.forget.as_ref(), TemplatePlace::Standby);
        for it in standby.both_ways() {
            let place = match it.place.rsplit('.').next() {
                Some("drain" | "settle" | "end" | "rest") => TemplatePlace::Switch,
                _ => TemplatePlace::Standby,
            };
            for (at, command) in [(it.place, it.usual), (it.back_place, it.back)] {
                self.optional(&path(at), command, place);
            }
            let one_way = it.usual.filter(|_| standby.back.is_some() && it.back.is_none());
            if let Some(command) = one_way {
                self.both_ways(&path(it.place), command);
            }
        }
    }

    /// A command of a standby that runs on both ways.
    pub(super) fn both_ways(&mut self, at: &Path, command: &CommandSpec) {
        let template = command.template();
        let mut names = template.names();
        let Some(own) = names.find(|name| matches!(*name, "previous_root" | "upgraded_root"))
        else {
            return;
        };
        let what = format!(
            "with [standby.back] this runs for the standby of either version, and `{{{own}}}` is \
             one of them"
        );
        let remedy = "write `{standby_programs}`, which is the folder of the version that stands \
            by; or give [standby.back] a command of its own";
        self.report.error(at, what, remedy);
    }
}

fn path(place: &str) -> Path {
    Path::of(&place.split('.').collect::<Vec<_>>())
}
