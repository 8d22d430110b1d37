//! The pools.

use serde::Serialize;

use super::sources::Observed;
use super::text::size;
use super::{Facts, Finding, Kind, Sources};
use crate::zfs::{Dataset, Pool, PoolInfo};

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolFact {
    /// Its name.
    pub name: Pool,
    /// `None`: not imported.
    pub state: Observed<Option<PoolInfo>>,
}

pub(super) fn gather(sources: &Sources<'_>) -> Vec<PoolFact> {
    let mut names: Vec<Pool> = sources.site.datasets.iter().map(Dataset::pool).collect();
    names.sort();
    names.dedup();
    let state = |pool: &Pool| sources.engine.pool(pool).map_err(|error| error.to_string());
    names.into_iter().map(|name| PoolFact { state: state(&name), name }).collect()
}

/// A pool fuller than this writes slowly and becomes fragmented: the vendor's advice for Messaging
/// Server, and common practice.
const FULL_PERCENT: u64 = 80;

fn states(facts: &Facts) -> impl Iterator<Item = (&PoolFact, &PoolInfo)> {
    facts.pools.iter().filter_map(|pool| Some((pool, pool.state.as_ref().ok()?.as_ref()?)))
}

/// Each pool is imported.
pub(super) fn missing(facts: &Facts) -> Vec<Finding> {
    let finding = |pool: &PoolFact| match &pool.state {
        Ok(Some(_)) => None,
        Ok(None) => Some(
            Finding::refuse(Kind::PoolMissing, format!("Pool {} is not imported.", pool.name))
                .remedy(["zpool import".to_owned(), format!("zpool import {}", pool.name)]),
        ),
        Err(why) => Some(
            Finding::refuse(
                Kind::PoolMissing,
                format!("The state of pool {} could not be read.", pool.name),
            )
            .detail([why.clone()])
            .remedy([format!("zpool status {}", pool.name)]),
        ),
    };
    facts.pools.iter().filter_map(finding).collect()
}

/// `zpoolconcepts(7)`, "Device Failure and Recovery".
pub(super) fn health(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (pool, state) in states(facts) {
        let name = &pool.name;
        let status = format!("zpool status -v {name}");
        match state.health.as_str() {
            "ONLINE" => {}
            "DEGRADED" => findings.push(
                Finding::warn(
                    Kind::PoolHealth,
                    format!(
                        "Pool {name} is DEGRADED: a device is \
                    missing or failing."
                    ),
                )
                .detail(["An upgrade writes a lot. One more failure may lose the pool, and \
                        the way back with it."])
                .remedy([status, format!("zpool replace {name} OLD-DEVICE NEW-DEVICE")]),
            ),
            "SUSPENDED" => findings.push(
                Finding::refuse(
                    Kind::PoolHealth,
                    format!(
                        "Pool {name} is SUSPENDED: it neither \
                    reads nor writes."
                    ),
                )
                .remedy([status, format!("Bring its devices back, then: zpool clear {name}")]),
            ),
            other => findings.push(
                Finding::refuse(Kind::PoolHealth, format!("Pool {name} is {other}."))
                    .remedy([status]),
            ),
        }
        if state.readonly {
            findings.push(
                Finding::refuse(Kind::PoolReadonly, format!("Pool {name} is imported read-only."))
                    .remedy([format!("zpool export {name}"), format!("zpool import {name}")]),
            );
        }
    }
    findings
}

/// `zpoolprops(7)`, `failmode`. Seen with 2.1.11: `write` and `sync` accepted what was written when
/// the device failed, and it is a data error after `zpool clear`. The pool's state remains ONLINE.
pub(super) fn failmode(facts: &Facts) -> Vec<Finding> {
    let finding = |(pool, _): (&PoolFact, &PoolInfo)| {
        Finding::warn(
            Kind::PoolFailmode,
            format!(
                "Pool {} has failmode=continue: when its devices fail, data may be lost silently.",
                pool.name
            ),
        )
        .detail([
            "ZFS then accepts writes that never reach the devices, and still shows the pool as \
             ONLINE. Nothing brings them back."
                .to_owned(),
            "With failmode=wait all writers wait until the devices are back.".to_owned(),
        ])
        .remedy([format!("zpool set failmode=wait {}", pool.name)])
    };
    states(facts).filter(|(_, state)| state.failmode == "continue").map(finding).collect()
}

/// Room in the pool as a whole.
pub(super) fn fill(facts: &Facts) -> Vec<Finding> {
    if facts.occasion.is_downgrade() && facts.in_place() {
        // It gives room back.
        return Vec::new();
    }
    let full =
        |state: &PoolInfo| state.size > 0 && state.free < state.size / 100 * (100 - FULL_PERCENT);
    let finding = |(pool, state): (&PoolFact, &PoolInfo)| {
        let percent = state.free.saturating_mul(100) / state.size;
        Finding::warn(Kind::PoolFill, format!("Pool {} has only {percent} % free.", pool.name))
            .detail([format!(
                "{} of {} are free; at least {} % should be.",
                size(state.free),
                size(state.size),
                100 - FULL_PERCENT
            )])
            .remedy([
                format!("zfs list -o space -r {} -s used", pool.name),
                "Delete what is not needed, or add devices.".to_owned(),
            ])
    };
    states(facts).filter(|(_, state)| full(state)).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{GIB, facts, show};
    use super::*;

    fn with(state: PoolInfo) -> Facts {
        let mut facts = facts(Occasion::Upgrade);
        facts.pools[0].state = Ok(Some(state));
        facts
    }

    fn sound() -> PoolInfo {
        facts(Occasion::Check).pools[0].state.clone().expect("read").expect("imported")
    }

    #[test]
    fn not_there() {
        let mut facts = facts(Occasion::Check);
        facts.pools[0].state = Ok(None);
        insta::assert_snapshot!(show(&missing(&facts)), @r"
            refused: Pool tank is not imported. [pool-missing]
              to do: zpool import
                     zpool import tank
            ");
        facts.pools[0].state = Err("no answer".into());
        insta::assert_snapshot!(show(&missing(&facts)), @r"
            refused: The state of pool tank could not be read. [pool-missing]
                     no answer
              to do: zpool status tank
            ");
    }

    #[test]
    fn each_health() {
        for (word, findings) in
            [("ONLINE", 0), ("DEGRADED", 1), ("FAULTED", 1), ("UNAVAIL", 1), ("SUSPENDED", 1)]
        {
            assert_eq!(
                health(&with(PoolInfo { health: word.into(), ..sound() })).len(),
                findings,
                "{word}"
            );
        }
        insta::assert_snapshot!(show(&health(&with(PoolInfo { health: "DEGRADED".into(), ..sound() }))), @r"
            warning: Pool tank is DEGRADED: a device is missing or failing. [pool-health]
                     An upgrade writes a lot. One more failure may lose the pool, and the way back with it.
              to do: zpool status -v tank
                     zpool replace tank OLD-DEVICE NEW-DEVICE
            ");
        insta::assert_snapshot!(show(&health(&with(PoolInfo { health: "SUSPENDED".into(), ..sound() }))), @r"
            refused: Pool tank is SUSPENDED: it neither reads nor writes. [pool-health]
              to do: zpool status -v tank
                     Bring its devices back, then: zpool clear tank
            ");
        insta::assert_snapshot!(show(&health(&with(PoolInfo { health: "FAULTED".into(), readonly: true, ..sound() }))), @r"
            refused: Pool tank is FAULTED. [pool-health]
              to do: zpool status -v tank

            refused: Pool tank is imported read-only. [pool-readonly]
              to do: zpool export tank
                     zpool import tank
            ");
    }

    #[test]
    fn what_loses_data_when_devices_fail() {
        for mode in ["wait", "panic", "-"] {
            assert_eq!(
                failmode(&with(PoolInfo { failmode: mode.into(), ..sound() })),
                [],
                "{mode}"
            );
        }
        insta::assert_snapshot!(show(&failmode(&with(PoolInfo { failmode: "continue".into(), ..sound() }))), @r"
            warning: Pool tank has failmode=continue: when its devices fail, data may be lost silently. [pool-failmode]
                     ZFS then accepts writes that never reach the devices, and still shows the pool as ONLINE. Nothing brings them back.
                     With failmode=wait all writers wait until the devices are back.
              to do: zpool set failmode=wait tank
            ");
    }

    #[test]
    fn nearly_full() {
        for (free, warned) in [(21, false), (20, false), (19, true), (0, true)] {
            assert_eq!(
                !fill(&with(PoolInfo { free: free * GIB, ..sound() })).is_empty(),
                warned,
                "{free}"
            );
        }
        let mut facts = with(PoolInfo { free: 7 * GIB, ..sound() });
        insta::assert_snapshot!(show(&fill(&facts)), @r"
            warning: Pool tank has only 7 % free. [pool-fill]
                     7 GiB of 100 GiB are free; at least 20 % should be.
              to do: zfs list -o space -r tank -s used
                     Delete what is not needed, or add devices.
            ");
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert!(fill(&facts).is_empty());
    }
}
