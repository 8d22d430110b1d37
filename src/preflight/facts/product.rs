//! What is known of the product and of those who use its data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Learnt;
use crate::host::processes::Process;
use crate::playbook::model::Verdict;

/// A unit of the service (`systemctl show`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// As the playbook has it, with its variables filled in.
    pub name: String,
    /// Its state.
    pub state: Learnt<UnitState>,
}

/// A unit's state, in systemd's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`, ...
    pub load: String,
    /// `active`, `inactive`, `failed`, ...
    pub active: String,
    /// `enabled`, `disabled`, `masked`, `masked-runtime`, ...
    pub file: String,
}

/// Processes that use the data and are not the service's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// Each with one thing it uses.
    pub found: Vec<Process>,
    /// So many processes could not be looked into.
    pub unreadable: usize,
}

/// Versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The version that is installed.
    pub installed: Learnt<String>,
    /// The version that would be installed; `None` when the playbook cannot tell.
    pub candidate: Option<Learnt<String>>,
    /// The version the site wants.
    pub wanted: String,
    /// The version to go back to, for a downgrade.
    pub previous: Option<String>,
    /// What the playbook says about the way; `Ok(None)`: no rule fits.
    pub rule: Learnt<Option<(Verdict, String)>>,
}

/// A requirement and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequirementFact {
    /// What must be so.
    pub about: String,
    /// What to do about it.
    pub remedy: String,
    /// Only warn.
    pub warn: bool,
    /// The command that asked.
    pub command: String,
    /// Met, or why not.
    pub outcome: Learnt<()>,
}

/// A value asked of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The value.
    pub value: Learnt<String>,
}

/// A program that a command of the playbook starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The commands that start it, such as `installer.save`.
    pub used_by: Vec<String>,
    /// As the command has it.
    pub program: String,
    /// Where it is; `None`: nowhere. An error when a name in it has no value yet.
    pub found: Learnt<Option<PathBuf>>,
}

/// The files of the previous version's installer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installers {
    /// So many files must be there.
    pub at_least: usize,
    /// Before an upgrade without `installer.save`: the files that the patterns find.
    pub at_hand: Option<Learnt<Vec<PathBuf>>>,
    /// Before a downgrade: the files put aside.
    pub saved: Vec<SavedFile>,
}

/// A file that was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Where.
    pub path: PathBuf,
    /// Its SHA-256 then, in hexadecimal.
    pub sha256: String,
    /// Its SHA-256 now; `None`: it is gone.
    pub now: Learnt<Option<String>>,
}

/// What only a person can answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionFact {
    /// The word that a yes is given by.
    pub name: String,
    /// What must be so.
    pub about: String,
    /// What to do if it is not.
    pub remedy: String,
}

/// Two installations side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BesideFact {
    /// The link that names the active one.
    pub link: PathBuf,
    /// Where it leads.
    pub active: PathBuf,
    /// Where the new version is to be.
    pub new: PathBuf,
}
