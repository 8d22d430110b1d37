//! All checks, on facts of a test's own.

use super::*;
use crate::playbook::DataStrategy;
use fixture::facts;

const OCCASIONS: [Occasion; 5] = [
    Occasion::Decision,
    Occasion::Check,
    Occasion::Upgrade,
    Occasion::Downgrade { in_place: true },
    Occasion::Downgrade { in_place: false },
];

#[test]
fn a_sound_host_has_no_findings() {
    for occasion in OCCASIONS {
        let found = check(&facts(occasion));
        assert!(
            found.is_empty(),
            "{occasion:?}: {}",
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn the_gravest_come_first() {
    let mut facts = facts(Occasion::Upgrade);
    facts.limits = vec!["Counters may be lower.".into()];
    facts.roots[0].tree = Ok(None);
    let found = check(&facts);
    assert_eq!(found.first().map(|f| f.severity), Some(Severity::Refuse));
    assert_eq!(found.last().map(|f| f.kind), Some(Kind::Limits));
    assert!(found.is_sorted_by_key(|f| f.severity));
}

#[test]
fn a_title_is_a_sentence() {
    for occasion in OCCASIONS {
        let mut facts = facts(occasion);
        fixture::spoil(&mut facts);
        for finding in check(&facts) {
            assert!(finding.title.ends_with('.') && !finding.title.ends_with(".."), "{finding}");
        }
    }
}

/// A check that is written but never run would pass all its own tests.
#[test]
fn every_check_is_asked() {
    let spoilt = |occasion| {
        let mut facts = facts(occasion);
        fixture::spoil(&mut facts);
        let mut found = check(&facts);
        facts.data_strategy = DataStrategy::Full;
        // A server in no unit is said instead of one that does not run.
        facts.strangers.clear();
        found.extend(check(&facts));
        found.into_iter().map(|finding| finding.kind.name()).collect::<Vec<_>>()
    };
    let mut found: Vec<&str> = OCCASIONS.into_iter().flat_map(spoilt).collect();
    found.sort_unstable();
    found.dedup();
    insta::assert_snapshot!(found.join(" "), @"ask backup candidate clock cluster continuity data-links data-logs data-path data-users dataset-idle dataset-missing delegations file-name foreign-mount installed installer left-alone limits move-aside name-beside newer-bookmarks newer-snapshots not-answering not-running open-change other-data other-files other-server outside own-key place-in-store place-on-dataset place-room place-volatile place-writable pool-failmode pool-fill pool-health pool-missing pool-readonly pool-root program question readonly refquota requirement rights rollback-auto room secret several-pools shared side-by-side snapshot-jobs snapshot-name snapshots-unread system target-hold target-missing transfer unit version-rule zfs");
    let silent: Vec<usize> = (0..CHECKS.len())
        .filter(|index| {
            OCCASIONS.iter().all(|occasion| {
                let mut facts = facts(*occasion);
                fixture::spoil(&mut facts);
                let silent = CHECKS[*index](&facts).is_empty();
                facts.data_strategy = DataStrategy::Full;
                facts.strangers.clear();
                silent && CHECKS[*index](&facts).is_empty()
            })
        })
        .collect();
    assert!(silent.is_empty(), "checks that say nothing of a spoilt host: {silent:?}");
}

/// `backout check --json` prints the facts: their keys are versioned.
#[test]
fn the_keys_of_the_facts_stay() {
    fn keys(value: &serde_json::Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    let path = format!("{path}.{key}");
                    keys(value, &path, found);
                    found.insert(path);
                }
            }
            serde_json::Value::Array(list) => {
                for value in list {
                    keys(value, &format!("{path}[]"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = std::collections::BTreeSet::new();
    for occasion in OCCASIONS {
        let mut facts = facts(occasion);
        keys(&serde_json::to_value(&facts).expect("serialises"), "", &mut found);
        fixture::spoil(&mut facts);
        keys(&serde_json::to_value(&facts).expect("serialises"), "", &mut found);
    }
    insta::assert_snapshot!(found.into_iter().collect::<Vec<_>>().join("\n"));
}
