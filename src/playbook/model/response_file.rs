//! A response file: `KEY=VALUE` lines that the vendor's installer reads.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::value::pattern::Pattern;
use crate::playbook::value::template::Template;

/// The response file that the vendor's installer reads in unattended runs. backout writes it as
/// `{response_file}`, from these keys, the answers file (`--answers`) and `--silent KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseFile {
    /// Which file it is, in the vendor's words.
    pub about: String,
    /// Its keys.
    pub keys: IndexMap<String, ResponseKey>,
}

/// A key of that file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseKey {
    /// What it means.
    pub about: String,
    /// Its value if no answer gives one. A key without a value is left out.
    #[serde(default)]
    pub default: Template,
    /// A regular expression that the value should match. Otherwise the operator is warned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Pattern>,
    /// What the operator should do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}
