//! Commands that run on one of two hosts, with their values filled in.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::host::quote::shell;
use crate::playbook::model::CommandSpec;
use crate::playbook::model::coexistent::{Coexistent, Host, Hosts};
use crate::playbook::{CommandTemplate, Extractor, Pattern, Playbook, Site};

/// A command, and the host on which it runs. Of a pipe, only the first program runs there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnHost {
    /// The host, and how it is reached.
    pub host: Reach,
    /// The command, as that host would see it.
    pub command: CommandTemplate,
}

/// See [`OnHost::host`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Its name, as the directory has it.
    pub name: String,
    /// Words before a command line for its shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh: Vec<String>,
    /// Words before the words of a command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
}

impl From<&Host> for Reach {
    fn from(host: &Host) -> Self {
        Self { name: host.name.clone(), ssh: host.ssh.clone(), run: host.run.clone() }
    }
}

impl Reach {
    /// The command as it is started here, with its words quoted for the shell of the other host.
    pub fn command(&self, command: &Command) -> Command {
        let mut command = command.clone();
        let Some(first) = command.stages.first_mut() else { return command };
        if !self.ssh.is_empty() {
            let env = std::mem::take(&mut command.env);
            let mut line = if env.is_empty() { String::new() } else { "env ".to_owned() };
            for (name, value) in &env {
                line.push_str(&format!("{name}={} ", shell(value)));
            }
            line.push_str(&first.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" "));
            *first = self.ssh.iter().cloned().chain([line]).collect();
        } else if !self.run.is_empty() {
            *first = self.run.iter().chain(first.iter()).cloned().collect();
        }
        command
    }
}

/// For display: the command, and where it runs.
impl std::fmt::Display for OnHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.host.name, self.command)
    }
}

/// How to ask the directory where a user is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Show {
    /// Prints what it says about `{user}`.
    pub command: CommandTemplate,
    /// One group: the host.
    pub host: Extractor,
    /// Matches while the user is on hold.
    pub held: Pattern,
}

/// What a migration is planned from.
#[derive(Clone, Copy)]
pub struct Move<'a> {
    /// The playbook's section.
    pub how: &'a Coexistent,
    /// The site's hosts.
    pub hosts: &'a Hosts,
    /// The site's values.
    pub values: &'a BTreeMap<String, String>,
    /// From the new host to the old one.
    pub back: bool,
}

impl<'a> Move<'a> {
    /// Of a playbook and a site that have both.
    ///
    /// # Errors
    /// When one of them lacks it, because the site was not checked.
    pub fn of(
        playbook: &'a Playbook,
        site: &'a Site,
        values: &'a BTreeMap<String, String>,
        back: bool,
    ) -> Result<Self> {
        let how =
            playbook.coexistent.as_ref().context("the playbook does not say how users move")?;
        let hosts = site.hosts.as_ref().context("the site does not name the hosts")?;
        Ok(Self { how, hosts, values, back })
    }

    /// The host that users leave, and the one to which they move.
    pub fn ends(&self) -> (&'a Host, &'a Host) {
        if self.back {
            (&self.hosts.new, &self.hosts.old)
        } else {
            (&self.hosts.old, &self.hosts.new)
        }
    }

    /// A command that runs here, with its values filled in, except the user.
    pub fn here(&self, spec: &CommandSpec) -> CommandTemplate {
        spec.template().fill_known(&|name| self.values.get(name).cloned())
    }

    /// A command that runs on a host.
    pub fn on(&self, host: &Host, spec: &CommandSpec) -> OnHost {
        let value =
            |name: &str| host.variables.get(name).or_else(|| self.values.get(name)).cloned();
        OnHost { host: Reach::from(host), command: spec.template().fill_known(&value) }
    }

    /// How to ask the directory.
    pub fn show(&self) -> Show {
        let directory = &self.how.directory;
        Show {
            command: self.here(&directory.show),
            host: directory.host.clone(),
            held: directory.held.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Command {
        Command::new(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn s9_what_a_value_holds_reaches_the_other_shell_as_one_word() {
        let host = Reach {
            name: "old".into(),
            ssh: vec!["ssh".into(), "root@old".into()],
            run: Vec::new(),
        };
        let mut it = command(&["imsbackup", "-f", "-", "/primary/user/a b;rm -rf {x,y}'$HOME"]);
        it.stages.push(vec!["cut".into(), "-d|".into()]);
        it.env.insert("ZONE".into(), "a b".into());
        let reached = host.command(&it);
        assert_eq!(
            reached.stages[0],
            [
                "ssh",
                "root@old",
                r#"env ZONE='a b' imsbackup -f - "/primary/user/a b;rm -rf {x,y}'"'$HOME'"#
            ]
        );
        assert_eq!(reached.stages[1], ["cut", "-d|"]);
        assert!(reached.env.is_empty());
    }

    #[test]
    fn without_a_shell_words_stay_words() {
        let host = Reach {
            name: "new".into(),
            ssh: Vec::new(),
            run: vec!["chroot".into(), "/srv/new".into()],
        };
        assert_eq!(
            host.command(&command(&["mboxutil", "-l", "a b"])).stages[0],
            ["chroot", "/srv/new", "mboxutil", "-l", "a b"]
        );
        let here = Reach { name: "here".into(), ssh: Vec::new(), run: Vec::new() };
        assert_eq!(here.command(&command(&["mboxutil"])).stages[0], ["mboxutil"]);
    }
}
