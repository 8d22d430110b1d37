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
        if it.standby.is_none() {
            let fed = it.inventories.iter().enumerate().filter(|(_, inventory)| {
                inventory.touched.as_ref().is_some_and(|touched| touched.fed.is_some())
            });
            for (i, _) in fed {
                let at = Path::of(&["inventory"]).at(i).key("touched").key("fed");
                self.report.error(
                    &at,
                    "there is no standby that something could be fed to",
                    "add [standby], or remove this",
                );
            }
            return;
        }
        let at = Path::of(&["standby"]);
        if it.stateless {
            self.report.error(
                &at,
                "`standby` is there, but the product keeps no data (`stateless`)",
                "remove one of them",
            );
        }
        if it.aside.is_none() {
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
                let at = inventory_at.key("touched").key("command");
                commands.push((at, &touched.command));
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
        let (feed, switch) = (&standby.feed, &standby.switch);
        let (feed_at, switch_at) = (at.key("feed"), at.key("switch"));
        for (at, command) in [
            (at.key("start"), Some(&standby.start)),
            (at.key("stop"), Some(&standby.stop)),
            (at.key("ready"), standby.ready.as_ref()),
            (feed_at.key("start"), Some(&feed.start)),
            (feed_at.key("stop"), Some(&feed.stop)),
            (feed_at.key("position"), Some(&feed.position)),
            (feed_at.key("source"), Some(&feed.source)),
            (feed_at.key("lag"), feed.lag.as_ref()),
            (feed_at.key("watch"), feed.watch.as_ref()),
            (switch_at.key("refuse"), Some(&switch.refuse)),
            (switch_at.key("allow"), Some(&switch.allow)),
            (switch_at.key("serve"), Some(&switch.serve)),
            (switch_at.key("serve_stop"), Some(&switch.serve_stop)),
        ] {
            self.optional(&at, command, TemplatePlace::Standby);
        }
        for (field, command) in [
            ("drain", Some(&switch.drain)),
            ("settle", switch.settle.as_ref()),
            ("end", switch.end.as_ref()),
            ("rest", switch.rest.as_ref()),
        ] {
            self.optional(&switch_at.key(field), command, TemplatePlace::Switch);
        }
    }
}
