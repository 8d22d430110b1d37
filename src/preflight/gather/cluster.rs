//! What the cluster says.

use crate::plan::ReadMark;
use crate::playbook::model::CommandSpec;
use crate::playbook::template;
use crate::preflight::facts::{ClusterFact, Learnt};
use crate::step;

use super::Sources;

pub(super) fn nodes(sources: &Sources<'_>) -> Option<ClusterFact> {
    let (how, part) = (sources.playbook.cluster.as_ref()?, sources.node.as_ref()?);
    let for_node = |spec: &CommandSpec| {
        let command = (sources.command)(spec)?;
        Ok::<_, String>(template::expand_command_known(&command, &|name| (name == "node").then(|| part.now.node.clone())))
    };
    let disabled: Learnt<bool> = for_node(&how.disabled).and_then(|command| match (sources.run)(&command) {
        Ok(_) => Ok(true),
        Err(crate::host::exec::ExecError::Failed { .. }) => Ok(false),
        Err(error) => Err(error.to_string()),
    });
    let marks = part.now.others.iter().map(|node| {
        let mark = (sources.command)(&how.read_mark)
            .ok()
            .and_then(|command| step::mark_with(sources.run, &ReadMark { command, pattern: how.mark.clone() }, node).ok().flatten());
        (node.clone(), mark)
    });
    let wanted = match (&sources.previous, sources.occasion.is_downgrade()) {
        (Some(previous), true) => previous.clone(),
        _ => sources.site.upgrade_to.clone(),
    };
    let agent = how.agent.as_ref().filter(|_| part.now.agent).and_then(|agent| {
        let why = for_node(agent.ready.as_ref()?).and_then(|command| super::output(sources, &command).map(drop)).err()?;
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
