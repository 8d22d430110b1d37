//! What must be so of what `init` finds, and of what `check --fix` makes.

use crate::playbook::check::commands::Commands;
use crate::playbook::check::{Check, is_plain, or_meant};
use crate::playbook::model::{Detect, Fix};
use crate::playbook::names::TemplatePlace;
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    /// The values: each of a variable, once, and after those that its command names.
    pub(super) fn detect(&mut self) {
        let Some(detect) = &self.playbook.detect else { return };
        let at = Path::of(&["detect"]);
        let wrong = |version: &&String| {
            !version.starts_with(|c: char| c.is_ascii_digit())
                || version.contains(char::is_whitespace)
        };
        if let Some(version) = detect.upgrade_to.as_ref().filter(wrong) {
            let what = format!("{version:?} is not a version");
            self.report.error(&at.key("upgrade_to"), what, "write it as \"11.8\"");
        }
        let found = |i: usize, name: &str| {
            detect.values[..i].iter().any(|earlier| earlier.variable == name)
        };
        for (i, value) in detect.values.iter().enumerate() {
            let (at, name) = (at.key("value").at(i), value.variable.as_str());
            if !self.playbook.variables.contains_key(name) {
                let what = format!("there is no variable {name:?}");
                let known = self.playbook.variables.keys().map(String::as_str);
                let remedy = or_meant(name, known, format!("add [variables.{name}]"));
                self.report.error(&at.key("variable"), what, remedy);
            } else if found(i, name) {
                let what = format!("{name:?} is found twice");
                self.report.error(&at.key("variable"), what, "remove one of them");
            }
            let command = value.command.template();
            let late = command.names().find(|used| {
                !found(i, used) && detect.values[i..].iter().any(|later| later.variable == **used)
            });
            if let Some(used) = late {
                let what = format!("`{{{used}}}` is found only after this");
                self.report.error(&at.key("command"), what, format!("move {used:?} before it"));
            }
        }
    }

    /// What can be made: a file or a command, and some requirement names it.
    pub(super) fn fixes(&mut self) {
        let it = self.playbook;
        for (i, fix) in it.fixes.iter().enumerate() {
            let at = Path::of(&["fix"]).at(i);
            self.required(&at.key("about"), &fix.about, "say what it makes");
            self.fix_name(&at.key("name"), i, fix);
            let remedy = "give `file` and `text`, or `command`";
            match (&fix.file, &fix.text, &fix.command) {
                (Some(_), Some(_), None) | (None, None, Some(_)) => {}
                (Some(_), _, Some(_)) => {
                    self.report.error(&at.key("command"), "it writes a file as well", remedy);
                }
                (Some(_), None, None) => {
                    self.report.error(&at.key("file"), "nothing says what stands in it", remedy);
                }
                (None, Some(_), _) => {
                    self.report.error(&at.key("text"), "no `file` says where this goes", remedy);
                }
                (None, None, None) => self.report.error(&at, "this fix makes nothing", remedy),
            }
            if fix.command.is_some() && !fix.restarts.is_empty() {
                let what = "a command needs no restart: a file does";
                self.report.error(&at.key("restarts"), what, "remove it");
            }
        }
        for (i, requirement) in it.requirements.iter().enumerate() {
            let at = Path::of(&["requirement"]).at(i).key("fix");
            for (j, name) in requirement.fix.iter().enumerate() {
                if !it.fixes.iter().any(|fix| fix.name == *name) {
                    let what = format!("there is no [[fix]] with the name {name:?}");
                    let known = it.fixes.iter().map(|fix| fix.name.as_str());
                    let remedy = or_meant(name, known, "add it, or name one that is there".into());
                    self.report.error(&at.at(j), what, remedy);
                }
            }
        }
    }

    fn fix_name(&mut self, at: &Path, i: usize, fix: &Fix) {
        let (it, name) = (self.playbook, &fix.name);
        if !is_plain(name, '-') {
            let remedy = "use lower-case letters, digits and `-`, a letter first";
            self.report.error(at, format!("{name:?} cannot be the name of a fix"), remedy);
        } else if it.fixes[..i].iter().any(|earlier| earlier.name == *name) {
            let what = format!("an earlier fix has the name {name:?}, too");
            self.report.error(at, what, "give one of them another name");
        } else if !it.requirements.iter().any(|requirement| requirement.fix.contains(name)) {
            let what = "no requirement names this fix, so it is never made";
            self.report.error(at, what, format!("write fix = [{name:?}] into a requirement"));
        }
    }
}

impl Commands<'_, '_> {
    pub(super) fn detect(&mut self, detect: &Detect) {
        let at = Path::of(&["detect"]);
        self.optional(&at.key("versions"), detect.versions.as_ref(), TemplatePlace::Detect);
        for (i, value) in detect.values.iter().enumerate() {
            let at = at.key("value").at(i).key("command");
            self.command(&at, &value.command, TemplatePlace::Detect);
        }
    }

    pub(super) fn fix(&mut self, i: usize, fix: &Fix) {
        let at = Path::of(&["fix"]).at(i);
        if let Some(file) = &fix.file {
            self.path(&at.key("file"), file, TemplatePlace::Check);
        }
        if let Some(text) = &fix.text {
            self.value(&at.key("text"), text);
        }
        self.optional(&at.key("command"), fix.command.as_ref(), TemplatePlace::Check);
        self.texts(&at.key("restarts"), &fix.restarts, TemplatePlace::Host);
    }
}
