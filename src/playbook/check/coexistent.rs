//! What must be so in `[coexistent]` of a playbook, and in `[hosts]` of a site.

use crate::playbook::check::commands::Commands;
use crate::playbook::check::{Check, is_plain};
use crate::playbook::model::CommandSpec;
use crate::playbook::model::coexistent::{Coexistent, Host};
use crate::playbook::names::TemplatePlace;
use crate::playbook::problem::{Path, Report};

impl Check<'_, '_> {
    pub(in crate::playbook) fn coexistent(&mut self, it: &Coexistent) {
        let at = Path::of(&["coexistent"]);
        let inventory = at.key("inventory");
        if it.inventories.is_empty() {
            let remedy = "add a [[coexistent.inventory]]: without it nothing proves that a user \
                has everything";
            self.report.error(&inventory, "there is no inventory", remedy);
        }
        for (i, list) in it.inventories.iter().enumerate() {
            let at = inventory.at(i);
            if !is_plain(&list.name, '-')
                || it.inventories[..i].iter().any(|earlier| earlier.name == list.name)
            {
                let remedy =
                    "use lower-case letters, digits and `-`, a letter first, each name once";
                self.report.error(
                    &at.key("name"),
                    format!("{:?} cannot be the name of this inventory", list.name),
                    remedy,
                );
            }
        }
    }
}

impl Commands<'_, '_> {
    pub(in crate::playbook) fn coexistent(&mut self, it: &Coexistent) {
        let at = Path::of(&["coexistent"]);
        let directory = at.key("directory");
        self.command(&directory.key("users"), &it.directory.users, TemplatePlace::UserList);
        for (field, command) in [
            ("show", &it.directory.show),
            ("hold", &it.directory.hold),
            ("assign", &it.directory.assign),
        ] {
            self.command(&directory.key(field), command, TemplatePlace::Directory);
        }
        for (field, command) in [
            ("backup", &it.backup),
            ("verify", &it.verify),
            ("clear", &it.clear),
            ("restore", &it.restore),
        ] {
            self.command(&at.key(field), command, TemplatePlace::Mover);
            self.on_a_host(&at.key(field), command);
        }
        for (i, list) in it.inventories.iter().enumerate() {
            let at = at.key("inventory").at(i).key("command");
            self.command(&at, &list.command, TemplatePlace::UserList);
            self.on_a_host(&at, &list.command);
        }
    }

    /// What has no meaning for a command that runs on another host, or is backout's own there.
    fn on_a_host(&mut self, at: &Path, command: &CommandSpec) {
        let fields = [
            ("cwd", command.cwd.is_some()),
            ("user", command.user.is_some()),
            ("stdin", command.stdin.is_some()),
            ("stdout", command.stdout.is_some()),
            ("env_from_file", !command.env_from_file.is_empty()),
            ("daemon", command.daemon),
        ];
        for (field, _) in fields.into_iter().filter(|(_, there)| *there) {
            let what =
                format!("`{field}` cannot be used here: the command may run on another host");
            self.report.error(
                &at.key(field),
                what,
                "remove it, or call a program there that does it",
            );
        }
    }
}

/// The two hosts of a site.
pub(in crate::playbook) fn hosts(
    report: &mut Report<'_>,
    old: &Host,
    new: &Host,
    known: impl Fn(&str) -> bool,
) {
    let at = Path::of(&["hosts"]);
    for (key, host) in [("old", old), ("new", new)] {
        let at = at.key(key);
        if host.name.is_empty() || host.name.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            let what = format!("{:?} cannot be the name of a host", host.name);
            report.error(&at.key("name"), what, "write the name that the directory has for it");
        }
        if !host.ssh.is_empty() && !host.run.is_empty() {
            report.error(
                &at.key("run"),
                "this host has both `ssh` and `run`",
                "keep `ssh` if its words pass through a shell there, else `run`",
            );
        }
        for (field, words) in [("ssh", &host.ssh), ("run", &host.run)] {
            for (i, _) in words
                .iter()
                .enumerate()
                .filter(|(_, word)| word.is_empty() || word.contains(char::is_control))
            {
                report.error(
                    &at.key(field).at(i),
                    "this word is empty, or has a control character in it",
                    "correct it",
                );
            }
        }
        for (name, value) in &host.variables {
            if !known(name) {
                let what = format!("the playbook has no variable `{name}`");
                report.error(
                    &at.key("variables").key(name),
                    what,
                    "see `backout playbook show` for those that it has",
                );
            } else if value.contains(char::is_control) {
                report.error(
                    &at.key("variables").key(name),
                    "the value has a control character in it",
                    "write it in one line",
                );
            }
        }
    }
    if old.name == new.name {
        let what = format!("both hosts are called {:?}", old.name);
        report.error(
            &at.key("new").key("name"),
            what,
            "write the names that the directory has for them",
        );
    }
}
