//! What is shown while a procedure runs.

use std::time::Duration;

use super::live::Live;
use super::{journald, json, line};
use crate::change::event::Event;
use crate::cli::{Global, now};
use crate::journal::{Action as _, Output, Role, StepId};
use crate::report::Timeline;
use crate::step::Action;

/// Says what happens while a procedure runs.
pub struct Watcher {
    json: bool,
    /// What is printed would stand in the journal twice.
    journal: bool,
    /// On a terminal.
    live: Option<Live>,
    /// How long the packages took in the upgrade.
    packages: Option<Duration>,
}

impl Watcher {
    /// For a person, or for a program. `past`: the change so far.
    pub fn new(global: &Global, past: Option<&Timeline>) -> Self {
        let since = past.and_then(Timeline::shut_out_since);
        let shut_out =
            since.map(|since| (now().fixed_offset() - since).to_std().unwrap_or_default());
        let live = if global.json || global.plain { None } else { Live::on_terminal(shut_out) };
        let packages = past.and_then(|past| past.spent_in(&StepId::UPGRADE)?.to_std().ok());
        Self { json: global.json, journal: journald::takes_lines(), live, packages }
    }

    /// Prints a line, above the one that is redrawn.
    fn print(&self, text: &str) {
        match &self.live {
            Some(live) => live.print(text),
            None => line(text),
        }
    }

    /// Tells the line that is redrawn.
    fn follow(&self, event: &Event<'_>) {
        let Some(live) = &self.live else { return };
        match event {
            Event::Started { step, measure, .. } => {
                let packages = self.packages.filter(|_| matches!(step.action, Action::Package(_)));
                let closes = step.action.role() == Role::ClosesService;
                live.begins(measure.clone(), packages, closes);
            }
            Event::Done { step, .. } => live.ends(Timeline::opens(&step.id)),
            Event::Failed { .. } | Event::Rewound { .. } => live.ends(false),
            Event::Said(_) => {}
        }
    }

    /// Says it.
    pub fn event(&mut self, event: &Event<'_>) {
        if self.json {
            json::event(event);
        } else if !self.journal {
            self.for_people(event);
            self.follow(event);
        }
    }

    fn for_people(&self, event: &Event<'_>) {
        let line = |text: &str| self.print(text);
        let clock = now().format("%H:%M:%S");
        match event {
            Event::Started { step, number, total, attempt, .. } => {
                let again = if *attempt > 1 { format!(" (try {attempt})") } else { String::new() };
                line(&format!("{clock}  {number:>2}/{total}  {}{again}", step.title));
            }
            Event::Done { step, adopted: true, .. } => {
                line(&format!("{clock}         done already: {}", step.title))
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
        Output::Nothing | Output::Datasets { .. } => String::new(),
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
