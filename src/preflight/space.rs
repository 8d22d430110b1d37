//! Free space: for what the snapshot keeps, for both states side by side, and under quotas.

use super::datasets::DatasetFact;
use super::keep;
use super::text::size;
use super::{Facts, Finding, Kind};
use crate::zfs::Pool;

/// With less than this nothing begins: package managers, journals and ZFS itself need some.
pub(super) const LEAST: u64 = 64 << 20;
/// The fraction of the data that an upgrade changes at least: log files, system tables, an index.
const CHANGED: u64 = 20;

/// An estimate of what was written since the snapshot to go back to, without asking ZFS for each
/// snapshot.
pub(super) fn written(facts: &Facts, dataset: &DatasetFact) -> u64 {
    let grown = facts
        .target(dataset)
        .map_or(0, |target| dataset.info.referenced.saturating_sub(target.info.referenced));
    dataset.info.written.max(grown)
}

/// For each pool, the space available to the site's datasets, and the sum of a value over them.
fn pools(
    facts: &Facts,
    free: impl Fn(&DatasetFact) -> u64,
    of: impl Fn(&DatasetFact) -> u64,
) -> Vec<(&Pool, u64, u64)> {
    let mut found = Vec::new();
    for pool in &facts.pools {
        let datasets: Vec<&DatasetFact> =
            facts.datasets().filter(|dataset| dataset.info.name.pool() == pool.name).collect();
        let Some(free) = datasets.iter().map(|dataset| free(dataset)).min() else { continue };
        found.push((&pool.name, free, datasets.into_iter().map(&of).sum()));
    }
    found
}

/// The space available to the clone that replaces a dataset. The clone is beside it, under the same
/// limits from above, and has fresh limits of its own: what the upgraded state uses does not count.
fn beside(facts: &Facts, dataset: &DatasetFact) -> u64 {
    let root = facts.roots.iter().find(|root| dataset.info.name.is_within(&root.name));
    let room = root.and_then(|root| root.room).unwrap_or(dataset.info.available);
    let own = dataset.quota.unwrap_or(u64::MAX);
    let refers =
        facts.target(dataset).map_or(dataset.info.referenced, |target| target.info.referenced);
    room.min(own).min(dataset.info.refquota.map_or(u64::MAX, |quota| quota.saturating_sub(refers)))
}

/// After an upgrade, the snapshot keeps what the upgrade replaced. A kept downgrade needs space for
/// what is restored.
pub(super) fn keep_room(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Room;
    let mut findings = Vec::new();
    if facts.occasion.is_downgrade() {
        if facts.in_place() {
            for (pool, free, _) in pools(facts, |dataset| dataset.info.available, |_| 0)
                .into_iter()
                .filter(|(_, free, _)| *free < LEAST)
            {
                findings.push(
                    Finding::warn(ID, format!("Pool {pool} is full: only {} are free to the \
                        datasets.", size(free)))
                        .detail([
                            "The rollback needs no room, and what was reserved before the upgrade \
                                is released first.",
                            "But the upgraded version is started once more before that, without clients, \
                             and may need to write more.",
                            "If it cannot, nothing is lost: the downgrade stops before the \
                                rollback.",
                        ])
                        .remedy([format!("If it does, make room: zfs list -o space -r {pool} -s \
                            used")]),
                );
            }
            return findings;
        }
        let need_of =
            |dataset: &DatasetFact| written(facts, dataset).saturating_add(dataset.reserved);
        for (pool, free, written) in pools(facts, |dataset| beside(facts, dataset), need_of) {
            let there = facts.roots.iter().filter(|root| root.name.pool() == *pool);
            let there: u64 = there.map(|root| root.standby).sum();
            let need = written.saturating_sub(there).saturating_add(LEAST);
            if free < need {
                findings.push(
                    Finding::refuse(
                        ID,
                        format!(
                            "Pool {pool} has no room to keep the upgraded \
                        state beside the restored one."
                        ),
                    )
                    .detail([format!(
                        "{} are free to a dataset beside it; about {} are needed: what was written \
                             since the snapshot, restored.",
                        size(free),
                        size(need)
                    )])
                    .remedy([
                        format!("Make room: zfs list -o space -r {pool} -s used"),
                        keep::let_go(facts),
                    ]),
                );
            }
        }
        return findings;
    }
    for (pool, free, data) in
        pools(facts, |dataset| dataset.info.available, |dataset| dataset.info.referenced)
    {
        let least = LEAST.max(data / CHANGED);
        let space = format!("zfs list -o space -r {pool} -s used");
        if free < least {
            let title =
                format!("Pool {pool} is nearly full: {} are free to the datasets.", size(free));
            let detail = [format!(
                "After the snapshot, what the upgrade replaces frees no room. At least {} should \
                    be free.",
                size(least)
            )];
            let finding = if facts.in_place() && free >= LEAST {
                Finding::warn(ID, title)
            } else {
                Finding::refuse(ID, title)
            };
            findings.push(finding.detail(detail).remedy([
                space,
                "Delete what is not needed, raise the quota, or add devices.".to_owned(),
            ]));
        } else if free < data {
            findings.push(
                Finding::warn(
                    ID,
                    format!(
                        "Pool {pool} has less room than an upgrade needs that rewrites all data."
                    ),
                )
                .detail([format!(
                    "{} are free to the datasets, which hold {}.",
                    size(free),
                    size(data)
                )])
                .remedy([space]),
            );
        }
    }
    findings
}

/// A rollback to a snapshot larger than the refquota fails with "out of space" (seen on OpenZFS
/// 2.1.11 and 2.3.2).
pub(super) fn refquota(facts: &Facts) -> Vec<Finding> {
    let finding = |dataset: &DatasetFact| {
        let quota = dataset.info.refquota?;
        let needed = if facts.occasion.is_downgrade() {
            facts.target(dataset)?.info.referenced
        } else {
            dataset.info.referenced
        };
        (needed > quota).then(|| {
            Finding::refuse(
                Kind::Refquota,
                format!(
                    "The refquota of {} is smaller than the snapshot to go back to.",
                    dataset.info.name
                ),
            )
            .detail([format!(
                "refquota {}, snapshot {}: the rollback would run out of space.",
                size(quota),
                size(needed)
            )])
            .remedy([format!(
                "zfs set refquota={} {}",
                needed.saturating_add(needed / 10),
                dataset.info.name
            )])
        })
    };
    facts.datasets().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{GIB, dataset, facts, show};
    use super::super::host_fixture::Host;
    use super::*;
    use crate::playbook::site::RollbackChoice;
    use crate::zfs::Engine as _;

    #[test]
    fn before_the_upgrade() {
        // The data of the fixture: 10 GiB and 1 GiB.
        for (free, expected) in [(GIB / 2, "refuse"), (10 * GIB, "warn"), (12 * GIB, "none")] {
            let mut facts = facts(Occasion::Upgrade);
            dataset(&mut facts, 0).info.available = free;
            let found = keep_room(&facts);
            let got = match found.first().map(|finding| finding.severity) {
                Some(super::super::Severity::Refuse) => "refuse",
                Some(_) => "warn",
                None => "none",
            };
            assert_eq!(got, expected, "{free}");
        }
        let mut facts = facts(Occasion::Check);
        dataset(&mut facts, 0).info.available = GIB / 2;
        insta::assert_snapshot!(show(&keep_room(&facts)), @r"
            refused: Pool tank is nearly full: 512 MiB are free to the datasets. [room]
                     After the snapshot, what the upgrade replaces frees no room. At least 563.20 MiB should be free.
              to do: zfs list -o space -r tank -s used
                     Delete what is not needed, raise the quota, or add devices.
            ");
        facts.rollback = RollbackChoice::InPlace;
        assert_eq!(keep_room(&facts)[0].severity, super::super::Severity::Warn);
        dataset(&mut facts, 0).info.available = 8 * GIB;
        insta::assert_snapshot!(show(&keep_room(&facts)), @r"
            warning: Pool tank has less room than an upgrade needs that rewrites all data. [room]
                     8 GiB are free to the datasets, which hold 11 GiB.
              to do: zfs list -o space -r tank -s used
            ");
    }

    #[test]
    fn before_the_downgrade() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        dataset(&mut facts, 0).info.written = 3 * GIB;
        dataset(&mut facts, 0).info.available = 2 * GIB;
        insta::assert_snapshot!(show(&keep_room(&facts)), @r"
            refused: Pool tank has no room to keep the upgraded state beside the restored one. [room]
                     2 GiB are free to a dataset beside it; about 3.07 GiB are needed: what was written since the snapshot, restored.
              to do: Make room: zfs list -o space -r tank -s used
                     Or let the downgrade destroy the upgraded state: backout downgrade --in-place --change c1
            ");
        // A standby has it already.
        facts.roots[0].standby = 2 * GIB;
        assert!(keep_room(&facts).is_empty());
        facts.roots[0].standby = 0;
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert!(keep_room(&facts).is_empty());
        dataset(&mut facts, 0).info.available = 1 << 20;
        insta::assert_snapshot!(show(&keep_room(&facts)), @r"
            warning: Pool tank is full: only 1 MiB are free to the datasets. [room]
                     The rollback needs no room, and what was reserved before the upgrade is released first.
                     But the upgraded version is started once more before that, without clients, and may need to write more.
                     If it cannot, nothing is lost: the downgrade stops before the rollback.
              to do: If it does, make room: zfs list -o space -r tank -s used
            ");
    }

    #[test]
    fn what_limits_the_clone() {
        let room = |change: &dyn Fn(&mut Facts)| {
            let mut facts = facts(Occasion::Downgrade { in_place: false });
            dataset(&mut facts, 0).info.written = 3 * GIB;
            // Its own quota is used up by the upgraded state and the snapshot.
            dataset(&mut facts, 0).info.available = 0;
            facts.roots[0].room = Some(50 * GIB);
            change(&mut facts);
            keep_room(&facts).is_empty()
        };
        assert!(room(&|_| {}));
        // From above: the pool, or a quota there.
        assert!(!room(&|facts| facts.roots[0].room = Some(3 * GIB)));
        // The clone has them as well.
        assert!(room(&|facts| dataset(facts, 0).quota = Some(4 * GIB)));
        assert!(!room(&|facts| dataset(facts, 0).quota = Some(3 * GIB)));
        assert!(room(&|facts| dataset(facts, 0).info.refquota = Some(14 * GIB)));
        assert!(!room(&|facts| dataset(facts, 0).info.refquota = Some(13 * GIB)));
        assert!(room(&|facts| dataset(facts, 1).reserved = 46 * GIB));
        assert!(!room(&|facts| dataset(facts, 1).reserved = 47 * GIB));
    }

    #[test]
    fn a_small_refquota() {
        let mut facts = facts(Occasion::Downgrade { in_place: true });
        dataset(&mut facts, 0).info.refquota = Some(5 * GIB);
        insta::assert_snapshot!(show(&refquota(&facts)), @r"
            refused: The refquota of tank/db is smaller than the snapshot to go back to. [refquota]
                     refquota 5 GiB, snapshot 10 GiB: the rollback would run out of space.
              to do: zfs set refquota=11811160064 tank/db
            ");
        dataset(&mut facts, 0).info.refquota = Some(50 * GIB);
        assert!(refquota(&facts).is_empty());
    }

    #[test]
    fn a_refquota_above_limits_nothing_beside() {
        let host = Host::new();
        let room = || host.gather(Occasion::Downgrade { in_place: false }, |_| {}).roots[0].room;
        assert!(room().is_some());
        host.engine.set(&"tank".parse().expect("name"), "refquota", "1000000000000").expect("set");
        assert_eq!(room(), None);
        assert_eq!(host.gather(Occasion::Downgrade { in_place: true }, |_| {}).roots[0].room, None);
    }
}
