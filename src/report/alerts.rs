//! What somebody should be told of an open change while nobody looks, and what is new of it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
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

/// What was told, and when: of each change, each alert with seconds since 1970, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told(pub BTreeMap<String, BTreeMap<Alert, i64>>);

/// What is new of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct News {
    /// The change.
    pub change: String,
    /// What began.
    pub raised: Alerts,
    /// What is over.
    pub cleared: Vec<Alert>,
    /// What goes on.
    pub still: Alerts,
    /// The change is closed.
    pub closed: bool,
}

impl Told {
    /// What is new, in the order of the changes. `seen`: all open changes.
    pub fn news(&self, seen: &[Watched]) -> Vec<News> {
        let none = BTreeMap::new();
        let mut news = Vec::new();
        for it in seen {
            let before = self.0.get(&it.change).unwrap_or(&none);
            let (still, raised): (Alerts, Alerts) =
                it.alerts.clone().into_iter().partition(|(alert, _)| before.contains_key(alert));
            let over = |alert: &&Alert| !it.alerts.contains_key(alert);
            let cleared: Vec<Alert> = before.keys().filter(over).copied().collect();
            if !raised.is_empty() || !cleared.is_empty() {
                let change = it.change.clone();
                news.push(News { change, raised, cleared, still, closed: false });
            }
        }
        for (change, before) in &self.0 {
            if !before.is_empty() && !seen.iter().any(|it| it.change == *change) {
                news.push(News {
                    change: change.clone(),
                    raised: Alerts::new(),
                    cleared: before.keys().copied().collect(),
                    still: Alerts::new(),
                    closed: true,
                });
            }
        }
        news
    }

    /// Keeps that it was told, now in seconds since 1970.
    pub fn tell(&mut self, news: &News, now: i64) {
        let told = self.0.entry(news.change.clone()).or_default();
        told.retain(|alert, _| !news.cleared.contains(alert));
        told.extend(news.raised.keys().map(|alert| (*alert, now)));
        if told.is_empty() {
            self.0.remove(&news.change);
        }
    }
}

/// Names with spaces between them.
fn names<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> String {
    alerts.into_iter().map(|alert| alert.name()).collect::<Vec<_>>().join(" ")
}

impl News {
    /// Whether all is well again.
    pub fn all_clear(&self) -> bool {
        self.raised.is_empty() && self.still.is_empty()
    }

    /// In one line.
    pub fn subject(&self) -> String {
        if self.closed {
            return "all clear: the change is closed".to_owned();
        }
        if self.all_clear() {
            return "all clear".to_owned();
        }
        let raised = self.raised.keys().map(|alert| alert.name().replace('-', " "));
        let over = self.cleared.iter().map(|it| format!("{} is over", it.name().replace('-', " ")));
        raised.chain(over).collect::<Vec<_>>().join(", ")
    }

    /// For a mail: what is new, what goes on, and what to type.
    pub fn text(&self, host: &str) -> String {
        let mut text = format!("backout on {host}: {}\nchange {}\n", self.subject(), self.change);
        let mut part = |lead: &str, alerts: &Alerts| {
            for (alert, why) in alerts {
                let _ = write!(text, "\n{lead}: {}\n", alert.name());
                why.lines().for_each(|line| {
                    let _ = writeln!(text, "  {line}");
                });
            }
        };
        part("new", &self.raised);
        part("still", &self.still);
        if !self.cleared.is_empty() {
            let _ = write!(text, "\nover: {}\n", names(&self.cleared));
        }
        if !self.closed {
            text.push_str("\nOn the host: `backout status` shows what is true now.\n");
        }
        text
    }

    /// For a program: names and values of its environment.
    pub fn facts(&self, host: &str) -> BTreeMap<String, String> {
        let state = if self.all_clear() { "clear" } else { "alert" };
        [
            ("BACKOUT_NEWS_HOST", host.to_owned()),
            ("BACKOUT_NEWS_CHANGE", self.change.clone()),
            ("BACKOUT_NEWS_STATE", state.to_owned()),
            ("BACKOUT_NEWS_SUBJECT", self.subject()),
            ("BACKOUT_NEWS_RAISED", names(self.raised.keys())),
            ("BACKOUT_NEWS_CLEARED", names(&self.cleared)),
            ("BACKOUT_NEWS_OPEN", names(self.still.keys().chain(self.raised.keys()))),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

#[cfg(test)]
mod tests;
