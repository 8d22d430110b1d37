//! What the steps do that need no ZFS, as data: folders that change places, and two installations side by side.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::host::exec::Command;

/// See [`super::Action::Switch`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// The symbolic link that names the active installation.
    pub link: PathBuf,
    /// The installation that it leads to now.
    pub from: PathBuf,
    /// The installation that it shall lead to.
    pub to: PathBuf,
    /// Links inside an installation that only the active one has.
    pub data_links: Vec<String>,
    /// Makes them, if they are not there; else they are made like those of the other installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_config: Option<Command>,
    /// Prints the version of the active installation.
    pub version: Command,
    /// One group: the version.
    pub pattern: String,
    /// What that must be then, whole or its first parts.
    pub wanted: String,
}

/// See [`super::Action::MoveAside`], [`super::Action::MakeEmpty`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folders {
    /// Each with the name it gets aside.
    pub moves: Vec<(PathBuf, PathBuf)>,
}

/// See [`super::Action::MoveBack`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveBack {
    /// Each with the name it has aside.
    pub moves: Vec<(PathBuf, PathBuf)>,
    /// What is put behind the names of the folders that are in their place now; they are removed when there is none.
    pub keep_as: Option<String>,
}

/// See [`super::Action::RemoveAside`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveAside {
    /// What is removed.
    pub folders: Vec<PathBuf>,
}
