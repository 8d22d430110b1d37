//! What the playbook asks of the host.

use super::Finding;
use super::facts::{Facts, Program, QuestionFact, RequirementFact, SavedFile, Uncapturable};
use super::text::count;
use crate::host::quote::quote;

/// The playbook's requirements.
pub(super) fn requirements(facts: &Facts) -> Vec<Finding> {
    unmet(&facts.requirements)
}

/// Those that are not met.
pub(super) fn unmet(requirements: &[RequirementFact]) -> Vec<Finding> {
    let unmet = requirements.iter().filter_map(|requirement| Some((requirement, requirement.outcome.as_ref().err()?)));
    unmet
        .map(|(requirement, why)| {
            let title = format!("not so: {}", requirement.about.trim_end_matches('.'));
            let finding = if requirement.warn { Finding::warn("requirement", title) } else { Finding::refuse("requirement", title) };
            let asked =
                (!requirement.command.is_empty() && !why.contains(&requirement.command)).then(|| format!("asked: {}", requirement.command));
            finding.detail(asked).detail([why.clone()]).remedy([requirement.remedy.clone()])
        })
        .collect()
}

/// What only a person can answer.
pub(super) fn questions(facts: &Facts) -> Vec<Finding> {
    open(&facts.questions)
}

/// Each waits for its yes.
pub(super) fn open(questions: &[QuestionFact]) -> Vec<Finding> {
    let finding = |question: &QuestionFact| {
        Finding::confirm("question", format!("is it so? {}", question.about))
            .remedy([format!("If it is: --accept {}", question.name), format!("If not: {}", question.remedy)])
            .about([question.name.clone()])
    };
    questions.iter().map(finding).collect()
}

/// The values that the change needs later.
pub(super) fn asked(facts: &Facts) -> Vec<Finding> {
    let unknown = facts.asked.iter().filter_map(|ask| Some((ask, ask.value.as_ref().err()?)));
    unknown
        .map(|(ask, why)| {
            Finding::refuse("ask", format!("{{{}}} could not be found out: {}", ask.name, ask.about.trim_end_matches('.')))
                .detail([why.clone()])
                .remedy(["The way back needs it. Run the command above by hand."])
        })
        .collect()
}

/// What the product cannot promise.
pub(super) fn limits(facts: &Facts) -> Vec<Finding> {
    if facts.limits.is_empty() || facts.occasion.is_downgrade() {
        return Vec::new();
    }
    vec![Finding::warn("limits", "a downgrade of this product has limits").detail(facts.limits.iter().cloned())]
}

/// The programs that the commands start are there. Some come and go with a version; those that the next steps need must be there now.
pub(super) fn programs(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "program";
    let needed: &[&str] = if facts.occasion.is_downgrade() {
        &["capture.pass", "capture.verify", "downgrade.uninstall", "downgrade.install"]
    } else {
        &["installer.save", "upgrade.command", "side_by_side.install", "downgrade.uninstall", "downgrade.install"]
    };
    let finding = |program: &Program| {
        let used_by = format!("used by {}", program.used_by.join(", "));
        let must = program.used_by.iter().any(|user| needed.contains(&user.as_str()));
        match &program.found {
            Ok(Some(_)) => None,
            Ok(None) => {
                let title = format!("there is no program {}", program.program);
                let remedy = [format!("command -v {}", quote(&program.program)), "Install it, or correct the playbook.".to_owned()];
                Some(if must {
                    Finding::refuse(ID, title).detail([used_by]).remedy(remedy)
                } else {
                    Finding::warn(ID, title).detail([used_by, "It may come with the other version.".to_owned()]).remedy(remedy)
                })
            }
            // A checked playbook has no unknown names: this one gets its value during the change.
            Err(_) => None,
        }
    };
    facts.programs.iter().filter_map(finding).collect()
}

/// The secrets that the commands need stand in files that can be used.
pub(super) fn secrets(facts: &Facts) -> Vec<Finding> {
    let finding = |why: &String| {
        let (detail, remedy) = why.split_once("\n  remedy: ").unwrap_or((why, "See that the file is there, and what is in it."));
        Finding::refuse("secret", "a secret cannot be used").detail([detail]).remedy([remedy])
    };
    facts.secrets.iter().map(finding).collect()
}

/// Every file that the capture is to take can be named.
pub(super) fn names(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "file-name";
    // The steps are root's: what is closed to root, too, is closed to them.
    let root = facts.caller.as_ref().is_ok_and(|caller| caller.uid == 0);
    let (closed, wrong): (Vec<_>, Vec<_>) = facts.uncapturable.iter().partition(|it| it.denied && !root);
    let why = |list: Vec<&Uncapturable>| list.into_iter().map(|it| it.why.clone()).collect::<Vec<_>>();
    let mut findings = Vec::new();
    if !wrong.is_empty() {
        findings.push(
            Finding::refuse(ID, "files of the data could not be captured")
                .detail(why(wrong))
                .remedy(["Have the product remove or rename them, or find out why they cannot be read."]),
        );
    }
    if !closed.is_empty() {
        findings.push(
            Finding::warn(ID, "not all folders that are captured could be looked into")
                .detail(why(closed))
                .detail(["Whether each file there has a name that can be written down, only root can see."])
                .remedy(["sudo backout ..."]),
        );
    }
    findings
}

/// The previous version's installer is at hand: before an upgrade it can be, before a downgrade it is, and is what was put aside (invariant S2).
pub(super) fn installers(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "installer";
    let installers = &facts.installers;
    let mut findings = Vec::new();
    match &installers.at_hand {
        Some(Err(why)) => findings.push(Finding::refuse(ID, "the installed version's installer could not be looked for").detail([why.clone()])),
        Some(Ok(files)) if files.len() < installers.at_least => findings.push(
            Finding::refuse(ID, "the installed version's installer is not at hand")
                .detail([format!("{} found, at least {} needed", count(files.len(), "file"), installers.at_least)])
                .detail(files.iter().map(|file| file.display().to_string()))
                .remedy(["Get the exact files of the installed version now: archives drop old ones. Put them where `installer.files` of the playbook looks."]),
        ),
        _ => {}
    }
    if !facts.occasion.is_downgrade() {
        return findings;
    }
    if installers.saved.len() < installers.at_least {
        findings.push(
            Finding::refuse(ID, "the previous version's installer was not put aside")
                .detail([format!("{} put aside, at least {} needed", count(installers.saved.len(), "file"), installers.at_least)])
                .remedy(["Get the exact files of the previous version from the vendor or archive."]),
        );
    }
    findings.extend(installers.saved.iter().filter_map(saved));
    findings
}

fn saved(file: &SavedFile) -> Option<Finding> {
    const ID: &str = "installer";
    let path = file.path.display();
    let remedy = [format!("Put the file with SHA-256 {} there again.", file.sha256), format!("sha256sum {}", quote(&path.to_string()))];
    match &file.now {
        Ok(Some(now)) if now.eq_ignore_ascii_case(&file.sha256) => None,
        Ok(Some(now)) => Some(
            Finding::refuse(ID, format!("{path} is not the file that was put aside"))
                .detail([format!("SHA-256 then {}", file.sha256), format!("SHA-256 now  {now}")])
                .remedy(remedy),
        ),
        Ok(None) => Some(Finding::refuse(ID, format!("{path} is gone")).remedy(remedy)),
        Err(why) => Some(Finding::refuse(ID, format!("{path} could not be read")).detail([why.clone()]).remedy(remedy)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{facts, show};
    use super::super::{Occasion, facts::Asked};
    use super::*;

    #[test]
    fn unmet() {
        let mut facts = facts(Occasion::Check);
        facts.requirements[0].outcome = Err("answer: \"0\", expected: /^1$/".into());
        insta::assert_snapshot!(show(&requirements(&facts)), @r#"
            refused: not so: The log of changes is on [requirement]
                     asked: mariadb -e 'select @@log_bin'
                     answer: "0", expected: /^1$/
              to do: Set log_bin in my.cnf.
            "#);
        facts.requirements[0].warn = true;
        assert_eq!(requirements(&facts)[0].severity, super::super::Severity::Warn);
    }

    #[test]
    fn no_answer() {
        let mut facts = facts(Occasion::Upgrade);
        facts.asked = vec![
            Asked { name: "gtid".into(), about: "The position in the log.".into(), value: Err("the answer is empty".into()) },
            Asked { name: "x".into(), about: "x".into(), value: Ok("1".into()) },
        ];
        insta::assert_snapshot!(show(&asked(&facts)), @r"
            refused: {gtid} could not be found out: The position in the log [ask]
                     the answer is empty
              to do: The way back needs it. Run the command above by hand.
            ");
    }

    #[test]
    fn limits_are_told_before_the_upgrade() {
        let mut facts = facts(Occasion::Upgrade);
        facts.limits = vec!["AUTO_INCREMENT counters may be lower.".into(), "A VECTOR column does not come back.".into()];
        insta::assert_snapshot!(show(&limits(&facts)), @r"
            warning: a downgrade of this product has limits [limits]
                     AUTO_INCREMENT counters may be lower.
                     A VECTOR column does not come back.
            ");
    }

    #[test]
    fn programs_missing() {
        let mut facts = facts(Occasion::Upgrade);
        facts.programs[0].found = Ok(None);
        facts.programs.push(Program { used_by: vec!["restore.command".into()], program: "imsrestore".into(), found: Ok(None) });
        facts.programs.push(Program {
            used_by: vec!["inventory".into()],
            program: "{installer_dir}/setup".into(),
            found: Err("no value yet".into()),
        });
        insta::assert_snapshot!(show(&programs(&facts)), @r"
            refused: there is no program apt-get [program]
                     used by installer.save
              to do: command -v apt-get
                     Install it, or correct the playbook.

            warning: there is no program imsrestore [program]
                     used by restore.command
                     It may come with the other version.
              to do: command -v imsrestore
                     Install it, or correct the playbook.
            ");
    }

    #[test]
    fn s9_a_secret_that_everyone_may_read() {
        let mut facts = facts(Occasion::Upgrade);
        facts.secrets = vec!["/etc/p holds the secret P, and everyone may read it\n  remedy: chmod o-rwx /etc/p".into()];
        insta::assert_snapshot!(show(&secrets(&facts)), @r"
            refused: a secret cannot be used [secret]
                     /etc/p holds the secret P, and everyone may read it
              to do: chmod o-rwx /etc/p
            ");
    }

    #[test]
    fn a_name_that_is_not_text() {
        let mut facts = facts(Occasion::Check);
        facts.uncapturable = vec![Uncapturable { why: r#"the name of "/srv/db/\xFF" is not UTF-8 text"#.into(), denied: false }];
        insta::assert_snapshot!(show(&names(&facts)), @r#"
            refused: files of the data could not be captured [file-name]
                     the name of "/srv/db/\xFF" is not UTF-8 text
              to do: Have the product remove or rename them, or find out why they cannot be read.
            "#);
    }

    #[test]
    fn a_folder_that_only_root_may_read() {
        let mut facts = facts(Occasion::Check);
        facts.uncapturable = vec![Uncapturable { why: "cannot read /srv/db/log: Permission denied (os error 13)".into(), denied: true }];
        insta::assert_snapshot!(show(&names(&facts)), @r"
            refused: files of the data could not be captured [file-name]
                     cannot read /srv/db/log: Permission denied (os error 13)
              to do: Have the product remove or rename them, or find out why they cannot be read.
            ");
        facts.caller.as_mut().expect("caller").uid = 1000;
        insta::assert_snapshot!(show(&names(&facts)), @r"
            warning: not all folders that are captured could be looked into [file-name]
                     cannot read /srv/db/log: Permission denied (os error 13)
                     Whether each file there has a name that can be written down, only root can see.
              to do: sudo backout ...
            ");
    }

    #[test]
    fn installers_missing() {
        let mut up = facts(Occasion::Upgrade);
        up.installers.at_least = 2;
        up.installers.at_hand = Some(Ok(vec!["/srv/db_10.deb".into()]));
        insta::assert_snapshot!(show(&installers(&up)), @r"
            refused: the installed version's installer is not at hand [installer]
                     one file found, at least 2 needed
                     /srv/db_10.deb
              to do: Get the exact files of the installed version now: archives drop old ones. Put them where `installer.files` of the playbook looks.
            ");
        let mut down = facts(Occasion::Downgrade { in_place: false });
        down.installers.saved[0].now = Ok(Some("cd".into()));
        insta::assert_snapshot!(show(&installers(&down)), @r"
            refused: /var/lib/backout/db_10.deb is not the file that was put aside [installer]
                     SHA-256 then ab
                     SHA-256 now  cd
              to do: Put the file with SHA-256 ab there again.
                     sha256sum /var/lib/backout/db_10.deb
            ");
        down.installers.saved[0].now = Ok(None);
        insta::assert_snapshot!(show(&installers(&down)), @r"
            refused: /var/lib/backout/db_10.deb is gone [installer]
              to do: Put the file with SHA-256 ab there again.
                     sha256sum /var/lib/backout/db_10.deb
            ");
        down.installers.saved[0].now = Err("Input/output error".into());
        insta::assert_snapshot!(show(&installers(&down)), @r"
            refused: /var/lib/backout/db_10.deb could not be read [installer]
                     Input/output error
              to do: Put the file with SHA-256 ab there again.
                     sha256sum /var/lib/backout/db_10.deb
            ");
        down.installers.saved.clear();
        insta::assert_snapshot!(show(&installers(&down)), @r"
            refused: the previous version's installer was not put aside [installer]
                     0 files put aside, at least 1 needed
              to do: Get the exact files of the previous version from the vendor or archive.
            ");
    }
}
