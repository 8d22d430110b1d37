//! Values that a playbook writes as text. Each is parsed when the playbook is read, into a type
//! that carries what it means. The JSON Schema gives such a field a `format`; by it the check of a
//! file knows which type its text must fit, and tells all that do not at once.

pub mod pattern;
pub mod template;
pub mod version;

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::playbook::value::pattern::{Extractor, Pattern};
use crate::playbook::value::template::{Template, TemplateError};
use crate::playbook::value::version::VersionReq;

/// A text that does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ValueError {
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl ValueError {
    pub(in crate::playbook) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// The schema of a type that is written as text in a format of ours.
macro_rules! text_schema {
    ($type:ty, $format:literal) => {
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}
pub(in crate::playbook) use text_schema;

/// A time limit such as `30s`, `10m`, `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeLimit(Duration);

text_schema!(TimeLimit, "time-limit");

impl TryFrom<String> for TimeLimit {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            let what = format!("{text:?} is not a time: {error}");
            ValueError::new(what, "write a number with its unit: \"30s\", \"10m\", \"2h\"")
        })
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl From<TimeLimit> for String {
    fn from(limit: TimeLimit) -> Self {
        limit.to_string()
    }
}

impl Deref for TimeLimit {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

/// What is wrong with a text of this format, and a text of it that the check goes on with.
pub(in crate::playbook) fn fault(format: &str, text: &str) -> Option<(ValueError, &'static str)> {
    let owned = || text.to_owned();
    let (error, stand_in) = match format {
        "regex" => (Pattern::try_from(owned()).err(), "()"),
        "regex-with-one-group" => (Extractor::try_from(owned()).err(), "()"),
        "time-limit" => (some_time(owned()).err(), "1s"),
        "template" => (text.parse::<Template>().err().map(in_a_playbook), "/"),
        "version-comparisons" => (VersionReq::try_from(owned()).err(), "=1"),
        _ => (None, ""),
    };
    Some((error?, stand_in))
}

/// A playbook that leaves no time for something is wrong, though it can be read.
fn some_time(text: String) -> Result<(), ValueError> {
    let limit = TimeLimit::try_from(text.clone())?;
    if limit.as_secs() > 0 {
        return Ok(());
    }
    let what = format!("{text:?} is no time at all");
    Err(ValueError::new(what, "write a second or more: \"30s\""))
}

fn in_a_playbook(error: TemplateError) -> ValueError {
    match error {
        TemplateError::Close { .. } => {
            ValueError::new("a `}` stands alone", "write `}}` for a literal brace")
        }
        _ => ValueError::new(
            "a `{` begins no name",
            "write `{{` for a literal brace, `{name}` for a value",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_is_a_second_or_more() {
        let read = |text: &str| TimeLimit::try_from(text.to_owned());
        assert_eq!(read("2m").map(|it| it.as_secs()), Ok(120));
        assert_eq!(read("1h 30s").map(|it| it.to_string()), Ok("1h 30s".to_owned()));
        for bad in ["0s", "10ms", "", "10", "soon"] {
            assert!(fault("time-limit", bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn what_stands_in_for_a_faulty_text_fits() {
        for (format, bad) in [
            ("regex", "("),
            ("regex-with-one-group", "x"),
            ("time-limit", "x"),
            ("template", "{"),
            ("version-comparisons", "x"),
        ] {
            let (_, stand_in) = fault(format, bad).expect("a fault");
            assert_eq!(fault(format, stand_in), None, "{format}");
        }
    }
}
