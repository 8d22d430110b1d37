//! Versions: what is installed, what would be, and whether that way is known.

use super::facts::{Facts, Learnt};
use super::{Finding, Severity};
use crate::playbook::model::Verdict;
use crate::playbook::version::begins_with;

/// The installed version is known, and not the new one yet.
pub(super) fn installed(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "installed";
    let versions = &facts.versions;
    let down = facts.occasion.is_downgrade();
    match (&versions.installed, &versions.previous) {
        (Err(why), _) => {
            // A product that an upgrade broke may not know its version any more; the way back is there for that.
            let severity = if down { Severity::Warn } else { Severity::Refuse };
            vec![
                Finding::new(ID, severity, "the installed version could not be found out")
                    .detail([why.clone()])
                    .remedy(["Run the command above by hand, then correct the playbook's [version] or the site file."]),
            ]
        }
        (Ok(installed), Some(previous)) if down && installed == previous => vec![
            Finding::warn(ID, format!("version {installed}, the one to go back to, is installed already"))
                .detail(["The upgrade did not take place, or was undone by hand. The data goes back all the same."]),
        ],
        (Ok(installed), _) if !down && begins_with(installed, &versions.wanted) => vec![
            Finding::refuse(ID, format!("version {installed} is installed already"))
                .detail([format!("The site file wants {}.", versions.wanted)])
                .remedy(["Set `upgrade_to` in the site file to the version you want."]),
        ],
        _ => Vec::new(),
    }
}

/// What would be installed is what the site wants.
pub(super) fn candidate(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "candidate";
    let versions = &facts.versions;
    if versions.installed.as_ref().is_ok_and(|installed| begins_with(installed, &versions.wanted)) {
        return Vec::new();
    }
    match &versions.candidate {
        None => Vec::new(),
        Some(Err(why)) => {
            vec![
                Finding::refuse(ID, "the version that would be installed could not be found out")
                    .detail([why.clone()])
                    .remedy(["Make the new version's packages available, such as: apt-get update"]),
            ]
        }
        Some(Ok(candidate)) if begins_with(candidate, &versions.wanted) => Vec::new(),
        Some(Ok(candidate)) => vec![
            Finding::refuse(ID, format!("the upgrade would install {candidate}, not {}", versions.wanted))
                .detail([match &versions.installed {
                    Ok(installed) => format!("Installed is {installed}."),
                    Err(_) => "The installed version is not known.".to_owned(),
                }])
                .remedy([
                    "Make the packages of that version available, such as: apt-get update".to_owned(),
                    format!("Or set upgrade_to = \"{candidate}\" in the site file."),
                ]),
        ],
    }
}

/// What the playbook says about this way.
pub(super) fn rule(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "version-rule";
    let versions = &facts.versions;
    let down = facts.occasion.is_downgrade();
    if versions.installed.is_err() {
        return Vec::new();
    }
    let known = |version: &Learnt<String>| version.clone().unwrap_or_else(|_| "?".to_owned());
    let new = match &versions.candidate {
        Some(Ok(candidate)) => candidate.clone(),
        _ => versions.wanted.clone(),
    };
    let way = if down {
        format!("from {} back to {}", known(&versions.installed), versions.previous.as_deref().unwrap_or("?"))
    } else {
        format!("from {} to {new}", known(&versions.installed))
    };
    let (verdict, note) = match &versions.rule {
        Ok(Some((verdict, note))) => (*verdict, note.as_str()),
        // It was answered for before the upgrade.
        Ok(None) | Err(_) if down => return Vec::new(),
        Ok(None) => {
            return vec![
                Finding::refuse(ID, format!("the playbook knows no way {way}"))
                    .detail(["A way that nobody has tried is no way back."])
                    .remedy(["Try it on a copy of this host, then add a [[version.rule]] to the playbook."]),
            ];
        }
        Err(why) => return vec![Finding::refuse(ID, format!("the way {way} could not be judged")).detail([why.clone()])],
    };
    let finding = match verdict {
        Verdict::Allow => return Vec::new(),
        Verdict::Warn => Finding::warn(ID, format!("the way {way} has a limit")),
        Verdict::Confirm => Finding::confirm(ID, format!("the way {way} needs a yes")).about([way.clone()]),
        // The upgrade was made all the same: staying is no safer than a yes.
        Verdict::Refuse if down => Finding::confirm(ID, format!("the playbook advises against the way {way}")).about([way.clone()]),
        Verdict::Refuse => Finding::refuse(ID, format!("the way {way} cannot be gone")),
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
        up.versions.installed = Err("`db --version` printed no match for /v(.*)/ but: nothing".into());
        insta::assert_snapshot!(show(&installed(&up)), @r"
            refused: the installed version could not be found out [installed]
                     `db --version` printed no match for /v(.*)/ but: nothing
              to do: Run the command above by hand, then correct the playbook's [version] or the site file.
            ");
        up.versions.installed = Ok("11.8.2".into());
        insta::assert_snapshot!(show(&installed(&up)), @r"
            refused: version 11.8.2 is installed already [installed]
                     The site file wants 11.8.
              to do: Set `upgrade_to` in the site file to the version you want.
            ");
        assert!(candidate(&up).is_empty(), "said once");
        let mut down = facts(DOWN);
        down.versions.installed = Ok("10.11.19".into());
        insta::assert_snapshot!(show(&installed(&down)), @r"
            warning: version 10.11.19, the one to go back to, is installed already [installed]
                     The upgrade did not take place, or was undone by hand. The data goes back all the same.
            ");
        down.versions.installed = Err("broken".into());
        assert_eq!(installed(&down)[0].severity, Severity::Warn);
    }

    #[test]
    fn candidates() {
        let mut facts = facts(Occasion::Upgrade);
        facts.versions.candidate = Some(Ok("10.11.20".into()));
        insta::assert_snapshot!(show(&candidate(&facts)), @r#"
            refused: the upgrade would install 10.11.20, not 11.8 [candidate]
                     Installed is 10.11.19.
              to do: Make the packages of that version available, such as: apt-get update
                     Or set upgrade_to = "10.11.20" in the site file.
            "#);
        facts.versions.candidate = Some(Err("`apt-cache policy db` ended with exit status: 100".into()));
        insta::assert_snapshot!(show(&candidate(&facts)), @r"
            refused: the version that would be installed could not be found out [candidate]
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
            facts.versions.rule = Ok(verdict.map(|verdict| (verdict, "Flags do not come back.".into())));
            rule(&facts).first().map(|finding| finding.severity)
        };
        for (verdict, up, down) in [
            (Some(Verdict::Allow), None, None),
            (Some(Verdict::Warn), Some(Severity::Warn), Some(Severity::Warn)),
            (Some(Verdict::Confirm), Some(Severity::Confirm), Some(Severity::Confirm)),
            (Some(Verdict::Refuse), Some(Severity::Refuse), Some(Severity::Confirm)),
            (None, Some(Severity::Refuse), None),
        ] {
            assert_eq!((severity(Occasion::Upgrade, verdict), severity(DOWN, verdict)), (up, down), "{verdict:?}");
        }
        let mut facts = facts(Occasion::Check);
        facts.versions.rule = Ok(None);
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            refused: the playbook knows no way from 10.11.19 to 11.8.9 [version-rule]
                     A way that nobody has tried is no way back.
              to do: Try it on a copy of this host, then add a [[version.rule]] to the playbook.
            ");
        facts.versions.rule = Ok(Some((Verdict::Refuse, "Go through 10.11 first.".into())));
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            refused: the way from 10.11.19 to 11.8.9 cannot be gone [version-rule]
                     Go through 10.11 first.
            ");
        facts.occasion = DOWN;
        facts.versions.previous = Some("9".into());
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            confirm: the playbook advises against the way from 10.11.19 back to 9 [version-rule]
                     Go through 10.11 first.
            ");
        facts.occasion = Occasion::Upgrade;
        facts.versions.rule = Err("no number in it".into());
        insta::assert_snapshot!(show(&rule(&facts)), @r"
            refused: the way from 10.11.19 to 11.8.9 could not be judged [version-rule]
                     no number in it
            ");
    }
}
