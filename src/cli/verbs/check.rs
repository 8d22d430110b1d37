//! `backout check`: could this host upgrade, and come back? While an upgrade awaits its commit or
//! downgrade: is the way back open?

use serde_json::json;

use super::migrate;
use crate::cli::{Exit, Global, render};
use crate::preflight::{self, Facts, Finding, Occasion, Severity};
use crate::procedure::changes::Found;
use crate::procedure::{ProcedureInputs, Settings, changes, way_back};
use crate::report::{CliError, report_with};
use crate::step::State;
use crate::strategy;

/// Looks at everything, and prints all findings at once.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    let settings = &global.settings();
    if let Some(state) = undecided(settings)? {
        return decision(global, &state);
    }
    let inputs = ProcedureInputs::open(settings)?;
    if strategy::data_of(inputs.data_strategy()).moves_users() {
        return migrate::check_hosts(global, &inputs);
    }
    let facts = facts(global, &inputs)?;
    show(global, &inputs, &facts)
}

/// What is true of this host.
pub(super) fn facts(global: &Global, inputs: &ProcedureInputs) -> Result<Facts, CliError> {
    inputs.facts(&global.settings(), Occasion::Check, None, None)
}

/// Prints what comes of the facts. Its exit status is for a monitor.
pub(super) fn show(
    global: &Global,
    inputs: &ProcedureInputs,
    facts: &Facts,
) -> Result<Exit, CliError> {
    let findings = preflight::check(facts);
    let (refused, counted) = counted(&findings);
    let exit = if refused > 0 { Exit::Refused } else { Exit::Done };
    if global.json {
        let reached = facts.versions.reached();
        render::json::line(&json!({
            "result": "check", "exit": exit.status(), "reached": reached, "findings": findings,
            "facts": facts,
        }));
        return Ok(exit);
    }
    let installed = facts.versions.installed.as_deref().unwrap_or("unknown");
    render::line(&format!(
        "{}: {installed} -> {}",
        inputs.product().title,
        inputs.place().upgrade_to
    ));
    let about = strategy::data_of(inputs.data_strategy()).about();
    render::sentence(&format!("  way back: {about}"), "    ");
    for root in &facts.roots {
        render::line(&format!("    {}", root.name));
    }
    render::found(&findings);
    render::line(&counted);
    if refused == 0 {
        let root = facts.caller.as_ref().is_ok_and(|caller| caller.uid == 0);
        render::line(if root {
            "This host can upgrade, and come back."
        } else {
            "Nothing that this user can see prevents the upgrade. Only root sees everything."
        });
        render::line("  next:  backout plan      see every step");
        render::line("         backout upgrade   take the snapshot and upgrade");
    } else if facts.requirements.iter().any(|it| it.outcome.is_err() && !it.fix.is_empty()) {
        render::line("  next:  backout check --fix  make what the playbook can make, after a yes");
    }
    Ok(exit)
}

/// How many refuse, and all of them counted in words.
fn counted(findings: &[Finding]) -> (usize, String) {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (refused, confirm, warned) =
        (count(Severity::Refuse), count(Severity::Confirm), count(Severity::Warn));
    (refused, format!("checks: {refused} refuse, {confirm} ask for a yes, {warned} warn"))
}

/// The open change, if a person is to decide about its upgrade. Only root sees it.
pub(super) fn undecided(settings: &Settings) -> Result<Option<State>, CliError> {
    let visible = changes::visible(settings)?;
    let meant = |found: &&Found| match &settings.change {
        Some(id) => found.id == *id,
        None => found.is_open(),
    };
    let mut open = visible.iter().filter(meant);
    let (Some(found), None) = (open.next(), open.next()) else { return Ok(None) };
    Ok(found.state.as_ref().ok().filter(|state| way_back::awaits_decision(state)).cloned())
}

/// Is the way back of this change open? Its exit status is for a monitor.
fn decision(global: &Global, state: &State) -> Result<Exit, CliError> {
    let (facts, findings, way_back) = way_back::examine(&global.settings(), state)?;
    let (refused, counted) = counted(&findings);
    let exit = if refused > 0 { Exit::Refused } else { Exit::Done };
    let report = report_with(state, Some(way_back));
    if global.json {
        render::json::line(&json!({
            "result": "check", "exit": exit.status(), "change": report.change,
            "way_back": report.way_back, "findings": findings, "facts": facts,
        }));
        return Ok(exit);
    }
    render::found(&findings);
    render::line(&counted);
    render::status(global, &[report], None, None);
    Ok(exit)
}
