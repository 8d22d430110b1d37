//! A command as it stands in a playbook.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One program, or several joined by pipes. Never a shell: each word is one argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The program and its arguments. A word that is only `{capture_files}` or `{installer_files}` becomes one argument for each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Programs joined by pipes, instead of `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipe: Option<Vec<Vec<String>>>,
    /// Added to the environment. It is written into the journal: secrets belong into `env_from_file`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Added to the environment, each value from the file of this path, such as `REDISCLI_AUTH = "{password_file}"`. The file holds one line, belongs to
    /// root, and not everyone may read it. It is read when the command starts; what it holds is written down nowhere, and hidden in what the command
    /// prints. An empty path sets nothing, so that a variable may leave it open whether there is a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env_from_file: BTreeMap<String, String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Run as this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Standard input is read from this file. Otherwise it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Standard output goes to this file. Otherwise it is kept where it is needed, and logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Time limit, such as `30s`, `10m`, `2h`. Default: 10 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The command leaves servers running behind it (such as `start-msg`). What another command leaves running is ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub daemon: bool,
    /// Regular expressions for lines of its output that mean it failed, though it exits with 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails_on: Vec<String>,
}
