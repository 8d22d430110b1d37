//! The JSON Schemas of playbooks and sites, for editors and for the check.

use std::sync::LazyLock;

use schemars::schema_for;
use serde_json::Value;

use crate::playbook::{Playbook, Site};

static PLAYBOOK: LazyLock<Value> = LazyLock::new(|| without_null(schema_for!(Playbook).to_value()));
static SITE: LazyLock<Value> = LazyLock::new(|| without_null(schema_for!(Site).to_value()));

/// TOML has no null: what may be left out is what it is. An editor that has two alternatives says of
/// a wrong field only that neither fits.
fn without_null(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            let is_null = |part: &Value| part["type"] == "null";
            let parts = fields.get("anyOf").and_then(Value::as_array);
            let others: Vec<Value> =
                parts.into_iter().flatten().filter(|it| !is_null(it)).cloned().collect();
            let optional = parts.is_some_and(|parts| parts.len() == 2);
            if let ([Value::Object(one)], true) = (others.as_slice(), optional) {
                fields.remove("anyOf");
                fields.extend(one.clone());
            }
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|one| one != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    fields.insert("type".to_owned(), one);
                }
            }
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            for value in fields.values_mut() {
                *value = without_null(value.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_null(item.take());
            }
        }
        _ => {}
    }
    schema
}

/// The JSON Schema of a playbook.
pub fn playbook() -> &'static Value {
    &PLAYBOOK
}

/// The JSON Schema of a site file.
pub fn site() -> &'static Value {
    &SITE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An editor points at a misspelt field of an optional table as it does of any other.
    #[test]
    fn nothing_may_be_null_and_an_optional_table_is_the_table() {
        for schema in [playbook(), site()] {
            let text = schema.to_string();
            assert!(!text.contains("\"null\"") && !text.contains("anyOf"), "{text}");
        }
        let restore = &playbook()["properties"]["restore"];
        assert_eq!(restore["$ref"], "#/$defs/Restore");
        assert!(restore["description"].as_str().is_some_and(|text| text.starts_with("How the")));
    }
}
