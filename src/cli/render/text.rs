//! Text for people: the state of changes, findings, errors.

use std::io::Write;

use chrono::{DateTime, Local};
use serde_json::{Value, json};

use super::wrap::wrapped;
use super::{guide, json, line, printable};
use crate::cli::{Exit, Global};
use crate::preflight::{Finding, Severity};
use crate::report::{CliError, Compared, Next, Report, Timeline};

/// How the texts behind `now:` and `cause:` go on.
const BEHIND: &str = "         ";

/// A finding. The lines of its remedy are not broken, so that they can be copied.
fn of_finding(lead: &str, finding: &Finding) -> String {
    let text = finding.to_string();
    let remedies = finding.remedy.iter().flat_map(|remedy| remedy.lines()).count();
    let prose = text.lines().count().saturating_sub(remedies);
    let lines = text.lines().enumerate().map(|(i, line)| {
        let line = format!("{lead}{line}");
        if i < prose || is_sentence(&line) { wrapped(&line, BEHIND) } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a remedy is a sentence. A command is not broken, so that it can be copied.
fn is_sentence(line: &str) -> bool {
    let text = line.trim_start().trim_start_matches("to do: ");
    text.starts_with(char::is_uppercase) && text.ends_with('.')
}

/// Prints an error.
pub fn error(global: &Global, error: CliError) {
    let error = error.naming_change(global.change.as_deref());
    if global.json {
        json::line(&as_json(&error));
        return;
    }
    let mut text = format!("error: {}\n", error.what);
    for finding in in_the_way(&error.findings) {
        // It begins with a word of its own.
        text.push_str(&of_finding("  ", finding));
        text.push('\n');
    }
    for cause in &error.cause {
        text.push_str(&indented("  cause: ", "         ", cause));
    }
    for truth in &error.now {
        text.push_str(&indented("  now:   ", "         ", truth));
    }
    text.push_str(&ways(&error.next));
    let _ = std::io::stderr().lock().write_all(printable(&text).as_bytes());
}

fn as_json(error: &CliError) -> Value {
    let found = in_the_way(&error.findings).map(ToString::to_string);
    let cause: Vec<String> = found.chain(error.cause.iter().cloned()).collect();
    let mut object = json!({
        "result": "error", "exit": Exit::from(error.kind).status(), "kind": error.kind,
        "what": error.what, "cause": cause, "now": error.now, "next": error.next,
    });
    if !error.findings.is_empty() {
        object["findings"] = json!(error.findings);
    }
    object
}

/// The findings that are more than a warning.
fn in_the_way(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity != Severity::Warn)
}

/// A text after its label. An indented line is not prose, and is not broken.
fn indented(first: &str, more: &str, text: &str) -> String {
    let lines = text.lines().enumerate().map(|(i, line)| {
        let lead = if i == 0 { first } else { more };
        let whole = format!("{lead}{line}").trim_end().to_owned();
        if line.starts_with(char::is_whitespace) { whole } else { wrapped(&whole, more) }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    if text.is_empty() { text } else { format!("{text}\n") }
}

fn ways(next: &[Next]) -> String {
    let longest = |text: fn(&Next) -> &str| {
        next.iter().map(|next| text(next).chars().count()).max().unwrap_or_default()
    };
    let width = longest(|next| &next.command);
    // Beside each other if all of it fits a terminal of 80 columns, otherwise below each other.
    let beside = 9 + width + 2 + longest(|next| &next.meaning) <= 80;
    next.iter()
        .enumerate()
        .map(|(i, next)| {
            let lead = if i == 0 { "  next:  " } else { "         " };
            if beside {
                format!("{lead}{:width$}  {}\n", next.command, next.meaning)
            } else {
                let far = "             ";
                format!(
                    "{lead}{}\n{}\n",
                    next.command,
                    wrapped(&format!("{far}{}", next.meaning), far)
                )
            }
        })
        .collect()
}

/// Prints the state of changes. `at`: when it is shown, if it is shown again. Whether somebody
/// reads still.
pub fn status(
    global: &Global,
    reports: &[Report],
    at_work: Option<&str>,
    at: Option<DateTime<Local>>,
) -> bool {
    if global.json {
        let mut value = json!({ "result": "status", "changes": reports, "at_work": at_work });
        if let Some(at) = at {
            value["at"] = json!(at.to_rfc3339());
        }
        return json::told(&value);
    }
    if let Some(holder) = at_work {
        line(&format!("A run of backout is at work: {holder}"));
    }
    if reports.is_empty() {
        line("There is no change on this host.");
        line("  next:  backout check  see whether this host can upgrade, and come back");
    }
    let mut read = true;
    for report in reports {
        read = super::told(format_report(report).trim_end());
    }
    read
}

fn format_report(report: &Report) -> String {
    // As it went last: back, after a downgrade.
    let (from, to) = match report.state.starts_with("backed out") {
        true => (&report.to, &report.from),
        false => (&report.from, &report.to),
    };
    let mut text = format!("{}: {}, {from} -> {to}\n", report.change, report.state);
    if let (Some((done, total)), Some(step)) = (report.done, &report.step) {
        text.push_str(&format!("  step:  {step} ({done} of {total} done)\n"));
    }
    if let Some(why) = &report.why {
        text.push_str(&indented("  why:   ", "         ", why));
    }
    for truth in &report.now {
        text.push_str(&indented("  now:   ", "         ", truth));
    }
    text.push_str(&ways(&report.next));
    text
}

/// Prints the end of a procedure that is complete.
pub fn finished(global: &Global, report: Report, past: Option<&Timeline>) {
    let report = if global.change.is_some() { report.naming_change() } else { report };
    if global.json {
        json::line(&json!({ "result": "finished", "change": report }));
    } else {
        line("");
        past.into_iter().flat_map(guide::was).for_each(|text| line(&text));
        line(format_report(&report).trim_end());
        limits(report.compared.as_ref());
    }
}

/// What was in no list, or does not come back.
fn limits(compared: Option<&Compared>) {
    let Some(compared) = compared.filter(|it| !it.not_compared.is_empty()) else { return };
    line("");
    line("Not compared, or not brought back (the playbook's limits):");
    for limit in &compared.not_compared {
        line(indented("  - ", "    ", limit).trim_end());
    }
}

/// Prints what checks found. Programs are told of what was answered in advance, too.
pub fn findings(global: &Global, change: &str, findings: &[Finding]) {
    if global.json {
        json::line(&json!({ "result": "findings", "change": change, "findings": findings }));
        return;
    }
    found(findings);
}

/// The same for a person, without what they have already accepted.
pub fn found(findings: &[Finding]) {
    for finding in findings.iter().filter(|finding| !finding.answered) {
        line(&of_finding("", finding));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_on_stand_beside_or_below_each_other() {
        let way = |command: &str, meaning: &str| Next {
            command: command.into(),
            meaning: meaning.into(),
        };
        let two = [way("backout resume", "go on"), way("backout abort", "give it up")];
        assert_eq!(
            ways(&two),
            "  next:  backout resume  go on\n         backout abort   give it up\n"
        );
        let long = [way("backout resume", &"on ".repeat(30)), way("backout abort", "give it up")];
        assert_eq!(ways(&long).lines().count(), 4);
        assert_eq!(ways(&[]), "");
    }
}
