//! The story of a change as plain text, at most 80 columns where words can be broken.

use std::fmt::Write as _;

use super::wrap::filled;
use crate::report::{ProcedureEntry, StepEntry, Timeline, spent};

/// Where the text of a step begins.
const COLUMN: usize = 25;

/// The whole story. `commands`: what the log of commands says.
pub fn text(story: &Timeline, commands: Option<&str>) -> String {
    let mut text = String::new();
    let mut put = |line: &str| {
        text.push_str(line.trim_end());
        text.push('\n');
    };
    put(&format!("{}: {} {} -> {}", story.change, story.playbook, story.from, story.to));
    put(&format!("  host       {}", story.host));
    if !story.datasets.is_empty() {
        put(&filled("  datasets   ", 13, &story.datasets.join(", ")));
        put(&format!("  snapshot   @{}", story.snapshot));
    }
    put(&format!(
        "  opened     {} (backout {})",
        story.opened.format("%Y-%m-%d %H:%M:%S %z"),
        story.tool
    ));
    for (i, window) in story.shut_out.iter().enumerate() {
        let lead = if i == 0 { "  shut out   " } else { "             " };
        let from = window.from.format("%Y-%m-%d %H:%M:%S");
        put(&match window.spent() {
            Some(time) => format!("{lead}{from}, for {}", spent(time)),
            None => format!("{lead}{from}, and still"),
        });
    }
    if let Some(compared) = &story.compared {
        put(&filled("  compared   ", 13, &format!("{}.", compared.lists())));
        for (i, limit) in compared.not_compared.iter().enumerate() {
            let lead = if i == 0 { "  limits     " } else { "             " };
            put(&filled(lead, 13, limit));
        }
    }
    for procedure in &story.procedures {
        put("");
        of_procedure(procedure, &mut put);
    }
    if let Some(commands) = commands {
        let _ = write!(text, "\ncommands\n{commands}");
    }
    text
}

fn of_procedure(procedure: &ProcedureEntry, put: &mut impl FnMut(&str)) {
    put(&format!(
        "{}: {}, {}",
        procedure.procedure.verb(),
        procedure.outcome.words(),
        spent(procedure.ended - procedure.began)
    ));
    let mut day = None;
    for step in &procedure.steps {
        if let Some(began) = step.began.filter(|began| day != Some(began.date_naive())) {
            put(&format!("  {}", began.format("%Y-%m-%d %z")));
            day = Some(began.date_naive());
        }
        put(&filled(&lead(step), COLUMN, &words(step)));
    }
    for event in &procedure.events {
        let at = event.at.format("%H:%M:%S");
        for (i, line) in event.what.lines().enumerate() {
            let lead = if i == 0 { format!("  {at}  ! ") } else { " ".repeat(14) };
            put(&filled(&lead, 14, line));
        }
    }
}

fn lead(step: &StepEntry) -> String {
    let at = step.began.map_or_else(String::new, |at| at.format("%H:%M:%S").to_string());
    let time = step.spent().map_or_else(|| state(step).to_owned(), spent);
    format!("  {at:8}  {time:>11}  ")
}

fn state(step: &StepEntry) -> &'static str {
    if step.began.is_some() { "not ended" } else { "-" }
}

fn words(step: &StepEntry) -> String {
    let mut words = step.title.clone();
    if let Some(result) = &step.result {
        let _ = write!(words, ": {result}");
    }
    if step.tries > 1 {
        let _ = write!(words, " ({} tries)", step.tries);
    }
    words
}
