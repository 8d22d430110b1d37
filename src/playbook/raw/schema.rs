//! The JSON Schemas of playbooks and sites, for editors and for the check.

use std::sync::LazyLock;

use schemars::schema_for;
use serde_json::Value;

use crate::playbook::{Playbook, Site};

static PLAYBOOK: LazyLock<Value> = LazyLock::new(|| schema_for!(Playbook).to_value());
static SITE: LazyLock<Value> = LazyLock::new(|| schema_for!(Site).to_value());

/// The JSON Schema of a playbook.
pub fn playbook() -> &'static Value {
    &PLAYBOOK
}

/// The JSON Schema of a site file.
pub fn site() -> &'static Value {
    &SITE
}
