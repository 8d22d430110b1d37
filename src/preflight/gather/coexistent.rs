//! Two hosts, and the users who are to move between them.

use std::collections::BTreeMap;

use regex::Regex;

use super::product::{question_fact, requirement_fact};
use crate::host::exec::Runner;
use crate::plan::Move;
use crate::playbook::coexistent::Host;
use crate::playbook::model::{Occasion, Requirement, Strategy};
use crate::playbook::{Playbook, template};
use crate::preflight::coexistent::{HostFact, MoveFacts, UserFact};
use crate::preflight::facts::Learnt;
use crate::step;

/// Looks at the hosts, the directory and these users.
pub fn gather(runner: &Runner, playbook: &Playbook, wanted: &str, it: Move<'_>, users: &[String]) -> MoveFacts {
    let run = |command: &crate::host::exec::Command| runner.run(command).map(|output| output.stdout).map_err(|error| error.to_string());
    let host = |host: &Host| {
        let on = it.on(host, &playbook.version.command);
        let command = on.host.command(&on.command);
        let version = step::installed_version(runner, &command, &playbook.version.pattern)
            .map_err(|error| format!("{error:#}"))
            // No version is no error where packages change; here it is, and why it failed is asked for once more.
            .and_then(|found| found.ok_or_else(|| run(&command).err().unwrap_or_else(|| format!("`{command}` names no version"))));
        HostFact { name: host.name.clone(), version, asked: command.to_string() }
    };
    let name = Regex::new(&format!("^(?:{})$", it.how.directory.user));
    let show = it.show();
    let user = |user: &String| {
        let plain = name.as_ref().is_ok_and(|name| name.is_match(user)) && is_safe(user);
        let place = if plain {
            step::whereabouts(runner, &show, user).map_err(|error| format!("{error:#}"))
        } else {
            Err("it was not asked for".to_owned())
        };
        UserFact { name: user.clone(), plain, place }
    };
    let due = |it: &&Requirement| it.before.contains(&Occasion::Upgrade) && it.strategies.contains(&Strategy::Coexistent);
    let requirement = |requirement: &Requirement| {
        let value = |name: &str| it.values.get(name).cloned();
        let command = template::expand_command(&requirement.command.command(), &value, &BTreeMap::new());
        requirement_fact(requirement, command.map_err(|error| error.to_string()), &run)
    };
    let (from, to) = it.ends();
    MoveFacts {
        hosts: [host(&it.hosts.old), host(&it.hosts.new)],
        wanted: wanted.to_owned(),
        from: from.name.clone(),
        to: to.name.clone(),
        known: known(runner, it),
        users: users.iter().map(user).collect(),
        requirements: playbook.requirements.iter().filter(due).map(requirement).collect(),
        questions: playbook.questions.iter().filter(|it| it.before.contains(&Occasion::Upgrade)).map(question_fact).collect(),
    }
}

/// All users that the directory has.
pub fn known(runner: &Runner, it: Move<'_>) -> Learnt<Vec<String>> {
    let printed = runner.run(&it.here(&it.how.directory.users)).map_err(|error| error.to_string())?.stdout;
    let mut users: Vec<String> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

/// What may stand in a file's name and in a command, whatever the playbook allows.
fn is_safe(user: &str) -> bool {
    !user.is_empty() && !user.starts_with(['-', '.']) && !user.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
}
