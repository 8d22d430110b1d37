//! What somebody should be told of an open change while nobody looks. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::timeline::{Outcome, Timeline};
use super::{Condition, Report, StandbyCondition, Standing};

type Time = DateTime<FixedOffset>;

/// What somebody should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alert {
    /// The journal of the change cannot be used.
    Unreadable,
    /// A procedure was interrupted, failed or halted, and nobody goes on.
    Unfinished,
    /// Something that the way back needs is gone.
    WayBackDamaged,
    /// A check would refuse the way back.
    WayBackRefused,
    /// Whether the way back is open cannot be told.
    WayBackUnknown,
    /// Nobody has decided within the time.
    DecisionOverdue,
    /// The standby's server does not answer.
    StandbyDown,
    /// The standby is not fed.
    StandbyNotFed,
    /// The standby is far behind.
    StandbyBehind,
    /// The version that serves does not answer.
    ServiceSilent,
    /// The pool will be full soon.
    RoomShort,
}

impl Alert {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Unreadable,
        Self::Unfinished,
        Self::WayBackDamaged,
        Self::WayBackRefused,
        Self::WayBackUnknown,
        Self::DecisionOverdue,
        Self::StandbyDown,
        Self::StandbyNotFed,
        Self::StandbyBehind,
        Self::ServiceSilent,
        Self::RoomShort,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unfinished => "unfinished",
            Self::WayBackDamaged => "way-back-damaged",
            Self::WayBackRefused => "way-back-refused",
            Self::WayBackUnknown => "way-back-unknown",
            Self::DecisionOverdue => "decision-overdue",
            Self::StandbyDown => "standby-down",
            Self::StandbyNotFed => "standby-not-fed",
            Self::StandbyBehind => "standby-behind",
            Self::ServiceSilent => "service-silent",
            Self::RoomShort => "room-short",
        }
    }
}

/// From when on it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A decision is overdue after this time.
    pub decide_within: Duration,
    /// A standby may be behind by this time.
    pub behind: Duration,
    /// Room is short if the pool is full within this time, as it grows now.
    pub full_within: Duration,
    /// Room is short if fewer bytes are free.
    pub least_free: u64,
}

/// What is to be told now, each with a line that says why.
pub type Alerts = BTreeMap<Alert, String>;

/// What was seen of an open change.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Its id.
    pub change: String,
    /// Its report; `None` if its journal cannot be used.
    pub report: Option<Report>,
    /// Its story, as long.
    pub story: Option<Timeline>,
    /// What is to be told.
    pub alerts: Alerts,
}

impl Watched {
    /// A change that can be read.
    pub fn new(report: Report, story: Option<Timeline>, now: Time, limits: &Limits) -> Self {
        let since = awaited_since(report.standing, story.as_ref());
        let alerts = alerts(&report, since, now, limits);
        Self { change: report.change.clone(), report: Some(report), story, alerts }
    }

    /// One that cannot.
    pub fn unreadable(change: &str, why: &str) -> Self {
        let line = format!("The journal of the change cannot be used: {why}");
        Self {
            change: change.to_owned(),
            report: None,
            story: None,
            alerts: Alerts::from([(Alert::Unreadable, line)]),
        }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.report.as_ref().map_or(Standing::Unreadable, |report| report.standing)
    }

    /// Since when a person's decision is awaited.
    pub fn awaited_since(&self) -> Option<Time> {
        awaited_since(self.standing(), self.story.as_ref())
    }
}

fn awaited_since(standing: Standing, story: Option<&Timeline>) -> Option<Time> {
    if !matches!(standing, Standing::Upgraded | Standing::BackedOut) {
        return None;
    }
    let mut runs = story?.procedures.iter().rev();
    let run = runs.find(|run| run.outcome == Outcome::Finished && !run.procedure.is_beside())?;
    Some(run.ended)
}

fn alerts(report: &Report, awaited_since: Option<Time>, now: Time, limits: &Limits) -> Alerts {
    let mut found = Alerts::new();
    let mut put = |alert: Alert, line: String| found.insert(alert, line);
    if report.standing.is_unfinished() {
        put(Alert::Unfinished, format!("It is {}: `backout status`.", report.state));
    }
    if let Some(way_back) = &report.way_back {
        let alert = match way_back.condition {
            Condition::Open => None,
            Condition::Refused => Some(Alert::WayBackRefused),
            Condition::Damaged => Some(Alert::WayBackDamaged),
            Condition::Unknown => Some(Alert::WayBackUnknown),
        };
        if let Some(alert) = alert {
            put(alert, way_back.words(&report.from, String::new()).join("\n"));
        }
    }
    if let Some(since) = awaited_since
        && let Ok(waited) = (now - since).to_std()
        && waited > limits.decide_within
    {
        let since = since.format("%Y-%m-%d %H:%M:%S %z");
        put(
            Alert::DecisionOverdue,
            format!(
                "It is {}, and waits for a decision since {since}: commit, or go back.",
                report.state
            ),
        );
    }
    if let Some(standby) = &report.standby {
        let lag = standby.lag_seconds.unwrap_or_default();
        let alert = match standby.condition {
            StandbyCondition::CaughtUp => None,
            StandbyCondition::Behind if lag <= limits.behind.as_secs_f64() => None,
            StandbyCondition::Behind => Some(Alert::StandbyBehind),
            StandbyCondition::NotFed => Some(Alert::StandbyNotFed),
            StandbyCondition::Down => Some(Alert::StandbyDown),
            StandbyCondition::NoSource => Some(Alert::ServiceSilent),
        };
        if let Some(alert) = alert {
            put(alert, standby.words().join("\n"));
        }
    }
    if let Some(room) = &report.room {
        let soon = room.full_in().is_some_and(|left| left < limits.full_within.as_secs());
        if soon || room.free < limits.least_free {
            put(Alert::RoomShort, room.words());
        }
    }
    found
}

#[cfg(test)]
mod tests;
