//! The checks before a procedure: each looks at [`Facts`] and refuses, asks for a yes, or warns, always with the remedy.
//!
//! [`gather`](gather::gather) reads the host and changes nothing; [`check`] is pure. All of it
//! happens before anything is stopped.

use serde::Serialize;

use crate::playbook;

mod clock;
pub mod cluster;
pub mod coexistent;
pub mod continuity;
mod data;
pub mod datasets;
mod discovered;
pub mod facts;
mod file_names;
mod finding;
mod foreign_mounts;
mod full_backup;
pub mod gather;
mod installers;
mod jobs;
mod keep;
mod links;
pub mod newer;
pub mod open_changes;
pub mod places;
mod pool;
mod product;
mod programs;
pub mod response_file;
mod rights;
mod secrets;
mod services;
mod side_by_side;
pub mod snapshots;
mod space;
mod storage;
mod system;
mod text;
mod transfers;
mod users;
pub mod versions;
mod zfs_version;

#[cfg(test)]
mod fixture;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod host_fixture;

pub use facts::Facts;
pub use finding::{Finding, Kind, Severity};
pub use gather::{Sources, gather};

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Nothing yet: could this host upgrade, and come back?
    Check,
    /// The upgrade.
    Upgrade,
    /// The downgrade.
    Downgrade {
        /// The upgraded state is destroyed, not kept beside the restored one.
        in_place: bool,
    },
}

impl Occasion {
    /// The playbook's occasion. A playbook does not distinguish a mere check or the kind of
    /// rollback, so it has an `Occasion` of its own.
    pub fn procedure(self) -> playbook::model::Occasion {
        if self.is_downgrade() { playbook::model::Occasion::Downgrade } else { playbook::model::Occasion::Upgrade }
    }

    /// Whether it is a downgrade.
    pub fn is_downgrade(self) -> bool {
        matches!(self, Self::Downgrade { .. })
    }
}

type Check = fn(&Facts) -> Vec<Finding>;

/// Every check. Each looks at the occasion itself.
const CHECKS: &[Check] = &[
    rights::rights,
    zfs_version::usable,
    pool::missing,
    pool::health,
    pool::failmode,
    pool::fill,
    datasets::exist,
    datasets::state,
    keep::auto,
    keep::pool_root,
    keep::names,
    keep::delegated,
    datasets::pools,
    system::system,
    data::paths,
    data::outside,
    data::idle,
    links::links,
    foreign_mounts::mounts,
    side_by_side::link,
    cluster::nodes,
    full_backup::folders,
    full_backup::places,
    full_backup::backup,
    places::on_datasets,
    places::volatile,
    places::writable,
    places::room,
    space::keep_room,
    space::refquota,
    snapshots::unread,
    snapshots::name_taken,
    snapshots::targets,
    newer::newer,
    newer::newer_bookmarks,
    snapshots::foreign_on_target,
    clock::clock,
    open_changes::others,
    jobs::automatic,
    transfers::ours,
    services::units,
    services::running,
    users::others,
    versions::not_yet,
    versions::candidate,
    versions::rule,
    product::requirements,
    product::questions,
    discovered::asked,
    product::limits,
    programs::missing,
    secrets::usable,
    file_names::names,
    continuity::logs,
    installers::at_least,
];

/// The findings for the occasion of the facts, the most severe first.
pub fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(facts)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::Way;
    use fixture::facts;

    const OCCASIONS: [Occasion; 4] =
        [Occasion::Check, Occasion::Upgrade, Occasion::Downgrade { in_place: true }, Occasion::Downgrade { in_place: false }];

    #[test]
    fn a_sound_host_has_no_findings() {
        for occasion in OCCASIONS {
            let found = check(&facts(occasion));
            assert!(found.is_empty(), "{occasion:?}: {}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
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
            facts.way = Way::Full;
            found.extend(check(&facts));
            found.into_iter().map(|finding| finding.kind.name()).collect::<Vec<_>>()
        };
        let mut found: Vec<&str> = OCCASIONS.into_iter().flat_map(spoilt).collect();
        found.sort_unstable();
        found.dedup();
        insta::assert_snapshot!(found.join(" "), @"ask backup candidate clock cluster continuity data-links data-path data-users dataset-idle dataset-missing delegations file-name foreign-mount installed installer limits move-aside name-beside newer-bookmarks newer-snapshots not-running open-change outside place-in-store place-on-dataset place-room place-volatile place-writable pool-failmode pool-fill pool-health pool-missing pool-readonly pool-root program question readonly refquota requirement rights rollback-auto room secret several-pools side-by-side snapshot-jobs snapshot-name snapshots-unread system target-hold target-missing transfer unit version-rule zfs");
        let silent: Vec<usize> = (0..CHECKS.len())
            .filter(|index| {
                OCCASIONS.iter().all(|occasion| {
                    let mut facts = facts(*occasion);
                    fixture::spoil(&mut facts);
                    let silent = CHECKS[*index](&facts).is_empty();
                    facts.way = Way::Full;
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
}
