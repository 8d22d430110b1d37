//! `backout status`: what is true now, and what can be done next.

use crate::cli::{Exit, Global, render};
use crate::procedure::{changes, prove, standby, way_back};
use crate::report::{CliError, report_with};

/// Shows the status of the open change, or of the one asked for.
pub fn run(global: &Global) -> Result<Exit, CliError> {
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
                let report = report_with(state, way_back::glance(settings, state));
                let mut report = report;
                if state.current().is_none()
                    && let Some(seen) = standby::look(settings, state)
                {
                    report.now.extend(seen.words());
                    report.standby = Some(seen);
                }
                if let Some(said) = prove::under_way(settings, state) {
                    report = report.proving(&said);
                } else if let Some(said) = prove::broken_off(settings, state) {
                    report = report.proof_broken_off(&said);
                }
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
    // The others are still shown.
    if let Some(error) = unreadable {
        if !reports.is_empty() {
            render::status(global, &reports, at_work.as_deref());
        }
        return Err(error);
    }
    if at_work.is_some() {
        exit = Exit::Done;
    }
    render::status(global, &reports, at_work.as_deref());
    Ok(exit)
}
