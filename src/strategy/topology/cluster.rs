//! Clusters: before the service is stopped, the cluster is told to leave it alone. It gets the
//! service back when every node has the version.

use anyhow::{Context as _, Result};

use crate::journal::{ChangeManifest, StepId};
use crate::playbook::Playbook;
use crate::step::{
    Action, AwaitNodes, Cluster, Package, PackageJob, Plan, ReadVersionMark, Step, VersionMark,
};
use crate::strategy::parts::Parts;

/// The plan in a cluster. `wanted` is the version that every node must have in the end, and the
/// verb for that; `None` if no node's packages change.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub(super) fn arrange(
    mut plan: Plan,
    playbook: &Playbook,
    manifest: &ChangeManifest,
    wanted: Option<(&str, &str)>,
) -> Result<Plan> {
    let Some(part) = &manifest.cluster else { return Ok(plan) };
    let parts = Parts { playbook, manifest };
    let how = playbook
        .cluster
        .as_ref()
        .context("the playbook does not say how a cluster is told to leave the service alone")?;
    let command = |spec| parts.command_of_node(spec, &part.node);
    let read =
        ReadVersionMark { command: parts.command(&how.read_mark)?, pattern: how.mark.clone() };
    let mut end = Vec::new();
    if let (Some(agent), Some((version, "upgrade")), crate::journal::Procedure::Upgrade) =
        (how.agent.as_ref().filter(|_| part.agent), wanted, plan.procedure)
    {
        // The product first: a newer agent knows an older product, but not the other way round.
        let package = Package {
            job: PackageJob::Upgrade,
            command: parts.command(&agent.upgrade)?,
            repair: None,
            version: command(&agent.version)?,
            pattern: agent.pattern.clone(),
            previous: String::new(),
            upgraded: version.to_owned(),
            cut: false,
        };
        end.push(Step::new(
            StepId::AGENT,
            "upgrade the cluster's agent for it",
            Action::Package(package),
        ));
    }
    if let Some((version, verb)) = wanted {
        let mark = VersionMark {
            node: part.node.clone(),
            read: read.clone(),
            write: command(&how.write_mark)?,
            version: parts.command(&playbook.version.command)?,
            pattern: playbook.version.pattern.clone(),
        };
        end.push(Step::new(
            StepId::MARK,
            "write down for the other nodes which version this one has",
            Action::VersionMark(mark),
        ));
        if part.data && !part.others.is_empty() {
            let action = AwaitNodes {
                others: part.others.clone(),
                read,
                wanted: version.to_owned(),
                unmarked: manifest.from_version.clone(),
                verb: verb.to_owned(),
            };
            end.push(Step::new(
                StepId::AWAIT_NODES,
                "see that every node has the version",
                Action::AwaitNodes(action),
            ));
        }
    }
    if !part.data {
        // The service runs on another node. Here it is only prevented from starting while packages
        // change.
        if let Some(step) =
            plan.steps.iter_mut().find(|step| matches!(step.action, Action::Start(_)))
            && let Action::Start(service) = step.action.clone()
        {
            *step = Step::new(
                StepId::START,
                "let the cluster start the service here again; it runs on another node",
                Action::Release(service),
            );
        }
        plan.steps.extend(end);
        return Ok(plan);
    }
    let cluster = Cluster {
        disable: command(&how.disable)?,
        disabled: command(&how.disabled)?,
        before_enable: how.before_enable.as_ref().map(&command).transpose()?,
        enable: command(&how.enable)?,
        enabled: command(&how.enabled)?,
        enabled_within: crate::strategy::parts::within(how.enabled_within),
    };
    if let Some(at) = plan.steps.iter().position(|step| matches!(step.action, Action::Stop(_))) {
        let title = "tell the cluster to leave the service alone";
        plan.steps.insert(
            at,
            Step::new(StepId::LEAVE_ALONE, title, Action::LeaveAlone(cluster.clone()))
                .until(&StepId::HAND_BACK),
        );
    }
    end.push(Step::new(
        StepId::HAND_BACK,
        "give the service back to the cluster",
        Action::HandBack(cluster),
    ));
    match plan.steps.iter().position(|step| matches!(step.action, Action::Start(_))) {
        Some(at) => {
            plan.steps.splice(at + 1..at + 1, end);
        }
        None => plan.steps.extend(end),
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy;

    fn manifest(data: bool) -> ChangeManifest {
        let manifest = serde_json::json!({
            "format": 1, "change": "mariadb-1", "tool": "0", "host": "node1", "playbook": "mariadb", "playbook_sha256": "", "site_sha256": "",
            "from_version": "10.11.19", "upgrade_to": "11.8", "snapshot": "backout-mariadb-1", "snapshot_time": "20261124:120000",
            "way": if data { "zfs" } else { "packages" }, "datasets": [],
            "cluster": { "node": if data { "node1" } else { "node2" }, "others": [if data { "node2" } else { "node1" }], "data": data },
            "values": {
                "datadir": "/var/lib/mysql", "binlog": "mysql-bin", "socket": "/run/mysqld/mysqld.sock", "release": "trixie", "upgrade_to": "11.8",
                "cluster_group": "db", "cluster_resource": "db-server", "unit": "mariadb.service", "group_suffix": "",
                "defaults_file": "/dev/null", "binlog_dir": "/var/lib/mysql", "innodb_log_dir": "/var/lib/mysql",
            },
            "store": null,
        });
        serde_json::from_value(manifest).expect("an opening")
    }

    fn ids(plan: &Plan) -> Vec<&str> {
        plan.steps.iter().map(|step| step.id.as_str()).collect()
    }

    #[test]
    fn the_node_with_the_data_is_closed_to_the_cluster_from_before_the_stop_until_every_node_is_done()
     {
        let playbook = crate::playbook::library::find("mariadb", &[]).expect("built in");
        let plan = strategy::upgrade(&playbook, &manifest(true), false).expect("a plan");
        let expected = [
            "save-installer",
            "save-config",
            "leave-alone",
            "stop",
            "snapshot",
            "upgrade",
            "start",
            "mark",
            "await-nodes",
            "hand-back",
        ];
        assert_eq!(ids(&plan), expected);
        assert_eq!(plan.steps[2].holds_until, Some(StepId::HAND_BACK));
        let Action::LeaveAlone(cluster) = &plan.steps[2].action else {
            panic!("{:?}", plan.steps[2])
        };
        let enabled =
            cluster.enabled.stages.last().and_then(|words| words.last()).map(ToString::to_string);
        assert_eq!(enabled.as_deref(), Some("is running on: node1( |$)"));
        let plan = strategy::snapshot_only(&playbook, &manifest(true)).expect("a plan");
        assert_eq!(ids(&plan)[2..], ["leave-alone", "stop", "snapshot", "start", "hand-back"]);
    }

    #[test]
    fn another_node_starts_nothing() {
        let playbook =
            crate::playbook::library::find("mariadb", &[]).expect("built in").other_node();
        let plan = strategy::upgrade(&playbook, &manifest(false), false).expect("a plan");
        assert_eq!(
            ids(&plan),
            ["save-installer", "save-config", "stop", "upgrade", "start", "mark"]
        );
        assert!(matches!(plan.steps[4].action, Action::Release(_)));
        let input =
            strategy::DowngradeInput { delta: false, ..strategy::DowngradeInput::default() };
        let plan = strategy::downgrade(&playbook, &manifest(false), &input).expect("a plan");
        assert_eq!(
            ids(&plan),
            ["save-config-upgraded", "stop", "verify", "reinstall", "put-config", "start", "mark"]
        );
    }
}
