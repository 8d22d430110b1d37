//! What `backout init` finds out about a host, and what `backout check --fix` can make there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
use crate::playbook::value::pattern::Extractor;
use crate::playbook::value::template::Template;

/// How `backout init` finds this product's values on a host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// The version that is proposed for `upgrade_to`, complete or its first parts: where the host
    /// shows a version that begins with it, and where it shows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_to: Option<String>,
    /// Prints the versions that this host could be upgraded to, one a line, if `upgrade.candidate`
    /// does not show one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<CommandSpec>,
    /// How the values of variables are found, in this order: each knows those before it.
    #[serde(default, rename = "value", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<DetectedValue>,
}

/// How the value of one variable is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectedValue {
    /// The variable.
    pub variable: String,
    /// Only reads, and prints the value. Several lines are several values: a person chooses. If it
    /// fails or prints nothing, the value is `otherwise`, or the variable's default.
    pub command: CommandSpec,
    /// A regular expression with one group, the value, for each line. Lines that do not match are
    /// left out. Default: the whole line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Extractor>,
    /// The value where nothing is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// Something that `backout check --fix` can make so that requirements are met: it is shown, and
/// made after a yes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// A name for `fix` of requirements: lower-case letters, digits, `-`.
    pub name: String,
    /// What it makes, for people.
    pub about: String,
    /// A file to write, in a folder that is there: one of backout's own, such as
    /// `/etc/NAME.d/90-backout.conf`. A file of that name with another content is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Template>,
    /// What stands in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Template>,
    /// A command instead. It must be harmless to run it again. It restarts nothing and removes
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSpec>,
    /// Units that read the file only when they start. Each restart is asked for by its own name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarts: Vec<Template>,
}
