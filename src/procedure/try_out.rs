//! `backout playbook try`: runs the commands of a playbook that only read, and tells what each says.
//! Nothing is changed: no service is stopped, nothing is captured or restored.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::playbook::model::{CommandSpec, Occasion, Requirement};
use crate::playbook::{Extractor, Validated};
use crate::preflight::sources::Observed;
use crate::procedure::asking::Asker;
use crate::procedure::init::lines;

/// What one command said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Its place in the playbook, with the name of what it is for.
    pub what: String,
    /// How it went.
    pub outcome: Outcome,
    /// What it printed, or why it gave no answer.
    pub says: String,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It gave an answer that can be used.
    Answers,
    /// It gave an answer, and something on this host is not as required.
    NotMet,
    /// It gave no answer, or none that the playbook can use.
    Fails,
    /// It cannot be asked now.
    Later,
}

/// How many lines of a list are read.
const LINES: usize = 1000;

/// Everything that can be asked with these values, in the playbook's order.
pub fn all(
    playbook: &Validated,
    asker: &Asker<'_>,
    values: &BTreeMap<String, String>,
) -> Vec<Tried> {
    let mut values = values.clone();
    let mut tried = Vec::new();
    let version = &playbook.version;
    let installed = said(asker, &version.command, Some(&version.pattern), &values);
    if let Ok(installed) = &installed {
        values.insert("from_version".to_owned(), installed.clone());
    }
    tried.push(row("version", installed));
    if let Some(ready) = &playbook.service.ready {
        tried.push(row("service.ready", asker.answer(ready, &values)));
    }
    if let Some(candidate) = &playbook.upgrade.candidate {
        let pattern = playbook.upgrade.candidate_pattern.as_ref();
        tried.push(row("upgrade.candidate", said(asker, candidate, pattern, &values)));
    }
    if let Some(detect) = &playbook.detect {
        for how in &detect.values {
            let printed = asker.answer(&how.command, &values);
            let found = printed.map(|text| lines(&text, how.pattern.as_ref()).join(", "));
            let found = found.map(|it| if it.is_empty() { "nothing".to_owned() } else { it });
            tried.push(row(&format!("detect: {}", how.variable), found));
        }
        let versions = detect.versions.iter();
        tried.extend(versions.map(|it| row("detect: versions", asker.answer(it, &values))));
    }
    for (name, discovery) in &playbook.discover {
        let found = said(asker, &discovery.command, discovery.pattern.as_ref(), &values);
        if let Ok(value) = &found {
            values.insert(name.clone(), value.clone());
        }
        tried.push(row(&format!("discover: {name}"), found));
    }
    requirements(playbook, asker, &values, &mut tried);
    lists(playbook, asker, &values, &mut tried);
    if let Some(position) = playbook.restore.as_ref().and_then(|it| it.position.as_ref()) {
        let answer = asker.answer(position, &values);
        tried.push(in_maintenance(row("restore.position", answer)));
    }
    tried
}

/// What it prints, or what its pattern finds there.
fn said(
    asker: &Asker<'_>,
    spec: &CommandSpec,
    pattern: Option<&Extractor>,
    values: &BTreeMap<String, String>,
) -> Observed<String> {
    let printed = asker.answer(spec, values)?;
    let Some(pattern) = pattern else { return Ok(printed) };
    let found = pattern.find(&printed).map(str::to_owned);
    found.ok_or_else(|| format!("it printed no match for /{pattern}/ but: {printed}"))
}

fn required(it: &Requirement, asker: &Asker<'_>, values: &BTreeMap<String, String>) -> Tried {
    let answer = asker.answer(&it.command, values);
    let met = |text: &String| it.expect.as_ref().is_none_or(|expect| expect.is_match(text));
    let what = title(it);
    match answer {
        Ok(text) if met(&text) => Tried { what, outcome: Outcome::Answers, says: text },
        Ok(text) => Tried { what, outcome: Outcome::NotMet, says: text },
        // Without a pattern, a command that fails is the answer.
        Err(why) if it.expect.is_none() => Tried { what, outcome: Outcome::NotMet, says: why },
        Err(why) => Tried { what, outcome: Outcome::Fails, says: why },
    }
}

/// Those that are asked before an upgrade, but for those that need one that is not met.
fn requirements(
    playbook: &Validated,
    asker: &Asker<'_>,
    values: &BTreeMap<String, String>,
    tried: &mut Vec<Tried>,
) {
    let mut unmet = BTreeSet::new();
    for it in &playbook.requirements {
        let needed = it.needs.as_ref().filter(|name| unmet.contains(*name));
        let why = if !it.before.contains(&Occasion::Upgrade) {
            Some("asked only before a downgrade, or while a decision is awaited".to_owned())
        } else {
            needed.map(|name| format!("needs {name:?}, which is not met"))
        };
        let one = match why {
            Some(says) => Tried { what: title(it), outcome: Outcome::Later, says },
            None => required(it, asker, values),
        };
        if one.outcome != Outcome::Answers {
            unmet.extend(it.name.clone());
        }
        tried.push(one);
    }
}

fn title(it: &Requirement) -> String {
    format!("requirement: {}", it.about.trim_end_matches('.'))
}

/// What is asked of the server in maintenance, which does not run now.
fn in_maintenance(one: Tried) -> Tried {
    if one.outcome == Outcome::Answers {
        return one;
    }
    let says = format!("of the server in maintenance, which does not run: {}", one.says);
    Tried { outcome: Outcome::Later, says, ..one }
}

/// The lists, of the open service if it can be asked, with their first items.
fn lists(
    playbook: &Validated,
    asker: &Asker<'_>,
    values: &BTreeMap<String, String>,
    tried: &mut Vec<Tried>,
) {
    let mut values = values.clone();
    let lookup = |name: &str| values.get(name).cloned();
    let address = playbook.service.address.as_ref().and_then(|it| it.fill(&lookup).ok());
    if let Some(address) = address {
        values.insert("address".to_owned(), address);
    }
    for inventory in &playbook.inventories {
        let listed = asker.beginning(&inventory.command, &values, LINES).map(|(lines, whole)| {
            let more = if whole { "" } else { " and more" };
            let first = lines.first().map(|line| format!("; the first: {line}"));
            format!("{} lines{more}{}", lines.len(), first.unwrap_or_default())
        });
        let one = row(&format!("inventory: {}", inventory.name), listed);
        // Without an address of the open service, a list is one of the server in maintenance.
        let open = values.contains_key("address");
        tried.push(if open { one } else { in_maintenance(one) });
    }
}

fn row(what: &str, answer: Observed<String>) -> Tried {
    let what = what.to_owned();
    match answer {
        Ok(says) => Tried { what, outcome: Outcome::Answers, says },
        Err(says) => Tried { what, outcome: Outcome::Fails, says },
    }
}
