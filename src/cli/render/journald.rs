//! Entries for systemd's journal, with fields to look for: `journalctl BACKOUT_CHANGE=ID`.

use std::path::Path;

use crate::change::event::Event;
use crate::host::journald::{self, Entry, Priority, SOCKET};
use crate::procedure::watch::Round;
use crate::report::{News, Standing};

/// A step of a procedure began, was done, failed, or is repeated.
const STEP_BEGAN: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a01";
const STEP_DONE: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a02";
const STEP_FAILED: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a03";
const STEP_SAID: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a04";
/// A procedure came to its end, or did not.
const FINISHED: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a05";
const STOPPED: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a06";
/// Something began that somebody should know, or it is over.
const ALERT: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a07";
const ALL_CLEAR: &str = "9b1f6fd5a7b04c0a8a2c1e6d0f5b3a08";

/// Whether what is printed goes to the journal anyway: then lines are not printed besides.
pub fn takes_lines() -> bool {
    journald::is_stdout()
}

/// What is the same for all entries of a procedure.
#[derive(Debug, Clone)]
pub struct Told {
    /// The change.
    pub change: String,
    /// What is done: its verb.
    pub procedure: &'static str,
    /// Where the change stood before.
    pub phase: Standing,
}

impl Told {
    fn entry(&self, message_id: &'static str, priority: Priority, message: String) -> Entry {
        let fields = vec![
            ("BACKOUT_CHANGE", self.change.clone()),
            ("BACKOUT_PROCEDURE", self.procedure.to_owned()),
            ("BACKOUT_PHASE", self.phase.word().to_owned()),
        ];
        Entry { message, priority, message_id, fields }
    }

    fn of_event(&self, event: &Event<'_>) -> Entry {
        let (id, priority, message, step) = match event {
            Event::Started { step, number, total, attempt, .. } => {
                let again = if *attempt > 1 { format!(" (try {attempt})") } else { String::new() };
                let message = format!("{number}/{total} {}{again}", step.title);
                (STEP_BEGAN, Priority::Info, message, Some(&step.id))
            }
            Event::Done { step, .. } => {
                (STEP_DONE, Priority::Info, format!("done: {}", step.title), Some(&step.id))
            }
            Event::Failed { step, error } => {
                let message = format!("failed: {}: {error}", step.title);
                (STEP_FAILED, Priority::Error, message, Some(&step.id))
            }
            Event::Rewound { to, why } => {
                let message = format!("{why}: going back to step `{to}`");
                (STEP_SAID, Priority::Notice, message, Some(*to))
            }
            Event::Said(text) => (STEP_SAID, Priority::Info, (*text).to_owned(), None),
        };
        let mut entry = self.entry(id, priority, message);
        entry.fields.extend(step.map(|step| ("BACKOUT_STEP", step.to_string())));
        if let Event::Done { took, .. } = event {
            entry.fields.push(("BACKOUT_SECONDS", format!("{:.3}", took.as_secs_f64())));
        }
        entry
    }

    /// What happens while a procedure runs.
    pub fn event(&self, event: &Event<'_>) {
        send(&self.of_event(event));
    }

    /// How it ended: where the change stands now; or why it stopped.
    pub fn ended(&self, result: Result<&str, &str>) {
        let verb = self.procedure;
        send(&match result {
            Ok(state) => {
                let message = format!("{verb} finished: {state}");
                self.entry(FINISHED, Priority::Notice, message)
            }
            Err(what) => {
                self.entry(STOPPED, Priority::Error, format!("{verb} did not finish: {what}"))
            }
        });
    }
}

/// What is new of the changes that are watched.
pub fn news(round: &Round) {
    round.news.iter().for_each(|news| send(&of_news(news)));
}

fn of_news(news: &News) -> Entry {
    let (message_id, priority) =
        if news.all_clear() { (ALL_CLEAR, Priority::Notice) } else { (ALERT, Priority::Warning) };
    let mut fields = vec![("BACKOUT_CHANGE", news.change.clone())];
    // A field may stand there several times.
    fields.extend(news.raised.keys().map(|alert| ("BACKOUT_ALERT", alert.name().to_owned())));
    let why = news.raised.values().flat_map(|why| why.lines());
    let lines: Vec<&str> = why.collect();
    let message =
        [&format!("{}: {}", news.change, news.subject())[..], &lines.join("\n")].join("\n");
    Entry { message: message.trim_end().to_owned(), priority, message_id, fields }
}

/// Nobody waits for the journal, and a host without one works all the same.
fn send(entry: &Entry) {
    let _ = entry.send(Path::new(SOCKET));
}
