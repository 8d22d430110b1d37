//! Versions as products print them, and comparisons with them.
//!
//! Digits compare as numbers, other text as text, a `~` comes before everything (as in `dpkg(1)`),
//! and parts that are missing at the end count as zero: `11` and `11.0` are equal.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::playbook::value::{ValueError, text_schema};

/// Compares two versions.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    for i in 0..a.len().max(b.len()) {
        let order = rank(a.get(i)).cmp(&rank(b.get(i)));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Words for a version that is not finished.
const UNFINISHED: &[&str] = &["alpha", "beta", "dev", "pre", "preview", "rc", "snapshot"];

/// Whether `version` is the one that was asked for: `wanted` itself, or `wanted` is its first
/// parts.
///
/// This is the only place that decides it, for checks and for steps alike. `11.8.9` and
/// `11.8.9-1` are `11.8`, `11.80` is not. Neither is a letter behind the last number (`11.8rc1`,
/// `1.1.1w` for `1.1.1`), nor a release candidate, however it is written (`11.8~rc1`,
/// `11.8.1-beta2`): an operator who asked for 11.8 has not asked for that. Who wants it writes
/// it out: `upgrade_to = "11.8rc1"`.
pub fn version_is(version: &str, wanted: &str) -> bool {
    let (version, wanted) = (version.trim(), wanted.trim());
    let Some(rest) = version.strip_prefix(wanted).filter(|_| !wanted.is_empty()) else {
        return false;
    };
    let ends = rest.is_empty() || rest.starts_with(['.', '-', '+', '~', ' ', ':', '_']);
    let unfinished = |part: &Part<'_>| match part {
        Part::Text(text) => UNFINISHED.contains(&text.to_ascii_lowercase().as_str()),
        Part::Number(_) | Part::Tilde => false,
    };
    ends && !parts(rest).iter().any(unfinished)
}

#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// Without leading zeros.
    Number(&'a str),
    Text(&'a str),
    Tilde,
}

/// Digits and runs of other characters; dots and dashes only separate.
fn parts(version: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = version.trim();
    while let Some(first) = rest.chars().next() {
        let separator = |c: char| matches!(c, '.' | '-' | '_' | '+' | ':' | ' ');
        let length = if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            found.push(Part::Number(rest[..length].trim_start_matches('0')));
            length
        } else if first == '~' {
            found.push(Part::Tilde);
            1
        } else if separator(first) {
            1
        } else {
            let length = rest
                .find(|c: char| c.is_ascii_digit() || c == '~' || separator(c))
                .unwrap_or(rest.len());
            found.push(Part::Text(&rest[..length]));
            length
        };
        rest = &rest[length..];
    }
    found
}

/// `~` < nothing = zero < text < other numbers; numbers by length, then digits.
fn rank<'a>(part: Option<&Part<'a>>) -> (u8, usize, &'a str) {
    match part {
        Some(Part::Tilde) => (0, 0, ""),
        None | Some(Part::Number("")) => (1, 0, ""),
        Some(Part::Text(text)) => (2, 0, text),
        Some(Part::Number(digits)) => (3, digits.len(), digits),
    }
}

/// Comparisons that a version must all pass: `>=10.11, <11`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionReq(Vec<(Operator, String)>);

text_schema!(VersionReq, "version-comparisons");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    AtLeast,
    Below,
    Is,
}

impl TryFrom<String> for VersionReq {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.split(',').map(comparison).collect::<Result<_, _>>().map(Self)
    }
}

impl From<VersionReq> for String {
    fn from(it: VersionReq) -> Self {
        it.to_string()
    }
}

/// `>` and `<=` are left out on purpose: with a shortened version they do not say what people
/// expect (is 11.8.9 `<=11.8`?).
fn comparison(part: &str) -> Result<(Operator, String), ValueError> {
    let part = part.trim();
    let read = [(">=", Operator::AtLeast), ("<", Operator::Below), ("=", Operator::Is)]
        .iter()
        .find_map(|(sign, operator)| part.strip_prefix(sign).map(|rest| (*operator, rest.trim())));
    let plain =
        |version: &str| version.chars().all(|c| c.is_ascii_alphanumeric() || ".-+~:_".contains(c));
    match read {
        Some((operator, version))
            if version.starts_with(|c: char| c.is_ascii_digit()) && plain(version) =>
        {
            Ok((operator, version.to_owned()))
        }
        _ => Err(ValueError::new(
            format!("{part:?} is not a comparison of versions"),
            "write `>=`, `<` or `=` (all that begin with it) and a version, separated by commas: \
                \">=10.11, <11\"",
        )),
    }
}

impl VersionReq {
    /// Whether a version passes all comparisons. `=11.8` is passed by every 11.8.
    pub fn matches(&self, version: &str) -> bool {
        self.0.iter().all(|(operator, bound)| match operator {
            Operator::AtLeast => compare(version, bound) != Ordering::Less,
            Operator::Below => compare(version, bound) == Ordering::Less,
            Operator::Is => version_is(version, bound),
        })
    }
}

impl fmt::Display for VersionReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (operator, version)) in self.0.iter().enumerate() {
            let sign = match operator {
                Operator::AtLeast => ">=",
                Operator::Below => "<",
                Operator::Is => "=",
            };
            write!(f, "{}{sign}{version}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<VersionReq, ValueError> {
        text.to_owned().try_into()
    }

    #[test]
    fn versions_are_ordered() {
        for (a, b) in [
            ("7.0.5.28.0", "7.0.5.29.0"),
            ("7.0.5.29.0", "8.0.1"),
            ("8.0.1", "8.0.2.1.20220829"),
            ("10.11.19", "11.8.9"),
            ("9", "10"),
            ("11.8~rc1", "11.8"),
            ("11.8.9-0+deb12u1", "11.8.9-0+deb13u1"),
            ("15", "17.2"),
        ] {
            assert_eq!(compare(a, b), Ordering::Less, "{a} < {b}");
            assert_eq!(compare(b, a), Ordering::Greater, "{b} > {a}");
        }
        assert_eq!(compare("11", "11.0"), Ordering::Equal);
        assert_eq!(compare("11.08", "11.8"), Ordering::Equal);
    }

    #[test]
    fn requirements_match() {
        let from = read(">=10.11, <11").unwrap();
        assert!(from.matches("10.11.19") && from.matches("10.11"));
        assert!(!from.matches("10.6.22") && !from.matches("11.0.1") && !from.matches("11"));
        let is = read("=11.8").unwrap();
        assert!(is.matches("11.8") && is.matches("11.8.9") && !is.matches("11.80"));
        assert_eq!(from.to_string(), ">=10.11, <11");
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        for bad in ["", "10.11", ">=", ">11", "<=11", ">=10,", ">= x", "^1", "=1 2"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_is_its_first_parts() {
        for (version, wanted, yes) in [
            ("11.8.9", "11.8", true),
            ("11.8", "11.8", true),
            ("11.80.1", "11.8", false),
            ("11.8.9-1", "11.8.9", true),
            ("11.8.9-0+deb12u1", "11.8", true),
            ("11.8.9~bpo12+1", "11.8.9", true),
            (" 11.8\n", "11.8", true),
            ("1.8", "11.8", false),
            ("11.8rc1", "11.8", false),
            ("11.8~rc1", "11.8", false),
            ("11.8-RC1", "11.8", false),
            ("11.8.1-beta2", "11.8", false),
            ("11.8.0rc1", "11.8", false),
            ("11.8rc1", "11.8rc1", true),
            ("11.8.0-rc1-2", "11.8.0-rc1", true),
            ("1.1.1w", "1.1.1", false),
            ("7u5-31.0", "7u5", true),
            ("11.8", "", false),
        ] {
            assert_eq!(version_is(version, wanted), yes, "{version} {wanted}");
        }
    }

    fn version() -> impl Strategy<Value = String> {
        "[0-9]{1,2}([.~+-]?[0-9a-b]{1,2}){0,3}"
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in version(), b in version(), c in version()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
                prop_assert_ne!(compare(&a, &c), Ordering::Greater, "{} {} {}", a, b, c);
            }
        }

        #[test]
        fn numbers_are_ordered_as_numbers(a in prop::collection::vec(0u32..200, 1..5), b in prop::collection::vec(0u32..200, 1..5)) {
            let text = |parts: &[u32]| parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let padded = |parts: &[u32]| { let mut parts = parts.to_vec(); parts.resize(5, 0); parts };
            prop_assert_eq!(compare(&text(&a), &text(&b)), padded(&a).cmp(&padded(&b)));
        }

        #[test]
        fn at_least_and_below_are_opposites(a in version(), b in version()) {
            let (at_least, below) = (read(&format!(">={b}")).unwrap(), read(&format!("<{b}")).unwrap());
            prop_assert_ne!(at_least.matches(&a), below.matches(&a));
        }
    }
}
