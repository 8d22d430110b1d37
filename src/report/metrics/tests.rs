use chrono::{DateTime, FixedOffset};

use super::*;
use crate::journal::{Procedure, Proof};
use crate::report::{
    Growth, LastProof, Limits, Outcome, ProcedureEntry, Room, StandbyReport, SwitchCost, Timeline,
    WayBack,
};

/// A change with which all is well, its story, and the time.
pub(in crate::report) fn sample() -> (Report, Timeline, DateTime<FixedOffset>) {
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
    let ended = at("2026-11-29T07:00:10+01:00");
    let report = Report {
        change: "db-1".into(),
        state: "upgraded".into(),
        standing: Standing::Upgraded,
        from: "10.11".into(),
        to: "11.8".into(),
        procedure: None,
        step: None,
        done: None,
        why: None,
        way_back: Some(WayBack::open()),
        standby: Some(StandbyReport {
            side: crate::journal::Side::Previous,
            condition: StandbyCondition::CaughtUp,
            why: None,
            position: Some("5".into()),
            source: Some("5".into()),
            lag_seconds: Some(0.5),
            lag_transactions: Some(3),
            used: Some(7),
        }),
        room: Some(Room {
            snapshots: 1 << 20,
            standby: 2048,
            kept: 0,
            free: 1 << 30,
            growth: Some(Growth { bytes: -1000, seconds: 10 }),
        }),
        proved: Some(LastProof {
            at: ended,
            age_seconds: 10,
            procedure: Procedure::Rehearse,
            proof: Proof { expected: 5, found: 4, missing: 1, unexpected: 0 },
        }),
        switch: Some(SwitchCost { at: ended, seconds: 2.5, procedure: Procedure::Rehearse }),
        now: Vec::new(),
        next: Vec::new(),
        compared: None,
    };
    let story = Timeline {
        change: "db-1".into(),
        host: "db1".into(),
        tool: "0.1.0".into(),
        playbook: "mariadb".into(),
        from: "10.11".into(),
        to: "11.8".into(),
        datasets: Vec::new(),
        snapshot: "backout-db-1".into(),
        opened: at("2026-11-29T07:00:00+01:00"),
        procedures: vec![ProcedureEntry {
            procedure: Procedure::Upgrade,
            began: at("2026-11-29T07:00:00+01:00"),
            ended,
            outcome: Outcome::Finished,
            steps: Vec::new(),
            events: Vec::new(),
            proof: None,
        }],
        shut_out: Vec::new(),
        compared: None,
        full_proof: None,
    };
    (report, story, at("2026-11-29T07:00:20+01:00"))
}

fn watched() -> Watched {
    let (report, story, now) = sample();
    let time = std::time::Duration::from_secs(3600);
    let limits = Limits { decide_within: time, behind: time, full_within: time, least_free: 1 };
    Watched::new(report, Some(story), now, &limits)
}

const ROUND: RoundFacts = RoundFacts { at: 1_700_000_000, took: 1.25, failures: 0, at_work: false };

/// What another program reads in it: name, labels, value.
fn read(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
    let known: Vec<&str> = OF_ROUND.iter().chain(OF_CHANGE).map(|family| family.0).collect();
    scrape
        .samples
        .into_iter()
        .map(|it| {
            assert!(known.contains(&it.metric.as_str()), "{}", it.metric);
            assert!(scrape.docs.contains_key(&it.metric), "{} has no help", it.metric);
            let labels = it.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
            let labels = labels.collect();
            match it.value {
                prometheus_parse::Value::Gauge(value) => (it.metric, labels, value),
                other => panic!("{}: {other:?}", it.metric),
            }
        })
        .collect()
}

#[test]
fn a_parser_reads_every_value() {
    let text = metrics(&[watched()], ROUND).unwrap();
    let found = read(&text);
    let value = |name: &str, labels: &[(&str, &str)]| {
        let fits = |it: &&(String, BTreeMap<String, String>, f64)| {
            it.0 == name
                && labels.iter().all(|(name, value)| it.1.get(*name).is_some_and(|it| it == value))
        };
        let all: Vec<f64> = found.iter().filter(fits).map(|it| it.2).collect();
        assert_eq!(all.len(), 1, "{name} {labels:?}: {all:?}\n{text}");
        all[0]
    };
    for (name, labels, wanted) in [
        ("backout_changes_open", &[][..], 1.0),
        ("backout_watch_last_round_timestamp_seconds", &[], 1.7e9),
        ("backout_watch_round_duration_seconds", &[], 1.25),
        ("backout_change_info", &[("from_version", "10.11"), ("to_version", "11.8")], 1.0),
        ("backout_change_opened_timestamp_seconds", &[], 1_795_932_000.0),
        ("backout_decision_awaited_since_timestamp_seconds", &[], 1_795_932_010.0),
        ("backout_change_state", &[("state", "upgraded")], 1.0),
        ("backout_change_state", &[("state", "halted")], 0.0),
        ("backout_change_alert", &[("alert", "way-back-damaged")], 0.0),
        ("backout_way_back_damaged", &[], 0.0),
        ("backout_way_back_state", &[("state", "open")], 1.0),
        ("backout_standby_state", &[("side", "previous"), ("state", "caught-up")], 1.0),
        ("backout_standby_lag_seconds", &[], 0.5),
        ("backout_standby_lag_transactions", &[], 3.0),
        ("backout_room_used_bytes", &[("part", "snapshots")], 1_048_576.0),
        ("backout_room_free_bytes", &[], 1_073_741_824.0),
        ("backout_room_growth_bytes_per_second", &[], -100.0),
        ("backout_proof_last_timestamp_seconds", &[], 1_795_932_010.0),
        ("backout_proof_last_items", &[("kind", "missing")], 1.0),
        ("backout_switch_last_duration_seconds", &[], 2.5),
    ] {
        assert!((value(name, labels) - wanted).abs() < 1e-9, "{name} {labels:?}");
    }
    let of_change = found.iter().filter(|it| OF_CHANGE.iter().any(|family| family.0 == it.0));
    assert!(of_change.into_iter().all(|it| it.1["change"] == "db-1"));
    let names: std::collections::BTreeSet<&str> = found.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names.len(), OF_ROUND.len() + OF_CHANGE.len(), "every family has a sample");
}

#[test]
fn what_a_name_or_version_holds_stays_in_its_label() {
    let mut it = watched();
    it.change = "a\"b\\c\nd} 7".into();
    let text = metrics(&[it], ROUND).unwrap();
    let info = text.lines().find(|line| line.starts_with("backout_change_info{")).unwrap();
    assert!(info.contains(r#"change="a\"b\\c\nd} 7""#), "{info}");
    assert!(text.lines().all(|line| line.starts_with("backout_") || line.starts_with("# ")));
}

#[test]
fn names_are_as_prometheus_wants_them() {
    for (name, help, labels) in OF_ROUND.iter().chain(OF_CHANGE) {
        let plain = |text: &str| text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
        assert!(name.starts_with("backout_") && plain(name), "{name}");
        assert!(labels.iter().all(|label| plain(label) && *label != "change"), "{name}");
        assert!(help.ends_with('.') && !help.contains('\n'), "{name}: {help}");
        // Base units; `_total` and `_count` are for counters and summaries.
        for ending in ["_total", "_count", "_sum", "_bucket", "_ms", "_minutes", "_kib"] {
            assert!(!name.ends_with(ending), "{name}");
        }
    }
}

#[test]
fn without_an_open_change_only_the_round_is_there() {
    let found = read(&metrics(&[], ROUND).unwrap());
    assert_eq!(found.len(), OF_ROUND.len());
}
