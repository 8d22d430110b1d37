//! Units that a command stops: one of them should have been started under that name.

use std::collections::BTreeSet;

use crate::playbook::Playbook;
use crate::playbook::model::CommandSpec;
use crate::playbook::problem::{Path, Report};
use crate::playbook::programs::Program;
use crate::playbook::value::template::Template;

/// How many letters a slip changes.
const SLIP: usize = 2;

/// Warns of a unit that a command stops and none starts, if its name is nearly that of one that is
/// started: a stop of a unit that is not there succeeds, and the server goes on.
pub(in crate::playbook) fn check(
    playbook: &Playbook,
    programs: &[Program],
    report: &mut Report<'_>,
) {
    let commands = playbook.commands();
    let mut started: BTreeSet<String> = commands
        .iter()
        .flat_map(|(_, command)| units(command, &["start-unit"], &["start"]))
        .collect();
    started.extend(commands.iter().flat_map(|(_, command)| {
        command
            .stages()
            .flat_map(|words| named(&words.iter().map(Template::source).collect::<Vec<_>>()))
    }));
    for program in programs {
        let text = String::from_utf8_lossy(program.bytes());
        let words: Vec<String> = text.split(is_edge).map(str::to_owned).collect();
        started.extend(named(&words));
    }
    started.extend(playbook.service.all_units().into_iter().map(|unit| whole(&unit.source())));
    for (place, command) in commands {
        for unit in units(command, &["stop-unit"], &["stop", "kill"]) {
            if started.contains(&unit) {
                continue;
            }
            let near = |known: &&String| strsim::damerau_levenshtein(known, &unit) <= SLIP;
            if let Some(meant) = started.iter().find(near) {
                let at = Path::of(&place.split('.').collect::<Vec<_>>());
                let what = format!("this stops {unit}, which no command of the playbook starts");
                report.warn(&at, what, format!("did you mean {meant}?"));
            }
        }
    }
}

/// Between the words of a script.
fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '|' | '&' | '(' | ')' | '\\')
}

/// The names that `systemd-run --unit=NAME` gives.
fn named(words: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (i, word) in words.iter().enumerate() {
        let name = word.strip_prefix("--unit=").or_else(|| {
            let next = (word == "--unit").then(|| words.get(i + 1))?;
            next.map(String::as_str)
        });
        found.extend(name.filter(|name| !name.is_empty()).map(whole));
    }
    found
}

/// The units that one of these helpers, or `systemctl` with one of these verbs, is given.
fn units(command: &CommandSpec, helpers: &[&str], verbs: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for words in command.stages() {
        let words: Vec<String> = words.iter().map(Template::source).collect();
        let at = words.iter().enumerate().position(|(i, word)| {
            let by_systemctl =
                || words[..i].iter().any(|it| it.rsplit('/').next() == Some("systemctl"));
            helpers.contains(&word.as_str()) || verbs.contains(&word.as_str()) && by_systemctl()
        });
        let rest = at.map_or(&[][..], |at| &words[at + 1..]);
        found.extend(rest.iter().filter(|word| !word.starts_with('-')).map(|word| whole(word)));
    }
    found
}

/// With its kind, which may be left out of a service's.
fn whole(name: &str) -> String {
    let kinds = [".service", ".scope", ".socket", ".timer", ".target", ".slice", ".path", ".mount"];
    let has_kind = kinds.iter().any(|kind| name.ends_with(kind));
    if has_kind { name.to_owned() } else { format!("{name}.service") }
}
