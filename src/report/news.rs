//! What is new of the open changes, by what was told before, and how it is told. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Alert, Alerts, Watched};

/// What was told, and when: of each change, each alert with seconds since 1970, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told(pub BTreeMap<String, BTreeMap<Alert, i64>>);

/// What is new of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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

    /// The same of a test, of which nothing is true.
    pub fn facts_of_test(host: &str) -> BTreeMap<String, String> {
        let said = [("BACKOUT_NEWS_STATE", "test"), ("BACKOUT_NEWS_SUBJECT", "a test")];
        let mut facts = Self::default().facts(host);
        facts.extend(said.map(|(name, value)| (name.to_owned(), value.to_owned())));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(change: &str, alerts: &[Alert]) -> Watched {
        let alerts = alerts.iter().map(|alert| (*alert, format!("why {}", alert.name()))).collect();
        Watched { alerts, ..Watched::unreadable(change, "") }
    }

    #[test]
    fn only_what_is_new_is_told_and_the_end_of_it_too() {
        use Alert::{RoomShort, WayBackDamaged};
        let mut told = Told::default();
        assert_eq!(told.news(&[seen("db-1", &[])]), [], "nothing is wrong from the beginning on");
        let news = told.news(&[seen("db-1", &[WayBackDamaged])]);
        assert_eq!(news.len(), 1);
        assert_eq!(news[0].subject(), "way back damaged");
        // Not told yet: the command failed.
        assert_eq!(told.news(&[seen("db-1", &[WayBackDamaged])]), news);
        told.tell(&news[0], 7);
        assert_eq!(told.news(&[seen("db-1", &[WayBackDamaged])]), []);
        let news = told.news(&[seen("db-1", &[WayBackDamaged, RoomShort])]);
        assert_eq!(news[0].subject(), "room short");
        assert_eq!(news[0].facts("h")["BACKOUT_NEWS_OPEN"], "way-back-damaged room-short");
        told.tell(&news[0], 8);
        let news = told.news(&[seen("db-1", &[RoomShort])]);
        assert_eq!(news[0].subject(), "way back damaged is over");
        assert_eq!(news[0].facts("h")["BACKOUT_NEWS_STATE"], "alert");
        told.tell(&news[0], 9);
        let clear = told.news(&[seen("db-1", &[])]);
        assert_eq!(clear[0].subject(), "all clear");
        assert_eq!(clear[0].facts("h")["BACKOUT_NEWS_STATE"], "clear");
        let closed = told.news(&[]);
        assert_eq!(closed[0].subject(), "all clear: the change is closed");
        told.tell(&closed[0], 10);
        assert_eq!(told, Told::default(), "nothing is kept of a change that is closed");
    }

    #[test]
    fn the_text_says_what_is_new_and_what_goes_on() {
        let mut told = Told::default();
        let news = told.news(&[seen("db-1", &[Alert::WayBackDamaged])]);
        told.tell(&news[0], 7);
        let news = told.news(&[seen("db-1", &[Alert::WayBackDamaged, Alert::RoomShort])]);
        assert_eq!(
            news[0].text("db1"),
            "backout on db1: room short\nchange db-1\n\nnew: room-short\n  why room-short\n\n\
             still: way-back-damaged\n  why way-back-damaged\n\n\
             On the host: `backout status` shows what is true now.\n"
        );
    }
}
