//! `backout check`: could this host upgrade, and come back?

use serde_json::json;

use crate::cli::verbs::migrate;
use crate::cli::{Exit, Global, render};
use crate::preflight::{self, Occasion, Severity};
use crate::procedure::ProcedureInputs;
use crate::report::CliError;
use crate::strategy;

/// Looks at everything, and prints all findings at once.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    let settings = &global.settings();
    let inputs = ProcedureInputs::open(settings)?;
    if strategy::data_of(inputs.data_strategy()).moves_users() {
        return migrate::check_hosts(global, &inputs);
    }
    let facts = inputs.facts(settings, Occasion::Check, None, None)?;
    let findings = preflight::check(&facts);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (refused, confirm, warned) =
        (count(Severity::Refuse), count(Severity::Confirm), count(Severity::Warn));
    let exit = if refused > 0 { Exit::Refused } else { Exit::Done };
    if global.json {
        render::json::line(&json!({
            "result": "check", "exit": exit.status(), "findings": findings, "facts": facts,
        }));
        return Ok(exit);
    }
    let installed = facts.versions.installed.as_deref().unwrap_or("unknown");
    render::line(&format!(
        "{}: {installed} -> {}",
        inputs.product().title,
        inputs.place().upgrade_to
    ));
    render::line(&format!("  way back: {}", strategy::data_of(inputs.data_strategy()).about()));
    for root in &facts.roots {
        render::line(&format!("    {}", root.name));
    }
    render::found(&findings);
    render::line(&format!("checks: {refused} refuse, {confirm} ask for a yes, {warned} warn"));
    if refused == 0 {
        let root = facts.caller.as_ref().is_ok_and(|caller| caller.uid == 0);
        render::line(if root {
            "This host can upgrade, and come back."
        } else {
            "Nothing that this user can see prevents the upgrade. Only root sees everything."
        });
        render::line("  next:  backout plan      see every step");
        render::line("         backout upgrade   take the snapshot and upgrade");
    }
    Ok(exit)
}
