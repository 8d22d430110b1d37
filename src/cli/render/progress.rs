//! What is shown while a procedure runs.

use std::time::Duration;

use super::{json, line};
use crate::change::event::Event;
use crate::cli::{Global, now};
use crate::journal::Output;

/// Says what happens while a procedure runs.
pub struct Watcher {
    json: bool,
}

impl Watcher {
    /// For a person, or for a program.
    pub fn new(global: &Global) -> Self {
        Self { json: global.json }
    }

    /// Says it.
    pub fn event(&mut self, event: &Event<'_>) {
        if self.json {
            json::event(event);
        } else {
            self.for_people(event);
        }
    }

    fn for_people(&mut self, event: &Event<'_>) {
        let clock = now().format("%H:%M:%S");
        match event {
            Event::Started { step, number, total, attempt } => {
                let again = if *attempt > 1 { format!(" (try {attempt})") } else { String::new() };
                line(&format!("{clock}  {number:>2}/{total}  {}{again}", step.title));
            }
            Event::Done { step, adopted: true, .. } => {
                line(&format!("{clock}         found done: {}", step.title))
            }
            Event::Done { took, output, .. } => {
                let what = outcome(output);
                if took.as_secs() > 0 || !what.is_empty() {
                    line(&format!("{clock}         {what}{}", human(*took)));
                }
            }
            Event::Failed { step, .. } => line(&format!("{clock}         failed: {}", step.title)),
            Event::Rewound { to, why } => {
                line(&format!("{clock}         {why}: going back to step `{to}`"))
            }
            Event::Said(text) => line(&format!("{clock}         {text}")),
        }
    }
}

fn human(took: Duration) -> String {
    if took.as_secs() >= 60 {
        format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60)
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// What a step left, in words; ends with a comma and a space where there is something.
fn outcome(output: &Output) -> String {
    match output {
        Output::Nothing => String::new(),
        Output::Snapshots { list } => format!("{}, ", counted(list.len(), "snapshot")),
        Output::Files { list } => {
            let bytes: u64 = list.iter().map(|file| file.size).sum();
            format!(
                "{}, {}, ",
                counted(list.len(), "file"),
                humansize::format_size(bytes, humansize::BINARY)
            )
        }
        Output::Whole { list } => format!("{}, ", counted(list.len(), "item")),
        Output::Text { text } => format!("{text}, "),
        Output::Version { version } => format!("version {version}, "),
        Output::Inventory { items, .. } => {
            format!("{}, ", counted(usize::try_from(*items).unwrap_or(usize::MAX), "item"))
        }
        Output::Proof(proof) => format!("{proof}, "),
        Output::Users { list } => {
            let (users, items) =
                (list.len(), list.iter().map(|(_, proof)| proof.found).sum::<u64>());
            format!(
                "{} with {}, ",
                counted(users, "user"),
                counted(usize::try_from(items).unwrap_or(usize::MAX), "item")
            )
        }
        Output::Rejects { count, .. } => {
            format!("{} rejected, ", counted(usize::try_from(*count).unwrap_or(usize::MAX), "item"))
        }
    }
}
