use super::*;
use crate::journal::Procedure;
use crate::report::metrics::sample;
use crate::report::{Growth, ProcedureEntry, Room, WayBack};

const LIMITS: Limits = Limits {
    decide_within: Duration::from_secs(3600),
    behind: Duration::from_secs(60),
    full_within: Duration::from_secs(7200),
    least_free: 1000,
};

fn names_of(report: Report, standing: Standing) -> Vec<&'static str> {
    let (_, story, now) = sample();
    let it = Watched::new(Report { standing, ..report }, Some(story), now, &LIMITS);
    it.alerts.keys().map(|alert| alert.name()).collect()
}

#[test]
fn nothing_is_told_of_a_change_with_which_all_is_well() {
    let (report, ..) = sample();
    assert_eq!(names_of(report, Standing::Upgraded), [""; 0]);
}

#[test]
fn each_thing_that_is_wrong_is_told_with_its_reason() {
    let (good, story, now) = sample();
    let because = |condition| Some(WayBack::because(condition, vec!["the log is gone".into()]));
    for (condition, name) in [
        (Condition::Damaged, "way-back-damaged"),
        (Condition::Refused, "way-back-refused"),
        (Condition::Unknown, "way-back-unknown"),
    ] {
        let report = Report { way_back: because(condition), ..good.clone() };
        let it = Watched::new(report, None, now, &LIMITS);
        let told: Vec<_> = it.alerts.iter().map(|(alert, why)| (alert.name(), why)).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].0 == name && told[0].1.contains("the log is gone"), "{told:?}");
    }
    let mut standby = good.standby.clone().unwrap();
    for (condition, lag, wanted) in [
        (StandbyCondition::Behind, 59.0, None),
        (StandbyCondition::Behind, 61.0, Some("standby-behind")),
        (StandbyCondition::NotFed, 0.0, Some("standby-not-fed")),
        (StandbyCondition::Down, 0.0, Some("standby-down")),
        (StandbyCondition::NoSource, 0.0, Some("service-silent")),
    ] {
        (standby.condition, standby.lag_seconds) = (condition, Some(lag));
        let report = Report { standby: Some(standby.clone()), ..good.clone() };
        assert_eq!(names_of(report, Standing::Upgraded).first().copied(), wanted);
    }
    let room = good.room.unwrap();
    for (free, bytes, short) in
        [(999, 0, true), (1000, 0, false), (7199 * 10, 10, true), (7201 * 10, 10, false)]
    {
        let growth = Some(Growth { bytes, seconds: 1 });
        let report = Report { room: Some(Room { free, growth, ..room }), ..good.clone() };
        let wanted: &[&str] = if short { &["room-short"] } else { &[] };
        assert_eq!(names_of(report, Standing::Upgraded), wanted, "{free} {bytes}");
    }
    assert_eq!(names_of(good.clone(), Standing::Halted), ["unfinished"]);
    let it = Watched::unreadable("db-1", "a torn line");
    assert!(it.alerts[&Alert::Unreadable].contains("a torn line"));
    // An hour and a second after the upgrade; what runs beside it is no decision.
    let mut story = story;
    let upgrade = story.procedures[0].clone();
    story.procedures.push(ProcedureEntry {
        procedure: Procedure::Rehearse,
        ended: upgrade.ended + chrono::TimeDelta::minutes(59),
        ..upgrade.clone()
    });
    for (seconds, overdue) in [(3600, false), (3601, true)] {
        let now = upgrade.ended + chrono::TimeDelta::seconds(seconds);
        let it = Watched::new(good.clone(), Some(story.clone()), now, &LIMITS);
        assert_eq!(it.alerts.contains_key(&Alert::DecisionOverdue), overdue);
        let halted = Report { standing: Standing::Halted, ..good.clone() };
        let it = Watched::new(halted, Some(story.clone()), now, &LIMITS);
        assert!(!it.alerts.contains_key(&Alert::DecisionOverdue));
    }
}
