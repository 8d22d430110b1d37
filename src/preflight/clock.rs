//! The clock.

use super::history::SnapshotFact;
use super::text::date;
use super::{Facts, Finding, Kind};

/// A clock before 2025 is wrong.
const EPOCH: i64 = 1_735_689_600;

/// A difference of so many seconds between clocks does not matter.
const SLACK: i64 = 60;

/// The capture starts at the snapshot's time, so the clock must not have been set back since.
pub(super) fn clock(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Clock;
    let remedy = ["timedatectl status", "chronyc makestep"];
    if facts.now < EPOCH {
        return vec![
            Finding::refuse(ID, format!("The clock is wrong: it says {}.", date(facts.now)))
                .remedy(remedy),
        ];
    }
    let snapshots: Vec<&SnapshotFact> = if facts.occasion.is_downgrade() {
        facts.datasets().filter_map(|dataset| facts.target(dataset)).collect()
    } else {
        facts.datasets().flat_map(|dataset| dataset.snapshots.iter().flatten()).collect()
    };
    let Some(latest) = snapshots.into_iter().max_by_key(|snapshot| snapshot.info.creation) else {
        return Vec::new();
    };
    if latest.info.creation <= facts.now + SLACK {
        return Vec::new();
    }
    let title = format!(
        "The clock says {}, but {} was made at {}.",
        date(facts.now),
        latest.info.name,
        date(latest.info.creation)
    );
    let finding = if facts.occasion.is_downgrade() {
        Finding::refuse(ID, title)
    } else {
        Finding::warn(ID, title)
    };
    vec![
        finding
            .detail(["What was written since the snapshot is found by time. If the clock was set back, some \
                     of it would be missed."])
            .remedy(remedy),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{NOW, facts, show};
    use super::super::{Occasion, Severity};
    use super::*;

    const IN_PLACE: Occasion = Occasion::Downgrade { in_place: true };

    #[test]
    fn a_clock_set_back() {
        let mut facts = facts(IN_PLACE);
        facts.now = NOW - 3 * 3600;
        insta::assert_snapshot!(show(&clock(&facts)), @r"
            refused: The clock says 2026-03-01 00:00 UTC, but tank/db/log@c1 was made at 2026-03-01 01:00 UTC. [clock]
                     What was written since the snapshot is found by time. If the clock was set back, some of it would be missed.
              to do: timedatectl status
                     chronyc makestep
            ");
        facts.now = 1000;
        insta::assert_snapshot!(show(&clock(&facts)), @r"
            refused: The clock is wrong: it says 1970-01-01 00:16 UTC. [clock]
              to do: timedatectl status
                     chronyc makestep
            ");
        let mut facts = super::super::fixture::facts(Occasion::Upgrade);
        facts.now = NOW - 80 * 3600;
        assert_eq!(clock(&facts)[0].severity, Severity::Warn);
    }
}
