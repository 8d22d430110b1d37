//! A command in a playbook, and as a plan records it. What runs is a [`Command`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::playbook::value::TimeLimit;
use crate::playbook::value::pattern::Pattern;
use crate::playbook::value::template::{Lists, Lookup, Template, TemplateError};

/// The default time limit of a command.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// One program, or several joined by pipes. Never a shell: each word is one argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The program and its arguments. A word that is only `{capture_files}` or `{installer_files}`
    /// becomes one argument for each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<Template>>,
    /// Programs joined by pipes, instead of `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipe: Option<Vec<Vec<Template>>>,
    /// Added to the environment. It is written into the journal, so put secrets into
    /// `env_from_file`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Template>,
    /// Added to the environment, each value from the file with this path, such as `REDISCLI_AUTH =
    /// "{password_file}"`. The file has one line, belongs to root, and is not readable by everyone.
    /// It is read when the command starts. The value is written nowhere, and hidden in the
    /// command's output. An empty path sets nothing, so that a secret can be optional.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env_from_file: BTreeMap<String, Template>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Template>,
    /// Run as this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Template>,
    /// Standard input is read from this file. Without one it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Template>,
    /// Standard output goes to this file. Without one it is kept if needed, and logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Template>,
    /// Time limit, such as `30s`, `10m`, `2h`. Default: 10 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeLimit>,
    /// The command leaves servers running on purpose, such as `start-msg`. What any other command
    /// leaves running is ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub daemon: bool,
    /// Regular expressions for lines of its output that mean failure, although it exits with 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails_on: Vec<Pattern>,
}

/// A command with names that have no value yet, as a plan records it. It cannot run; filled in, it
/// is a [`Command`]. In a journal it has the form of a command, with each text as a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandTemplate {
    /// See [`Command::stages`].
    pub stages: Vec<Vec<Template>>,
    /// See [`Command::env`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Template>,
    /// See [`Command::env_from_file`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env_from_file: BTreeMap<String, Template>,
    /// See [`Command::cwd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Template>,
    /// See [`Command::user`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Template>,
    /// See [`Command::stdin`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Template>,
    /// See [`Command::stdout`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Template>,
    /// See [`Command::timeout`]; whole seconds in a journal.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// See [`Command::daemon`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub daemon: bool,
    /// See [`Command::fails_on`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails_on: Vec<Pattern>,
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;
    pub(in crate::playbook) fn serialize<S: Serializer>(
        value: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }
    pub(in crate::playbook) fn deserialize<'de, D>(from: D) -> Result<Duration, D::Error>
    where
        D: Deserializer<'de>,
    {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

impl CommandSpec {
    /// The command, without any name filled in.
    pub fn template(&self) -> CommandTemplate {
        CommandTemplate {
            stages: self.stages().cloned().collect(),
            env: self.env.clone(),
            env_from_file: self.env_from_file.clone(),
            cwd: self.cwd.clone(),
            user: self.user.clone(),
            stdin: self.stdin.clone(),
            stdout: self.stdout.clone(),
            timeout: self.timeout.map_or(DEFAULT_TIMEOUT, |limit| *limit),
            daemon: self.daemon,
            fails_on: self.fails_on.clone(),
        }
    }

    /// The programs with their arguments: one, or those of the pipe.
    pub fn stages(&self) -> impl Iterator<Item = &Vec<Template>> {
        self.argv.iter().chain(self.pipe.iter().flatten())
    }
}

impl CommandTemplate {
    /// A single program with a limit of one minute.
    pub fn new(argv: impl IntoIterator<Item = Template>) -> Self {
        Self {
            stages: vec![argv.into_iter().collect()],
            env: BTreeMap::new(),
            env_from_file: BTreeMap::new(),
            cwd: None,
            user: None,
            stdin: None,
            stdout: None,
            timeout: Duration::from_secs(60),
            daemon: false,
            fails_on: Vec::new(),
        }
    }

    /// The names in all its texts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let words = self.stages.iter().flatten();
        let values = self.env.values().chain(self.env_from_file.values());
        let places = [&self.cwd, &self.user, &self.stdin, &self.stdout];
        words.chain(values).chain(places.into_iter().flatten()).flat_map(Template::names)
    }

    /// Fills in the names that `lookup` knows. The others stay.
    #[must_use]
    pub fn fill_known(&self, lookup: Lookup<'_>) -> Self {
        let text = |text: &Template| text.fill_known(lookup);
        let texts = |all: &BTreeMap<String, Template>| {
            all.iter().map(|(name, it)| (name.clone(), text(it))).collect::<BTreeMap<_, _>>()
        };
        let mut env_from_file = texts(&self.env_from_file);
        // The variable for the file is empty: there is no secret.
        env_from_file.retain(|_, file| !file.is_empty());
        Self {
            stages: self.stages.iter().map(|words| words.iter().map(text).collect()).collect(),
            env: texts(&self.env),
            env_from_file,
            cwd: self.cwd.as_ref().map(text),
            user: self.user.as_ref().map(text),
            stdin: self.stdin.as_ref().map(text),
            stdout: self.stdout.as_ref().map(text),
            timeout: self.timeout,
            daemon: self.daemon,
            fails_on: self.fails_on.clone(),
        }
    }

    /// The command with the value of every name.
    ///
    /// # Errors
    /// When a name is not known.
    pub fn fill(&self, lookup: Lookup<'_>) -> Result<Command, TemplateError> {
        self.fill_with(lookup, &Lists::new())
    }

    /// The same. A word that is only the `{name}` of one of `lists` becomes one argument for each
    /// item.
    ///
    /// # Errors
    /// When a name is not known, or a list is empty or part of a longer text.
    pub fn fill_with(&self, lookup: Lookup<'_>, lists: &Lists) -> Result<Command, TemplateError> {
        let text = |text: &Template| match text.names().find(|name| lists.contains_key(*name)) {
            Some(name) => Err(TemplateError::ListInside { name: name.to_owned() }),
            None => text.fill(lookup),
        };
        let path = |path: &Option<Template>| path.as_ref().map(|it| text(it).map(PathBuf::from));
        let mut stages = Vec::new();
        for words in &self.stages {
            let mut stage = Vec::new();
            for word in words {
                match word.only_name().and_then(|name| lists.get_key_value(name)) {
                    Some((name, items)) if items.is_empty() => {
                        return Err(TemplateError::EmptyList { name: name.clone() });
                    }
                    Some((_, items)) => stage.extend_from_slice(items),
                    None => stage.push(text(word)?),
                }
            }
            stages.push(stage);
        }
        let mut env_from_file = BTreeMap::new();
        for (name, file) in &self.env_from_file {
            let file = text(file)?;
            if !file.is_empty() {
                env_from_file.insert(name.clone(), file.into());
            }
        }
        let mut env = BTreeMap::new();
        for (name, value) in &self.env {
            env.insert(name.clone(), text(value)?);
        }
        Ok(Command {
            env,
            env_from_file,
            cwd: path(&self.cwd).transpose()?,
            user: self.user.as_ref().map(text).transpose()?,
            stdin: path(&self.stdin).transpose()?,
            stdout: path(&self.stdout).transpose()?,
            timeout: self.timeout,
            daemon: self.daemon,
            fails_on: self.fails_on.iter().map(|pattern| pattern.regex().clone()).collect(),
            ..Command::piped(stages)
        })
    }
}

/// As a person would type it in a shell, with `{name}` for later values. For display only.
impl fmt::Display for CommandTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |words: &Vec<Template>| words.iter().map(ToString::to_string).collect();
        let mut shown = Command::new(Vec::<String>::new());
        shown.stages = self.stages.iter().map(words).collect();
        shown.stdin = self.stdin.as_ref().map(|path| path.to_string().into());
        shown.stdout = self.stdout.as_ref().map(|path| path.to_string().into());
        shown.fmt(f)
    }
}

#[cfg(test)]
impl CommandTemplate {
    /// Of words as a playbook has them.
    pub(crate) fn of(words: &[&str]) -> Self {
        let word = |word: &&str| word.parse().unwrap_or_else(|error| panic!("{error}"));
        Self::new(words.iter().map(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|it| it.1);
        move |name| value(name).map(str::to_owned)
    }

    #[test]
    fn a_list_becomes_arguments() {
        let lists = BTreeMap::from([
            ("files".to_owned(), vec!["a b".to_owned(), "{x}".to_owned()]),
            ("none".to_owned(), vec![]),
        ]);
        let run = |words: &[&str]| {
            CommandTemplate::of(words).fill_with(&of(&[("v", "1")]), &lists).map(|it| it.stages)
        };
        let inside = TemplateError::ListInside { name: "files".to_owned() };
        let empty = TemplateError::EmptyList { name: "none".to_owned() };
        assert_eq!(run(&["cat", "{files}", "{v}"]).unwrap(), [["cat", "a b", "{x}", "1"]]);
        assert_eq!(run(&["cat", "{none}"]).unwrap_err(), empty);
        assert_eq!(run(&["cat", "--x={files}"]).unwrap_err(), inside);
        assert_eq!(run(&["cat", "{{files}}"]).unwrap(), [["cat", "{files}"]]);
    }

    #[test]
    fn every_text_of_a_command_is_filled_in() {
        let text = |text: &str| text.parse::<Template>().unwrap();
        let command = CommandTemplate {
            env: BTreeMap::from([("E".to_owned(), text("{v}"))]),
            env_from_file: BTreeMap::from([
                ("F".to_owned(), text("{v}")),
                ("G".to_owned(), text("{none}")),
            ]),
            cwd: Some(text("/{v}")),
            user: Some(text("{v}")),
            stdin: Some(text("/in/{v}")),
            stdout: Some(text("/out/{v}")),
            ..CommandTemplate::of(&["x", "{v}{w}"])
        };
        let first = command.fill_known(&of(&[("v", "{1}"), ("none", "")]));
        assert_eq!(first.to_string(), "x '{1}{w}' < '/in/{1}' > '/out/{1}'");
        let written = serde_json::to_string(&first).unwrap();
        assert!(written.contains(r#""stages":[["x","{{1}}{w}"]]"#), "{written}");
        assert_eq!(serde_json::from_str::<CommandTemplate>(&written).unwrap(), first);
        let last = first.fill(&of(&[("w", "2")])).unwrap();
        assert_eq!(last.stages, [["x", "{1}2"]]);
        assert_eq!((last.env["E"].as_str(), last.user.as_deref()), ("{1}", Some("{1}")));
        let files = BTreeMap::from([("F".to_owned(), "{1}".into())]);
        assert_eq!(last.env_from_file, files, "an empty path sets nothing");
        assert_eq!(last.cwd, Some("/{1}".into()));
        assert_eq!((last.stdin, last.stdout), (Some("/in/{1}".into()), Some("/out/{1}".into())));
    }
}
