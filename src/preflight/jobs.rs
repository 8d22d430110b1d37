//! Scheduled jobs that take or destroy snapshots: systemd units and cron files. What else starts
//! jobs on other platforms is named, and a person looks.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::text::at_most;
use super::{Facts, Finding, Kind, Sources};
use crate::host::quote::quote;
use crate::host::systemd;

/// A scheduled job that takes or destroys snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// The tool, or `zfs snapshot`.
    pub tool: String,
    /// Where it was found.
    pub source: JobSource,
}

/// Where a job was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobSource {
    /// A systemd timer or service.
    Unit {
        /// Its name.
        name: String,
        /// `active`, `inactive`, ...
        active: String,
        /// `enabled`, `static`, ...
        enabled: String,
    },
    /// A line of a cron file.
    Cron {
        /// The file.
        file: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The line.
        text: String,
    },
}

/// Tools that take, destroy or replicate snapshots on a schedule, recognised by their units and
/// command lines.
const TOOLS: &[&str] = &[
    "sanoid",
    "syncoid",
    "zrepl",
    "zfs-auto-snapshot",
    "zfs-autobackup",
    "zfs-auto-",
    "pyznap",
    "znapzend",
    "zfsnap",
    "simplesnap",
    "zfs-snap",
];

/// The tool that a unit's name or a command line refers to.
pub(super) fn tool(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    if let Some(tool) = TOOLS.iter().find(|tool| text.contains(**tool)) {
        return Some(if *tool == "zfs-auto-" { "zfs-auto-snapshot" } else { tool });
    }
    // `zfs snapshot`, `/sbin/zfs snap`, and rotation by `zfs destroy`.
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "\"';|&()`=".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let zfs = |word: &str| word == "zfs" || word.ends_with("/zfs");
    words.windows(2).find(|pair| zfs(pair[0])).map(|_| ())?;
    words.windows(2).filter(|pair| zfs(pair[0])).find_map(|pair| match pair[1] {
        "snapshot" | "snap" => Some("zfs snapshot"),
        "destroy" => Some("zfs destroy"),
        "rollback" => Some("zfs rollback"),
        _ => None,
    })
}

/// Larger files are no scripts.
const SCRIPT_BYTES: u64 = 256 * 1024;

/// The tool that a command line refers to, or a script that it names by its whole path.
fn tool_within(text: &str) -> Option<&'static str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"';|&()`=[]{}".contains(c));
    let scripts = words.filter(|word| word.starts_with('/'));
    tool(text).or_else(|| scripts.map(Path::new).find_map(tool_of_script))
}

fn tool_of_script(path: &Path) -> Option<&'static str> {
    let found = std::fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > SCRIPT_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok().filter(|bytes| bytes.starts_with(b"#!"))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.into_iter().find_map(tool)
}

/// The jobs found, and where they could not be looked for.
pub(super) fn gather(sources: &Sources<'_>) -> (Vec<Job>, Vec<String>) {
    let mut unknown = Vec::new();
    let mut jobs = Vec::new();
    if systemd::IS_OF_PLATFORM {
        match units(sources) {
            Ok(found) => jobs = found,
            Err(why) => unknown.push(format!("systemd: {why}")),
        }
    }
    unknown.extend(not_asked(std::env::consts::OS).map(str::to_owned));
    cron(sources, &mut jobs, &mut unknown);
    (jobs, unknown)
}

/// What starts jobs on a platform and is not asked for them.
fn not_asked(system: &str) -> Option<&'static str> {
    match system {
        "freebsd" => Some("periodic(8): what its scripts run is not read."),
        "illumos" | "solaris" => Some("SMF: what its services run is not read."),
        _ => None,
    }
}

/// How a person looks for jobs.
fn looks(system: &str) -> &'static [&'static str] {
    match system {
        "freebsd" => {
            &["grep -i zfs /etc/periodic.conf; ls /usr/local/etc/periodic/*", "crontab -l"]
        }
        "illumos" | "solaris" => &["svcs -a | grep -i snapshot", "crontab -l"],
        _ => &["systemctl list-timers --all", "crontab -l"],
    }
}

#[derive(Default)]
struct Shown {
    active: String,
    enabled: String,
    /// What a timer starts.
    unit: String,
    exec: String,
}

/// A timer counts if it is active or enabled, and it or its service refers to such a tool. A
/// service counts if it is active or enabled, and none of these timers starts it.
fn units(sources: &Sources<'_>) -> Result<Vec<Job>, String> {
    // All loaded units with their commands, so that a timer with any name that runs `zfs snapshot`
    // is found.
    let text = sources.system(&[
        "systemctl",
        "show",
        "--no-pager",
        "--property=Id,ActiveState,UnitFileState,Unit,ExecStart",
        "--",
        "*.timer",
        "*.service",
    ])?;
    let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
    for block in text.split("\n\n") {
        let mut one = Shown::default();
        let mut id = String::new();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "Id" => value.clone_into(&mut id),
                "ActiveState" => value.clone_into(&mut one.active),
                "UnitFileState" => value.clone_into(&mut one.enabled),
                "Unit" => value.clone_into(&mut one.unit),
                "ExecStart" => one.exec.push_str(value),
                _ => {}
            }
        }
        if !id.is_empty() {
            shown.insert(id, one);
        }
    }
    // Units enabled since the last reload: not loaded yet, but at the next boot.
    let listed = sources.system(&[
        "systemctl",
        "list-unit-files",
        "--no-pager",
        "--no-legend",
        "--plain",
        "--type=timer,service",
        "--state=enabled",
    ])?;
    for line in listed.lines() {
        let mut words = line.split_whitespace();
        if let (Some(id), Some(state)) = (words.next(), words.next()) {
            shown.entry(id.to_owned()).or_insert_with(|| Shown {
                active: "inactive".into(),
                enabled: state.into(),
                ..Shown::default()
            });
        }
    }
    let is_on = |one: &Shown| {
        matches!(one.active.as_str(), "active" | "activating" | "reloading")
            || one.enabled.starts_with("enabled")
    };
    let about =
        |id: &str| tool(id).or_else(|| shown.get(id).and_then(|one| tool_within(&one.exec)));
    let mut jobs = Vec::new();
    let mut started: Vec<&str> = Vec::new();
    let mut push = |id: &str, one: &Shown, tool: &str| {
        let source = JobSource::Unit {
            name: id.to_owned(),
            active: one.active.clone(),
            enabled: one.enabled.clone(),
        };
        jobs.push(Job { tool: tool.to_owned(), source });
    };
    for (id, one) in shown.iter().filter(|(id, one)| id.ends_with(".timer") && is_on(one)) {
        let service =
            if one.unit.is_empty() { id.replace(".timer", ".service") } else { one.unit.clone() };
        if let Some(tool) = about(&service).or_else(|| about(id)) {
            push(id, one, tool);
            started.extend(shown.get_key_value(&service).map(|(key, _)| key.as_str()));
        }
    }
    for (id, one) in shown.iter().filter(|(id, one)| id.ends_with(".service") && is_on(one)) {
        // Pieces of ZFS itself, such as zfs-mount.service, only mount, share and import.
        if let Some(tool) = about(id).filter(|_| !started.contains(&id.as_str())) {
            push(id, one, tool);
        }
    }
    Ok(jobs)
}

fn cron(sources: &Sources<'_>, jobs: &mut Vec<Job>, unknown: &mut Vec<String>) {
    let etc = &sources.roots.etc;
    let mut files = vec![(etc.join("crontab"), false), (etc.join("anacrontab"), false)];
    let mut folder = |path: PathBuf, scripts: bool| match std::fs::read_dir(&path) {
        Ok(entries) => {
            let mut paths: Vec<PathBuf> =
                entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
            paths.sort();
            files.extend(paths.into_iter().map(|path| (path, scripts)));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => unknown.push(format!("{}: {error}", path.display())),
    };
    folder(etc.join("cron.d"), false);
    // The timers of users are started by managers of their own, which only they can ask.
    folder(etc.join("systemd/user"), false);
    let accounts = std::fs::read_to_string(etc.join("passwd")).unwrap_or_default();
    for home in accounts.lines().filter_map(|line| line.split(':').nth(5)) {
        folder(Path::new(home).join(".config/systemd/user"), false);
    }
    for name in ["cron.hourly", "cron.daily", "cron.weekly", "cron.monthly"] {
        folder(etc.join(name), true);
    }
    // Debian keeps the users' tables one level below Red Hat's.
    folder(sources.roots.cron_spool.join("crontabs"), false);
    folder(sources.roots.cron_spool.clone(), false);
    for (file, script) in files {
        match scan(&file, script) {
            Ok(found) => jobs.extend(found),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => unknown.push(format!("{}: {error}", file.display())),
        }
    }
}

/// The first line of each tool. A file that is not executable has none, because run-parts(8)
/// ignores it.
fn scan(file: &Path, script: bool) -> std::io::Result<Vec<Job>> {
    if script && std::fs::metadata(file)?.permissions().mode() & 0o111 == 0 {
        return Ok(Vec::new());
    }
    let bytes = std::fs::read(file)?;
    let mut jobs: Vec<Job> = Vec::new();
    for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some(tool) = tool_within(text).filter(|tool| jobs.iter().all(|job| job.tool != *tool))
        else {
            continue;
        };
        let source =
            JobSource::Cron { file: file.to_owned(), line: number + 1, text: text.to_owned() };
        jobs.push(Job { tool: tool.to_owned(), source });
    }
    Ok(jobs)
}

/// What a tool does with the snapshots of a change, and with what is kept beside the data: a line
/// for those that were tried.
fn habit(tool: &str) -> Option<&'static str> {
    Some(match tool {
        "sanoid" => {
            "sanoid destroys no snapshot of the change. It goes by no property: exclude names that \
             end in .standby, .upgraded and .undone in sanoid.conf, where a dataset above has \
             `recursive`."
        }
        "zfs-auto-snapshot" => {
            "zfs-auto-snapshot destroys no snapshot of the change, and passes over what backout \
             keeps beside the data."
        }
        "syncoid" => "syncoid passes over what backout keeps beside the data.",
        "zrepl" => {
            "zrepl destroys each snapshot that no rule of its `keep` names. That before the upgrade \
             is held, which prevents it; add the rule of the operator's guide for the others."
        }
        _ => return None,
    })
}

/// Warns about jobs that take snapshots: these would be newer than ours, and a rollback in place
/// would destroy them.
pub(super) fn automatic(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::SnapshotJobs;
    let mut findings = Vec::new();
    if !facts.jobs.is_empty() {
        let line = |job: &Job| match &job.source {
            JobSource::Unit { name, active, enabled } => {
                format!("{}: {name} ({active}, {enabled})", job.tool)
            }
            JobSource::Cron { file, line, text } => {
                format!("{}: {} line {line}: {text}", job.tool, file.display())
            }
        };
        let pause = |job: &Job| match &job.source {
            JobSource::Unit { name, .. } => {
                format!(
                    "systemctl mask --runtime --now {0}   # later: systemctl unmask --runtime \
                        {0}; systemctl start {0}",
                    quote(name)
                )
            }
            JobSource::Cron { file, line, .. } => {
                // Scripts in cron.daily and the like have no single lines to disable.
                let path = quote(file);
                let is_script =
                    file.parent().and_then(|folder| folder.file_name()).is_some_and(|name| {
                        ["cron.hourly", "cron.daily", "cron.weekly", "cron.monthly"]
                            .iter()
                            .any(|folder| name == *folder)
                    });
                if file.components().any(|part| part.as_os_str() == "systemd") {
                    let unit = file.with_extension("timer");
                    let unit = quote(unit.file_name().unwrap_or_default());
                    format!(
                        "as its user: systemctl --user mask --now {unit}   # later: systemctl \
                         --user unmask {unit}"
                    )
                } else if is_script {
                    format!("chmod a-x {path}   # later: chmod a+x {path}")
                } else {
                    format!("sed -i '{line}s/^/#/' {path}   # later: sed -i '{line}s/^#//' {path}")
                }
            }
        };
        let why = if facts.occasion.is_downgrade() {
            "A snapshot made between now and the rollback stops the rollback in place; nothing is \
                lost then."
        } else {
            "Each snapshot they make after the upgrade is one more that a rollback in place \
                destroys."
        };
        let tools: BTreeSet<&str> = facts.jobs.iter().map(|job| job.tool.as_str()).collect();
        let habits = tools.into_iter().filter_map(habit);
        findings.push(
            Finding::warn(
                ID,
                "Jobs make or destroy snapshots on their own; pause them until the \
                change is committed.",
            )
            .detail(at_most(facts.jobs.iter().map(line)))
            .detail([why])
            .detail(habits)
            .remedy(facts.jobs.iter().map(pause)),
        );
    }
    if !facts.jobs_unknown.is_empty() {
        findings.push(
            Finding::warn(ID, "Could not look everywhere for jobs that make snapshots.")
                .detail(facts.jobs_unknown.iter().cloned())
                .remedy(looks(std::env::consts::OS).iter().copied()),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::Host;
    use super::*;
    use std::fs;

    #[test]
    fn what_is_not_asked_on_a_platform_is_named_with_a_way_to_look() {
        assert_eq!(not_asked("linux"), None);
        for system in ["freebsd", "illumos", "solaris"] {
            assert!(not_asked(system).is_some_and(|text| text.ends_with("is not read.")));
            assert!(!looks(system).iter().any(|line| line.contains("systemctl")), "{system}");
        }
    }

    #[test]
    fn named_with_how_to_pause_them() {
        let mut facts = facts(Occasion::Check);
        let unit = JobSource::Unit {
            name: "sanoid.timer".into(),
            active: "active".into(),
            enabled: "enabled".into(),
        };
        let cron = |file: &str| JobSource::Cron {
            file: file.into(),
            line: 3,
            text: "*/15 * * * * root zfs snapshot -r tank@x".into(),
        };
        facts.jobs = vec![
            Job { tool: "sanoid".into(), source: unit },
            Job { tool: "zfs snapshot".into(), source: cron("/etc/cron.d/snap") },
            Job { tool: "zfs snapshot".into(), source: cron("/etc/cron.daily/snap") },
        ];
        facts.jobs_unknown =
            vec!["/var/spool/cron/crontabs: Permission denied (os error 13)".into()];
        insta::assert_snapshot!(show(&automatic(&facts)), @r"
            warning: Jobs make or destroy snapshots on their own; pause them until the change is committed. [snapshot-jobs]
                     sanoid: sanoid.timer (active, enabled)
                     zfs snapshot: /etc/cron.d/snap line 3: */15 * * * * root zfs snapshot -r tank@x
                     zfs snapshot: /etc/cron.daily/snap line 3: */15 * * * * root zfs snapshot -r tank@x
                     Each snapshot they make after the upgrade is one more that a rollback in place destroys.
                     sanoid destroys no snapshot of the change. It goes by no property: exclude names that end in .standby, .upgraded and .undone in sanoid.conf, where a dataset above has `recursive`.
              to do: systemctl mask --runtime --now sanoid.timer   # later: systemctl unmask --runtime sanoid.timer; systemctl start sanoid.timer
                     sed -i '3s/^/#/' /etc/cron.d/snap   # later: sed -i '3s/^#//' /etc/cron.d/snap
                     chmod a-x /etc/cron.daily/snap   # later: chmod a+x /etc/cron.daily/snap

            warning: Could not look everywhere for jobs that make snapshots. [snapshot-jobs]
                     /var/spool/cron/crontabs: Permission denied (os error 13)
              to do: systemctl list-timers --all
                     crontab -l
            ");
    }

    #[test]
    fn jobs_are_found_by_what_they_run() {
        let host = Host::new();
        host.write("etc/crontab", "# m h\n@hourly root /usr/local/bin/zfs-autobackup offsite\n");
        host.write(
            "etc/cron.hourly/zfs-auto-snapshot",
            "#!/bin/sh\nexec zfs-auto-snapshot --quiet --label=hourly //\n",
        );
        host.write("etc/cron.daily/off", "zfs snapshot tank@daily\n");
        host.write("cron/crontabs/root", "0 * * * * for f in a b; do zfs snap tank/$f@now; done\n");
        // A script of any name, and a user's timer.
        host.write(
            "usr/local/bin/tidy",
            "#!/bin/sh\n# zfs snapshot\nset -e\nzfs destroy tank/x@old\n",
        );
        let tidy = host.root.join("usr/local/bin/tidy");
        host.write("etc/cron.d/tidy", &format!("5 4 * * * root {} --all\n", tidy.display()));
        let home = host.root.join("home/ann");
        host.write("etc/passwd", &format!("ann:x:1000:1000::{}:/bin/sh\n", home.display()));
        host.write(
            "home/ann/.config/systemd/user/mine.service",
            "[Service]\nExecStart=/usr/sbin/syncoid tank/x backup/x\n",
        );
        let executable = host.root.join("etc/cron.hourly/zfs-auto-snapshot");
        fs::set_permissions(executable, fs::Permissions::from_mode(0o755)).expect("mode");
        let facts = host.gather(Occasion::Check, |_| {});
        let seen: Vec<String> = facts
            .jobs
            .iter()
            .map(|job| match &job.source {
                JobSource::Unit { name, .. } => format!("{} {name}", job.tool),
                JobSource::Cron { file, line, .. } => {
                    format!(
                        "{} {}:{line}",
                        job.tool,
                        file.strip_prefix(&host.root).unwrap_or(file).display()
                    )
                }
            })
            .collect();
        assert_eq!(
            seen,
            [
                "zfs snapshot nightly.timer",
                "sanoid sanoid.timer",
                "pyznap pyznap.service",
                "zfs-autobackup etc/crontab:2",
                "zfs destroy etc/cron.d/tidy:1",
                "syncoid home/ann/.config/systemd/user/mine.service:2",
                "zfs-auto-snapshot etc/cron.hourly/zfs-auto-snapshot:2",
                "zfs snapshot cron/crontabs/root:1",
            ]
        );
        assert!(facts.jobs_unknown.is_empty());
    }
}
