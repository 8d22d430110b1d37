//! Other processes that use the data.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::data::DataPath;
use super::datasets::{self, Root};
use super::services::{Unit, unclear};
use super::sources::Observed;
use super::text::{at_most, count_of};
use super::{Facts, Finding, Kind, Sources};
use crate::host::identity::standby_unit;
use crate::host::processes::{self, InUse, Process};
use crate::host::quote::quote;

/// The processes that use the datasets, and neither have a name of the service nor run in one of
/// its units.
pub(super) fn gather(
    sources: &Sources<'_>,
    roots: &[Root],
    data: &[DataPath],
    units: &[Unit],
    servers: &[Process],
) -> Observed<InUse> {
    let mut paths: Vec<PathBuf> =
        datasets::all(roots).flat_map(|dataset| dataset.mounted_at.iter().cloned()).collect();
    let volumes = datasets::all(roots).filter(|dataset| dataset.is_volume());
    paths.extend(volumes.filter_map(|volume| datasets::device(sources, &volume.info.name)));
    // If nothing is mounted under that name, only the data paths are known.
    paths.extend(data.iter().filter_map(|data| data.real.clone().ok()));
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        return Ok(InUse::default());
    }
    let mut in_use = processes::users_of(&sources.roots.proc, &paths)?;
    let mounted = datasets::all(roots).filter(|dataset| !dataset.mounted_at.is_empty());
    let mounted: BTreeSet<&str> = mounted.map(|dataset| dataset.info.name.as_str()).collect();
    let elsewhere = processes::mounted_elsewhere(&sources.roots.proc, &mounted)?;
    let new = |process: &Process| in_use.found.iter().all(|known| known.pid != process.pid);
    let new: Vec<Process> = elsewhere.into_iter().filter(new).collect();
    in_use.found.extend(new);
    let server = |process: &Process| servers.iter().any(|server| server.pid == process.pid);
    in_use.found.retain(|process| {
        !server(process)
            && standby_unit(process).is_none()
            && !units.iter().any(|unit| process.is_of_unit(&unit.name))
    });
    Ok(in_use)
}

/// Others that use the data must end before the snapshot and before the rollback.
pub(super) fn others(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::DataUsers;
    let users = match &facts.users {
        Ok(users) => users,
        Err(why) => {
            return vec![Finding::warn(ID, "Cannot tell who uses the data.").detail([why.clone()])];
        }
    };
    let mut findings = Vec::new();
    // A server of the service's name in no unit is a finding of its own, and mostly the service:
    // nobody is told to kill it.
    let is_server = |process: &&Process| unclear(facts).any(|it| it.process.pid == process.pid);
    let found: Vec<&Process> = users.found.iter().filter(|it| !is_server(it)).collect();
    if !found.is_empty() {
        let mut remedy = Vec::new();
        for process in &found {
            let unit = process
                .cgroup
                .split('/')
                .rfind(|part| part.ends_with(".service") && !part.starts_with("user@"));
            let line = match unit {
                Some(unit) => {
                    format!("systemctl stop {}   # or add it to the playbook's units", quote(unit))
                }
                None => format!("kill {}   # {}, when its work is done", process.pid, process.comm),
            };
            if !remedy.contains(&line) {
                remedy.push(line);
            }
        }
        let line = |process: &Process| match &process.uses {
            Some(uses) => format!("{process}: {uses}"),
            None => process.to_string(),
        };
        findings.push(
            Finding::warn(
                ID,
                "Other processes use the data; they must end before the service is stopped.",
            )
            .detail(at_most(found.into_iter().map(line)))
            .remedy(at_most(remedy)),
        );
    }
    if users.unreadable > 0 {
        findings.push(
            Finding::warn(
                ID,
                format!(
                    "{} could not be examined.",
                    count_of(users.unreadable, "process", "processes")
                ),
            )
            .detail([if facts.is_ordinary_user() {
                "Only root sees what they have open."
            } else {
                "The kernel lets not even root see what they have open: they may be of a container, \
                 or protected by a security module."
            }])
            .remedy(facts.is_ordinary_user().then_some("sudo backout ...")),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, process, show};
    use super::super::host_fixture::Host;
    use super::*;

    #[test]
    fn others_use_it() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        let user = |pid, comm: &str, uses: &str, cgroup: &str| Process {
            uses: Some(uses.into()),
            cgroup: cgroup.into(),
            ..process(pid, comm, "")
        };
        facts.users = Ok(InUse {
            found: vec![
                user(31, "bash", "cwd /srv/db", "0::/user.slice/user-0.slice/session-1.scope"),
                user(32, "prometheus", "open /srv/db/metrics", "0::/system.slice/exporter.service"),
                user(
                    33,
                    "prometheus",
                    "mapped /srv/db/metrics",
                    "0::/system.slice/exporter.service",
                ),
            ],
            unreadable: 4,
        });
        facts.caller = Ok(crate::preflight::rights::Caller { uid: 1000, capabilities: 0 });
        insta::assert_snapshot!(show(&others(&facts)), @r"
            warning: Other processes use the data; they must end before the service is stopped. [data-users]
                     bash (31): cwd /srv/db
                     prometheus (32): open /srv/db/metrics
                     prometheus (33): mapped /srv/db/metrics
              to do: kill 31   # bash, when its work is done
                     systemctl stop exporter.service   # or add it to the playbook's units

            warning: 4 processes could not be examined. [data-users]
                     Only root sees what they have open.
              to do: sudo backout ...
            ");
    }

    /// Root is not told to become root.
    #[test]
    fn what_not_even_root_sees() {
        let mut facts = facts(Occasion::Check);
        facts.users = Ok(InUse { found: Vec::new(), unreadable: 1 });
        insta::assert_snapshot!(show(&others(&facts)), @r"
            warning: one process could not be examined. [data-users]
                     The kernel lets not even root see what they have open: they may be of a container, or protected by a security module.
            ");
    }

    #[test]
    fn a_helper_in_the_unit_of_the_service_is_the_service() {
        let host = Host::new();
        host.process(901, "bash", "bash\0", "0::/user.slice\n");
        host.process(902, "helper", "helper\0", "0::/system.slice/db.service/x\n");
        let facts = host.gather(Occasion::Check, |_| {});
        let users: Vec<i32> =
            facts.users.expect("read").found.iter().map(|process| process.pid).collect();
        assert_eq!(users, [901]);
    }
}
