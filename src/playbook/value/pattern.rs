//! Regular expressions of playbooks, compiled when they are read.

use std::fmt;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::playbook::value::{ValueError, text_schema};

/// A regular expression: a line or an answer matches it, or does not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

/// A regular expression with one group: it finds a value in what a command printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Extractor(Regex);

/// A regular expression that the whole of a text must match, such as a user's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WholePattern {
    text: String,
    regex: Regex,
}

fn compiled(text: &str) -> Result<Regex, ValueError> {
    Regex::new(text).map_err(|error| {
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        ValueError::new(
            format!("this regular expression cannot be read: {why}"),
            "mend it; in TOML write it in single quotes, so that `\\` stays",
        )
    })
}

impl Pattern {
    /// Whether the pattern is found in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As the regex crate has it.
    pub fn regex(&self) -> &Regex {
        &self.0
    }
}

impl Extractor {
    /// The value: what the group matches where the expression is found first.
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        Some(self.0.captures(text)?.get(1)?.as_str())
    }

    /// The value in the first line that has one.
    pub fn find_in_lines<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.lines().find_map(|line| self.find(line))
    }
}

impl WholePattern {
    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        compiled(&text).map(Self)
    }
}

impl TryFrom<String> for Extractor {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        let regex = compiled(&text)?;
        match regex.captures_len() - 1 {
            1 => Ok(Self(regex)),
            found => Err(ValueError::new(
                format!("this regular expression has {found} groups, but one is needed: the value"),
                "put ( ) around the value, and (?: ) around everything else that is grouped",
            )),
        }
    }
}

impl TryFrom<String> for WholePattern {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        // By itself first: `a)(b` is whole only within other parentheses.
        compiled(&text)?;
        let regex = compiled(&format!("^(?:{text})$"))?;
        Ok(Self { text, regex })
    }
}

macro_rules! as_text {
    ($type:ty, $text:expr, $format:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text: fn(&$type) -> &str = $text;
                f.write_str(text(self))
            }
        }

        impl From<$type> for String {
            fn from(it: $type) -> Self {
                it.to_string()
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                let text: fn(&$type) -> &str = $text;
                text(self) == text(other)
            }
        }

        impl Eq for $type {}

        text_schema!($type, $format);
    };
}

as_text!(Pattern, |it| it.0.as_str(), "regex");
as_text!(Extractor, |it| it.0.as_str(), "regex-with-one-group");
as_text!(WholePattern, |it| &it.text, "regex");

#[cfg(test)]
mod tests {
    use super::*;

    fn extractor(text: &str) -> Result<Extractor, ValueError> {
        text.to_owned().try_into()
    }

    #[test]
    fn an_extractor_has_one_group() {
        let it = extractor(r"(?:v|version )(\d+)").expect("one group");
        assert_eq!(it.find("a version 12 of it"), Some("12"));
        assert_eq!(it.find_in_lines("none\nv7\nv8"), Some("7"));
        assert_eq!(it.find("none"), None);
        for bad in ["none", "(two)(groups)", "("] {
            assert!(extractor(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_whole_pattern_has_no_hole_at_its_ends() {
        let whole = |text: &str| WholePattern::try_from(text.to_owned());
        let it = whole("a|ab").expect("a pattern");
        assert!(it.is_match("ab") && !it.is_match("abc") && !it.is_match("xa"));
        assert_eq!(it.to_string(), "a|ab");
        assert!(whole("a)(b").is_err());
    }

    #[test]
    fn patterns_are_written_as_they_were_read() {
        let it: Pattern = serde_json::from_str(r#""^\\s*on$""#).expect("a pattern");
        assert_eq!(serde_json::to_string(&it).expect("JSON"), r#""^\\s*on$""#);
        assert!(serde_json::from_str::<Pattern>(r#""(""#).is_err());
    }
}
