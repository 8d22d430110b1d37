//! The commands and paths of a playbook: what is in them, and which names they use.

use std::collections::BTreeSet;

use crate::playbook::Playbook;

use crate::playbook::model::CommandSpec;
use crate::playbook::names::{LATE_NAMES, TemplatePlace, late};
use crate::playbook::problem::{Path, Report, nearest};
use crate::playbook::value::template::Template;

/// Programs that take a program's text behind an option, and its letters.
const INTERPRETERS: &[(&str, &str)] = &[
    ("sh", "c"),
    ("bash", "c"),
    ("dash", "c"),
    ("ash", "c"),
    ("ksh", "c"),
    ("zsh", "c"),
    ("fish", "c"),
    ("csh", "c"),
    ("tcsh", "c"),
    ("su", "c"),
    ("runuser", "c"),
    ("python", "c"),
    ("python3", "c"),
    ("perl", "eE"),
    ("ruby", "e"),
];

pub(in crate::playbook) struct Commands<'c, 'a> {
    playbook: &'c Playbook,
    pub(in crate::playbook) report: &'c mut Report<'a>,
    used: BTreeSet<String>,
    /// Variables that were said to have a relative default.
    relative: BTreeSet<String>,
}

impl<'c, 'a> Commands<'c, 'a> {
    pub(in crate::playbook) fn new(playbook: &'c Playbook, report: &'c mut Report<'a>) -> Self {
        Self { playbook, report, used: BTreeSet::new(), relative: BTreeSet::new() }
    }

    pub(in crate::playbook) fn optional(
        &mut self,
        at: &Path,
        command: Option<&CommandSpec>,
        place: TemplatePlace,
    ) {
        if let Some(command) = command {
            self.command(at, command, place);
        }
    }

    pub(in crate::playbook) fn command(
        &mut self,
        at: &Path,
        command: &CommandSpec,
        place: TemplatePlace,
    ) {
        match (&command.argv, &command.pipe) {
            (Some(argv), None) => self.words(&at.key("argv"), argv, place),
            (None, Some(pipe)) => {
                if pipe.len() < 2 {
                    self.report.error(
                        &at.key("pipe"),
                        "a pipe joins two programs or more",
                        "write a single program as `argv = [...]`",
                    );
                }
                for (i, argv) in pipe.iter().enumerate() {
                    self.words(&at.key("pipe").at(i), argv, place);
                }
            }
            (Some(_), Some(_)) => self.report.error(
                &at.key("pipe"),
                format!("`{at}` has both `argv` and `pipe`"),
                "keep one of them",
            ),
            (None, None) => {
                let remedy = "add `argv = [\"program\", \"argument\"]`, or `pipe = [[...], [...]]`";
                self.report.error(at, format!("`{at}` has neither `argv` nor `pipe`"), remedy);
            }
        }
        for (name, value) in &command.env {
            let at = at.key("env").key(name);
            if name.is_empty() || name.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            {
                self.report.error(
                    &at,
                    format!("{name:?} cannot be the name of an environment variable"),
                    "use letters, digits and `_`",
                );
            }
            self.text(&at, value, place, Lists::Refused);
        }
        for (name, value) in &command.env {
            if is_secret(name) && !value.is_empty() {
                let what = format!("the value of {name} is written into the journal");
                self.report.warn(
                    &at.key("env").key(name),
                    what,
                    "if it is a secret, put it into a file and name that in `env_from_file`",
                );
            }
        }
        for (name, path) in &command.env_from_file {
            let at = at.key("env_from_file").key(name);
            if name.is_empty() || name.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            {
                self.report.error(
                    &at,
                    format!("{name:?} cannot be the name of an environment variable"),
                    "use letters, digits and `_`",
                );
            } else if command.env.contains_key(name) {
                self.report.error(&at, format!("{name} is in `env` as well"), "keep one of them");
            }
            self.path(&at, path, place);
        }
        for (field, text) in
            [("cwd", &command.cwd), ("stdin", &command.stdin), ("stdout", &command.stdout)]
        {
            if let Some(text) = text {
                self.path(&at.key(field), text, place);
            }
        }
        if let Some(user) = &command.user {
            self.text(&at.key("user"), user, place, Lists::Refused);
        }
    }

    fn words(&mut self, at: &Path, words: &[Template], place: TemplatePlace) {
        match words.first().map(Template::source).as_deref() {
            None => self.report.error(
                at,
                "this command is empty",
                "write the program and its arguments: [\"program\", \"argument\"]",
            ),
            Some("") => self.report.error(
                &at.at(0),
                "the program's name is empty",
                "write the program and its arguments",
            ),
            Some(program) if program.contains('/') && !program.starts_with(['/', '{']) => {
                let what =
                    format!("{program:?} is found from the folder where backout happens to run");
                self.report.error(
                    &at.at(0),
                    what,
                    "write the whole path, or the name alone to find it in PATH",
                );
            }
            Some(_) => {}
        }
        for (i, word) in words.iter().enumerate() {
            self.text(&at.at(i), word, place, Lists::Allowed);
        }
        if let Some((i, shell)) = script(words).filter(|(i, _)| words[*i].names().next().is_some())
        {
            let what = format!(
                "a value is put into the program text that `{shell}` runs: values go into argv, \
                    never through a shell"
            );
            let remedy = "write $1 in the program text (in double quotes), and behind it the word \
                \"sh\" and the {name}; or do without the shell";
            self.report.error(&at.at(i), what, remedy);
        }
    }

    pub(in crate::playbook) fn texts(
        &mut self,
        at: &Path,
        texts: &[Template],
        place: TemplatePlace,
    ) {
        for (i, text) in texts.iter().enumerate() {
            if text.source().trim().is_empty() {
                self.report.error(&at.at(i), "this is empty", "remove it, or write what is meant");
            }
            self.text(&at.at(i), text, place, Lists::Refused);
        }
    }

    pub(in crate::playbook) fn paths(
        &mut self,
        at: &Path,
        paths: &[Template],
        place: TemplatePlace,
    ) {
        for (i, path) in paths.iter().enumerate() {
            self.path(&at.at(i), path, place);
            if let Err(error) = glob::Pattern::new(&path.source()) {
                self.report.error(
                    &at.at(i),
                    format!("this pattern cannot be read: {}", error.msg),
                    "write a special character as [*], [?] or [[]",
                );
            }
        }
    }

    /// A text that is filled in when the plan is made.
    pub(in crate::playbook) fn value(&mut self, at: &Path, text: &Template) {
        self.text(at, text, TemplatePlace::Host, Lists::Refused);
    }

    pub(in crate::playbook) fn path(
        &mut self,
        at: &Path,
        template: &Template,
        place: TemplatePlace,
    ) {
        let path = template.source();
        if !path.starts_with(['/', '{']) {
            let remedy =
                "write the whole path, from the `/` on, or begin with a variable that has one";
            self.report.error(at, format!("{path:?} is not an absolute path"), remedy);
        }
        self.default_of_path(at, template);
        self.text(at, template, place, Lists::Refused);
    }

    /// A path that begins with a variable is as absolute as its value.
    fn default_of_path(&mut self, at: &Path, template: &Template) {
        let variables = &self.playbook.variables;
        let source = template.source();
        let first = source.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let Some((name, variable)) = first.and_then(|name| variables.get_key_value(name)) else {
            return;
        };
        let Some(default) = variable.default.as_ref().filter(|it| !it.is_empty()) else { return };
        if !default.starts_with('/') && self.relative.insert(name.clone()) {
            let what = format!("{default:?} is no absolute path, and {} begins with it", field(at));
            let at = Path::of(&["variables", name, "default"]);
            self.report.warn(&at, what, "write the whole path, from the `/` on");
        }
    }

    fn text(&mut self, at: &Path, text: &Template, place: TemplatePlace, lists: Lists) {
        for name in text.names() {
            if self.playbook.variables.contains_key(name)
                || (self.playbook.discover.contains_key(name) && place.knows_discovered())
            {
                self.used.insert(name.to_owned());
            } else if self.playbook.discover.contains_key(name) {
                let what =
                    format!("`{{{name}}}` is discovered before the upgrade, after this is used");
                let remedy = format!("use it later only: it is not known in {}", field(at));
                self.report.error(at, what, remedy);
            } else {
                self.late(at, text, name, place, lists);
            }
        }
    }

    fn late(&mut self, at: &Path, text: &Template, name: &str, place: TemplatePlace, lists: Lists) {
        let Some(late) = late(name) else {
            let here = LATE_NAMES.iter().filter(|late| late.is_known(place)).map(|late| late.name);
            let known: Vec<&str> =
                self.playbook.variables.keys().map(String::as_str).chain(here).collect();
            let remedy = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{{{meant}}}`?"),
                None => format!(
                    "add [variables.{name}], or use a name known here: {}",
                    known.join(", ")
                ),
            };
            self.report.error(at, format!("`{{{name}}}` is not known"), remedy);
            return;
        };
        if !late.is_known(place) {
            let places: Vec<&str> = late.places().map(TemplatePlace::title).collect();
            let what = format!("`{{{name}}}` ({}) is not known in {}", late.about, field(at));
            self.report.error(at, what, format!("use it only in {}", places.join(", ")));
        } else if late.list && (lists == Lists::Refused || text.only_name() != Some(name)) {
            let what = format!("`{{{name}}}` stands for several arguments");
            self.report.error(
                at,
                what,
                format!("make it a word of its own: [\"program\", \"{{{name}}}\"]"),
            );
        } else if name == "address" {
            self.address(at);
        } else if matches!(name, "position" | "target_position")
            && place != TemplatePlace::Switch
            && self.playbook.restore.as_ref().is_none_or(|it| it.position.is_none())
        {
            let what = format!("`{{{name}}}` has no value, as there is no `restore.position`");
            let remedy = "add `restore.position`, a command that prints how far the data has come";
            match &self.playbook.restore {
                Some(_) => self.report.error(at, what, remedy),
                None => self.report.missing(at, what, remedy),
            }
        }
    }

    /// `{address}` has a value for every server that may be asked.
    fn address(&mut self, at: &Path) {
        let it = self.playbook;
        let maintenance = it.service.maintenance.as_ref().map(|it| it.address.is_some());
        let standby = it.standby.as_ref();
        let missing = [
            ("service.maintenance.address", maintenance == Some(false)),
            ("service.address", standby.is_some() && it.service.address.is_none()),
            ("standby.address", standby.is_some_and(|standby| standby.address.is_none())),
        ];
        for (field, _) in missing.into_iter().filter(|(_, missing)| *missing) {
            let what = format!("`{{address}}` has no value, as there is no `{field}`");
            let remedy = "add it: the socket or the port at which that server is asked";
            self.report.error(at, what, remedy);
        }
    }

    /// Warns of variables that nothing uses, and of those that seem to hold a secret.
    pub(in crate::playbook) fn unused(&mut self) {
        for name in self.playbook.variables.keys().filter(|name| is_secret(name)) {
            let what = format!(
                "the value of the variable `{name}` is written into the journal and into command \
                    lines"
            );
            let remedy = "if it is a secret, let the variable name a file that holds it, and use \
                it in `env_from_file`";
            self.report.warn(&Path::of(&["variables", name]), what, remedy);
        }
        for name in self.playbook.variables.keys().filter(|name| !self.used.contains(*name)) {
            self.report.warn(
                &Path::of(&["variables", name]),
                format!("the variable `{name}` is not used"),
                "remove it, or use it",
            );
        }
    }
}

/// The field, without the words and the items that it is made of.
fn field(at: &Path) -> String {
    let at = at.to_string();
    at.trim_end_matches(".argv").trim_end_matches(".pipe").to_owned()
}

/// Whether what is called so is a secret by its name. The file that a secret stands in is none.
fn is_secret(name: &str) -> bool {
    const WORDS: &[&str] = &["AUTH", "PASSPHRASE", "PASSWD", "PASSWORD", "PWD", "SECRET", "TOKEN"];
    name.to_ascii_uppercase().split('_').next_back().is_some_and(|last| WORDS.contains(&last))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    Allowed,
    Refused,
}

/// The word that an interpreter among the words runs as a program, and the interpreter.
fn script(words: &[Template]) -> Option<(usize, &'static str)> {
    let words: Vec<String> = words.iter().map(Template::source).collect();
    // The last one: `runuser -u NAME -- sh -c ...` runs a shell.
    words.iter().enumerate().rev().find_map(|(i, word)| {
        let name = word.rsplit('/').next().unwrap_or_default();
        let (shell, letters) = INTERPRETERS.iter().find(|(shell, _)| *shell == name)?;
        let option = |word: &String| {
            word.starts_with('-')
                && !word.starts_with("--")
                && word.contains(|c| letters.contains(c))
                || word == "--command"
        };
        let at = i + 1 + words[i + 1..].iter().position(option)? + 1;
        (at < words.len()).then_some((at, *shell))
    })
}
