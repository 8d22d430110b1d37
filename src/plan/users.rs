//! What the steps that move users between hosts do, as data.

use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::host::quote::shell;
use crate::playbook::coexistent::Host;

/// A command, and the host that it runs on: of a pipe the first program does, the others run here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnHost {
    /// The host, and how it is reached.
    pub host: Reach,
    /// The command, as that host would see it.
    pub command: Command,
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
    /// The command as it is started here. Every name in it must have its value: what a value holds is quoted for the shell of the other host.
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

/// For reading: the command, and where.
impl std::fmt::Display for OnHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.host.name, self.command)
    }
}

/// How the directory is asked where a user is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Show {
    /// Prints what it says of `{user}`.
    pub command: Command,
    /// One group: the host.
    pub host: String,
    /// Matches while the user is on hold.
    pub held: String,
}

/// See [`super::Action::HoldUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldUsers {
    /// Whom.
    pub users: Vec<String>,
    /// The host that they are on.
    pub host: String,
    /// Asks where they are.
    pub show: Show,
    /// Puts one on hold.
    pub command: Command,
}

/// See [`super::Action::CaptureUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureUsers {
    /// The batch: the name of its folder.
    pub batch: String,
    /// Whom.
    pub users: Vec<String>,
    /// Lists what they have.
    pub lists: Vec<UserList>,
    /// Prints the backup of one.
    pub backup: OnHost,
    /// Reads it.
    pub verify: OnHost,
}

/// A list of what users have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserList {
    /// What is listed.
    pub name: String,
    /// Prints it.
    pub command: OnHost,
    /// One group: the user that a line belongs to.
    pub user: String,
}

/// See [`super::Action::RestoreUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreUsers {
    /// The batch.
    pub batch: String,
    /// Whom.
    pub users: Vec<String>,
    /// Removes what the host has of one.
    pub clear: OnHost,
    /// Brings the backup of one in.
    pub restore: OnHost,
}

/// See [`super::Action::ProveUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProveUsers {
    /// The batch.
    pub batch: String,
    /// Whom.
    pub users: Vec<String>,
    /// Lists what they have now.
    pub lists: Vec<UserList>,
}

/// See [`super::Action::AssignUsers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssignUsers {
    /// Whom.
    pub users: Vec<String>,
    /// The host that they are on now.
    pub from: String,
    /// The host that they shall be on, and be served by.
    pub host: String,
    /// Asks where they are.
    pub show: Show,
    /// Makes it so for one.
    pub command: Command,
}

/// See [`super::Action::DropBackup`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropBackup {
    /// The batch.
    pub batch: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Command {
        Command::new(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn s9_what_a_value_holds_reaches_the_other_shell_as_one_word() {
        let host = Reach { name: "old".into(), ssh: vec!["ssh".into(), "root@old".into()], run: Vec::new() };
        let mut it = command(&["imsbackup", "-f", "-", "/primary/user/a b;rm -rf {x,y}'$HOME"]);
        it.stages.push(vec!["cut".into(), "-d|".into()]);
        it.env.insert("ZONE".into(), "a b".into());
        let reached = host.command(&it);
        assert_eq!(reached.stages[0], ["ssh", "root@old", r"env ZONE='a b' imsbackup -f - '/primary/user/a b;rm -rf {x,y}'\''$HOME'"]);
        assert_eq!(reached.stages[1], ["cut", "-d|"]);
        assert!(reached.env.is_empty());
    }

    #[test]
    fn without_a_shell_words_stay_words() {
        let host = Reach { name: "new".into(), ssh: Vec::new(), run: vec!["chroot".into(), "/srv/new".into()] };
        assert_eq!(host.command(&command(&["mboxutil", "-l", "a b"])).stages[0], ["chroot", "/srv/new", "mboxutil", "-l", "a b"]);
        let here = Reach { name: "here".into(), ssh: Vec::new(), run: Vec::new() };
        assert_eq!(here.command(&command(&["mboxutil"])).stages[0], ["mboxutil"]);
    }
}
