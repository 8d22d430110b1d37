//! What the playbook asks of the host and of the operator.

use std::collections::BTreeMap;

use serde::Serialize;

use super::sources::Observed;
use super::{Facts, Finding, Kind, Occasion, Severity, Sources};
use crate::host::exec::Command;
use crate::playbook::model::{Question, Requirement};

/// A requirement and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequirementFact {
    /// What must be so.
    pub about: String,
    /// What to do about it.
    pub remedy: String,
    /// Only warn.
    pub warn: bool,
    /// The name by which a person may accept it, if that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// The command that asked.
    pub command: String,
    /// Met, or why not.
    pub outcome: Observed<()>,
    /// How many others need it, and were not asked because it is not met.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_asked: usize,
    /// The names of what `check --fix` can make about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<String>,
    /// Whether the command gave an answer.
    #[serde(skip)]
    pub answered: bool,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The requirements for this procedure, each with its result.
pub(super) fn requirements_due(sources: &Sources<'_>) -> Vec<RequirementFact> {
    let strategy = sources.site.strategy;
    let due = |it: &&Requirement| {
        sources.occasion.asks_for(&it.before) && it.strategies.contains(&strategy)
    };
    let due = sources.playbook.requirements.iter().filter(due);
    requirement_facts(due, &|requirement| {
        requirement_fact(requirement, sources.command(&requirement.command), &|command| {
            sources.output(command)
        })
    })
}

/// Asks these requirements, but for those that need one that is not met: one fault is one finding.
pub(super) fn requirement_facts<'a>(
    due: impl Iterator<Item = &'a Requirement>,
    ask: &dyn Fn(&Requirement) -> RequirementFact,
) -> Vec<RequirementFact> {
    let mut facts: Vec<RequirementFact> = Vec::new();
    // The names of those that are not met or not asked, with the fact that says why.
    let mut unmet: BTreeMap<&str, usize> = BTreeMap::new();
    for requirement in due {
        let cause = requirement.needs.as_deref().and_then(|name| unmet.get(name).copied());
        let cause = match cause {
            Some(at) => {
                facts[at].not_asked += 1;
                Some(at)
            }
            None => {
                let fact = ask(requirement);
                let failed = fact.outcome.is_err();
                facts.push(fact);
                failed.then_some(facts.len() - 1)
            }
        };
        if let (Some(name), Some(at)) = (requirement.name.as_deref(), cause) {
            unmet.insert(name, at);
        }
    }
    facts
}

/// Whether a requirement is met: its command, and how that is run.
pub(crate) fn requirement_fact(
    requirement: &Requirement,
    command: Observed<Command>,
    run: &dyn Fn(&Command) -> Observed<String>,
) -> RequirementFact {
    let mut answered = false;
    let outcome = command.clone().and_then(|command| {
        let text = run(&command)?;
        let text = text.trim();
        answered = true;
        let Some(expect) = &requirement.expect else { return Ok(()) };
        if expect.is_match(text) {
            Ok(())
        } else {
            Err(format!("answer: {}, expected: /{expect}/", shortened(text)))
        }
    });
    RequirementFact {
        about: requirement.about.clone(),
        remedy: requirement.remedy.clone(),
        warn: requirement.warn,
        accept: requirement.accept.clone().filter(|_| answered),
        command: command.map(|command| command.to_string()).unwrap_or_default(),
        outcome,
        not_asked: 0,
        fix: requirement.fix.clone(),
        answered,
    }
}

/// An answer shortened for display.
fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let start: String = text.chars().take(MOST).collect();
    if start.len() < text.len() { format!("{start:?} and more") } else { format!("{start:?}") }
}

/// What only a person can answer, before this procedure.
pub(super) fn questions_due(sources: &Sources<'_>) -> Vec<Question> {
    let now = sources.occasion.procedure();
    // A question is for the one who begins.
    let asked = |question: &&Question| {
        sources.occasion != Occasion::Decision && question.before.contains(&now)
    };
    sources.playbook.questions.iter().filter(asked).cloned().collect()
}

/// The playbook's requirements.
pub(super) fn requirements(facts: &Facts) -> Vec<Finding> {
    let mut findings = unmet(&facts.requirements);
    let unmet = facts.requirements.iter().filter(|it| it.outcome.is_err());
    for (finding, fact) in findings.iter_mut().zip(unmet) {
        if fact.answered || finding.severity != Severity::Refuse {
            continue;
        }
        if facts.is_unanswered() {
            // They cannot be asked: see `services::answering`.
            finding.severity = Severity::Confirm;
            finding.subjects = vec!["not-proved".to_owned()];
        } else if facts.is_ordinary_user() {
            finding.severity = Severity::Warn;
            finding.detail.push("The right to ask may be missing: this is not root.".to_owned());
            finding.remedy = vec!["sudo backout ...".to_owned()];
        }
    }
    findings
}

/// Those that are not met.
pub(super) fn unmet(requirements: &[RequirementFact]) -> Vec<Finding> {
    let unmet = requirements
        .iter()
        .filter_map(|requirement| Some((requirement, requirement.outcome.as_ref().err()?)));
    unmet
        .map(|(requirement, why)| {
            let title =
                format!("Requirement not met: {}.", requirement.about.trim_end_matches('.'));
            let finding = match &requirement.accept {
                _ if requirement.warn => Finding::warn(Kind::Requirement, title),
                Some(name) => Finding::confirm(Kind::Requirement, title).about([name.clone()]),
                None => Finding::refuse(Kind::Requirement, title),
            };
            let nevertheless = requirement
                .accept
                .as_ref()
                .map(|name| format!("To go on nevertheless: --accept {name}"));
            let asked = (!requirement.command.is_empty() && !why.contains(&requirement.command))
                .then(|| format!("asked: {}", requirement.command));
            let others = match requirement.not_asked {
                0 => None,
                1 => Some("Another requirement needs this one, and was not checked.".to_owned()),
                count => {
                    Some(format!("{count} other requirements need this one, and were not checked."))
                }
            };
            finding
                .detail(asked)
                .detail([why.clone()])
                .detail(others)
                .remedy([requirement.remedy.clone()])
                .remedy(nevertheless)
        })
        .collect()
}

/// What only a person can answer.
pub(super) fn questions(facts: &Facts) -> Vec<Finding> {
    open(&facts.questions)
}

/// Each waits for its yes.
pub(super) fn open(questions: &[Question]) -> Vec<Finding> {
    let finding = |question: &Question| {
        Finding::confirm(Kind::Question, format!("Please confirm: {}", question.about))
            .remedy([
                format!("If this is true: --accept {}", question.name),
                format!("If not: {}", question.remedy),
            ])
            .about([question.name.clone()])
    };
    questions.iter().map(finding).collect()
}

/// What the product cannot promise.
pub(super) fn limits(facts: &Facts) -> Vec<Finding> {
    if facts.limits.is_empty() || facts.occasion.is_downgrade() {
        return Vec::new();
    }
    vec![
        Finding::warn(Kind::Limits, "A downgrade of this product has limits.")
            .detail(facts.limits.iter().cloned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::Host;
    use super::*;

    /// S10: the binary log is set to expire again. Nothing is lost yet.
    #[test]
    fn what_is_watched_until_the_decision_does_not_refuse_a_downgrade() {
        use crate::playbook::model::Occasion as Before;
        let host = Host::new();
        let asked = |occasion, before: &[Before]| {
            let facts = host.gather(occasion, |sources| {
                let mut playbook = sources.playbook.clone();
                playbook.requirements[0].before = before.to_vec();
                sources.playbook = Box::leak(Box::new(playbook));
            });
            facts.requirements.len()
        };
        let down = Occasion::Downgrade { in_place: false };
        let watched = [Before::Upgrade, Before::Decision];
        assert_eq!(asked(Occasion::Decision, &watched), 1);
        assert_eq!(asked(down, &watched), 0);
        assert_eq!(asked(Occasion::Upgrade, &watched), 1);
        assert_eq!(asked(Occasion::Decision, &[Before::Downgrade]), 1);
        assert_eq!(asked(Occasion::Decision, &[Before::Upgrade]), 0);
    }

    #[test]
    fn unmet() {
        let mut facts = facts(Occasion::Check);
        facts.requirements[0].outcome = Err("answer: \"0\", expected: /^1$/".into());
        insta::assert_snapshot!(show(&requirements(&facts)), @r#"
            refused: Requirement not met: The log of changes is on. [requirement]
                     asked: mariadb -e 'select @@log_bin'
                     answer: "0", expected: /^1$/
              to do: Set log_bin in my.cnf.
            "#);
        facts.requirements[0].warn = true;
        assert_eq!(requirements(&facts)[0].severity, Severity::Warn);
    }

    #[test]
    fn unmet_but_a_person_may_answer_for_it() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        facts.requirements = vec![RequirementFact {
            about: "no key has a time to live".into(),
            remedy: "wait until they are gone".into(),
            warn: false,
            accept: Some("expiring-keys".into()),
            command: "redis-cli info keyspace".into(),
            outcome: Err("answer: \"db0:keys=2,expires=1\", expected: /expires=0/".into()),
            not_asked: 0,
            fix: Vec::new(),
            answered: true,
        }];
        let found = requirements(&facts);
        assert_eq!(
            (found[0].severity, found[0].subjects.as_slice()),
            (Severity::Confirm, &["expiring-keys".to_owned()][..])
        );
        insta::assert_snapshot!(show(&found), @r#"
            confirm: Requirement not met: no key has a time to live. [requirement]
                     asked: redis-cli info keyspace
                     answer: "db0:keys=2,expires=1", expected: /expires=0/
              to do: wait until they are gone
                     To go on nevertheless: --accept expiring-keys
            "#);
        facts.requirements[0].accept = None;
        assert_eq!(requirements(&facts)[0].severity, Severity::Refuse);
    }

    /// What only root may ask is no fault of the host.
    #[test]
    fn what_an_ordinary_user_cannot_ask_is_not_refused() {
        let mut facts = facts(Occasion::Check);
        facts.requirements[0].outcome = Err("/etc/db.conf: Permission denied".into());
        facts.requirements[0].answered = false;
        facts.caller.as_mut().expect("known").uid = 1000;
        insta::assert_snapshot!(show(&requirements(&facts)), @r"
            warning: Requirement not met: The log of changes is on. [requirement]
                     asked: mariadb -e 'select @@log_bin'
                     /etc/db.conf: Permission denied
                     The right to ask may be missing: this is not root.
              to do: sudo backout ...
            ");
        facts.requirements[0].answered = true;
        assert_eq!(requirements(&facts)[0].severity, Severity::Refuse);
        facts.caller.as_mut().expect("known").uid = 0;
        facts.requirements[0].answered = false;
        assert_eq!(requirements(&facts)[0].severity, Severity::Refuse);
    }

    /// A server that is stopped is one fault, not one for each thing that it is asked.
    #[test]
    fn what_needs_an_unmet_requirement_is_not_asked() {
        let requirement = |name: Option<&str>, needs: Option<&str>| Requirement {
            about: "x".into(),
            command: serde_json::from_str(r#"{"argv": ["true"]}"#).expect("a command"),
            expect: None,
            remedy: "y".into(),
            warn: false,
            accept: None,
            name: name.map(str::to_owned),
            needs: needs.map(str::to_owned),
            fix: Vec::new(),
            before: vec![crate::playbook::model::Occasion::Upgrade],
            strategies: Vec::new(),
        };
        let all = [
            requirement(Some("login"), None),
            requirement(Some("logs"), Some("login")),
            requirement(None, Some("logs")),
            requirement(None, None),
        ];
        let asked = |met: bool| {
            let outcome = move |_: &Command| {
                if met { Ok(String::new()) } else { Err("it does not answer".to_owned()) }
            };
            requirement_facts(all.iter(), &|requirement| {
                requirement_fact(requirement, Ok(Command::new(["true"])), &outcome)
            })
        };
        let counts =
            |facts: &[RequirementFact]| facts.iter().map(|fact| fact.not_asked).collect::<Vec<_>>();
        assert_eq!(counts(&asked(true)), [0, 0, 0, 0]);
        let facts = asked(false);
        assert_eq!(counts(&facts), [2, 0], "the one that stands alone is asked");
        insta::assert_snapshot!(show(&super::unmet(&facts[..1])), @r"
            refused: Requirement not met: x. [requirement]
                     asked: true
                     it does not answer
                     2 other requirements need this one, and were not checked.
              to do: y
            ");
    }

    #[test]
    fn limits_are_told_before_the_upgrade() {
        let mut facts = facts(Occasion::Upgrade);
        facts.limits = vec![
            "AUTO_INCREMENT counters may be lower.".into(),
            "A VECTOR column does not come back.".into(),
        ];
        insta::assert_snapshot!(show(&limits(&facts)), @r"
            warning: A downgrade of this product has limits. [limits]
                     AUTO_INCREMENT counters may be lower.
                     A VECTOR column does not come back.
            ");
    }
}
