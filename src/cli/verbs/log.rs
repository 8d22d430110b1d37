//! `backout log`: the journal of a change, line by line.

use clap::Args;
use serde_json::json;

use crate::cli::{Exit, Global, render};
use crate::journal::{self, Layout};
use crate::procedure::changes;
use crate::report::{CliError, answered};
use crate::step::Record;

/// What to show.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Also show what the commands printed.
    #[arg(long)]
    commands: bool,
}

/// Prints it.
pub fn run(global: &Global, arguments: &LogArgs) -> Result<Exit, CliError> {
    let settings = &global.settings();
    let found = changes::pick_or_newest(settings)?;
    let layout = Layout::new(&settings.state, &found.id, None);
    let reading = journal::file::read(&layout.journal())
        .map_err(|error| changes::unreadable(&found.id, &error.to_string()))?;
    for line in &reading.lines {
        if global.json {
            render::json::line(&json!(line));
        } else {
            let time = line.at.format("%Y-%m-%d %H:%M:%S %z").to_string();
            for (i, text) in words(&line.record).lines().enumerate() {
                let lead = if i == 0 { time.clone() } else { " ".repeat(time.len() + 4) };
                render::line(&format!("{lead}  {text}"));
            }
        }
    }
    if arguments.commands && !global.json {
        let text = std::fs::read(layout.log()).unwrap_or_default();
        render::line("");
        render::line(String::from_utf8_lossy(&text).trim_end());
    }
    Ok(Exit::Done)
}

fn words(record: &Record) -> String {
    match record {
        Record::Opened(manifest) => {
            format!(
                "opened {}: {} -> {} (backout {})",
                manifest.change, manifest.from_version, manifest.upgrade_to, manifest.tool
            )
        }
        Record::Planned { plan } => {
            format!("{} planned, {} steps", plan.procedure.verb(), plan.steps.len())
        }
        Record::Started { step, attempt: 1 } => format!("  {step}: started"),
        Record::Started { step, attempt } => format!("  {step}: started, try {attempt}"),
        Record::Done { step, adopted: true, .. } => format!("  {step}: done already"),
        Record::Done { step, .. } => format!("  {step}: done"),
        Record::Failed { step, error } => format!("  {step}: failed: {error}"),
        Record::Rewound { to, why } => format!("  back to {to}: {why}"),
        Record::Halted { step, why, .. } => format!("  {step}: halted: {why}"),
        Record::Interrupted => "interrupted on request".into(),
        Record::Answered { question } => answered(*question).into(),
        Record::Finished => "finished".into(),
        Record::Proved { proof, .. } => format!("everything compared; {proof}"),
        Record::Replaced(new) => format!("mended files were taken in (edition {})", new.edition),
    }
}
