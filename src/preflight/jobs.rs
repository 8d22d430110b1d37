//! What else works on the snapshots.

use super::Finding;
use super::facts::{Facts, Job, JobSource};
use super::text::at_most;
use crate::host::quote::quote;

/// Jobs that make snapshots by themselves: theirs would be newer than ours, and a rollback in place would destroy them.
pub(super) fn automatic(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "snapshot-jobs";
    let mut findings = Vec::new();
    if !facts.jobs.is_empty() {
        let line = |job: &Job| match &job.source {
            JobSource::Unit { name, active, enabled } => format!("{}: {name} ({active}, {enabled})", job.tool),
            JobSource::Cron { file, line, text } => format!("{}: {} line {line}: {text}", job.tool, file.display()),
        };
        let pause = |job: &Job| match &job.source {
            JobSource::Unit { name, .. } => {
                format!("systemctl mask --runtime --now {0}   # later: systemctl unmask --runtime {0}; systemctl start {0}", quote(name))
            }
            JobSource::Cron { file, line, .. } => {
                // A script of cron.daily and the like has no lines to take out one by one.
                let path = quote(&file.display().to_string());
                let is_script = file
                    .parent()
                    .and_then(|folder| folder.file_name())
                    .is_some_and(|name| ["cron.hourly", "cron.daily", "cron.weekly", "cron.monthly"].iter().any(|folder| name == *folder));
                if is_script {
                    format!("chmod a-x {path}   # later: chmod a+x {path}")
                } else {
                    format!("sed -i '{line}s/^/#/' {path}   # later: sed -i '{line}s/^#//' {path}")
                }
            }
        };
        let why = if facts.occasion.is_downgrade() {
            "A snapshot made between now and the rollback stops the rollback in place; nothing is lost then."
        } else {
            "Each snapshot they make after the upgrade is one more that a rollback in place destroys."
        };
        findings.push(
            Finding::warn(ID, "jobs make or destroy snapshots by themselves; pause them until the change is closed")
                .detail(at_most(facts.jobs.iter().map(line)))
                .detail([why])
                .remedy(facts.jobs.iter().map(pause)),
        );
    }
    if !facts.jobs_unknown.is_empty() {
        findings.push(
            Finding::warn(ID, "jobs that make snapshots could not be looked for everywhere")
                .detail(facts.jobs_unknown.iter().cloned())
                .remedy(["systemctl list-timers --all", "crontab -l"]),
        );
    }
    findings
}

/// A snapshot that is being sent cannot be destroyed, and a dataset that receives changes.
pub(super) fn transfers(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "transfer";
    let found = match &facts.transfers {
        Ok(found) => found,
        Err(why) => return vec![Finding::warn(ID, "running `zfs send` could not be looked for").detail([why.clone()])],
    };
    let mut findings = Vec::new();
    for process in found {
        let names = process.cmdline.split(' ').map(|word| word.split(['@', '#']).next().unwrap_or_default());
        let parsed: Vec<crate::zfs::Dataset> = names.filter_map(|name| name.parse().ok()).collect();
        // With -R and -r all below the named one is sent too.
        let ours = parsed.iter().any(|name| facts.roots.iter().any(|root| name.is_within(&root.name) || root.name.is_within(name)));
        let receives = !process.cmdline.split(' ').any(|word| word == "send");
        let severity = match (ours, facts.occasion.is_downgrade()) {
            (false, _) => continue,
            (true, true) => super::Severity::Refuse,
            (true, false) if receives => super::Severity::Refuse,
            (true, false) => super::Severity::Warn,
        };
        let title = if receives { "a dataset of this service is being received" } else { "a dataset of this service is being sent" };
        findings.push(
            Finding::new(ID, severity, title)
                .detail([format!("{process}: {}", process.cmdline)])
                .detail(["The snapshot it works on is busy: it can be neither destroyed nor rolled over."])
                .remedy([format!("Wait for it: tail --pid={} -f /dev/null", process.pid)]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, process, show};
    use super::*;

    #[test]
    fn named_with_how_to_pause_them() {
        let mut facts = facts(Occasion::Check);
        let unit = JobSource::Unit { name: "sanoid.timer".into(), active: "active".into(), enabled: "enabled".into() };
        let cron = |file: &str| JobSource::Cron { file: file.into(), line: 3, text: "*/15 * * * * root zfs snapshot -r tank@x".into() };
        facts.jobs = vec![
            Job { tool: "sanoid".into(), source: unit },
            Job { tool: "zfs snapshot".into(), source: cron("/etc/cron.d/snap") },
            Job { tool: "zfs snapshot".into(), source: cron("/etc/cron.daily/snap") },
        ];
        facts.jobs_unknown = vec!["/var/spool/cron/crontabs: Permission denied (os error 13)".into()];
        insta::assert_snapshot!(show(&automatic(&facts)), @r"
            warning: jobs make or destroy snapshots by themselves; pause them until the change is closed [snapshot-jobs]
                     sanoid: sanoid.timer (active, enabled)
                     zfs snapshot: /etc/cron.d/snap line 3: */15 * * * * root zfs snapshot -r tank@x
                     zfs snapshot: /etc/cron.daily/snap line 3: */15 * * * * root zfs snapshot -r tank@x
                     Each snapshot they make after the upgrade is one more that a rollback in place destroys.
              to do: systemctl mask --runtime --now sanoid.timer   # later: systemctl unmask --runtime sanoid.timer; systemctl start sanoid.timer
                     sed -i '3s/^/#/' /etc/cron.d/snap   # later: sed -i '3s/^#//' /etc/cron.d/snap
                     chmod a-x /etc/cron.daily/snap   # later: chmod a+x /etc/cron.daily/snap

            warning: jobs that make snapshots could not be looked for everywhere [snapshot-jobs]
                     /var/spool/cron/crontabs: Permission denied (os error 13)
              to do: systemctl list-timers --all
                     crontab -l
            ");
    }

    #[test]
    fn sends_of_our_datasets() {
        let mut facts = facts(Occasion::Upgrade);
        facts.transfers = Ok(vec![process(77, "zfs", "zfs send -R tank@weekly"), process(78, "zfs", "zfs send tank/other@x")]);
        insta::assert_snapshot!(show(&transfers(&facts)), @r"
            warning: a dataset of this service is being sent [transfer]
                     zfs (77): zfs send -R tank@weekly
                     The snapshot it works on is busy: it can be neither destroyed nor rolled over.
              to do: Wait for it: tail --pid=77 -f /dev/null
            ");
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert_eq!(transfers(&facts)[0].severity, super::super::Severity::Refuse);
        facts.occasion = Occasion::Upgrade;
        facts.transfers = Ok(vec![process(79, "zfs", "zfs receive -F tank/db/log")]);
        insta::assert_snapshot!(show(&transfers(&facts)), @r"
            refused: a dataset of this service is being received [transfer]
                     zfs (79): zfs receive -F tank/db/log
                     The snapshot it works on is busy: it can be neither destroyed nor rolled over.
              to do: Wait for it: tail --pid=79 -f /dev/null
            ");
    }
}
