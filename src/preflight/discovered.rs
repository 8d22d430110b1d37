//! The values that a change needs later, and that the playbook's commands find on this host.

use serde::Serialize;

use super::sources::Observed;
use super::{Facts, Finding, Kind, Sources, versions};
use crate::playbook::model::Discovery;

/// A value asked of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The value.
    pub value: Observed<String>,
}

/// Finds each value that no change has recorded.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<Asked> {
    if sources.occasion.is_downgrade() {
        // They were found before the upgrade, and the change has recorded them.
        return Vec::new();
    }
    let value = |name: &String, ask: &Discovery| match sources.values.get(name) {
        Some(value) => Ok(value.clone()),
        None => versions::answer(sources, &ask.command, ask.pattern.as_ref()).and_then(|value| {
            if value.is_empty() { Err("the answer is empty".to_owned()) } else { Ok(value) }
        }),
    };
    let all = sources.playbook.discover.iter();
    all.map(|(name, ask)| Asked {
        name: name.clone(),
        about: ask.about.clone(),
        value: value(name, ask),
    })
    .collect()
}

/// The values that the change needs later.
pub(super) fn asked(facts: &Facts) -> Vec<Finding> {
    let unknown = facts.asked.iter().filter_map(|ask| Some((ask, ask.value.as_ref().err()?)));
    unknown
        .map(|(ask, why)| {
            let title = format!(
                "{{{}}} could not be determined: {}.",
                ask.name,
                ask.about.trim_end_matches('.')
            );
            if facts.is_ordinary_user() {
                return Finding::warn(Kind::Ask, title)
                    .detail([why.clone()])
                    .remedy(["sudo backout ..."]);
            }
            Finding::refuse(Kind::Ask, title)
                .detail([why.clone()])
                .remedy(["The downgrade needs this value. Run the command above by hand."])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn no_answer() {
        let mut facts = facts(Occasion::Upgrade);
        facts.asked = vec![
            Asked {
                name: "gtid".into(),
                about: "The position in the log.".into(),
                value: Err("the answer is empty".into()),
            },
            Asked { name: "x".into(), about: "x".into(), value: Ok("1".into()) },
        ];
        insta::assert_snapshot!(show(&asked(&facts)), @r"
            refused: {gtid} could not be determined: The position in the log. [ask]
                     the answer is empty
              to do: The downgrade needs this value. Run the command above by hand.
            ");
        facts.caller.as_mut().expect("known").uid = 1000;
        assert_eq!(asked(&facts)[0].severity, super::super::Severity::Warn);
    }
}
