//! The upgrade with two hosts: the second host has the new version, and users move to it in
//! batches, while both hosts serve.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
use crate::playbook::value::pattern::{Extractor, Pattern, WholePattern};

/// How users move from one host to another, and back. The commands of `directory` run where backout
/// runs. Those that print or take a user's data run on a host of the site file; of a pipe, only the
/// first program does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coexistent {
    /// The directory, which says on which host a user is.
    pub directory: Directory,
    /// Prints the backup of `{user}`. Runs on the host of the user.
    pub backup: CommandSpec,
    /// Reads a backup from standard input, and succeeds if it is complete and readable. Runs on the
    /// host to which the user moves.
    pub verify: CommandSpec,
    /// Removes what the host to which the user moves already has of `{user}`: the rest of an
    /// interrupted restore, or what stayed when the user left. Succeeds if there is nothing. Runs
    /// only after the backup was verified.
    pub clear: CommandSpec,
    /// Reads a backup from standard input, and restores it. Runs on the host to which the user
    /// moves.
    pub restore: CommandSpec,
    /// What a user has, one item on each line, listed on both hosts and compared: the proof.
    #[serde(rename = "inventory")]
    pub inventories: Vec<UserInventory>,
}

/// The directory, which says on which host a user is, and whether the user is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// A regular expression for the complete name of a user that can be moved. A name may not
    /// contain white space or `/`, nor begin with `-`.
    pub user: WholePattern,
    /// Prints the names of all users of both hosts, one on each line.
    pub users: CommandSpec,
    /// Prints what the directory says about `{user}`.
    pub show: CommandSpec,
    /// Finds the host in it. One group.
    pub host: Extractor,
    /// Matches a line of it while the user is on hold.
    pub held: Pattern,
    /// Puts `{user}` on hold: the user can neither read nor change anything, and mail waits in the
    /// queue.
    pub hold: CommandSpec,
    /// Makes `{host}` the host of `{user}`, and ends the hold. What waits in a queue goes to that
    /// host.
    pub assign: CommandSpec,
}

/// A list of what users have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserInventory {
    /// What is listed: `messages`, `folders`.
    pub name: String,
    /// Prints the list, with the same line on both hosts for the same item. It runs once for a
    /// batch, and may list all users.
    pub command: CommandSpec,
    /// Finds the user of a line. One group. Lines that it does not match are not items.
    pub user: Extractor,
}

/// The two hosts of a site with `strategy = "coexistent"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    /// The host that the users are on.
    pub old: Host,
    /// The host that they move to.
    pub new: Host,
}

/// A host, and how to run commands on it from here. Without `ssh` and `run` it is this host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name, as the directory has it.
    pub name: String,
    /// The start of a command line that takes a command for the shell of that host: `["ssh",
    /// "-oBatchMode=yes", "root@mail1"]`. Words are quoted for that shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh: Vec<String>,
    /// The start of a command line that takes the words of a command as they are: `["chroot",
    /// "/srv/new"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// Values of the playbook's variables that differ on this host.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub variables: IndexMap<String, String>,
}
