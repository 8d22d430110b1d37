//! Fields and their types, checked against the JSON Schema of the types, so that all that is wrong
//! is told at once.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::playbook::problem::{Report, nearest};
use crate::playbook::value;

/// Notes every unknown, missing or ill-typed field, and every text that its type cannot be read
/// from.
///
/// Returns the text of the file for the types to read, if every field is there: what does not fit
/// is replaced by something that does, so that the rest of the file is checked all the same.
pub(in crate::playbook) fn check(schema: &Value, report: &mut Report<'_>) -> Option<String> {
    let root = report.root();
    let mut shape = Shape { schema, report, replaced: Vec::new(), whole: true };
    shape.table(schema, root.get_ref(), root.span(), "");
    let Shape { mut replaced, whole, report, .. } = shape;
    let mut text = report.text().to_owned();
    // From the end on, so that the places of those before stay true.
    replaced.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, stand_in) in replaced {
        text.replace_range(span, &format!("'{stand_in}'"));
    }
    whole.then_some(text)
}

struct Shape<'s, 'r, 'a> {
    schema: &'s Value,
    report: &'r mut Report<'a>,
    /// What is written in the place of texts that cannot be read.
    replaced: Vec<(Range<usize>, &'static str)>,
    /// Whether every field is there and has its type.
    whole: bool,
}

/// `[service]`, `[[requirement]]`, or the file.
fn place(path: &str) -> String {
    if path.is_empty() { "this file".to_owned() } else { format!("`{path}`") }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl<'s> Shape<'s, '_, '_> {
    fn error_at(&mut self, span: Range<usize>, what: String, remedy: String) {
        self.whole = false;
        self.report.error_at(Some(span), what, remedy);
    }

    /// What a `$ref` names, or the part of an `anyOf` that is not null.
    fn resolve(&self, schema: &'s Value) -> &'s Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            return self.resolve(&self.schema["$defs"][name]);
        }
        match schema["anyOf"]
            .as_array()
            .and_then(|parts| parts.iter().find(|part| part["type"] != "null"))
        {
            Some(part) => self.resolve(part),
            None => schema,
        }
    }

    fn table(&mut self, schema: &'s Value, table: &DeTable<'_>, span: Range<usize>, path: &str) {
        let fields = schema["properties"].as_object();
        let others =
            schema["additionalProperties"].as_object().map(|_| &schema["additionalProperties"]);
        let mut misspelt = BTreeSet::new();
        for (key, value) in table.iter() {
            let name: &str = key.get_ref();
            match (fields.and_then(|fields| fields.get(name)), others) {
                (Some(field), _) | (None, Some(field)) => {
                    self.value(field, value, &join(path, name))
                }
                (None, None) => {
                    let known: Vec<&str> = fields
                        .into_iter()
                        .flat_map(|fields| fields.keys().map(String::as_str))
                        .collect();
                    let absent: Vec<&str> =
                        known.iter().copied().filter(|field| !table.contains_key(*field)).collect();
                    let remedy = match nearest(name, absent) {
                        Some(meant) => {
                            misspelt.insert(meant);
                            format!("did you mean `{meant}`?")
                        }
                        None => format!("known here: {}", known.join(", ")),
                    };
                    self.error_at(
                        key.span(),
                        format!("there is no field `{name}` in {}", place(path)),
                        remedy,
                    );
                }
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) && !misspelt.contains(name) {
                let about = schema["properties"][name]["description"]
                    .as_str()
                    .unwrap_or_default()
                    .replace('\n', " ");
                let header = if path.is_empty() { 0..0 } else { span.clone() };
                self.error_at(
                    header,
                    format!("{} has no `{name}`", place(path)),
                    format!("add `{name}`: {about}"),
                );
            }
        }
    }

    fn value(&mut self, field: &'s Value, value: &Spanned<DeValue<'_>>, path: &str) {
        let schema = self.resolve(field);
        if let Some(choices) = choices(schema) {
            self.choice(&choices, value, path);
            return;
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => {
                several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect()
            }
            _ => return,
        };
        match (types.first().copied(), value.get_ref()) {
            (Some("object"), DeValue::Table(table)) => {
                self.table(schema, table, value.span(), path)
            }
            (Some("array"), DeValue::Array(items)) => {
                for item in items.iter() {
                    self.value(&schema["items"], item, path);
                }
            }
            (Some("string"), DeValue::String(text)) => {
                let format = schema["format"].as_str().unwrap_or_default();
                if let Some((error, stand_in)) = value::fault(format, text) {
                    self.report.error_at(Some(value.span()), error.what, error.remedy);
                    self.replaced.push((value.span(), stand_in));
                }
            }
            (Some("integer"), DeValue::Integer(_)) | (Some("boolean"), DeValue::Boolean(_)) => {}
            (Some(expected), found) => {
                let (wanted, example) = described(expected, schema);
                let what = format!("`{path}` is {}, but {wanted} is wanted", found_as(found));
                self.error_at(value.span(), what, format!("write it as {example}"));
            }
            (None, _) => {}
        }
    }

    fn choice(&mut self, choices: &BTreeSet<&str>, value: &Spanned<DeValue<'_>>, path: &str) {
        let all: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
        let (what, given) = match value.get_ref() {
            DeValue::String(given) if choices.contains(given.as_ref()) => return,
            DeValue::String(given) => (format!("`{path}` cannot be {given:?}"), given.as_ref()),
            other => {
                (format!("`{path}` is {}, but one of some words is wanted", found_as(other)), "")
            }
        };
        let remedy = match nearest(given, choices.iter().copied()) {
            Some(meant) => format!("did you mean {meant:?}? (one of {})", all.join(", ")),
            None => format!("write one of {}", all.join(", ")),
        };
        self.error_at(value.span(), what, remedy);
    }
}

/// The words of an enum.
fn choices(schema: &Value) -> Option<BTreeSet<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let parts = schema["oneOf"].as_array()?;
    let words = parts.iter().flat_map(|part| {
        part["const"]
            .as_str()
            .into_iter()
            .chain(part["enum"].as_array().into_iter().flatten().filter_map(Value::as_str))
    });
    Some(words.collect())
}

fn described(expected: &str, schema: &Value) -> (&'static str, &'static str) {
    match expected {
        "object" => ("a table", "a table: `[...]` with its fields below, or `{ field = ... }`"),
        "array" if schema["items"]["type"] == "array" => {
            ("a list of lists of texts", "[[\"program\", \"argument\"], [\"program\"]]")
        }
        "array" => ("a list", "a list: [\"...\", \"...\"] (or [[...]] where the items are tables)"),
        "string" => ("a text", "a text in quotes: \"...\""),
        "integer" => ("a whole number", "a whole number without quotes: 1"),
        _ => ("true or false", "true or false, without quotes"),
    }
}

fn found_as(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
