//! What was seen of the open changes, as Prometheus reads it. Pure.

use std::collections::BTreeMap;

use prometheus::{GaugeVec, Opts, Registry, TextEncoder};

use super::{Alert, Condition, Report, StandbyCondition, Standing, Watched};

/// A family of metrics: name, help, and labels beside `change`.
type Family = (&'static str, &'static str, &'static [&'static str]);

/// All of them. Those of the round itself have no label `change`.
const OF_ROUND: &[Family] = &[
    ("backout_changes_open", "Changes that are open on this host.", &[]),
    ("backout_run_active", "Whether another run of backout was at work, 1 or 0.", &[]),
    ("backout_watch_failures", "Parts of the last round that failed.", &[]),
    (
        "backout_watch_last_round_timestamp_seconds",
        "When `backout watch` looked last, seconds since 1970.",
        &[],
    ),
    ("backout_watch_round_duration_seconds", "How long the last round took.", &[]),
];

/// Those of a change.
const OF_CHANGE: &[Family] = &[
    ("backout_change_info", "An open change: always 1.", &["from_version", "to_version"]),
    ("backout_change_opened_timestamp_seconds", "When it was opened, seconds since 1970.", &[]),
    ("backout_change_state", "Where it stands: 1 for the state that it is in, else 0.", &["state"]),
    ("backout_change_alert", "What somebody should be told: 1 while it is so, else 0.", &["alert"]),
    (
        "backout_decision_awaited_since_timestamp_seconds",
        "Since when a decision is awaited, seconds since 1970. Absent if none is.",
        &[],
    ),
    ("backout_way_back_damaged", "Whether something that the way back needs is gone.", &[]),
    ("backout_way_back_state", "What is known of the way back: 1 for what is, else 0.", &["state"]),
    (
        "backout_standby_state",
        "What is true of the standby: 1 for what is, else 0.",
        &["side", "state"],
    ),
    ("backout_standby_lag_seconds", "How far the standby is behind, in time.", &["side"]),
    ("backout_standby_lag_transactions", "How far it is behind, in transactions.", &["side"]),
    ("backout_room_used_bytes", "What the way back takes on the pools.", &["part"]),
    ("backout_room_free_bytes", "What is free, on the pool that has least.", &[]),
    (
        "backout_room_growth_bytes_per_second",
        "How what the way back takes grew within the last hours.",
        &[],
    ),
    (
        "backout_proof_last_timestamp_seconds",
        "When both versions were compared last, seconds since 1970. Absent if never.",
        &[],
    ),
    ("backout_proof_last_items", "The counts of that comparison.", &["kind"]),
    (
        "backout_switch_last_duration_seconds",
        "How long the last switch, or its rehearsal, kept clients waiting.",
        &[],
    ),
];

/// What is true of a round as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundFacts {
    /// When it was made, seconds since 1970.
    pub at: i64,
    /// How many seconds it took.
    pub took: f64,
    /// How many parts of it failed.
    pub failures: usize,
    /// Another run was at work.
    pub at_work: bool,
}

/// Gathers samples.
struct Samples(BTreeMap<&'static str, GaugeVec>, Registry);

impl Samples {
    fn new() -> prometheus::Result<Self> {
        let (mut all, registry) = (BTreeMap::new(), Registry::new());
        let of_change = OF_CHANGE.iter().map(|family| (family, true));
        for ((name, help, more), change) in
            OF_ROUND.iter().map(|family| (family, false)).chain(of_change)
        {
            let labels: Vec<&str> =
                change.then_some("change").into_iter().chain(more.iter().copied()).collect();
            let gauge = GaugeVec::new(Opts::new(*name, *help), &labels)?;
            registry.register(Box::new(gauge.clone()))?;
            all.insert(*name, gauge);
        }
        Ok(Self(all, registry))
    }

    /// Puts a value; each family has its labels in the order of the table.
    fn put(&self, name: &'static str, labels: &[&str], value: f64) -> prometheus::Result<()> {
        match self.0.get(name) {
            Some(gauge) => gauge.get_metric_with_label_values(labels)?.set(value),
            None => return Err(prometheus::Error::Msg(format!("no family {name}"))),
        }
        Ok(())
    }
}

/// What a gauge can hold.
fn number(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or_default() as f64
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// All of it, in Prometheus' text format.
///
/// # Errors
/// When a family is used with other labels than it has: a fault of this program.
pub fn metrics(changes: &[Watched], round: RoundFacts) -> prometheus::Result<String> {
    let samples = Samples::new()?;
    let put = |name, value| samples.put(name, &[], value);
    put("backout_changes_open", number(changes.len()))?;
    put("backout_run_active", flag(round.at_work))?;
    put("backout_watch_failures", number(round.failures))?;
    put("backout_watch_last_round_timestamp_seconds", round.at as f64)?;
    put("backout_watch_round_duration_seconds", round.took)?;
    for it in changes {
        of_change(&samples, it)?;
    }
    TextEncoder::new().encode_to_string(&samples.1.gather())
}

fn of_change(samples: &Samples, it: &Watched) -> prometheus::Result<()> {
    let change = it.change.as_str();
    let put = |name, value| samples.put(name, &[change], value);
    for standing in Standing::ALL.into_iter().filter(|it| *it != Standing::Closed) {
        let value = flag(standing == it.standing());
        samples.put("backout_change_state", &[change, standing.word()], value)?;
    }
    for alert in Alert::ALL {
        let value = flag(it.alerts.contains_key(&alert));
        samples.put("backout_change_alert", &[change, alert.name()], value)?;
    }
    if let Some(story) = &it.story {
        put("backout_change_opened_timestamp_seconds", story.opened.timestamp() as f64)?;
    }
    if let Some(since) = it.awaited_since() {
        put("backout_decision_awaited_since_timestamp_seconds", since.timestamp() as f64)?;
    }
    it.report.as_ref().map_or(Ok(()), |report| of_report(samples, change, report))
}

fn of_report(samples: &Samples, change: &str, report: &Report) -> prometheus::Result<()> {
    let put = |name, value| samples.put(name, &[change], value);
    samples.put("backout_change_info", &[change, &report.from, &report.to], 1.0)?;
    if let Some(way_back) = &report.way_back {
        let damaged = way_back.condition == Condition::Damaged;
        put("backout_way_back_damaged", flag(damaged))?;
        for (condition, word) in [
            (Condition::Open, "open"),
            (Condition::Refused, "refused"),
            (Condition::Damaged, "damaged"),
            (Condition::Unknown, "unknown"),
        ] {
            let value = flag(way_back.condition == condition);
            samples.put("backout_way_back_state", &[change, word], value)?;
        }
    }
    if let Some(standby) = &report.standby {
        let side = standby.side.word();
        for (condition, word) in [
            (StandbyCondition::CaughtUp, "caught-up"),
            (StandbyCondition::Behind, "behind"),
            (StandbyCondition::NotFed, "not-fed"),
            (StandbyCondition::Down, "down"),
            (StandbyCondition::NoSource, "no-source"),
        ] {
            let value = flag(standby.condition == condition);
            samples.put("backout_standby_state", &[change, side, word], value)?;
        }
        let lags = [
            ("backout_standby_lag_seconds", standby.lag_seconds),
            ("backout_standby_lag_transactions", standby.lag_transactions.map(number)),
        ];
        for (name, lag) in lags {
            if let Some(lag) = lag {
                samples.put(name, &[change, side], lag)?;
            }
        }
    }
    if let Some(room) = &report.room {
        let parts = [("snapshots", room.snapshots), ("standby", room.standby), ("kept", room.kept)];
        for (part, bytes) in parts {
            samples.put("backout_room_used_bytes", &[change, part], number(bytes))?;
        }
        put("backout_room_free_bytes", number(room.free))?;
        if let Some(growth) = room.growth {
            let rate = growth.bytes as f64 / number(growth.seconds.max(1));
            put("backout_room_growth_bytes_per_second", rate)?;
        }
    }
    if let Some(proved) = &report.proved {
        put("backout_proof_last_timestamp_seconds", proved.at.timestamp() as f64)?;
        let proof = &proved.proof;
        for (kind, count) in [
            ("expected", proof.expected),
            ("found", proof.found),
            ("missing", proof.missing),
            ("unexpected", proof.unexpected),
        ] {
            samples.put("backout_proof_last_items", &[change, kind], number(count))?;
        }
    }
    if let Some(switch) = &report.switch {
        put("backout_switch_last_duration_seconds", switch.seconds)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) use tests::sample;

#[cfg(test)]
mod tests;
