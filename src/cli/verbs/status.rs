//! `backout status`: what is true now, and what can be done next.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;

use crate::cli::{Exit, Global, now, render};
use crate::procedure::{changes, look, way_back};
use crate::report::{CliError, Report};

/// Once, or again and again.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show it again every 5 seconds, or as often as you say, until Ctrl-C. Where the output is no
    /// terminal, each time begins with a line that has the time; with --json each is one object.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "5",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    watch: Option<u64>,
}

/// What is to be shown, and what came in the way.
struct Look {
    reports: Vec<Report>,
    at_work: Option<String>,
    exit: Exit,
    unreadable: Option<CliError>,
}

/// Shows the status of the open change, or of the one asked for.
pub fn run(global: &Global, arguments: &StatusArgs) -> Result<Exit, CliError> {
    let Some(seconds) = arguments.watch else {
        let look = glance(global)?;
        // The others are still shown.
        if look.unreadable.is_none() || !look.reports.is_empty() {
            render::status(global, &look.reports, look.at_work.as_deref(), None);
        }
        return look.unreadable.map_or(Ok(look.exit), Err);
    };
    let redraws = !global.json && std::io::stdout().is_terminal();
    loop {
        let look = glance(global)?;
        let now = now();
        if redraws {
            render::clear();
        }
        if !global.json {
            render::line(&format!("-- {}", now.format("%Y-%m-%d %H:%M:%S %z")));
        }
        let gone = !render::status(global, &look.reports, look.at_work.as_deref(), Some(now));
        if let Some(error) = look.unreadable {
            return Err(error);
        }
        if gone {
            return Ok(Exit::Done);
        }
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

fn glance(global: &Global) -> Result<Look, CliError> {
    let settings = &global.settings();
    let found = changes::all(settings)?;
    let at_work = changes::at_work(settings);
    let shown: Vec<_> = match &settings.change {
        Some(_) => vec![changes::pick(settings)?],
        None => {
            let open: Vec<_> = found.iter().filter(|found| found.is_open()).cloned().collect();
            if open.is_empty() {
                found.into_iter().max_by(|a, b| a.id.cmp(&b.id)).into_iter().collect()
            } else {
                open
            }
        }
    };
    let several = shown.len() > 1 || settings.change.is_some();
    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    let mut unreadable = None;
    for found in &shown {
        match &found.state {
            Ok(state) => {
                let report = look::report(settings, state, way_back::glance(settings, state));
                let report = if several { report.naming_change() } else { report };
                if state.current().is_some_and(|run| run.halted.is_some()) {
                    exit = Exit::Halted;
                } else if state.current().is_some() && exit == Exit::Done {
                    exit = Exit::Awaiting;
                }
                reports.push(report);
            }
            Err(why) => unreadable = Some(changes::unreadable(&found.id, why)),
        }
    }
    if at_work.is_some() {
        exit = Exit::Done;
    }
    Ok(Look { reports, at_work, exit, unreadable })
}
