//! `backout check --fix`: makes what a playbook says can be made where a requirement is not met.
//! Each is shown first, and made alone. A file is one of our own; a restart is asked for by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::ProcedureInputs;
use crate::host::exec::Command;
use crate::host::files::write_new;
use crate::host::systemd;
use crate::playbook::Template;
use crate::playbook::model::{Fix, Playbook};
use crate::preflight::{Facts, RequirementFact};

/// A unit may take long to stop and to start.
const RESTART: Duration = Duration::from_secs(900);

/// What a fix comes to on this host.
#[derive(Debug, Clone)]
pub enum Act {
    /// A file is written.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// The file is there as it should be: only the units have not read it.
    Written(PathBuf),
    /// A command runs.
    Run(Command),
    /// A file of that name has another content: it is left as it is.
    Another {
        /// The file.
        path: PathBuf,
        /// What should stand in it.
        text: String,
    },
}

/// A fix, ready to be shown and made.
#[derive(Debug, Clone)]
pub struct Mending {
    /// Its name.
    pub name: String,
    /// What it makes.
    pub about: String,
    /// The requirements that are not met without it.
    pub requirements: Vec<String>,
    /// How.
    pub act: Act,
    /// Units that must start again for it.
    pub restarts: Vec<String>,
}

/// The fixes of what is not met, in the playbook's order, without those that were offered. Pure.
pub fn due<'p>(
    playbook: &'p Playbook,
    requirements: &[RequirementFact],
    offered: &BTreeSet<String>,
) -> Vec<(&'p Fix, Vec<String>)> {
    let unmet: Vec<_> = requirements.iter().filter(|it| it.outcome.is_err()).collect();
    let of = |fix: &'p Fix| {
        let named = unmet.iter().filter(|it| it.fix.contains(&fix.name));
        let requirements: Vec<String> = named.map(|it| it.about.clone()).collect();
        (!requirements.is_empty() && !offered.contains(&fix.name)).then_some((fix, requirements))
    };
    playbook.fixes.iter().filter_map(of).collect()
}

/// What is offered now: everything that is due, with this host's values.
///
/// # Errors
/// When a value is not known, or a file cannot be read.
pub fn offers(
    inputs: &ProcedureInputs,
    facts: &Facts,
    offered: &BTreeSet<String>,
) -> Result<Vec<Mending>> {
    let mut values = inputs.values();
    if let Ok(installed) = &facts.versions.installed {
        values.insert("from_version".to_owned(), installed.clone());
    }
    due(inputs.product(), &facts.requirements, offered)
        .into_iter()
        .map(|(fix, requirements)| {
            mending(fix, requirements, &values)
                .with_context(|| format!("the fix {} of the playbook cannot be used", fix.name))
        })
        .collect()
}

fn mending(
    fix: &Fix,
    requirements: Vec<String>,
    values: &BTreeMap<String, String>,
) -> Result<Mending> {
    let lookup = |name: &str| values.get(name).cloned();
    let fill = |text: &Template| text.fill(&lookup).map_err(anyhow::Error::new);
    let act = match (&fix.file, &fix.text, &fix.command) {
        (Some(file), Some(text), _) => of_file(PathBuf::from(fill(file)?), fill(text)?)?,
        (_, _, Some(command)) => Act::Run(command.template().fill(&lookup)?),
        _ => anyhow::bail!("it makes nothing"),
    };
    let restarts = fix.restarts.iter().map(fill).collect::<Result<_>>()?;
    Ok(Mending { name: fix.name.clone(), about: fix.about.clone(), requirements, act, restarts })
}

/// Whether the file is there, and as it should be.
fn of_file(path: PathBuf, text: String) -> Result<Act> {
    match std::fs::read_to_string(&path) {
        Ok(found) if found == text => Ok(Act::Written(path)),
        Ok(_) => Ok(Act::Another { path, text }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Act::Write { path, text }),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Makes it. Units are not restarted here.
///
/// # Errors
/// When it cannot be made. A file is then not there.
pub fn make(inputs: &ProcedureInputs, act: &Act) -> Result<()> {
    match act {
        Act::Write { path, text } => write_new(path, text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display())),
        Act::Run(command) => Ok(inputs.runner.run(command).map(drop)?),
        Act::Written(_) | Act::Another { .. } => Ok(()),
    }
}

/// Restarts a unit, which a person has named.
///
/// # Errors
/// When systemd cannot.
pub fn restart(inputs: &ProcedureInputs, unit: &str) -> Result<()> {
    ensure!(
        systemd::IS_OF_PLATFORM,
        "there is no systemd on {}: restart {unit} yourself",
        std::env::consts::OS
    );
    let command = Command::new(["systemctl", "restart", unit]).timeout(RESTART);
    Ok(inputs.runner.run(&command).map(drop)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(fix: &[&str]) -> RequirementFact {
        RequirementFact {
            about: "the log is on".into(),
            remedy: "switch it on".into(),
            warn: false,
            accept: None,
            command: "get log".into(),
            outcome: Ok(()),
            not_asked: 0,
            fix: fix.iter().map(|it| (*it).to_owned()).collect(),
            answered: true,
        }
    }

    fn fix(name: &str) -> Fix {
        let text = format!(
            "name = \"{name}\"\nabout = \"x\"\nfile = \"{{dir}}/f\"\ntext = \"a = {{dir}}\\n\""
        );
        toml::from_str(&text).expect("a fix")
    }

    #[test]
    fn what_is_met_or_was_offered_is_not_due() {
        let mut playbook =
            crate::playbook::library::find("generic", &[]).expect("built in").playbook().clone();
        playbook.fixes = vec![fix("log"), fix("other")];
        let mut facts = [met(&["log"])];
        let names = |facts: &[RequirementFact], offered: &[&str]| {
            let offered = offered.iter().map(|it| (*it).to_owned()).collect();
            due(&playbook, facts, &offered)
                .iter()
                .map(|(fix, _)| fix.name.clone())
                .collect::<Vec<_>>()
        };
        assert!(names(&facts, &[]).is_empty(), "it is met");
        facts[0].outcome = Err("answer: \"0\"".into());
        assert_eq!(names(&facts, &[]), ["log"]);
        assert!(names(&facts, &["log"]).is_empty());
    }

    #[test]
    fn a_file_that_somebody_else_wrote_is_left_as_it_is() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().display().to_string();
        let values = BTreeMap::from([("dir".to_owned(), path.clone())]);
        let act = || mending(&fix("log"), Vec::new(), &values).expect("a fix").act;
        let Act::Write { path: file, text } = act() else { panic!("nothing is there") };
        assert_eq!(text, format!("a = {path}\n"));
        write_new(&file, text.as_bytes()).expect("written");
        assert!(matches!(act(), Act::Written(_)));
        crate::host::files::write_atomic(&file, b"b").expect("written");
        assert!(matches!(act(), Act::Another { .. }));
        write_new(&file, b"c").expect_err("it is there");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "b");
    }
}
