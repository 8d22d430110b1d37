//! `backout check`: could this host upgrade, and come back?

use serde_json::json;

use super::desk::Desk;
use super::{Exit, Global, Trouble, output};
use crate::guard::{self, Occasion, Severity};
use crate::playbook::Way;

/// Looks at everything, and prints all findings at once.
pub fn run(global: &Global) -> Result<Exit, Trouble> {
    let desk = Desk::open(global)?;
    if desk.way() == Way::Coexistent {
        return super::migrate::check_hosts(global, &desk);
    }
    let facts = desk.facts(global, Occasion::Check, None, None)?;
    let findings = guard::check(&facts);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (refused, confirm, warned) = (count(Severity::Refuse), count(Severity::Confirm), count(Severity::Warn));
    let exit = if refused > 0 { Exit::Refused } else { Exit::Done };
    if global.json {
        output::json_line(&json!({ "result": "check", "exit": exit.status(), "findings": findings, "facts": facts }));
        return Ok(exit);
    }
    let installed = facts.versions.installed.as_deref().unwrap_or("unknown");
    output::line(&format!("{}: {installed} -> {}", desk.product().title, desk.place().upgrade_to));
    output::line(match desk.way() {
        Way::Zfs => "  way back: snapshot, rollback, and an incremental backup of what was written since, on",
        Way::Full => "  way back: a backup of everything, restored into an empty store (the data is not on ZFS)",
        Way::Packages => "  way back: packages and configuration (the product keeps no data here)",
        Way::Coexistent => "  way back: users move back",
    });
    for root in &facts.roots {
        output::line(&format!("    {}", root.name));
    }
    output::findings(global, &findings);
    output::line(&format!("checks: {refused} refuse, {confirm} ask for a yes, {warned} warn"));
    if refused == 0 {
        let root = facts.caller.as_ref().is_ok_and(|caller| caller.uid == 0);
        output::line(if root {
            "This host can upgrade, and come back."
        } else {
            "Nothing that this user can see stands in the way. Only root sees everything."
        });
        output::line("  next:  backout plan      see every step");
        output::line("         backout upgrade   take the snapshot and upgrade");
    }
    Ok(exit)
}
