//! Checks before users move to another host: both hosts answer, the new version runs there, and the
//! users are where they are expected.

use anyhow::Context as _;
use serde::Serialize;

use super::product::{self, RequirementFact, requirement_fact, requirement_facts};
use super::programs::{self, Program, Programs};
use super::sources::{Observed, filled};
use super::versions::{self, NoVersion};
use super::{Finding, Kind};
use crate::host::exec::{Command, Runner};
use crate::playbook::Playbook;
use crate::playbook::coexistent::Host;
use crate::playbook::hosts::{Move, Show};
use crate::playbook::model::{Occasion, Question, Requirement, Strategy};
use crate::playbook::version::version_is;

/// Gathers facts about the hosts, the directory and these users.
pub fn gather(
    runner: &Runner,
    playbook: &Playbook,
    wanted: &str,
    it: Move<'_>,
    users: &[String],
) -> MoveFacts {
    let run = |command: &Command| {
        runner.run(command).map(|output| output.stdout).map_err(|error| error.to_string())
    };
    let host = |host: &Host| {
        let on = it.on(host, &playbook.version.command);
        let command = filled(&on.command, &|_| None).map(|command| on.host.command(&command));
        let ask = |command: &Command| {
            let version =
                versions::read(&|command| runner.run(command), command, &playbook.version.pattern);
            version.map_err(|error| match error {
                NoVersion::None(why) => why,
                NoVersion::Unknown(error) => format!("{error:#}"),
            })
        };
        HostFact {
            name: host.name.clone(),
            version: command.as_ref().map_err(Clone::clone).and_then(ask),
            asked: command.map(|command| command.to_string()).unwrap_or_default(),
        }
    };
    let show = it.show();
    let user = |user: &String| {
        let plain = it.how.directory.user.is_match(user) && is_safe(user);
        let place = if plain {
            whereabouts(runner, &show, user).map_err(|error| format!("{error:#}"))
        } else {
            Err("it was not asked for".to_owned())
        };
        UserFact { name: user.clone(), plain, place }
    };
    let due = |it: &&Requirement| {
        it.before.contains(&Occasion::Upgrade) && it.strategies.contains(&Strategy::Coexistent)
    };
    let requirement = |requirement: &Requirement| {
        let value = |name: &str| it.values.get(name).cloned();
        requirement_fact(requirement, filled(&requirement.command.template(), &value), &run)
    };
    let (from, to) = it.ends();
    MoveFacts {
        hosts: [host(&it.hosts.old), host(&it.hosts.new)],
        wanted: wanted.to_owned(),
        from: from.name.clone(),
        to: to.name.clone(),
        known: known(runner, it),
        programs: started_here(playbook, it),
        users: users.iter().map(user).collect(),
        requirements: requirement_facts(playbook.requirements.iter().filter(due), &requirement),
        questions: playbook
            .questions
            .iter()
            .filter(|it| it.before.contains(&Occasion::Upgrade))
            .cloned()
            .collect(),
    }
}

/// The host that a user is on, and whether they are on hold.
///
/// # Errors
/// When the directory does not answer, or does not know.
pub(crate) fn whereabouts(
    runner: &Runner,
    show: &Show,
    user: &str,
) -> anyhow::Result<(String, bool)> {
    let value = |name: &str| (name == "user").then(|| user.to_owned());
    said(runner, show, &filled(&show.command, &value).map_err(anyhow::Error::msg)?, user)
}

/// The same, with the command that asks for this user.
pub(crate) fn said(
    runner: &Runner,
    show: &Show,
    command: &Command,
    user: &str,
) -> anyhow::Result<(String, bool)> {
    let printed =
        runner.run(command).with_context(|| format!("the directory was asked for {user}"))?.stdout;
    let found = show.host.find_in_lines(&printed).map(str::to_owned);
    let found = found.with_context(|| {
        format!("`{command}` does not say on which host {user} is; it printed: {}", printed.trim())
    })?;
    Ok((found, printed.lines().any(|line| show.held.is_match(line))))
}

/// The programs that are started on this host: those of the directory, what reaches another host,
/// and what follows it in a pipe.
fn started_here(playbook: &Playbook, it: Move<'_>) -> Vec<Program> {
    let mut programs = Programs::default();
    let commands = playbook.commands().into_iter();
    for (place, spec) in commands.filter(|(place, _)| place.starts_with("coexistent.")) {
        let hosts: &[Option<&Host>] = if place.starts_with("coexistent.directory.") {
            &[None]
        } else {
            &[Some(&it.hosts.old), Some(&it.hosts.new)]
        };
        for host in hosts {
            let command = host.map_or_else(|| it.here(spec), |host| it.on(host, spec).command);
            for (i, words) in command.stages.iter().enumerate() {
                let reach =
                    host.filter(|_| i == 0).and_then(|host| host.ssh.first().or(host.run.first()));
                let Some(program) = words.first() else { continue };
                // A name without a value is one that gets it for each user.
                let own =
                    || program.fill(&|_| None).map_err(|why| (program.source(), why.to_string()));
                programs.add(place, reach.map_or_else(own, |reach| Ok(reach.clone())));
            }
        }
    }
    programs.0
}

/// All users that the directory has.
///
/// # Errors
/// When it does not answer.
pub fn known(runner: &Runner, it: Move<'_>) -> Observed<Vec<String>> {
    let printed = runner
        .run(&filled(&it.here(&it.how.directory.users), &|_| None)?)
        .map_err(|error| error.to_string())?
        .stdout;
    let mut users: Vec<String> =
        printed.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

/// What is safe in a file name and in a command, whatever the playbook allows.
fn is_safe(user: &str) -> bool {
    !user.is_empty()
        && !user.starts_with(['-', '.'])
        && !user.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
}

/// Everything that is looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoveFacts {
    /// The old host, and the new one.
    pub hosts: [HostFact; 2],
    /// The version that the new one must have, complete or its first parts.
    pub wanted: String,
    /// The host that users leave, as the directory has it.
    pub from: String,
    /// The host that they come to.
    pub to: String,
    /// All users that the directory has.
    pub known: Observed<Vec<String>>,
    /// The programs that are started on this host.
    pub programs: Vec<Program>,
    /// The users who are to be moved.
    pub users: Vec<UserFact>,
    /// What the playbook asks of the host.
    pub requirements: Vec<RequirementFact>,
    /// What only a person can answer.
    pub questions: Vec<Question>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostFact {
    /// Its name, as the directory has it.
    pub name: String,
    /// What runs there.
    pub version: Observed<String>,
    /// The command that asked, as it was started here.
    pub asked: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserFact {
    /// The name.
    pub name: String,
    /// Whether the name is one that can be moved.
    pub plain: bool,
    /// The host they are on, and whether they are on hold.
    pub place: Observed<(String, bool)>,
}

/// The findings, the most severe first.
pub fn check(facts: &MoveFacts) -> Vec<Finding> {
    let mut findings = hosts(facts);
    findings.extend(programs::absent(&facts.programs, |_| true));
    findings.extend(users(facts));
    findings.extend(product::unmet(&facts.requirements));
    findings.extend(product::open(&facts.questions));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn hosts(facts: &MoveFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in &facts.hosts {
        if let Err(why) = &host.version {
            findings.push(
                Finding::refuse(
                    Kind::Host,
                    format!("Host {} does not report its version.", host.name),
                )
                .detail([why.clone()])
                .remedy([
                    host.asked.clone(),
                    "Run this by hand until it answers without a prompt.".to_owned(),
                ]),
            );
        }
    }
    let [_, new] = &facts.hosts;
    if let Ok(version) = &new.version
        && !version_is(version, &facts.wanted)
    {
        findings.push(
            Finding::refuse(
                Kind::Host,
                format!("Host {} has version {version}, not {}.", new.name, facts.wanted),
            )
            .remedy(["Install and configure the new version there first, or correct \
                    `upgrade_to` in the site file."]),
        );
    }
    if let Err(why) = &facts.known {
        findings.push(
            Finding::refuse(Kind::Directory, "The directory does not list its users.")
                .detail([why.clone()])
                .remedy(["Correct the site file's variables that `coexistent.directory` in the \
                    playbook uses."]),
        );
    }
    findings
}

fn users(facts: &MoveFacts) -> Vec<Finding> {
    const ID: Kind = Kind::User;
    let finding = |user: &UserFact| {
        let name = &user.name;
        if !user.plain {
            let what = format!("{name:?} is not the name of a user that can be moved.");
            return Some(Finding::refuse(ID, what).remedy([
                "See `coexistent.directory.user` of the playbook, and move this user by hand.",
            ]));
        }
        match &user.place {
            Err(why) => Some(
                Finding::refuse(ID, format!("Cannot tell which host {name} is on."))
                    .detail([why.clone()])
                    .remedy(["Leave this user out, or repair the directory."]),
            ),
            Ok((host, _)) if *host != facts.from => Some(
                Finding::refuse(ID, format!("{name} is on {host}, not on {}.", facts.from)).remedy(
                    ["Leave this user out; or, with --back, move from the new host to the \
                        old one."],
                ),
            ),
            Ok((_, true)) => Some(
                Finding::refuse(ID, format!("{name} is on hold."))
                    .detail(["Somebody else is moving this user, or has locked the account."])
                    .remedy(["Leave this user out, or release the hold."]),
            ),
            Ok((_, false)) => None,
        }
    };
    facts.users.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::show;
    use super::*;

    fn host(name: &str, version: Observed<String>) -> HostFact {
        HostFact { name: name.into(), version, asked: format!("ssh root@{name} 'imsimta version'") }
    }

    fn user(name: &str, place: Observed<(String, bool)>) -> UserFact {
        UserFact { name: name.into(), plain: true, place }
    }

    fn facts() -> MoveFacts {
        MoveFacts {
            hosts: [host("mail1", Ok("7.0.5.31.0".into())), host("mail2", Ok("8.0.2.1".into()))],
            wanted: "8.0.2".into(),
            from: "mail1".into(),
            to: "mail2".into(),
            known: Ok(vec!["ann".into()]),
            programs: Vec::new(),
            users: vec![user("ann", Ok(("mail1".into(), false)))],
            requirements: Vec::new(),
            questions: Vec::new(),
        }
    }

    #[test]
    fn sound_hosts_have_no_findings() {
        assert_eq!(check(&facts()), []);
    }

    #[test]
    fn what_stands_in_the_way() {
        let mut facts = facts();
        facts.hosts = [
            host("mail1", Err("`ssh …` ended with exit status 255".into())),
            host("mail2", Ok("8.0.1".into())),
        ];
        facts.known = Err("`ldapsearch …` ended with exit status 49".into());
        let used_by = vec!["coexistent.backup".to_owned(), "coexistent.restore".to_owned()];
        facts.programs = vec![Program { used_by, program: "ssh".into(), found: Ok(None) }];
        facts.users = vec![
            user("ann", Ok(("mail2".into(), false))),
            user("ben", Ok(("mail1".into(), true))),
            user("cleo", Err("nobody is called so".into())),
            UserFact { name: "-rf /".into(), plain: false, place: Err("not asked".into()) },
        ];
        insta::assert_snapshot!(show(&check(&facts)));
    }

    /// Prints its own words.
    fn echo() -> Runner {
        let mut runner = Runner::default();
        let answer = |command: &Command| {
            Some(Ok(crate::host::exec::Printed {
                stdout: command.stages[0].join(" "),
                ..Default::default()
            }))
        };
        runner.stand_in = crate::host::exec::StandIn(Some(std::sync::Arc::new(answer)));
        runner
    }

    #[test]
    fn the_directory_is_asked_in_the_playbooks_words_and_not_in_escaped_ones() {
        let command = crate::playbook::CommandTemplate::of(&["dir", "{{x}}", "{user}"]);
        let show = Show {
            command,
            host: "(.*)".to_owned().try_into().expect("a pattern"),
            held: "^-$".to_owned().try_into().expect("a pattern"),
        };
        assert_eq!(whereabouts(&echo(), &show, "{user}").expect("asked").0, "dir {x} {user}");
    }

    #[test]
    fn hosts_and_directory_are_asked_in_the_playbooks_words_and_not_in_escaped_ones() {
        let generic = crate::playbook::library::find("generic", &[]).expect("built in");
        let text = generic
            .text()
            .replace(r#"["tally-directory", "list"]"#, r#"["dir", "{{x}}", "{port}"]"#);
        let playbook: Playbook = toml::from_str(&text).expect("a playbook");
        let site = "playbook = 'generic'\nupgrade_to = '3'\nstrategy = \
            'coexistent'\n[hosts.old]\nname = 'a'\n[hosts.new]\nname = 'b'\n";
        let site = toml::from_str(site).expect("a site");
        let values = std::collections::BTreeMap::from([("port".to_owned(), "{host}$".to_owned())]);
        let it = Move::of(&playbook, &site, &values, false).expect("a move");
        assert_eq!(known(&echo(), it).expect("asked"), ["dir {x} {host}$"]);
        let asked = gather(&echo(), &playbook, "3", it, &[]).hosts[0].asked.clone();
        assert_eq!(asked, "dpkg-query --show '--showformat=${db:Status-Status} ${Version}' tally");
    }

    #[test]
    fn every_command_that_moves_users_is_looked_for() {
        let playbook = super::super::host_fixture::own_programs();
        let site: crate::playbook::Site = toml::from_str(
            "playbook = 'generic'\nupgrade_to = '2'\nstrategy = 'coexistent'\n\
             [hosts.old]\nname = 'a'\n[hosts.new]\nname = 'b'\nssh = ['/none/ssh', 'root@b']\n",
        )
        .expect("a site");
        let values = std::collections::BTreeMap::new();
        let it = Move::of(&playbook, &site, &values, false).expect("both sections");
        let found = super::super::host_fixture::own(&started_here(&playbook, it));
        let all =
            playbook.commands().into_iter().filter(|(place, _)| place.starts_with("coexistent."));
        let all = all.filter_map(|(_, spec)| {
            spec.argv.as_ref()?.first()?.to_string().strip_prefix("/none/").map(str::to_owned)
        });
        let mut all: Vec<String> = all.chain(["ssh".to_owned()]).collect();
        all.sort();
        assert_eq!(found, all);
    }
}
