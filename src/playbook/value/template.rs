//! `{name}` in the texts of a playbook.
//!
//! `${...}` is left as it is (formats of `dpkg-query`), `{{` and `}}` are literal braces, `{$}` is
//! a `$` that stands before a name. A text is parsed once, into a [`Template`]. Names get their
//! values in two passes: those known when the plan is made ([`Template::fill_known`], which leaves
//! a template), then the rest when a step runs ([`Template::fill`], which leaves plain text). A
//! value that was filled in is literal text: no pass reads it as a template again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::playbook::value::text_schema;

/// Gives the value of a name, if it is known.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Names that stand for several arguments, with their items.
pub type Lists = BTreeMap<String, Vec<String>>;

/// Why a text is no template, or cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` begins no name.
    #[error(
        "in {text:?} the `{{` at character {at} begins no name; a literal brace is written `{{{{`"
    )]
    Open {
        /// The text.
        text: String,
        /// The position, counted from 1.
        at: usize,
    },
    /// A `}` ends nothing.
    #[error(
        "in {text:?} the `}}` at character {at} ends no name; a literal brace is written `}}}}`"
    )]
    Close {
        /// The text.
        text: String,
        /// The position, counted from 1.
        at: usize,
    },
    /// No value is known for a name.
    #[error("no value for `{{{name}}}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A list stands inside a longer word, or where only one value fits.
    #[error("`{{{name}}}` is a list: it must be an argument of its own")]
    ListInside {
        /// The name.
        name: String,
    },
    /// A list has no items.
    #[error("`{{{name}}}` is an empty list: there is nothing to run the command with")]
    EmptyList {
        /// The name.
        name: String,
    },
}

/// A text with names in it that get their values later.
///
/// In a file (a playbook, a plan in a journal) it is one string, with its braces escaped. It has no
/// way to be run or used as text but by [`Template::fill`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// Two literals never follow each other, and none is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Name(String),
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The `${...}` that a text begins with.
fn opaque(text: &str) -> Option<&str> {
    let begins = text.starts_with("${") && !text.starts_with("${{");
    begins.then(|| text.find('}').map(|end| &text[..=end])).flatten()
}

impl Template {
    /// A text that means itself, whatever is in it.
    pub fn literal(text: &str) -> Self {
        let mut template = Self::default();
        template.push(text);
        template
    }

    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Literal(before)) => before.push_str(text),
            _ => self.0.push(Piece::Literal(text.to_owned())),
        }
    }

    /// The names in it, in order, each as often as it occurs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Whether it is the empty text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name, if it is nothing else.
    pub fn only_name(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Name(name)] => Some(name),
            _ => None,
        }
    }

    /// Fills in the names that `lookup` knows; the others stay.
    #[must_use]
    pub fn fill_known(&self, lookup: Lookup<'_>) -> Self {
        let mut filled = Self::default();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => filled.push(text),
                Piece::Name(name) => match lookup(name) {
                    Some(value) => filled.push(&value),
                    None => filled.0.push(Piece::Name(name.clone())),
                },
            }
        }
        filled
    }

    /// The text, with the value of every name.
    ///
    /// # Errors
    /// When a name is not known.
    pub fn fill(&self, lookup: Lookup<'_>) -> Result<String, TemplateError> {
        let mut result = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => result.push_str(text),
                Piece::Name(name) => {
                    let unknown = || TemplateError::Unknown { name: name.clone() };
                    result.push_str(&lookup(name).ok_or_else(unknown)?);
                }
            }
        }
        Ok(result)
    }

    /// The same for a glob pattern: what is special in a pattern means itself in a value.
    ///
    /// # Errors
    /// As [`Template::fill`].
    pub fn fill_pattern(&self, lookup: Lookup<'_>) -> Result<String, TemplateError> {
        self.fill(&|name| lookup(name).map(|value| glob::Pattern::escape(&value)))
    }

    /// As it is written in a file: what [`Template::from_str`] reads again.
    pub fn source(&self) -> String {
        let mut source = String::new();
        for (i, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Literal(text) => {
                    let before_name = i + 1 < self.0.len();
                    escape(text, before_name, &mut source);
                }
                Piece::Name(name) => source.push_str(&format!("{{{name}}}")),
            }
        }
        source
    }
}

/// Writes a literal text as it stands in a template. `${...}` needs no escape; a `$` that would
/// make one of what follows does.
fn escape(text: &str, before_name: bool, into: &mut String) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '$' => match opaque(rest) {
                Some(whole) => {
                    into.push_str(whole);
                    whole.len()
                }
                None => {
                    let behind = rest.trim_start_matches('$');
                    let opens = behind.starts_with('{') || (behind.is_empty() && before_name);
                    into.push_str(if opens { "{$}" } else { "$" });
                    1
                }
            },
            '{' | '}' => {
                into.extend([c, c]);
                1
            }
            other => {
                into.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[length..];
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let at = || text[..text.len() - rest.len()].chars().count() + 1;
            let length = if let Some(whole) = opaque(rest) {
                template.push(whole);
                whole.len()
            } else if rest.starts_with("${") && !rest.starts_with("${{") {
                return Err(TemplateError::Open { text: text.to_owned(), at: at() + 1 });
            } else if rest.starts_with("{{") || rest.starts_with("}}") {
                template.push(&rest[..1]);
                2
            } else if rest.starts_with("{$}") {
                template.push("$");
                3
            } else if c == '{' {
                let name = rest.find('}').map(|end| &rest[1..end]).filter(|name| is_name(name));
                let stray = || TemplateError::Open { text: text.to_owned(), at: at() };
                let name = name.ok_or_else(stray)?;
                template.0.push(Piece::Name(name.to_owned()));
                name.len() + 2
            } else if c == '}' {
                return Err(TemplateError::Close { text: text.to_owned(), at: at() });
            } else {
                template.push(&rest[..c.len_utf8()]);
                c.len_utf8()
            };
            rest = &rest[length..];
        }
        Ok(template)
    }
}

/// For people: literal text as it is, each name in braces.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Name(name) => write!(f, "{{{name}}}"),
        })
    }
}

text_schema!(Template, "template");

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.source())
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn of<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|it| it.1);
        move |name| value(name).map(str::to_owned)
    }

    fn parsed(text: &str) -> Template {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn names(text: &str) -> Vec<String> {
        parsed(text).names().map(str::to_owned).collect()
    }

    #[test]
    fn dollar_braces_stay_and_doubled_braces_are_literal() {
        let known = of(&[("a", "1")]);
        for (text, filled) in [
            ("${Package}={a} {{x}} {$}{a}", "${Package}=1 {x} $1"),
            ("${{a}}", "${a}"),
            ("$HOME costs 5$", "$HOME costs 5$"),
        ] {
            assert_eq!(parsed(text).fill(&known), Ok(filled.to_owned()), "{text}");
        }
        assert_eq!(names("{a}{b_2}${c}{{d}}"), ["a", "b_2"]);
    }

    #[test]
    fn a_stray_brace_is_named_with_its_place() {
        let text = "é {} x".parse::<Template>().unwrap_err().to_string();
        let begins = "in \"é {} x\" the `{` at character 3 begins no name";
        assert_eq!(text, format!("{begins}; a literal brace is written `{{{{`"));
        let parse = |text: &str| text.parse::<Template>();
        assert!(matches!(parse("a}"), Err(TemplateError::Close { at: 2, .. })));
        assert!(matches!(parse("a${b"), Err(TemplateError::Open { at: 3, .. })));
        assert!(parse("{A}").is_err());
    }

    #[test]
    fn unknown_names_stay_in_the_first_pass_and_fail_in_the_last() {
        assert_eq!(parsed("{a} {b}").fill_known(&of(&[("a", "x")])), parsed("x {b}"));
        let error = parsed("{b}").fill(&of(&[])).unwrap_err();
        assert_eq!(error.to_string(), "no value for `{b}`");
    }

    #[test]
    fn a_value_is_never_a_template() {
        let first = parsed("{a}{b}").fill_known(&of(&[("a", "{b}$")]));
        assert_eq!(first.fill(&of(&[("b", "2")])), Ok("{b}$2".to_owned()));
        assert_eq!(first.source(), "{{b}}{$}{b}");
        assert_eq!(first.to_string(), "{b}${b}");
    }

    #[test]
    fn a_value_in_a_pattern_means_itself() {
        let pattern = parsed("{dir}/*.log").fill_pattern(&of(&[("dir", "/srv/a [b]*?")])).unwrap();
        let pattern = glob::Pattern::new(&pattern).unwrap();
        assert!(pattern.matches("/srv/a [b]*?/x.log"));
        assert!(!pattern.matches("/srv/a bcd/x.log"));
    }

    fn text() -> impl Strategy<Value = String> {
        r"([a-z${} ]|\{[abc]\}|\$\{[a-z]\}|\{\{|\}\}|\{\$\}){0,12}"
    }

    proptest! {
        #[test]
        fn two_passes_are_as_good_as_one(
            text in text(),
            a in r"[a${}]{0,5}",
            b in r"[a${}]{0,5}",
            c in r"[a${}]{0,5}",
        ) {
            let all = [("a", a.as_str()), ("b", b.as_str()), ("c", c.as_str())];
            let (whole, one, other) = (of(&all), of(&all[..1]), of(&all[1..]));
            if let Ok(template) = text.parse::<Template>() {
                let first = template.fill_known(&one);
                prop_assert_eq!(first.fill(&other), template.fill(&whole));
                prop_assert_eq!(first.fill_known(&one), first);
            }
        }

        #[test]
        fn what_is_written_is_read_again(text in text(), a in r"[a${}]{0,5}") {
            if let Ok(template) = text.parse::<Template>() {
                for template in [template.fill_known(&of(&[("a", &a)])), template] {
                    prop_assert_eq!(template.source().parse::<Template>(), Ok(template));
                }
            }
        }

        #[test]
        fn any_value_comes_out_as_it_went_in(value in any::<String>(), behind in any::<String>()) {
            let first = parsed("{a}{b}").fill_known(&of(&[("a", &value)]));
            let read = parsed(&first.source());
            prop_assert_eq!(read.fill(&of(&[("b", &behind)])), Ok(format!("{value}{behind}")));
            prop_assert_eq!(Template::literal(&value).fill(&|_| None), Ok(value));
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = text.parse::<Template>().map(|it| it.source());
        }
    }
}
