//! The cluster: which node has the data, whether somebody else disabled the resource, and which
//! node comes first.

use serde::Serialize;

use super::sources::{Observed, Run, filled};
use super::{Facts, Finding, Kind, Occasion, Sources};
use crate::host::exec::{Command, ExecError};
use crate::playbook::model::CommandSpec;
use crate::playbook::version::version_is;
use crate::playbook::{CommandTemplate, Extractor};

/// What a cluster says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterFact {
    /// This node.
    pub node: String,
    /// Whether it has the data now.
    pub data: bool,
    /// Whether it had the data when the change was opened; `None` if there is no change yet.
    pub opened_with_data: Option<bool>,
    /// Whether the cluster leaves the service alone.
    pub disabled: Observed<bool>,
    /// The command that gives the service back.
    pub enable: String,
    /// The version that the procedure installs.
    pub wanted: String,
    /// The other nodes, and the version that each has recorded.
    pub marks: Vec<(String, Option<String>)>,
    /// Why the cluster's agent may not be upgraded, and what to do about it.
    pub agent: Option<(String, String)>,
}

/// Asks the cluster, on one of its nodes.
pub(super) fn gather(sources: &Sources<'_>) -> Option<ClusterFact> {
    let (how, part) = (sources.playbook.cluster.as_ref()?, sources.node.as_ref()?);
    let for_node = |spec: &CommandSpec| of_node(&sources.template(spec), &part.now.node);
    let disabled = for_node(&how.disabled).and_then(|command| match (sources.run)(&command) {
        Ok(_) => Ok(true),
        Err(ExecError::Failed { .. }) => Ok(false),
        Err(error) => Err(error.to_string()),
    });
    let read = sources.template(&how.read_mark);
    let mark = |node: &String| read_mark(sources.run, &read, &how.mark, node).ok().flatten();
    let marks = part.now.others.iter().map(|node| (node.clone(), mark(node)));
    let wanted = match (&sources.previous, sources.occasion.is_downgrade()) {
        (Some(previous), true) => previous.clone(),
        _ => sources.site.upgrade_to.clone(),
    };
    let agent = how.agent.as_ref().filter(|_| part.now.agent).and_then(|agent| {
        let why =
            for_node(agent.ready.as_ref()?).and_then(|command| sources.output(&command)).err()?;
        Some((why, agent.remedy.clone()))
    });
    Some(ClusterFact {
        node: part.now.node.clone(),
        data: part.now.data,
        opened_with_data: part.opened,
        disabled,
        enable: for_node(&how.enable).map(|command| command.to_string()).unwrap_or_default(),
        wanted,
        marks: marks.collect(),
        agent,
    })
}

fn of_node(command: &CommandTemplate, node: &str) -> Observed<Command> {
    filled(command, &|name| (name == "node").then(|| node.to_owned()))
}

/// The mark of a node; `None` if there is none, or it cannot be read.
///
/// # Errors
/// When a name in the command is not known.
pub(crate) fn read_mark(
    run: Run<'_>,
    read: &CommandTemplate,
    pattern: &Extractor,
    node: &str,
) -> anyhow::Result<Option<String>> {
    let command = of_node(read, node).map_err(anyhow::Error::msg)?;
    let Ok(printed) = run(&command) else { return Ok(None) };
    Ok(pattern.find_in_lines(&printed.stdout).map(str::to_owned))
}

/// All that stands in the way.
pub(super) fn nodes(facts: &Facts) -> Vec<Finding> {
    facts.cluster.as_ref().map_or_else(Vec::new, |it| look(facts, it))
}

fn look(facts: &Facts, it: &ClusterFact) -> Vec<Finding> {
    const ID: Kind = Kind::Cluster;
    let mut findings = Vec::new();
    let up = !facts.occasion.is_downgrade();
    match it.opened_with_data {
        Some(true) if !it.data => findings.push(
            Finding::refuse(
                ID,
                format!(
                    "The data is on another node now; the change was opened \
                on {} while it had the data.",
                    it.node
                ),
            )
            .remedy([format!(
                "Move the service to {} with the cluster's own command, and try \
                    again.",
                it.node
            )]),
        ),
        Some(false) if it.data => findings.push(
            Finding::refuse(
                ID,
                format!(
                    "The data has moved to {}; the change was opened on this \
                node without the data.",
                    it.node
                ),
            )
            .remedy(["Move the service to the node that had it, and try again.".to_owned()]),
        ),
        _ => {}
    }
    if let Some((why, remedy)) = it.agent.as_ref().filter(|_| up) {
        findings.push(
            Finding::refuse(ID, "The cluster's agent cannot be upgraded on this node.")
                .detail([why.clone()])
                .remedy([remedy.clone()]),
        );
    }
    if it.data {
        match &it.disabled {
            Ok(true) if up && it.opened_with_data.is_none() => findings.push(
                Finding::refuse(
                    ID,
                    "The cluster has already been told to leave the service alone.",
                )
                .detail(["Somebody else is at work, or forgot to give it back.".to_owned()])
                .remedy([format!("If nobody is: {}", it.enable)]),
            ),
            Err(why) => findings.push(
                Finding::refuse(ID, "The cluster did not answer.").detail([why.clone()]).remedy([
                    "Make sure that the cluster runs on this node, or correct the site \
                        file's variables."
                        .to_owned(),
                ]),
            ),
            Ok(_) => {}
        }
        return findings;
    }
    if it.marks.is_empty() {
        findings.push(
            Finding::refuse(
                ID,
                format!(
                    "There is nothing to do on {}: the product's files are where the data is \
                    (`shared_installation`).",
                    it.node
                ),
            )
            .remedy(["Run it on the node that has the data.".to_owned()]),
        );
        return findings;
    }
    // The node with the data comes first: it has the snapshot, and carries over what was written.
    let first = it
        .marks
        .iter()
        .any(|(_, mark)| mark.as_ref().is_some_and(|version| version_is(version, &it.wanted)));
    if !first && facts.occasion != Occasion::Check {
        let verb = if up { "upgrade" } else { "downgrade" };
        let marks = it
            .marks
            .iter()
            .map(|(node, mark)| format!("{node}: {}", mark.as_deref().unwrap_or("no mark")));
        findings.push(
            Finding::refuse(
                ID,
                format!(
                    "Out of order: the node that has the data comes first, and no other node \
                    has version {} yet.",
                    it.wanted
                ),
            )
            .detail(marks)
            .remedy([format!("On the node that has the data: backout {verb}")]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    fn fact() -> ClusterFact {
        ClusterFact {
            node: "node1".into(),
            data: true,
            opened_with_data: None,
            disabled: Ok(false),
            enable: "crm_resource …".into(),
            wanted: "11.8".into(),
            marks: vec![("node2".into(), None)],
            agent: None,
        }
    }

    #[test]
    fn the_node_with_the_data_comes_first() {
        let mut facts = facts(Occasion::Upgrade);
        facts.cluster = Some(fact());
        assert_eq!(nodes(&facts), []);
        facts.cluster = Some(ClusterFact {
            node: "node2".into(),
            data: false,
            marks: vec![("node1".into(), Some("10.11.19".into()))],
            ..fact()
        });
        insta::assert_snapshot!(show(&nodes(&facts)));
        facts.cluster.as_mut().unwrap().marks[0].1 = Some("11.8.9".into());
        assert_eq!(nodes(&facts), []);
        facts.cluster.as_mut().unwrap().marks.clear();
        insta::assert_snapshot!(show(&nodes(&facts)), @r"
            refused: There is nothing to do on node2: the product's files are where the data is (`shared_installation`). [cluster]
              to do: Run it on the node that has the data.
            ");
    }

    #[test]
    fn who_has_the_data_and_who_is_in_charge() {
        let mut facts = facts(Occasion::Upgrade);
        facts.cluster = Some(ClusterFact { disabled: Ok(true), ..fact() });
        let mut all = nodes(&facts);
        facts.cluster = Some(ClusterFact {
            data: false,
            opened_with_data: Some(true),
            marks: vec![("node2".into(), Some("11.8.9".into()))],
            ..fact()
        });
        all.extend(nodes(&facts));
        facts.cluster = Some(ClusterFact {
            opened_with_data: Some(false),
            disabled: Err("`crm_resource …` ended with exit status 102".into()),
            ..fact()
        });
        all.extend(nodes(&facts));
        insta::assert_snapshot!(show(&all));
    }

    #[test]
    fn a_mark_is_asked_for_in_the_playbooks_words_and_not_in_escaped_ones() {
        let read = CommandTemplate::of(&["ctl", "{{{$}}}", "{node}"]);
        let run = |command: &Command| {
            Ok(crate::host::exec::Printed {
                stdout: command.stages[0].join(" "),
                ..Default::default()
            })
        };
        let printed =
            read_mark(&run, &read, &"(.*)".to_owned().try_into().expect("a pattern"), "{mark}")
                .expect("asked");
        assert_eq!(printed.as_deref(), Some("ctl {$} {mark}"));
    }
}
