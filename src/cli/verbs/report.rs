//! `backout report`: the story of a change, for people who were not there.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::{Exit, Global, now, render};
use crate::host::files::write_atomic;
use crate::journal::{self, Layout};
use crate::procedure::{changes, look, way_back};
use crate::report::{self, CliError, ErrorKind, Fleet, REPORT_FORMAT, read_host_file};

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
    #[arg(long, conflicts_with = "fleet")]
    commands: bool,
    /// Many hosts in one report, the worst first: from files named HOST.json that `backout --json
    /// report` printed on each host, or folders of such files.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    fleet: Vec<PathBuf>,
    /// A host of the fleet: without a file, it is shown as one that said nothing. Can be repeated.
    #[arg(long, value_name = "HOST", requires = "fleet")]
    expect: Vec<String>,
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
    let text = if arguments.fleet.is_empty() {
        of_change(global, arguments)?
    } else {
        of_fleet(global, arguments)?
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

/// The story of one change.
fn of_change(global: &Global, arguments: &ReportArgs) -> Result<String, CliError> {
    let settings = &global.settings();
    let found = changes::pick_or_newest(settings)?;
    let layout = Layout::new(&settings.state, &found.id, None);
    let reading = journal::file::read(&layout.journal())
        .map_err(|error| changes::unreadable(&found.id, &error.to_string()))?;
    let story = report::timeline(&reading.lines)
        .ok_or_else(|| changes::unreadable(&found.id, "its first line does not open a change"))?;
    let commands = arguments.commands.then(|| log(&layout)).transpose()?;
    if global.json {
        let status = found
            .state
            .as_ref()
            .ok()
            .map(|state| look::report(settings, state, way_back::glance(settings, state)));
        let mut object = json!({
            "result": "report", "format": REPORT_FORMAT, "at": now().to_rfc3339(), "report": story,
            "status": status, "at_work": changes::at_work(settings),
        });
        if let Some(commands) = &commands {
            object["commands"] = json!(commands);
        }
        return Ok(render::json::text(&object));
    }
    Ok(match arguments.format {
        Format::Text => render::story::text(&story, commands.as_deref()),
        Format::Html => render::story_page::page(&story, commands.as_deref()),
    })
}

/// Many hosts, from what each of them said.
fn of_fleet(global: &Global, arguments: &ReportArgs) -> Result<String, CliError> {
    let (mut files, mut unusable) = (Vec::new(), Vec::new());
    for path in host_files(&arguments.fleet)? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let read = read.and_then(|text| read_host_file(&text).map_err(|error| error.to_string()));
        match read {
            Ok(file) => files.push((name, file)),
            Err(why) => unusable.push(format!("{}: {why}", path.display())),
        }
    }
    if !unusable.is_empty() {
        let what = "these files cannot be used for the report of a fleet";
        return Err(CliError { cause: unusable, ..CliError::new(ErrorKind::Usage, what) });
    }
    let (fleet, at) = (Fleet::of(files, &arguments.expect), now());
    if global.json {
        let object = json!({
            "result": "fleet", "format": REPORT_FORMAT, "at": at.to_rfc3339(), "hosts": fleet.hosts,
        });
        return Ok(render::json::text(&object));
    }
    Ok(match arguments.format {
        Format::Text => render::fleet::text(&fleet, at),
        Format::Html => render::fleet_page::page(&fleet, at),
    })
}

/// The files that are named, and those in folders that are named, by name.
fn host_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let listed: Result<Vec<_>, std::io::Error> =
            std::fs::read_dir(path).and_then(|entries| entries.map(|it| Ok(it?.path())).collect());
        let mut listed = listed.map_err(|error| {
            CliError::new(ErrorKind::Usage, format!("cannot read {}", path.display()))
                .cause(error.to_string())
        })?;
        listed.retain(|file| file.extension().is_some_and(|it| it == "json"));
        if listed.is_empty() {
            let what = format!("there is no file HOST.json in {}", path.display());
            return Err(CliError::new(ErrorKind::Usage, what));
        }
        listed.sort();
        files.extend(listed);
    }
    Ok(files)
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
