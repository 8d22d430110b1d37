//! A fleet as plain text, at most 80 columns where words can be broken.

use chrono::{DateTime, Local};

use super::wrap::filled;
use crate::report::{Fleet, FleetHost};

/// Where the text behind a label begins.
const COLUMN: usize = 17;

/// How many hosts there are, and how they are.
pub fn counted(fleet: &Fleet) -> String {
    let counts = fleet.counts().into_iter();
    let each: Vec<String> = counts.map(|(rank, n)| format!("{n} {}", rank.words())).collect();
    let hosts = match fleet.hosts.len() {
        1 => "1 host".to_owned(),
        n => format!("{n} hosts"),
    };
    format!("{hosts}: {}", each.join(", "))
}

/// All of it.
pub fn text(fleet: &Fleet, at: DateTime<Local>) -> String {
    let mut text = format!("fleet, {}\n", at.format("%Y-%m-%d %H:%M:%S %z"));
    text.push_str(&filled("  ", 4, &counted(fleet)));
    text.push('\n');
    for host in &fleet.hosts {
        text.push('\n');
        for line in of_host(host) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

fn of_host(host: &FleetHost) -> Vec<String> {
    let mut lines = Vec::new();
    let mut put = |label: &str, words: &str| {
        lines.push(filled(&format!("  {label:15}"), COLUMN, words));
    };
    if let Some(change) = &host.change {
        put("change", &format!("{} ({} -> {})", change.id, change.from, change.to));
    }
    for (i, why) in host.why.iter().flat_map(|why| why.lines()).enumerate() {
        put(if i == 0 { "why" } else { "" }, why.trim());
    }
    if let Some(change) = &host.change {
        if !change.downtime().is_empty() {
            put("shut out", &change.downtime());
        }
        if let Some(proof) = &change.proof {
            put("proof", proof);
        }
        for (i, (at, procedure, what)) in change.interruptions.iter().enumerate() {
            let label = if i == 0 { "interruptions" } else { "" };
            let at = at.format("%m-%d %H:%M:%S");
            put(label, &format!("{at} in the {}: {what}", procedure.verb()));
        }
    }
    for (i, next) in host.next.iter().enumerate() {
        put(if i == 0 { "next" } else { "" }, &format!("{}: {}", next.command, next.meaning));
    }
    if let Some(at) = host.at {
        put("as of", &at.format("%Y-%m-%d %H:%M:%S %z").to_string());
    }
    lines.insert(0, format!("{}: {}", host.name, host.stands()));
    lines
}
