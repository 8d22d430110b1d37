//! The response file for the vendor's installer.

use super::{Finding, Kind};
use crate::playbook::model::ResponseFile;

/// Warns about values that the playbook does not expect.
pub fn unexpected(section: &ResponseFile, values: &[(String, String)]) -> Vec<Finding> {
    let odd = |(key, value): &(String, String)| {
        let known = section.keys.get(key)?;
        let expect = known.expect.as_ref()?;
        (!expect.is_match(value)).then(|| {
            Finding::warn(
                Kind::Silent,
                format!("{key}={value} is passed to the vendor's installer."),
            )
            .detail([known.about.clone()])
            .remedy([known.remedy.clone()])
        })
    };
    values.iter().filter_map(odd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::fixture::show;

    #[test]
    fn a_value_that_is_not_expected_is_warned_of() {
        let section: ResponseFile = toml::from_str(
            "about = 'x'\n[keys.ALTROOT]\nabout = 'an alternate root'\nexpect = \
                '^(None)?$'\nremedy = 'leave it out'\n[keys.OTHER]\nabout = 'x'\n",
        )
        .unwrap();
        let value = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert!(
            unexpected(
                &section,
                &[value("ALTROOT", "None"), value("ALTROOT", ""), value("OTHER", "x")]
            )
            .is_empty()
        );
        insta::assert_snapshot!(show(&unexpected(&section, &[value("ALTROOT", "/mnt")])), @r"
            warning: ALTROOT=/mnt is passed to the vendor's installer. [silent]
                     an alternate root
              to do: leave it out
            ");
    }
}
