//! The programs that the playbook's commands start.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::sources::Observed;
use super::{Facts, Finding, Kind, Sources};
use crate::host::exec::AS_USER;
use crate::host::quote::quote;
use crate::playbook::model::{CommandSpec, Occasion, Requirement, Strategy};
use crate::playbook::{DataStrategy, Template};

/// A program that a command of the playbook starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// The commands that start it, such as `installer.save`.
    pub used_by: Vec<String>,
    /// As the command has it.
    pub program: String,
    /// Where it is; `None`: nowhere. An error when a name in it has no value yet.
    pub found: Observed<Option<PathBuf>>,
}

/// The commands of the playbook that the procedures from this occasion on run, but for those that
/// the check itself runs: when one of them cannot be started, it says so.
pub(super) fn commands<'a>(sources: &Sources<'a>) -> Vec<(&'static str, &'a CommandSpec)> {
    let (playbook, down) = (sources.playbook, sources.occasion.is_downgrade());
    let beside = sources.site.strategy == Strategy::SideBySide;
    let way = DataStrategy::of(playbook, sources.site);
    let node = sources.node.as_ref().map(|node| &node.now);
    let is_run = |place: &str| match place.split('.').next().unwrap_or(place) {
        // The last two are run by `init` and `check --fix`.
        "version" | "discover" | "detect" | "fix" => false,
        "upgrade" if place == "upgrade.candidate" => false,
        "installer" | "upgrade" => !beside && !down,
        "downgrade" => !beside,
        "side_by_side" => beside && !down,
        "capture" | "restore" => way == DataStrategy::Zfs,
        "full" => way == DataStrategy::Full,
        "cluster" => node.is_some_and(|node| match place {
            "cluster.here" | "cluster.read_mark" | "cluster.write_mark" => true,
            "cluster.agent.version" | "cluster.agent.ready" | "cluster.agent.upgrade" => {
                node.agent && !down
            }
            _ => node.data,
        }),
        // `backout migrate` looks for these.
        "coexistent" => false,
        _ => true,
    };
    let later = later_requirements(sources).map(|it| ("requirement", &it.command));
    let all = playbook
        .commands()
        .into_iter()
        .filter(|(place, _)| *place != "requirement" && is_run(place));
    all.chain(later).collect()
}

/// The requirements that are not asked now, but before the downgrade.
fn later_requirements<'a>(sources: &Sources<'a>) -> impl Iterator<Item = &'a Requirement> {
    let (upgrade, strategy) = (!sources.occasion.is_downgrade(), sources.site.strategy);
    let later = move |it: &&Requirement| {
        upgrade && !it.before.contains(&Occasion::Upgrade) && it.strategies.contains(&strategy)
    };
    sources.playbook.requirements.iter().filter(later)
}

/// Looks for the programs of all commands.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<Program> {
    let beside = sources.playbook.side_by_side.as_ref();
    let new = beside.and_then(|it| sources.text(&it.new).ok());
    let mut programs = Programs::default();
    for (place, spec) in commands(sources) {
        let user = AS_USER.filter(|_| spec.user.is_some()).map(|program| Ok(program.to_owned()));
        let fill = |word: &Template| sources.text(word).map_err(|why| (word.to_string(), why));
        for word in spec.stages().filter_map(|words| words.first()).map(fill).chain(user) {
            // What runs from the new installation is not there yet.
            let to_come =
                |word: &String| new.as_ref().is_some_and(|new| Path::new(word).starts_with(new));
            if !word.as_ref().is_ok_and(to_come) {
                programs.add(place, word);
            }
        }
    }
    programs.0
}

/// Programs with the commands that start them, each once.
#[derive(Default)]
pub(super) struct Programs(pub(super) Vec<Program>);

impl Programs {
    /// One that this command starts; or the word that stands for it, and why it cannot be known
    /// yet.
    pub(super) fn add(&mut self, place: &str, word: Result<String, (String, String)>) {
        let (program, found) = match word {
            Ok(program) => (program.clone(), Ok(find(&program))),
            Err((word, why)) => (word, Err(why)),
        };
        match self.0.iter_mut().find(|known| known.program == program) {
            Some(known) if known.used_by.iter().any(|user| user == place) => {}
            Some(known) => known.used_by.push(place.to_owned()),
            None => self.0.push(Program { used_by: vec![place.to_owned()], program, found }),
        }
    }
}

/// As execvp(3) looks for it.
fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| runs(path))
}

/// The programs that the commands start are there. Some come and go with a version; those that the
/// next steps need must be there now.
pub(super) fn missing(facts: &Facts) -> Vec<Finding> {
    let needed: &[&str] = if facts.occasion.is_downgrade() {
        &[
            "capture.pass",
            "capture.verify",
            "full.capture",
            "full.verify",
            "downgrade.uninstall",
            "downgrade.install",
        ]
    } else {
        &[
            "installer.save",
            "upgrade.command",
            "side_by_side.install",
            "downgrade.uninstall",
            "downgrade.install",
        ]
    };
    absent(&facts.programs, |place| needed.contains(&place) || place.starts_with("cluster."))
}

/// Those of these programs that are not there; `must`: whether what stands at a place is needed
/// now.
pub(super) fn absent(programs: &[Program], must: impl Fn(&str) -> bool) -> Vec<Finding> {
    const ID: Kind = Kind::Program;
    // A checked playbook has no unknown names: a program without a path gets its value during the
    // change.
    let absent = programs.iter().filter(|program| program.found == Ok(None));
    let finding = |program: &Program| {
        let title = format!("Program {} was not found.", program.program);
        let used_by = format!("Used by {}.", program.used_by.join(", "));
        let look = format!("command -v {}", quote(&program.program));
        let finding = if program.used_by.iter().any(|place| must(place)) {
            Finding::refuse(ID, title).detail([used_by])
        } else {
            Finding::warn(ID, title)
                .detail([used_by, "It may come with the other version.".to_owned()])
        };
        finding.remedy([look, "Install it, or correct the playbook.".to_owned()])
    };
    absent.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::{Host, own, own_programs};
    use super::super::sources::NodeSource;
    use super::*;
    use crate::playbook::{Playbook, Site};

    #[test]
    fn programs_missing() {
        let mut facts = facts(Occasion::Upgrade);
        facts.programs[0].found = Ok(None);
        facts.programs.push(Program {
            used_by: vec!["restore.command".into()],
            program: "imsrestore".into(),
            found: Ok(None),
        });
        facts.programs.push(Program {
            used_by: vec!["inventory".into()],
            program: "{installer_dir}/setup".into(),
            found: Err("no value yet".into()),
        });
        insta::assert_snapshot!(show(&missing(&facts)), @r"
            refused: Program apt-get was not found. [program]
                     Used by installer.save.
              to do: command -v apt-get
                     Install it, or correct the playbook.

            warning: Program imsrestore was not found. [program]
                     Used by restore.command.
                     It may come with the other version.
              to do: command -v imsrestore
                     Install it, or correct the playbook.
            ");
    }

    /// A command that is not looked for before a change begins is missed in its middle.
    #[test]
    fn every_command_of_a_playbook_is_looked_for() {
        let host = Host::new();
        let playbook: &'static Playbook = Box::leak(Box::new(own_programs()));
        let part = |agent| crate::journal::NodePart {
            node: "n1".into(),
            others: Vec::new(),
            data: true,
            agent,
        };
        let mut found = std::collections::BTreeSet::new();
        let in_place =
            |rollback: &str| format!("playbook = 'generic'\nupgrade_to = '2'\n{rollback}\n");
        let sites = [
            in_place("datasets = ['tank/db']"),
            in_place("rollback = 'none'"),
            in_place("datasets = ['tank/db']\nstrategy = 'side-by-side'"),
        ];
        for text in sites {
            let site: &'static Site = Box::leak(Box::new(toml::from_str(&text).expect("a site")));
            for occasion in [Occasion::Upgrade, Occasion::Downgrade { in_place: false }] {
                let facts = host.gather(occasion, |sources| {
                    (sources.playbook, sources.site) = (playbook, site);
                    sources.node = Some(NodeSource { now: part(true), opened: Some(true) });
                });
                found.extend(own(&facts.programs));
            }
        }
        let mut all = std::collections::BTreeSet::new();
        for (_, spec) in playbook.commands() {
            let named = |words: &Vec<Template>| {
                words[0].to_string().strip_prefix("/none/").map(str::to_owned)
            };
            all.extend(spec.stages().filter_map(named));
        }
        let missed: Vec<&String> =
            all.difference(&found).filter(|name| !name.starts_with("coexistent/")).collect();
        // The check itself runs these, `init` and `check --fix`, and each says so when one cannot be
        // started.
        assert_eq!(
            missed,
            [
                "detect/value/command",
                "detect/versions",
                "discover/node_id/command",
                "fix/command",
                "requirement/command",
                "upgrade/candidate",
                "version/command"
            ]
        );
    }

    /// What is asked only before the downgrade is looked for before the upgrade.
    #[test]
    fn a_requirement_of_the_downgrade_is_looked_for_before_the_upgrade() {
        let host = Host::new();
        let mut playbook = own_programs();
        playbook.requirements[0].before = vec![crate::playbook::model::Occasion::Downgrade];
        let playbook: &'static Playbook = Box::leak(Box::new(playbook));
        let facts = host.gather(Occasion::Upgrade, |sources| sources.playbook = playbook);
        assert!(own(&facts.programs).contains(&"requirement/command".to_owned()));
    }

    /// A node that has not the data tells the cluster nothing, but writes its mark.
    #[test]
    fn a_node_looks_for_what_it_runs_itself() {
        let host = Host::new();
        let playbook: &'static Playbook = Box::leak(Box::new(own_programs()));
        let now = crate::journal::NodePart {
            node: "n2".into(),
            others: Vec::new(),
            data: false,
            agent: false,
        };
        let facts = host.gather(Occasion::Upgrade, |sources| {
            sources.playbook = playbook;
            sources.node = Some(NodeSource { now: now.clone(), opened: None });
        });
        let cluster: Vec<String> =
            own(&facts.programs).into_iter().filter(|it| it.starts_with("cluster/")).collect();
        assert_eq!(cluster, ["cluster/here", "cluster/read_mark", "cluster/write_mark"]);
        assert_eq!(
            own(&host.gather(Occasion::Upgrade, |sources| sources.playbook = playbook).programs)
                .iter()
                .filter(|it| it.starts_with("cluster/"))
                .count(),
            0
        );
    }
}
