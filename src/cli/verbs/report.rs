//! `backout report`: the story of a change, for people who were not there.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::{Exit, Global, render};
use crate::host::files::write_atomic;
use crate::journal::{self, Layout};
use crate::procedure::changes;
use crate::report::{self, CliError, ErrorKind};

/// What to print.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// `text`, or one HTML page that needs no network.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write it into this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also show what the commands printed.
    #[arg(long)]
    commands: bool,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Plain text.
    Text,
    /// One HTML page.
    Html,
}

/// How much of the log of commands is shown, in bytes, from its end.
const LOG_BYTES: usize = 1 << 20;

/// Prints it.
pub fn run(global: &Global, arguments: &ReportArgs) -> Result<Exit, CliError> {
    let settings = &global.settings();
    let found = changes::pick_or_newest(settings)?;
    let layout = Layout::new(&settings.state, &found.id, None);
    let reading = journal::file::read(&layout.journal())
        .map_err(|error| changes::unreadable(&found.id, &error.to_string()))?;
    let story = report::timeline(&reading.lines)
        .ok_or_else(|| changes::unreadable(&found.id, "its first line does not open a change"))?;
    let commands = arguments.commands.then(|| log(&layout)).transpose()?;
    let text = if global.json {
        let mut object = json!({ "result": "report", "report": story });
        if let Some(commands) = &commands {
            object["commands"] = json!(commands);
        }
        format!("{object}\n")
    } else {
        match arguments.format {
            Format::Text => render::story::text(&story, commands.as_deref()),
            Format::Html => render::html::page(&story, commands.as_deref()),
        }
    };
    match &arguments.output {
        None => render::line(text.trim_end()),
        Some(path) => {
            write_atomic(path, text.as_bytes()).map_err(|error| {
                CliError::new(ErrorKind::Failed, format!("cannot write {}", path.display()))
                    .cause(error.to_string())
            })?;
            if !global.json {
                render::line(&format!("The report is in {}.", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}

/// The log of commands, or its end.
fn log(layout: &Layout) -> Result<String, CliError> {
    let path = layout.log();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(anyhow::Error::from(error))
                .with_context(|| format!("cannot read {}", path.display()))
                .map_err(CliError::from);
        }
    };
    let from = bytes.len().saturating_sub(LOG_BYTES);
    let text = String::from_utf8_lossy(&bytes[from..]);
    if from == 0 {
        return Ok(text.into_owned());
    }
    let whole = text.split_once('\n').map_or("", |(_, rest)| rest);
    Ok(format!("(the beginning is left out; all of it: {})\n{whole}", path.display()))
}
