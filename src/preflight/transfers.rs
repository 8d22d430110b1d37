//! `zfs send` and `zfs receive` that run now.

use super::sources::Observed;
use super::{Facts, Finding, Kind, Severity, Sources};
use crate::host::processes::{self, Process};
use crate::zfs::Dataset;

/// `zfs send`, `zfs receive` and the same by other names (`zfs recv`).
pub(super) fn gather(sources: &Sources<'_>) -> Observed<Vec<Process>> {
    let found = processes::named(&sources.roots.proc, &["zfs".to_owned()])?;
    let transfer = |process: &Process| {
        process
            .cmdline
            .split(' ')
            .nth(1)
            .is_some_and(|verb| matches!(verb, "send" | "receive" | "recv"))
    };
    Ok(found.into_iter().filter(transfer).collect())
}

/// A snapshot that is being sent cannot be destroyed, and a dataset that receives is changing.
pub(super) fn ours(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Transfer;
    let found = match &facts.transfers {
        Ok(found) => found,
        Err(why) => {
            return vec![
                Finding::warn(ID, "Could not look for a running `zfs send`.").detail([why.clone()]),
            ];
        }
    };
    let mut findings = Vec::new();
    for process in found {
        let names = process
            .cmdline
            .split(' ')
            .map(|word| word.split(['@', '#']).next().unwrap_or_default());
        let parsed: Vec<Dataset> = names.filter_map(|name| name.parse().ok()).collect();
        // With -R and -r, everything below the named dataset is sent, too.
        let of_ours = parsed.iter().any(|name| {
            facts.roots.iter().any(|root| name.is_within(&root.name) || root.name.is_within(name))
        });
        let receives = !process.cmdline.split(' ').any(|word| word == "send");
        let severity = match (of_ours, facts.occasion.is_downgrade()) {
            (false, _) => continue,
            (true, true) => Severity::Refuse,
            (true, false) if receives => Severity::Refuse,
            (true, false) => Severity::Warn,
        };
        let title = if receives {
            "A dataset of this service is being received."
        } else {
            "A dataset of this service is being sent."
        };
        findings.push(
            Finding::new(ID, severity, title)
                .detail([format!("{process}: {}", process.cmdline)])
                .detail(["The snapshot it works on is busy: it can be neither destroyed nor \
                    rolled back."])
                .remedy([format!("Wait for it: tail --pid={} -f /dev/null", process.pid)]),
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
    fn sends_of_our_datasets() {
        let mut facts = facts(Occasion::Upgrade);
        facts.transfers = Ok(vec![
            process(77, "zfs", "zfs send -R tank@weekly"),
            process(78, "zfs", "zfs send tank/other@x"),
        ]);
        insta::assert_snapshot!(show(&ours(&facts)), @r"
            warning: A dataset of this service is being sent. [transfer]
                     zfs (77): zfs send -R tank@weekly
                     The snapshot it works on is busy: it can be neither destroyed nor rolled back.
              to do: Wait for it: tail --pid=77 -f /dev/null
            ");
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert_eq!(ours(&facts)[0].severity, super::Severity::Refuse);
        facts.occasion = Occasion::Upgrade;
        facts.transfers = Ok(vec![process(79, "zfs", "zfs receive -F tank/db/log")]);
        insta::assert_snapshot!(show(&ours(&facts)), @r"
            refused: A dataset of this service is being received. [transfer]
                     zfs (79): zfs receive -F tank/db/log
                     The snapshot it works on is busy: it can be neither destroyed nor rolled back.
              to do: Wait for it: tail --pid=79 -f /dev/null
            ");
    }

    #[test]
    fn a_running_send_is_found() {
        let host = Host::new();
        host.process(903, "zfs", "zfs\0send\0tank/db@x\0", "0::/user.slice\n");
        host.process(904, "zfs", "zfs\0list\0", "0::/user.slice\n");
        let found = host.gather(Occasion::Check, |_| {}).transfers.expect("read");
        assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [903]);
    }
}
