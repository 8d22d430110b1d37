//! Other changes that are open.

use super::sources::OpenChange;
use super::{Facts, Finding, Kind, Occasion, Severity};
use crate::zfs::Dataset;

/// Allows one change at a time for a dataset.
pub(super) fn others(facts: &Facts) -> Vec<Finding> {
    let shared = |change: &OpenChange| {
        let mine = |theirs: &Dataset| {
            facts
                .roots
                .iter()
                .any(|root| root.name.is_within(theirs) || theirs.is_within(&root.name))
        };
        change
            .datasets
            .iter()
            .filter(|theirs| mine(theirs))
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let mut findings = Vec::new();
    for change in
        facts.open_changes.iter().filter(|change| facts.change.as_ref() != Some(&change.id))
    {
        let datasets = shared(change);
        if datasets.is_empty() {
            continue;
        }
        let severity =
            if facts.occasion == Occasion::Check { Severity::Warn } else { Severity::Refuse };
        findings.push(
            Finding::new(
                Kind::OpenChange,
                severity,
                format!("Change {} is still open on these datasets.", change.id),
            )
            .detail([datasets.join(", ")])
            .remedy([
                format!("backout status --change {}", change.id),
                format!(
                    "backout commit --change {0}   # or: backout downgrade --change {0}",
                    change.id
                ),
            ]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn another_change() {
        let mut facts = facts(Occasion::Upgrade);
        let open = |id: &str, dataset: &str| OpenChange {
            id: id.into(),
            datasets: vec![dataset.parse().expect("name")],
        };
        facts.open_changes =
            vec![open("c0", "tank/db/log"), open("c9", "tank/dbx"), open("c8", "tank")];
        insta::assert_snapshot!(show(&others(&facts)), @r"
            refused: Change c0 is still open on these datasets. [open-change]
                     tank/db/log
              to do: backout status --change c0
                     backout commit --change c0   # or: backout downgrade --change c0

            refused: Change c8 is still open on these datasets. [open-change]
                     tank
              to do: backout status --change c8
                     backout commit --change c8   # or: backout downgrade --change c8
            ");
        facts.change = Some("c0".into());
        assert_eq!(others(&facts).len(), 1);
    }
}
