//! What the steps that move users between hosts do, as data.

use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
pub use crate::playbook::hosts::{OnHost, Reach, Show};

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
