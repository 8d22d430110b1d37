//! What must be so in a playbook beyond its fields and their types.

mod capture;
pub(super) mod coexistent;
mod commands;
mod copies;
mod detect;
#[cfg(test)]
mod hints_tests;
mod places;
mod service;
pub(super) mod site;
mod standby;
mod state;
pub(super) mod units;

use crate::playbook::model::{self, Verdict};
use crate::playbook::names::late;
use crate::playbook::problem::{Path, Report, nearest};
use crate::playbook::value::template::Template;
use crate::playbook::{Playbook, programs};

/// Lower-case letters, digits and `separator`, a letter first.
pub(in crate::playbook) fn is_plain(name: &str, separator: char) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

/// The remedy for a name that is not known: what was probably meant, or this.
pub(in crate::playbook) fn or_meant<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str>,
    remedy: String,
) -> String {
    nearest(name, known).map_or(remedy, |meant| format!("did you mean {meant:?}?"))
}

/// The check of one playbook.
pub(in crate::playbook) struct Check<'c, 'a> {
    pub(in crate::playbook) playbook: &'c Playbook,
    pub(in crate::playbook) report: &'c mut Report<'a>,
}

impl Check<'_, '_> {
    pub(in crate::playbook) fn all(&mut self, stem: Option<&str>) {
        self.head(stem);
        self.state();
        self.names();
        self.service();
        self.versions();
        self.questions();
        self.detect();
        self.fixes();
        self.installers();
        if let (Some(capture), Some(restore)) = (&self.playbook.capture, &self.playbook.restore) {
            self.capture_and_restore(capture, restore);
            // An open change's copy is used as it was accepted: refusing it would bar the way back.
            if stem.is_some() {
                self.pass_order(capture);
            }
        }
        self.inventories();
        self.standby();
        if stem.is_some() {
            self.copies();
        }
        self.commands();
        self.prose();
    }

    fn head(&mut self, stem: Option<&str>) {
        let it = self.playbook;
        if it.format != 1 {
            let what = format!("format {} is not known to this version of backout", it.format);
            self.report.error(
                &Path::of(&["format"]),
                what,
                "write `format = 1`, or use the version of backout that the playbook was written \
                    for",
            );
        }
        let at = Path::of(&["name"]);
        if !is_plain(&it.name, '-') {
            let remedy =
                "use lower-case letters, digits and `-`, a letter first, such as \"mariadb\"";
            self.report.error(
                &at,
                format!("{:?} cannot be the name of a playbook", it.name),
                remedy,
            );
        } else if let Some(stem) = stem.filter(|stem| *stem != it.name) {
            let (kind, is, meant) = match programs::folder(self.report.origin()) {
                Some(_) => ("folder", format!("{stem:?}"), format!("{:?}", it.name)),
                None => ("file", format!("{stem}.toml"), format!("{}.toml", it.name)),
            };
            let remedy = format!("write name = {stem:?}, or call the {kind} {meant}");
            let what = format!("the name is {:?}, but the {kind} is {is}", it.name);
            self.report.error(&at, what, remedy);
        }
        self.required(&Path::of(&["title"]), &it.title, "say which product this is for");
        if stem.is_some() {
            self.left_to_do();
        }
    }

    /// What `playbook new` marks for the author, and is still there.
    fn left_to_do(&mut self) {
        let text = self.report.text();
        let marks = text.match_indices("TO DO").filter(|(at, _)| {
            let line = text[..*at].rfind('\n').map_or(0, |end| end + 1);
            text[line..*at].contains('#')
        });
        let marks: Vec<usize> = marks.map(|(at, _)| at).collect();
        let Some(first) = marks.first() else { return };
        let what = match marks.len() {
            1 => "there is still something to do".to_owned(),
            2 => "there is still something to do, here and at 1 place more".to_owned(),
            count => {
                format!("there is still something to do, here and at {} places more", count - 1)
            }
        };
        let remedy = "do it, and remove the mark";
        self.report.warn_at(Some(*first..*first + 5), what, remedy);
    }

    /// Notes a text that is empty.
    pub(in crate::playbook) fn required(&mut self, at: &Path, text: &str, remedy: &str) {
        if text.trim().is_empty() {
            self.report.error(at, format!("`{at}` is empty"), remedy);
        }
    }

    fn names(&mut self) {
        let it = self.playbook;
        let variables = it.variables.keys().map(|name| ("variables", name));
        for (table, name) in variables.chain(it.discover.keys().map(|name| ("discover", name))) {
            let at = Path::of(&[table, name]);
            if !is_plain(name, '_') {
                self.report.error(
                    &at,
                    format!("{name:?} cannot be a name"),
                    "use lower-case letters, digits and `_`, a letter first",
                );
            } else if let Some(late) = late(name) {
                let what =
                    format!("`{name}` hides a name that backout gives its value: {}", late.about);
                self.report.error(&at, what, format!("choose another name, such as `my_{name}`"));
            }
            if table == "discover" && it.variables.contains_key(name) {
                self.report.error(
                    &at,
                    format!("`{name}` is a variable as well"),
                    "choose another name for one of them",
                );
            }
        }
        for (name, variable) in &it.variables {
            let at = Path::of(&["variables", name]);
            self.required(
                &at.key("about"),
                &variable.about,
                "say what it means: the person who fills in the site file reads it",
            );
            if let Some(other) = &variable.same_as {
                self.same_as(&at.key("same_as"), name, other);
            }
            let Some(default) = &variable.default else { continue };
            if default.contains("{{") {
                let what = "a default is taken as it is: this is two braces";
                self.report.warn(&at.key("default"), what, "write `{` once, if one is meant");
            }
            let known = |name: &&str| {
                it.variables.contains_key(*name)
                    || it.discover.contains_key(*name)
                    || late(name).is_some()
            };
            if let Some(inner) = default.parse::<Template>().unwrap_or_default().names().find(known)
            {
                let what = format!(
                    "the default has `{{{inner}}}` in it, but values are taken as they are"
                );
                self.report.error(
                    &at.key("default"),
                    what,
                    "write the value out, or put both names where the variable is used",
                );
            }
        }
    }

    /// The variable whose value another one has.
    fn same_as(&mut self, at: &Path, name: &str, other: &str) {
        let variables = &self.playbook.variables;
        if variables.get(other).is_none_or(|other| other.same_as.is_some()) {
            let what = format!("`{other}` is no variable with a value of its own");
            let own = variables.iter().filter(|(it, own)| own.same_as.is_none() && *it != name);
            let remedy = "name a variable that has no `same_as` itself";
            let known = own.map(|(it, _)| it.as_str());
            self.report.error(at, what, or_meant(other, known, remedy.into()));
        }
        if variables.get(name).is_some_and(|variable| variable.default.is_some()) {
            self.report.error(at, "it has a `default`, too", "remove one of them");
        }
    }

    fn versions(&mut self) {
        let (version, at) = (&self.playbook.version, Path::of(&["version"]));
        if version.rules.is_empty() {
            self.report.missing(
                &at.key("rule"),
                "there is no rule, so every upgrade would be refused",
                "add a [[version.rule]]",
            );
        }
        for (i, rule) in version.rules.iter().enumerate() {
            let at = at.key("rule").at(i);
            if rule.verdict != Verdict::Allow && rule.note.trim().is_empty() {
                let what = "this rule does not simply allow the way, and does not say why";
                self.report.error(
                    &at.key("verdict"),
                    what,
                    "add a `note`: the operator is shown it and must decide by it",
                );
            }
        }
    }

    fn questions(&mut self) {
        let it = self.playbook;
        for (name, discovery) in &it.discover {
            let at = Path::of(&["discover", name]);
            self.required(&at.key("about"), &discovery.about, "say what it is");
        }
        for (i, requirement) in it.requirements.iter().enumerate() {
            let at = Path::of(&["requirement"]).at(i);
            self.required(
                &at.key("about"),
                &requirement.about,
                "say in a sentence what must be so",
            );
            self.required(
                &at.key("remedy"),
                &requirement.remedy,
                "say what the operator does about it, so that it can be done without asking anyone",
            );
            if requirement.before.is_empty() {
                self.report.error(
                    &at.key("before"),
                    "this requirement is never asked",
                    "write before = [\"upgrade\"], or remove the field",
                );
            }
            if let Some(name) = &requirement.accept {
                self.accept(&at.key("accept"), name, requirement);
            }
            let named = |name: &String| {
                let mut earlier = it.requirements.iter().take(i);
                earlier.any(|other| other.name.as_ref() == Some(name))
            };
            if let Some(name) = requirement.name.as_ref().filter(|name| named(name)) {
                let what = format!("an earlier requirement has the name {name:?}, too");
                self.report.error(&at.key("name"), what, "give one of them another name");
            }
            if let Some(name) = requirement.needs.as_ref().filter(|name| !named(name)) {
                let what = format!("no requirement before this one has the name {name:?}");
                let remedy = "write `name` into the one that it needs, which stands before it";
                let earlier = it.requirements.iter().take(i);
                let known = earlier.filter_map(|other| other.name.as_deref());
                self.report.error(&at.key("needs"), what, or_meant(name, known, remedy.into()));
            }
        }
    }

    /// The name by which a requirement that is not met can be answered for.
    fn accept(&mut self, at: &Path, name: &str, requirement: &model::Requirement) {
        if !is_plain(name, '-') {
            let remedy =
                "use lower-case letters, digits and `-`, a letter first, such as \"expiring-keys\"";
            self.report.error(at, format!("{name:?} cannot be the name of an answer"), remedy);
        }
        let same = self
            .playbook
            .requirements
            .iter()
            .filter(|other| other.accept.as_deref() == Some(name))
            .count()
            + self.playbook.questions.iter().filter(|question| question.name == name).count();
        if same > 1 {
            let what = format!("the name {name:?} is there twice: one yes would answer both");
            self.report.error(at, what, "give one of them another name");
        }
        if requirement.warn {
            self.report.error(at, "a warning needs no yes", "remove `warn` or `accept`");
        }
        if requirement.expect.is_none() {
            let remedy = "add `expect`, which the answer of the command must match";
            self.report.error(
                at,
                "nothing tells a failed command from an answer that needs a yes",
                remedy,
            );
        }
    }

    fn installers(&mut self) {
        let it = self.playbook;
        if it.installer.save.is_none() && it.installer.files.is_empty() {
            let remedy = "give `save`, a command that fetches it, or `files`, patterns of files \
                that are there";
            self.report.missing(
                &Path::of(&["installer"]),
                "nothing says where the installed version's installer comes from",
                remedy,
            );
        }
        if it.installer.at_least == 0 {
            self.report.error(
                &Path::of(&["installer", "at_least"]),
                "at least 0 files proves nothing",
                "write 1 or more",
            );
        }
        let at = Path::of(&["upgrade"]);
        match (&it.upgrade.candidate, &it.upgrade.candidate_pattern) {
            (Some(_), None) => {
                let remedy = "add it: a regular expression with one group, the version";
                self.report.error(
                    &at.key("candidate"),
                    "`candidate` needs a `candidate_pattern`",
                    remedy,
                );
            }
            (None, Some(_)) => {
                let what = "`candidate_pattern` has no `candidate` to look at";
                self.report.error(
                    &at.key("candidate_pattern"),
                    what,
                    "add `candidate`, or remove it",
                );
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// A name in a text for people is shown with its braces.
    fn prose(&mut self) {
        let it = self.playbook;
        let mut texts = vec![(Path::of(&["about"]), &it.about)];
        for (i, requirement) in it.requirements.iter().enumerate() {
            let at = Path::of(&["requirement"]).at(i);
            texts.extend([
                (at.key("about"), &requirement.about),
                (at.key("remedy"), &requirement.remedy),
            ]);
        }
        texts.extend(
            it.version
                .rules
                .iter()
                .enumerate()
                .map(|(i, rule)| (Path::of(&["version", "rule"]).at(i).key("note"), &rule.note)),
        );
        for (i, question) in it.questions.iter().enumerate() {
            let at = Path::of(&["question"]).at(i);
            texts
                .extend([(at.key("about"), &question.about), (at.key("remedy"), &question.remedy)]);
        }
        texts.extend(
            it.limits
                .iter()
                .enumerate()
                .map(|(i, limit)| (Path::of(&["limit"]).at(i).key("about"), &limit.about)),
        );
        for (at, text) in texts {
            let template = text.parse::<Template>().unwrap_or_default();
            if let Some(name) = template
                .names()
                .find(|name| it.variables.contains_key(*name) || it.discover.contains_key(*name))
            {
                let what = format!(
                    "`{{{name}}}` is shown as it stands here: names have values in commands and \
                        paths only"
                );
                self.report.warn(&at, what, "write what is meant in words");
            }
        }
    }
}
