//! `backout playbook try`: runs the commands of a playbook that only read, and tells what each says.
//! Nothing is changed: no service is stopped, nothing is captured or restored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::host::files::stat_optional;
use crate::playbook::model::{CommandSpec, Occasion, Requirement};
use crate::playbook::{Extractor, Validated};
use crate::preflight::sources::Observed;
use crate::procedure::asking::Asker;
use crate::procedure::init::{lines, values};

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

/// Everything that can be asked, in the order in which the answers are needed: what `detect` finds is
/// the value of its variable for all that follows, unless `given` has one.
pub fn all(
    playbook: &Validated,
    asker: &Asker<'_>,
    given: &BTreeMap<String, String>,
) -> Vec<Tried> {
    let mut tried = Vec::new();
    let mut values = detected(playbook, asker, given, &mut tried);
    let at = Asked { playbook, asker };
    let version = &playbook.version;
    let installed = at.said("version", &version.command, Some(&version.pattern), &values);
    if installed.outcome == Outcome::Answers {
        values.insert("from_version".to_owned(), installed.says.clone());
    }
    tried.push(installed);
    if let Some(ready) = &playbook.service.ready {
        tried.push(at.said("service.ready", ready, None, &values));
    }
    if let Some(candidate) = &playbook.upgrade.candidate {
        let pattern = playbook.upgrade.candidate_pattern.as_ref();
        tried.push(at.said("upgrade.candidate", candidate, pattern, &values));
    }
    let versions = playbook.detect.iter().flat_map(|it| &it.versions);
    tried.extend(versions.map(|it| at.said("detect: versions", it, None, &values)));
    for (name, discovery) in &playbook.discover {
        let what = format!("discover: {name}");
        let found = at.said(&what, &discovery.command, discovery.pattern.as_ref(), &values);
        if found.outcome == Outcome::Answers {
            values.insert(name.clone(), found.says.clone());
        }
        tried.push(found);
    }
    at.data(&values, &mut tried);
    at.requirements(&values, &mut tried);
    at.lists(&values, &mut tried);
    if let Some(position) = playbook.restore.as_ref().and_then(|it| it.position.as_ref()) {
        tried.push(in_maintenance(at.said("restore.position", position, None, &values)));
    }
    if let Some(standby) = &playbook.standby {
        let one = at.said("standby.feed.source", &standby.feed.source, None, &values);
        tried.push(later(one, "of the upgraded version, beside a standby"));
    }
    tried
}

/// The values that are known: those given, and what the host says.
fn detected(
    playbook: &Validated,
    asker: &Asker<'_>,
    given: &BTreeMap<String, String>,
    tried: &mut Vec<Tried>,
) -> BTreeMap<String, String> {
    let mut known = asker.defaults();
    for (name, value) in given {
        values::set(playbook, &mut known, name, Some(value.clone()));
    }
    // One that is given stands, also where another one has the same value by default.
    known.extend(given.clone());
    let at = Asked { playbook, asker };
    for how in playbook.detect.iter().flat_map(|it| &it.values) {
        let name = &how.variable;
        let what = format!("detect: {name}");
        let answer = at.said(&what, &how.command, None, &known);
        if answer.outcome != Outcome::Answers {
            // Where it fails, `init` takes `otherwise`, too.
            let otherwise = how.otherwise.clone().filter(|_| !given.contains_key(name));
            values::set(playbook, &mut known, name, otherwise);
            tried.push(answer);
            continue;
        }
        let mut found = lines(&answer.says, how.pattern.as_ref());
        let all = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
        if found.len() > 1 && !given.contains_key(name) {
            let leading = values::leading(playbook, asker, how, &found, &known);
            found = leading.into_iter().map(|(value, _)| value).collect();
        }
        let taken = match (given.get(name), found.as_slice()) {
            (Some(value), _) => format!(" (given: {value})"),
            (None, [one]) => {
                let narrowed = if *one == all { String::new() } else { format!(" (taken: {one})") };
                values::set(playbook, &mut known, name, Some(one.clone()));
                narrowed
            }
            (None, []) => {
                values::set(playbook, &mut known, name, how.otherwise.clone());
                let value = known.get(name);
                value.map_or_else(String::new, |value| format!(" (taken: {value})"))
            }
            (None, _) => format!(" (choose by --set {name}=VALUE)"),
        };
        tried.push(Tried { says: format!("{all}{taken}"), ..answer });
    }
    known
}

/// What is asked, and by what.
struct Asked<'a, 'p> {
    playbook: &'a Validated,
    asker: &'a Asker<'p>,
}

impl Asked<'_, '_> {
    /// What it prints, or what its pattern finds there.
    fn said(
        &self,
        what: &str,
        spec: &CommandSpec,
        pattern: Option<&Extractor>,
        values: &BTreeMap<String, String>,
    ) -> Tried {
        if let Some(later) = self.without_value(what, spec, values) {
            return later;
        }
        let found = self.asker.answer(spec, values).and_then(|printed| {
            let Some(pattern) = pattern else { return Ok(printed) };
            let found = pattern.find(&printed).map(str::to_owned);
            found.ok_or_else(|| format!("it printed no match for /{pattern}/ but: {printed}"))
        });
        row(what, found)
    }

    /// A command with a name that has no value cannot be run.
    fn without_value(
        &self,
        what: &str,
        spec: &CommandSpec,
        values: &BTreeMap<String, String>,
    ) -> Option<Tried> {
        let template = spec.template();
        let (mut set, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for name in template.names() {
            if self.playbook.variables.contains_key(name) && !values.contains_key(name) {
                set.insert(format!("--set {name}=VALUE"));
            } else if self.playbook.discover.contains_key(name) && !values.contains_key(name) {
                unknown.insert(format!("`{{{name}}}` was not discovered"));
            } else if name == "from_version" && !values.contains_key(name) {
                unknown.insert("the installed version is not known".to_owned());
            }
        }
        let mut why: Vec<String> = unknown.into_iter().collect();
        if !set.is_empty() {
            why.push(format!("give {}", set.into_iter().collect::<Vec<_>>().join(" ")));
        }
        let says = why.join("; ");
        let later = Tried { what: what.to_owned(), outcome: Outcome::Later, says };
        (!later.says.is_empty()).then_some(later)
    }

    fn required(&self, it: &Requirement, values: &BTreeMap<String, String>) -> Tried {
        let one = self.said(&title(it), &it.command, None, values);
        let met = |text: &str| it.expect.as_ref().is_none_or(|expect| expect.is_match(text));
        let outcome = match one.outcome {
            Outcome::Answers if !met(&one.says) => Outcome::NotMet,
            // Without a pattern, a command that fails is the answer.
            Outcome::Fails if it.expect.is_none() => Outcome::NotMet,
            outcome => outcome,
        };
        Tried { outcome, ..one }
    }

    /// The folders of the data are there.
    fn data(&self, values: &BTreeMap<String, String>, tried: &mut Vec<Tried>) {
        for path in &self.playbook.data.paths {
            let what = format!("data: {}", path.source());
            let (outcome, says) = match path.fill(&|name| values.get(name).cloned()) {
                Err(error) => (Outcome::Later, error.to_string()),
                Ok(path) if !path.starts_with('/') => {
                    (Outcome::NotMet, format!("{path} is no absolute path"))
                }
                Ok(path) => match stat_optional(Path::new(&path)) {
                    Ok(Some(_)) => (Outcome::Answers, path),
                    Ok(None) => (Outcome::NotMet, format!("{path} is not there")),
                    Err(error) => (Outcome::Fails, format!("{path}: {error}")),
                },
            };
            tried.push(Tried { what, outcome, says });
        }
    }

    /// Those that are asked before an upgrade, but for those that need one that is not met.
    fn requirements(&self, values: &BTreeMap<String, String>, tried: &mut Vec<Tried>) {
        let mut unmet = BTreeSet::new();
        for it in &self.playbook.requirements {
            let needed = it.needs.as_ref().filter(|name| unmet.contains(*name));
            let why = if !it.before.contains(&Occasion::Upgrade) {
                Some("asked only before a downgrade, or while a decision is awaited".to_owned())
            } else {
                needed.map(|name| format!("needs {name:?}, which is not met"))
            };
            let one = match why {
                Some(says) => Tried { what: title(it), outcome: Outcome::Later, says },
                None => self.required(it, values),
            };
            if one.outcome != Outcome::Answers {
                unmet.extend(it.name.clone());
            }
            tried.push(one);
        }
    }

    /// The lists, of the open service if it can be asked, with their first items.
    fn lists(&self, values: &BTreeMap<String, String>, tried: &mut Vec<Tried>) {
        let mut values = values.clone();
        let lookup = |name: &str| values.get(name).cloned();
        let address = self.playbook.service.address.as_ref();
        if let Some(address) = address.and_then(|it| it.fill(&lookup).ok()) {
            values.insert("address".to_owned(), address);
        }
        for inventory in &self.playbook.inventories {
            let what = format!("inventory: {}", inventory.name);
            if let Some(later) = self.without_value(&what, &inventory.command, &values) {
                tried.push(later);
                continue;
            }
            let listed = self.asker.beginning(&inventory.command, &values, LINES);
            let listed = listed.map(|(lines, whole)| {
                let more = if whole { "" } else { " and more" };
                let first = lines.first().map(|line| format!("; the first: {line}"));
                format!("{} lines{more}{}", lines.len(), first.unwrap_or_default())
            });
            let one = row(&what, listed);
            // Without an address of the open service, a list is one of the server in maintenance.
            let open = values.contains_key("address");
            tried.push(if open { one } else { in_maintenance(one) });
        }
    }
}

fn title(it: &Requirement) -> String {
    format!("requirement: {}", it.about.trim_end_matches('.'))
}

/// What is asked of the server in maintenance, which does not run now.
fn in_maintenance(one: Tried) -> Tried {
    later(one, "of the server in maintenance, which does not run")
}

/// What need not answer yet.
fn later(one: Tried, why: &str) -> Tried {
    if one.outcome != Outcome::Fails {
        return one;
    }
    let says = format!("{why}: {}", one.says);
    Tried { outcome: Outcome::Later, says, ..one }
}

fn row(what: &str, answer: Observed<String>) -> Tried {
    let what = what.to_owned();
    match answer {
        Ok(says) => Tried { what, outcome: Outcome::Answers, says },
        Err(says) => Tried { what, outcome: Outcome::Fails, says },
    }
}

/// What a table shows of one answer, and how many lines it leaves out. Of a command that failed,
/// the reason is what counts: what programs say of an error stands first, and the command line,
/// which may be long, behind it.
pub fn shown(one: &Tried) -> (Vec<&str>, usize) {
    const MOST: usize = 4;
    let mut lines: Vec<&str> = one.says.lines().filter(|it| !it.trim().is_empty()).collect();
    let all = lines.len();
    let most = match one.outcome {
        Outcome::Answers | Outcome::Later => 1,
        Outcome::NotMet | Outcome::Fails => MOST,
    };
    let is_error = |line: &&str| {
        let line = line.trim_start().to_ascii_lowercase();
        ["e: ", "error", "fatal", "err "].iter().any(|word| line.starts_with(word))
    };
    let errors: Vec<&str> = lines.iter().skip(1).copied().filter(is_error).take(MOST - 1).collect();
    if most == MOST && !errors.is_empty() {
        let first = lines[0];
        lines = errors;
        lines.push(first);
    } else if most == MOST && all > MOST && one.outcome == Outcome::Fails {
        // Programs say the reason last.
        lines.drain(1..=all - MOST);
    }
    lines.truncate(most);
    let left = all - lines.len();
    (lines, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stands_first() {
        let of = |outcome, says: &str| {
            let one = Tried { what: String::new(), outcome, says: says.to_owned() };
            let (lines, left) = shown(&one);
            (lines.join("|"), left)
        };
        let apt =
            "`apt-get download` ended with exit status: 100:\nW: a\nE: no file\nE: no way\nx\ny";
        let first = "E: no file|E: no way|`apt-get download` ended with exit status: 100:";
        for outcome in [Outcome::Fails, Outcome::NotMet] {
            assert_eq!(of(outcome, apt), (first.to_owned(), 3));
        }
        assert_eq!(of(Outcome::Fails, "it failed:\na\nb\nc\nd").0, "it failed:|b|c|d");
        assert_eq!(of(Outcome::NotMet, "a\nb\nc\nd\ne"), ("a|b|c|d".to_owned(), 1));
        assert_eq!(of(Outcome::Answers, "a\n\nb"), ("a".to_owned(), 1));
        assert_eq!(of(Outcome::Answers, ""), (String::new(), 0));
    }
}
