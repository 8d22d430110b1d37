//! The upgrade that needs no way back: a second host gets the new version, and users move to it, a
//! batch at a time, while both hosts serve.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
use crate::playbook::value::pattern::{Extractor, Pattern, WholePattern};

/// How users move from one host to another, and back. The commands of `directory` run where backout
/// runs; those that print or take a user's data run on the host that the site names: of a pipe the
/// first program does, the others run here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coexistent {
    /// What says on which host a user is.
    pub directory: Directory,
    /// Prints the backup of `{user}`; runs on the host that the user is on.
    pub backup: CommandSpec,
    /// Reads a backup from its standard input, and succeeds when it is complete and readable; runs
    /// on the host that the user comes to.
    pub verify: CommandSpec,
    /// Removes what the host that the user comes to has of `{user}`, and succeeds when there is
    /// nothing: the rest of a restore that was cut off, or what stayed when the user left. Run only
    /// once the backup is read back.
    pub clear: CommandSpec,
    /// Reads a backup from its standard input, and brings it in; runs on the host that the user
    /// comes to.
    pub restore: CommandSpec,
    /// What a user has, one item a line, taken on both hosts and compared: the proof.
    #[serde(rename = "inventory")]
    pub inventories: Vec<UserInventory>,
}

/// What says on which host a user is, and whether they are served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Regular expression for the whole name of a user that can be moved. No name may hold white
    /// space, `/`, or begin with `-`.
    pub user: WholePattern,
    /// Prints the names of all users of both hosts, one a line.
    pub users: CommandSpec,
    /// Prints what the directory says of `{user}`.
    pub show: CommandSpec,
    /// Finds the host in it. One group.
    pub host: Extractor,
    /// Matches a line of it while the user is on hold.
    pub held: Pattern,
    /// Puts `{user}` on hold: nobody reads, changes or is given anything, and mail waits in the
    /// queue.
    pub hold: CommandSpec,
    /// Makes `{host}` the host of `{user}`, and ends the hold. What waits in a queue goes there.
    pub assign: CommandSpec,
}

/// A list of what users have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserInventory {
    /// What is listed: `messages`, `folders`.
    pub name: String,
    /// Prints the list, the same line on both hosts for the same item. It may list all users: it
    /// runs once for a batch.
    pub command: CommandSpec,
    /// Finds the user that a line belongs to. One group. Lines that it does not match are not
    /// items.
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

/// A host, and how its commands are run from here. With neither `ssh` nor `run` it is this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name, as the directory has it.
    pub name: String,
    /// The beginning of a command line that takes a command for the shell of that host: `["ssh",
    /// "-oBatchMode=yes", "root@mail1"]`. Words are quoted for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh: Vec<String>,
    /// The beginning of a command line that takes the words of a command as they are: `["chroot",
    /// "/srv/new"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// Values for the playbook's variables that are others on this host.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub variables: IndexMap<String, String>,
}
