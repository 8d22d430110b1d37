//! The file that the vendor's installer reads: its values, and its text.

use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::playbook::Template;
use crate::playbook::model::ResponseFile;
use crate::report::{CliError, ErrorKind};

/// The values of the vendor's file: the playbook's defaults, then the given ones. The last value of
/// a key counts.
///
/// # Errors
/// When a key is not known.
pub fn values(
    section: Option<&ResponseFile>,
    default: impl Fn(&Template) -> anyhow::Result<String>,
    given: &[String],
) -> Result<Vec<(String, String)>, CliError> {
    let mut values: IndexMap<String, String> = IndexMap::new();
    for (key, known) in section.iter().flat_map(|section| &section.keys) {
        values.insert(key.clone(), default(&known.default)?);
    }
    for word in given {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let Some(known) = values.get_mut(key.trim()) else {
            let keys: Vec<&str> = values.keys().map(String::as_str).collect();
            let mut error = CliError::new(
                ErrorKind::Usage,
                format!("{key:?} is no key of the file that the vendor's installer reads"),
            );
            error.cause.push(if keys.is_empty() {
                "this playbook has no such file".into()
            } else {
                format!("known: {}", keys.join(", "))
            });
            return Err(error);
        };
        value.trim().clone_into(known);
    }
    Ok(values.into_iter().collect())
}

/// The text of the vendor's file. A key without a value is left out.
pub fn text(change: &str, values: &[(String, String)]) -> String {
    let mut text = format!("# written by backout for the change {change}\n");
    for (key, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> ResponseFile {
        toml::from_str(
            "about = 'the state file'\n[keys.VERB]\nabout = 'what to do'\ndefault = 'upgrade'\n\
             [keys.ALTROOT]\nabout = 'elsewhere'\n",
        )
        .unwrap()
    }

    fn of(given: &[&str]) -> Result<Vec<(String, String)>, CliError> {
        let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
        values(Some(&section()), |text| Ok(text.to_string()), &given)
    }

    #[test]
    fn the_last_value_of_a_key_counts() {
        let text = |given: &[&str]| text("c1", &of(given).unwrap_or_default());
        assert_eq!(text(&[]), "# written by backout for the change c1\nVERB=upgrade\n");
        let last = "# written by backout for the change c1\nALTROOT=/b=c\nVERB=upgrade\n";
        assert_eq!(text(&["ALTROOT=/a", "ALTROOT = /b=c"]), last);
        assert!(of(&["DRYRUN=yes"]).is_err(), "a dry run cannot be asked for in the file");
    }
}
