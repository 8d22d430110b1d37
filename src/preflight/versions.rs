//! Versions: which is installed, which would be, and whether the playbook knows this upgrade path.

use std::io::ErrorKind;

use serde::Serialize;

use super::sources::{Observed, Run};
use super::{Facts, Finding, Kind, Severity, Sources};
use crate::host::exec::{Command, ExecError, Runner};
use crate::playbook::Extractor;
use crate::playbook::model::{CommandSpec, Verdict};
use crate::playbook::version::version_is;

/// Versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// The version that is installed.
    pub installed: Observed<String>,
    /// The version that would be installed; `None` if the playbook cannot find out.
    pub candidate: Option<Observed<String>>,
    /// The version the site wants.
    pub wanted: String,
    /// The version to go back to, for a downgrade.
    pub previous: Option<String>,
    /// The playbook's rule for this upgrade path; `Ok(None)` if no rule fits.
    pub rule: Observed<Option<(Verdict, String)>>,
}

impl Versions {
    /// Whether the version that the site wants is installed already.
    pub fn reached(&self) -> bool {
        self.installed.as_ref().is_ok_and(|installed| version_is(installed, &self.wanted))
    }
}

/// Why a command did not print a version.
#[derive(Debug)]
pub enum NoVersion {
    /// It failed, does not exist, or printed none: no version is completely installed.
    None(String),
    /// It could not be asked.
    Unknown(anyhow::Error),
}

/// Runs a command and finds the version in what it prints.
///
/// # Errors
/// [`NoVersion`] says why.
pub fn read(run: Run<'_>, command: &Command, pattern: &Extractor) -> Result<String, NoVersion> {
    let printed = match run(command) {
        Ok(output) => output.stdout,
        Err(error @ ExecError::Failed { .. }) => return Err(NoVersion::None(error.to_string())),
        Err(error) => {
            // The program that prints the version was removed with it.
            let gone = matches!(&error, ExecError::Start { source, .. } if source.kind() == ErrorKind::NotFound);
            let why = error.to_string();
            let unknown =
                anyhow::Error::new(error).context("the installed version could not be asked");
            return Err(if gone { NoVersion::None(why) } else { NoVersion::Unknown(unknown) });
        }
    };
    found(command, printed.trim(), pattern).map_err(NoVersion::None)
}

/// The installed version; `None` if none is completely installed.
///
/// # Errors
/// When the command cannot be started or does not end.
pub fn installed_version(
    runner: &Runner,
    command: &Command,
    pattern: &Extractor,
) -> anyhow::Result<Option<String>> {
    match read(&|command| runner.run(command), command, pattern) {
        Ok(version) => Ok(Some(version)),
        Err(NoVersion::None(_)) => Ok(None),
        Err(NoVersion::Unknown(error)) => Err(error),
    }
}

/// The first group of a pattern in what a command printed.
fn found(command: &Command, text: &str, pattern: &Extractor) -> Observed<String> {
    pattern.find(text).map(str::to_owned).ok_or_else(|| {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        format!("`{command}` printed no match for /{pattern}/ but: {first}")
    })
}

/// What a command prints, or the first group of a pattern in it.
pub(super) fn answer(
    sources: &Sources<'_>,
    spec: &CommandSpec,
    pattern: Option<&Extractor>,
) -> Observed<String> {
    let command = sources.command(spec)?;
    let text = sources.output(&command)?;
    let text = text.trim();
    let Some(pattern) = pattern else { return Ok(text.to_owned()) };
    found(&command, text, pattern)
}

/// Asks which version is installed.
pub(super) fn installed(sources: &Sources<'_>) -> Observed<String> {
    let version = &sources.playbook.version;
    answer(sources, &version.command, Some(&version.pattern))
}

/// Finds out which version would be installed, and whether the playbook knows that upgrade path.
pub(super) fn gather(sources: &Sources<'_>, installed: Observed<String>) -> Versions {
    let playbook = sources.playbook;
    let wanted = sources.site.upgrade_to.clone();
    let before = !sources.occasion.is_downgrade();
    let upgrade = &playbook.upgrade;
    let candidate = upgrade
        .candidate
        .as_ref()
        .filter(|_| before)
        .map(|spec| answer(sources, spec, upgrade.candidate_pattern.as_ref()));
    let way = match (&installed, &candidate) {
        (Ok(installed), Some(Ok(candidate))) if before => {
            Ok((installed.clone(), candidate.clone()))
        }
        (Ok(installed), _) if before => Ok((installed.clone(), wanted.clone())),
        (Ok(installed), _) => sources
            .previous
            .clone()
            .map(|previous| (previous, installed.clone()))
            .ok_or("the previous version is not known".to_owned()),
        (Err(why), _) => Err(why.clone()),
    };
    let rule = way.map(|(from, to)| {
        playbook.rule_for(&from, &to).map(|rule| (rule.verdict, rule.note.clone()))
    });
    Versions { installed, candidate, wanted, previous: sources.previous.clone(), rule }
}

/// Checks that the installed version is known, and not the new one yet.
pub(super) fn not_yet(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Installed;
    let versions = &facts.versions;
    let down = facts.occasion.is_downgrade();
    match (&versions.installed, &versions.previous) {
        (Err(why), _) => {
            // A product that an upgrade broke may not know its version any more. The downgrade must
            // be possible then.
            let severity = if down { Severity::Warn } else { Severity::Refuse };
            vec![
                Finding::new(ID, severity, "The installed version could not be determined.")
                    .detail([why.clone()])
                    .remedy(["Run the command above by hand, then correct the playbook's \
                        [version] or the site file."]),
            ]
        }
        (Ok(installed), Some(previous)) if down && installed == previous => vec![
            Finding::warn(
                ID,
                format!(
                    "Version {installed}, the one to go back to, is already \
                installed."
                ),
            )
            .detail(["The upgrade did not take place, or was undone by hand. The data is \
                    rolled back all the same."]),
        ],
        (Ok(installed), _) if !down && version_is(installed, &versions.wanted) => vec![
            Finding::refuse(ID, format!("Version {installed} is already installed."))
                .detail([format!("The site file wants {}.", versions.wanted)])
                .remedy(["Set `upgrade_to` in the site file to the version you want."]),
        ],
        _ => Vec::new(),
    }
}

/// Checks that the version that would be installed is the one in the site file.
pub(super) fn candidate(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Candidate;
    let versions = &facts.versions;
    if versions.reached() {
        return Vec::new();
    }
    match &versions.candidate {
        None => Vec::new(),
        Some(Err(why)) => {
            vec![
                Finding::refuse(ID, "The version that would be installed could not be determined.")
                    .detail([why.clone()])
                    .remedy(["Make the new version's packages available, such as: apt-get update"]),
            ]
        }
        Some(Ok(candidate)) if version_is(candidate, &versions.wanted) => Vec::new(),
        Some(Ok(candidate)) => vec![
            Finding::refuse(
                ID,
                format!("The upgrade would install {candidate}, not {}.", versions.wanted),
            )
            .detail([match &versions.installed {
                Ok(installed) => format!("Version {installed} is installed now."),
                Err(_) => "The installed version is not known.".to_owned(),
            }])
            .remedy([
                "Make the packages of that version available, such as: apt-get update".to_owned(),
                format!("Or set upgrade_to = \"{candidate}\" in the site file."),
            ]),
        ],
    }
}

/// Applies the playbook's rule for this upgrade path.
pub(super) fn rule(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::VersionRule;
    let versions = &facts.versions;
    let down = facts.occasion.is_downgrade();
    if versions.installed.is_err() {
        return Vec::new();
    }
    let known = |version: &Observed<String>| version.clone().unwrap_or_else(|_| "?".to_owned());
    let new = match &versions.candidate {
        Some(Ok(candidate)) => candidate.clone(),
        _ => versions.wanted.clone(),
    };
    // The name to accept, and the start of the sentence.
    let (way, moving) = if down {
        let (from, to) = (known(&versions.installed), versions.previous.as_deref().unwrap_or("?"));
        (format!("from {from} back to {to}"), format!("Going back from {from} to {to}"))
    } else {
        let from = known(&versions.installed);
        (format!("from {from} to {new}"), format!("Upgrading from {from} to {new}"))
    };
    let (verdict, note) = match &versions.rule {
        Ok(Some((verdict, note))) => (*verdict, note.as_str()),
        // It was accepted before the upgrade.
        Ok(None) | Err(_) if down => return Vec::new(),
        Ok(None) => {
            return vec![
                Finding::refuse(ID, format!("The playbook has no rule for upgrading {way}."))
                    .detail(["Nobody has tried whether the way back from it works."])
                    .remedy(["Try it on a copy of this host, then add a [[version.rule]] to the \
                        playbook."]),
            ];
        }
        Err(why) => {
            return vec![
                Finding::refuse(ID, format!("{moving} could not be checked."))
                    .detail([why.clone()]),
            ];
        }
    };
    let finding = match verdict {
        Verdict::Allow => return Vec::new(),
        Verdict::Warn => Finding::warn(ID, format!("{moving} has limits.")),
        Verdict::Confirm => {
            Finding::confirm(ID, format!("{moving} must be confirmed.")).about([way.clone()])
        }
        // The upgrade was made all the same, so staying is no safer than accepting.
        Verdict::Refuse if down => {
            Finding::confirm(ID, format!("The playbook advises against going {way}."))
                .about([way.clone()])
        }
        Verdict::Refuse => Finding::refuse(ID, format!("{moving} is not supported.")),
    };
    vec![finding.detail(Some(note).filter(|note| !note.is_empty()))]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    const DOWN: Occasion = Occasion::Downgrade { in_place: false };

    #[test]
    fn installed_versions() {
        let mut up = facts(Occasion::Upgrade);
        up.versions.installed =
            Err("`db --version` printed no match for /v(.*)/ but: nothing".into());
        insta::assert_snapshot!(show(&not_yet(&up)), @r"
            refused: The installed version could not be determined. [installed]
                     `db --version` printed no match for /v(.*)/ but: nothing
              to do: Run the command above by hand, then correct the playbook's [version] or the site file.
            ");
        up.versions.installed = Ok("11.8.2".into());
        insta::assert_snapshot!(show(&not_yet(&up)), @r"
            refused: Version 11.8.2 is already installed. [installed]
                     The site file wants 11.8.
              to do: Set `upgrade_to` in the site file to the version you want.
            ");
        assert!(candidate(&up).is_empty(), "said once");
        let mut down = facts(DOWN);
        down.versions.installed = Ok("10.11.19".into());
        insta::assert_snapshot!(show(&not_yet(&down)), @r"
            warning: Version 10.11.19, the one to go back to, is already installed. [installed]
                     The upgrade did not take place, or was undone by hand. The data is rolled back all the same.
            ");
        down.versions.installed = Err("broken".into());
        assert_eq!(not_yet(&down)[0].severity, Severity::Warn);
    }

    #[test]
    fn candidates() {
        let mut facts = facts(Occasion::Upgrade);
        facts.versions.candidate = Some(Ok("10.11.20".into()));
        insta::assert_snapshot!(show(&candidate(&facts)), @r#"
            refused: The upgrade would install 10.11.20, not 11.8. [candidate]
                     Version 10.11.19 is installed now.
              to do: Make the packages of that version available, such as: apt-get update
                     Or set upgrade_to = "10.11.20" in the site file.
            "#);
        facts.versions.candidate =
            Some(Err("`apt-cache policy db` ended with exit status: 100".into()));
        insta::assert_snapshot!(show(&candidate(&facts)), @r"
            refused: The version that would be installed could not be determined. [candidate]
                     `apt-cache policy db` ended with exit status: 100
              to do: Make the new version's packages available, such as: apt-get update
            ");
        facts.versions.candidate = None;
        assert!(candidate(&facts).is_empty());
    }

    #[test]
    fn verdicts() {
        let severity = |occasion, verdict: Option<Verdict>| {
            let mut facts = facts(occasion);
            facts.versions.rule =
                Ok(verdict.map(|verdict| (verdict, "Flags do not come back.".into())));
            rule(&facts).first().map(|finding| finding.severity)
        };
        for (verdict, up, down) in [
            (Some(Verdict::Allow), None, None),
            (Some(Verdict::Warn), Some(Severity::Warn), Some(Severity::Warn)),
            (Some(Verdict::Confirm), Some(Severity::Confirm), Some(Severity::Confirm)),
            (Some(Verdict::Refuse), Some(Severity::Refuse), Some(Severity::Confirm)),
            (None, Some(Severity::Refuse), None),
        ] {
            assert_eq!(
                (severity(Occasion::Upgrade, verdict), severity(DOWN, verdict)),
                (up, down),
                "{verdict:?}"
            );
        }
        let mut facts = facts(Occasion::Check);
        facts.versions.rule = Ok(None);
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            refused: The playbook has no rule for upgrading from 10.11.19 to 11.8.9. [version-rule]
                     Nobody has tried whether the way back from it works.
              to do: Try it on a copy of this host, then add a [[version.rule]] to the playbook.
            ");
        facts.versions.rule = Ok(Some((Verdict::Refuse, "Go through 10.11 first.".into())));
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            refused: Upgrading from 10.11.19 to 11.8.9 is not supported. [version-rule]
                     Go through 10.11 first.
            ");
        facts.occasion = DOWN;
        facts.versions.previous = Some("9".into());
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            confirm: The playbook advises against going from 10.11.19 back to 9. [version-rule]
                     Go through 10.11 first.
            ");
        facts.occasion = Occasion::Upgrade;
        facts.versions.rule = Err("no number in it".into());
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            refused: Upgrading from 10.11.19 to 11.8.9 could not be checked. [version-rule]
                     no number in it
            ");
    }

    #[test]
    fn a_candidate_that_the_package_step_would_not_know_again_is_refused() {
        for it in ["11.8", "11.8.9", "11.8.9-1", "11.8rc1", "11.8~rc1", "11.8.1-beta2", "11.80"] {
            let mut facts = facts(Occasion::Upgrade);
            facts.versions.candidate = Some(Ok(it.into()));
            let known = version_is(it, &facts.versions.wanted);
            assert_eq!(candidate(&facts).is_empty(), known, "{it}");
            assert_eq!(known, matches!(it, "11.8" | "11.8.9" | "11.8.9-1"), "{it}");
        }
    }
}
