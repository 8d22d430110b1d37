use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::super::jobs::JobSource;
use super::super::{Severity, check};
use super::*;
use crate::zfs::sim::FakeEngine;
use crate::zfs::{Dataset, DatasetKind};

const PLAYBOOK: &str = r#"
format = 1
name = "db"
title = "Db"
[data]
paths = ["{data}"]
[service]
units = ["db.service"]
processes = ["dbd"]
[service.maintenance]
start = { argv = ["sh"] }
stop = { argv = ["sh"] }
[version]
command = { argv = ["db", "--version"] }
pattern = 'v([0-9.]+)'
[[version.rule]]
from = ">=1"
to = ">=1"
verdict = "allow"
[ask.position]
about = "The position."
command = { argv = ["db", "position"] }
[[requirement]]
about = "The log is on."
command = { argv = ["db", "log"] }
expect = "^on$"
remedy = "Switch it on."
[installer]
files = ["{root}/packages/*.deb"]
at_least = 1
[upgrade]
command = { argv = ["sh"] }
candidate = { argv = ["db", "candidate", "{from_version}"] }
candidate_pattern = '^v([0-9.]+)$'
[downgrade]
order = "rollback-first"
install = { argv = ["sh", "{installer_files}"] }
[capture]
verify = { argv = ["no-such-program-at-all"], user = "nobody" }
[[capture.pass]]
about = "all"
service = "stopped"
command = { argv = ["{late}/dump"] }
[restore]
command = { argv = ["sh"] }
interrupted = "continue"
[[inventory]]
name = "rows"
command = { argv = ["sh"] }
[[limit]]
about = "Counters."
"#;

const SYSTEMD: &str = "\
Id=sanoid.timer\nActiveState=active\nUnitFileState=enabled\nUnit=sanoid.service\n
Id=sanoid.service\nActiveState=inactive\nUnitFileState=static\nExecStart={ path=/usr/sbin/sanoid ; argv[]=/usr/sbin/sanoid --cron ; }\n
Id=nightly.timer\nActiveState=active\nUnitFileState=enabled\nUnit=nightly.service\n
Id=nightly.service\nActiveState=inactive\nUnitFileState=static\nExecStart={ path=/sbin/zfs ; argv[]=/sbin/zfs snapshot -r tank@x ; }\n
Id=zrepl.service\nActiveState=inactive\nUnitFileState=disabled\nExecStart={ path=/usr/bin/zrepl ; argv[]=/usr/bin/zrepl daemon ; }\n
Id=zfs-mount.service\nActiveState=active\nUnitFileState=enabled\nExecStart={ path=/sbin/zfs ; argv[]=/sbin/zfs mount -a ; }\n
Id=zfs-scrub@tank.timer\nActiveState=active\nUnitFileState=enabled\nUnit=zfs-scrub@tank.service\n
";

/// A host in a temporary folder.
struct Host {
    dir: tempfile::TempDir,
    root: PathBuf,
    engine: FakeEngine,
    answers: BTreeMap<String, String>,
    asked: RefCell<Vec<String>>,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().canonicalize().expect("real");
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse().expect("name")).expect("pool");
        let mountpoint = root.join("db");
        let mountpoint = mountpoint.to_str().expect("text");
        let create = |name: &str, properties: &[(&str, &str)]| {
            engine.create(&name.parse().expect("name"), DatasetKind::Filesystem, properties).expect("dataset");
        };
        create("tank/db", &[("mountpoint", mountpoint)]);
        create("tank/db/log", &[]);
        let answers = [
            ("zfs version", "zfs-2.3.2-1\nzfs-kmod-2.3.2-1\n"),
            ("db --version", "db v1.0.5\n"),
            ("db candidate 1.0.5", "v2.0.1\n"),
            ("db position", "0-1-7\n"),
            ("db log", "on\n"),
            (
                "systemctl show --no-pager --property=LoadState,ActiveState,SubState,UnitFileState,KillSignal -- db.service",
                "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
            ),
            ("systemctl show --no-pager --property=Id,ActiveState,UnitFileState,Unit,ExecStart -- '*.timer' '*.service'", SYSTEMD),
            (
                "systemctl list-unit-files --no-pager --no-legend --plain --type=timer,service --state=enabled",
                "sanoid.timer enabled enabled\npyznap.service enabled enabled\n",
            ),
        ];
        let answers = answers.into_iter().map(|(command, text)| (command.to_owned(), text.to_owned())).collect();
        let host = Self { dir, root, engine, answers, asked: RefCell::default() };
        let at = host.root.display();
        host.write("proc/self/mountinfo", &format!("1 0 8:1 / / rw - ext4 /dev/vda1 rw\n2 1 0:40 / {at}/db rw - zfs tank/db rw\n3 2 0:41 / {at}/db/log rw - zfs tank/db/log rw\n"));
        host.write("proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
        host.process(900, "dbd", "/usr/sbin/dbd\0", "0::/system.slice/db.service\n");
        host.write("db/log/.keep", "");
        host.write("packages/db_1.deb", "package");
        host.write("etc/cron.d/zfsutils-linux", "# zfs snapshot\n24 0 8-14 * * root /usr/lib/zfs-linux/scrub\n");
        host
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("written");
    }

    fn process(&self, pid: i32, comm: &str, cmdline: &str, cgroup: &str) {
        self.write(
            &format!("proc/{pid}/stat"),
            &format!("{pid} ({comm}) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12300 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"),
        );
        self.write(&format!("proc/{pid}/comm"), comm);
        self.write(&format!("proc/{pid}/cmdline"), cmdline);
        self.write(&format!("proc/{pid}/cgroup"), cgroup);
        self.write(&format!("proc/{pid}/maps"), "");
        self.write(&format!("proc/{pid}/fd/.keep"), "");
        symlink(self.root.join("db/file"), self.root.join(format!("proc/{pid}/fd/3"))).expect("link");
    }

    fn gather(&self, occasion: Occasion, adjust: impl Fn(&mut Sources<'_>)) -> Facts {
        let playbook: Playbook = toml::from_str(PLAYBOOK).expect("playbook");
        let site: Site = toml::from_str("playbook = 'db'\ndatasets = ['tank/db']\nupgrade_to = '2.0'\n").expect("site");
        let values = [("root", self.root.clone()), ("data", self.root.join("db"))];
        let run = |command: &Command| {
            let line = command.to_string();
            self.asked.borrow_mut().push(line.clone());
            match self.answers.get(&line) {
                Some(text) => Ok(Output { stdout: text.clone(), stderr: String::new() }),
                None => Err(ExecError::Start { command: line, source: std::io::Error::from(std::io::ErrorKind::NotFound) }),
            }
        };
        let mut sources = Sources {
            node: None,
            occasion,
            now: 1_772_334_000,
            engine: &self.engine,
            run: &run,
            playbook: &playbook,
            site: &site,
            values: values.into_iter().map(|(name, path)| (name.to_owned(), path.display().to_string())).collect(),
            places: vec![(Role::Journal, self.root.join("state/changes")), (Role::Captures, self.root.join("db/store"))],
            snapshot_name: Some("c1".into()),
            change: None,
            ours: Vec::new(),
            previous: None,
            installers: Vec::new(),
            open_changes: Vec::new(),
            roots: Roots {
                proc: self.root.join("proc"),
                etc: self.root.join("etc"),
                cron_spool: self.root.join("cron"),
                zvol: self.root.join("zvol"),
            },
        };
        adjust(&mut sources);
        gather(sources)
    }
}

fn checks(facts: &Facts) -> Vec<(&'static str, Severity)> {
    check(facts).into_iter().map(|finding| (finding.kind.name(), finding.severity)).collect()
}

#[test]
fn a_host_before_the_upgrade() {
    let host = Host::new();
    let facts = host.gather(Occasion::Upgrade, |_| {});
    assert_eq!(facts.datasets().map(|dataset| dataset.info.name.as_str()).collect::<Vec<_>>(), ["tank/db", "tank/db/log"]);
    assert_eq!(facts.data[0].on.as_ref().expect("read").dataset, "tank/db".parse().ok());
    assert_eq!(facts.places[0].nearest, host.root, "the folder does not exist yet");
    assert_eq!(facts.places[0].on.as_ref().expect("read").source, "/dev/vda1");
    assert!(facts.places[0].free.is_ok());
    assert_eq!(facts.versions.installed, Ok("1.0.5".into()));
    assert_eq!(facts.versions.candidate, Some(Ok("2.0.1".into())));
    assert_eq!(facts.asked[0].value, Ok("0-1-7".into()));
    assert_eq!(facts.servers.as_ref().expect("read").len(), 1);
    assert!(facts.users.as_ref().expect("read").found.is_empty(), "the service's own processes are no strangers");
    assert_eq!(facts.installers.at_hand.as_ref().map(|found| found.as_ref().map(Vec::len)), Some(Ok(1)));
    let missing: Vec<&str> =
        facts.programs.iter().filter(|program| program.found == Ok(None)).map(|program| program.program.as_str()).collect();
    assert_eq!(missing, ["no-such-program-at-all"]);
    // The fake has no sizes: its pools look full and empty at once, so the room is not judged here.
    let found: Vec<_> = checks(&facts).into_iter().filter(|(check, _)| !check.contains("room") && *check != "pool-fill").collect();
    assert_eq!(
        found,
        [
            ("place-on-dataset", Severity::Refuse),
            ("snapshot-jobs", Severity::Warn),
            ("limits", Severity::Warn),
            ("program", Severity::Warn)
        ]
    );
}

#[test]
fn each_command_runs_once_in_a_check() {
    let host = Host::new();
    for occasion in [Occasion::Check, Occasion::Upgrade] {
        host.asked.take();
        host.gather(occasion, |_| {});
        let asked = host.asked.take();
        let once: BTreeSet<&String> = asked.iter().collect();
        assert_eq!(asked.len(), once.len(), "{asked:?}");
        assert!(["db --version", "db position", "db log"].iter().all(|command| once.contains(&(*command).to_owned())), "{asked:?}");
    }
    // What a change has recorded is not asked for again.
    let facts = host.gather(Occasion::Upgrade, |sources| drop(sources.values.insert("position".into(), "0-1-5".into())));
    assert_eq!(facts.asked[0].value, Ok("0-1-5".into()));
    assert!(!host.asked.take().contains(&"db position".to_owned()));
}

#[test]
fn jobs_are_found_by_what_they_run() {
    let host = Host::new();
    host.write("etc/crontab", "# m h\n@hourly root /usr/local/bin/zfs-autobackup offsite\n");
    host.write("etc/cron.hourly/zfs-auto-snapshot", "#!/bin/sh\nexec zfs-auto-snapshot --quiet --label=hourly //\n");
    host.write("etc/cron.daily/off", "zfs snapshot tank@daily\n");
    host.write("cron/crontabs/root", "0 * * * * for f in a b; do zfs snap tank/$f@now; done\n");
    let executable = host.root.join("etc/cron.hourly/zfs-auto-snapshot");
    fs::set_permissions(executable, fs::Permissions::from_mode(0o755)).expect("mode");
    let facts = host.gather(Occasion::Check, |_| {});
    let seen: Vec<String> = facts
        .jobs
        .iter()
        .map(|job| match &job.source {
            JobSource::Unit { name, .. } => format!("{} {name}", job.tool),
            JobSource::Cron { file, line, .. } => {
                format!("{} {}:{line}", job.tool, file.strip_prefix(&host.root).unwrap_or(file).display())
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
            "zfs-auto-snapshot etc/cron.hourly/zfs-auto-snapshot:2",
            "zfs snapshot cron/crontabs/root:1",
        ]
    );
    assert!(facts.jobs_unknown.is_empty());
}

#[test]
fn what_cannot_be_learnt_is_said() {
    let mut host = Host::new();
    host.answers.clear();
    fs::remove_file(host.root.join("proc/self/mountinfo")).expect("removed");
    fs::remove_file(host.root.join("proc/self/status")).expect("removed");
    let facts = host.gather(Occasion::Upgrade, |_| {});
    let found = checks(&facts);
    for check in ["rights", "zfs", "data-path", "place-on-dataset", "foreign-mount", "unit", "installed", "candidate", "requirement", "ask"]
    {
        assert!(found.contains(&(check, Severity::Refuse)), "{check}: {found:?}");
    }
    for check in ["snapshot-jobs", "data-users"] {
        assert!(found.contains(&(check, Severity::Warn)), "{check}: {found:?}");
    }
}

#[test]
fn a_missing_dataset_and_a_missing_pool() {
    let host = Host::new();
    host.engine.remove_pool(&"tank".parse().expect("name"));
    let found = checks(&host.gather(Occasion::Check, |_| {}));
    assert!(found.contains(&("pool-missing", Severity::Refuse)), "{found:?}");
    assert!(found.contains(&("dataset-missing", Severity::Refuse)), "{found:?}");
}

#[test]
fn before_the_downgrade() {
    let host = Host::new();
    let dataset: Dataset = "tank/db".parse().expect("name");
    let child: Dataset = "tank/db/log".parse().expect("name");
    let take = |name: &str| {
        let both = [dataset.at(name).expect("name"), child.at(name).expect("name")];
        host.engine.snapshot(&both, &[]).expect("taken");
        both
    };
    let ours = take("c1");
    for snapshot in &ours {
        host.engine.hold(snapshot, "backout:c1").expect("held");
    }
    let newer = take("autosnap_2026-03-01_02:00:00_hourly");
    host.engine.hold(&newer[1], "theirs").expect("held");
    host.engine.bookmark(&newer[0], "mark").expect("bookmark");
    let guid = |snapshot: &Snapshot| host.engine.snapshot_info(snapshot).expect("read").expect("there").guid;
    let with: Vec<(Snapshot, Guid)> = ours.iter().map(|snapshot| (snapshot.clone(), guid(snapshot))).collect();
    host.write("saved.deb", "package");
    let facts = host.gather(Occasion::Downgrade { in_place: true }, |sources| {
        sources.change = Some("c1".into());
        sources.ours.clone_from(&with);
        sources.previous = Some("1.0.4".into());
        let sum = "c8a8df70c5a8b9a7cb2c2b1e41cfa2b9a4a4e2b5e4b4b4d6a1d60f0ad4f0b0a0";
        sources.installers = vec![(host.root.join("saved.deb"), sum.into()), (host.root.join("gone.deb"), sum.into())];
        // The fake's snapshots may be of this very moment.
        sources.now = i64::MAX / 2;
    });
    let found = checks(&facts);
    for expected in [
        ("newer-held", Severity::Refuse),
        ("newer-snapshots", Severity::Confirm),
        ("newer-bookmarks", Severity::Confirm),
        ("installer", Severity::Refuse),
    ] {
        assert!(found.contains(&expected), "{expected:?}: {found:?}");
    }
    assert_eq!(found.iter().filter(|(check, _)| *check == "installer").count(), 2);
    assert!(!found.iter().any(|(check, _)| check.starts_with("target")), "{found:?}");
    assert!(facts.asked.is_empty() && facts.requirements.is_empty(), "those stand before the upgrade");
    let sum = facts.installers.saved[0].now.clone().expect("read").expect("there");
    assert_eq!(sum.len(), 64);
}

#[test]
fn a_refquota_above_limits_nothing_beside() {
    let host = Host::new();
    let room = || host.gather(Occasion::Downgrade { in_place: false }, |_| {}).roots[0].room;
    assert!(room().is_some());
    host.engine.set(&"tank".parse().expect("name"), "refquota", "1000000000000").expect("set");
    assert_eq!(room(), None);
    assert_eq!(host.gather(Occasion::Downgrade { in_place: true }, |_| {}).roots[0].room, None);
}

#[test]
fn links_and_strangers() {
    let host = Host::new();
    host.write("elsewhere/space", "");
    host.write("db/log/inside", "");
    symlink(host.root.join("elsewhere"), host.root.join("db/link")).expect("link");
    symlink(host.root.join("db/log"), host.root.join("db/fine")).expect("link");
    symlink("/etc/hostname", host.root.join("db/conf")).expect("link");
    host.process(901, "bash", "bash\0", "0::/user.slice\n");
    host.process(902, "helper", "helper\0", "0::/system.slice/db.service/x\n");
    host.process(903, "zfs", "zfs\0send\0tank/db@x\0", "0::/user.slice\n");
    let facts = host.gather(Occasion::Check, |_| {});
    assert_eq!(facts.links.len(), 1);
    assert_eq!(facts.links[0].target, host.root.join("elsewhere"));
    let users: Vec<i32> = facts.users.as_ref().expect("read").found.iter().map(|process| process.pid).collect();
    assert_eq!(users, [901, 903], "a helper in the service's unit is the service's");
    assert_eq!(facts.transfers.as_ref().expect("read").len(), 1);
}

#[test]
fn a_mount_below_and_one_on_top() {
    let host = Host::new();
    let at = host.root.display();
    let table = fs::read_to_string(host.root.join("proc/self/mountinfo")).expect("read");
    host.write(
        "proc/self/mountinfo",
        &format!("{table}4 2 0:50 / {at}/db/tmp rw - tmpfs tmpfs rw\n5 2 0:51 / {at}/db/.zfs/snapshot/x rw - zfs tank/db@x rw\n6 3 0:52 / {at}/db/log rw - zfs tank/other rw\n"),
    );
    let facts = host.gather(Occasion::Check, |_| {});
    let foreign: Vec<&str> = facts.foreign_mounts.as_ref().expect("read").iter().map(|mount| mount.source.as_str()).collect();
    assert_eq!(foreign, ["tmpfs", "tank/other"]);
    let hidden: Vec<_> = facts.datasets().filter_map(|dataset| dataset.hidden_by.as_deref()).collect();
    assert_eq!(hidden, ["tank/other (zfs)"]);
}

#[test]
fn gathering_changes_nothing() {
    let host = Host::new();
    let list = |folder: &Path| {
        let mut names: Vec<PathBuf> = glob::glob(&format!("{}/**/*", folder.display())).expect("pattern").flatten().collect();
        names.sort();
        names
    };
    let before = list(host.dir.path());
    host.gather(Occasion::Upgrade, |_| {});
    assert_eq!(list(host.dir.path()), before);
    let calls = host.engine.calls();
    let reads = ["pool", "dataset", "tree", "snapshot_info", "snapshots", "bookmarks", "holds", "local", "locals", "snapshot_local"];
    assert!(calls.iter().all(|call| reads.iter().any(|read| call.starts_with(read))), "{calls:?}");
}

/// The example playbook, which has every field, with a program of its own in each command. The
/// program's name says where the command stands.
pub(in crate::preflight) fn own_programs() -> Playbook {
    fn rename(value: &mut serde_json::Value, at: &str) {
        let words = |argv: &mut serde_json::Value| {
            if let Some(program) = argv.get_mut(0) {
                *program = format!("/none{at}").into();
            }
        };
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "argv" => words(value),
                        "pipe" => value.as_array_mut().into_iter().flatten().for_each(words),
                        _ => rename(value, &format!("{at}/{name}")),
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| rename(item, at)),
            _ => {}
        }
    }
    let playbook = crate::playbook::library::find("generic", &[]).expect("built in");
    let mut json = serde_json::to_value(playbook.playbook()).expect("json");
    rename(&mut json, "");
    let mut playbook: Playbook = serde_json::from_value(json).expect("a playbook");
    playbook.requirements.truncate(1);
    playbook
}

/// The programs that start with `/none`, once each.
pub(in crate::preflight) fn own(programs: &[super::super::programs::Program]) -> Vec<String> {
    let names = programs.iter().filter_map(|it| it.program.strip_prefix("/none/")).map(str::to_owned);
    let names: std::collections::BTreeSet<String> = names.collect();
    names.into_iter().collect()
}

/// A command that is not looked for before a change begins is missed in its middle.
#[test]
fn every_command_of_a_playbook_is_looked_for() {
    let host = Host::new();
    let playbook: &'static Playbook = Box::leak(Box::new(own_programs()));
    let part = |agent| crate::journal::NodePart { node: "n1".into(), others: Vec::new(), data: true, agent };
    let mut found = std::collections::BTreeSet::new();
    let in_place = |rollback: &str| format!("playbook = 'generic'\nupgrade_to = '2'\n{rollback}\n");
    let sites =
        [in_place("datasets = ['tank/db']"), in_place("rollback = 'none'"), in_place("datasets = ['tank/db']\nstrategy = 'side-by-side'")];
    for text in sites {
        let site: &'static Site = Box::leak(Box::new(toml::from_str(&text).expect("a site")));
        for occasion in [Occasion::Upgrade, Occasion::Downgrade { in_place: false }] {
            let facts = host.gather(occasion, |sources| {
                (sources.playbook, sources.site) = (playbook, site);
                sources.node = Some(NodeSource { now: part(true), opened: Some(true) });
            });
            found.extend(own(&facts.programs));
        }
    }
    let mut all = std::collections::BTreeSet::new();
    for (_, spec) in playbook.commands() {
        let stages = spec.argv.iter().chain(spec.pipe.iter().flatten());
        all.extend(stages.filter_map(|words| words[0].strip_prefix("/none/")).map(str::to_owned));
    }
    let missed: Vec<&String> = all.difference(&found).filter(|name| !name.starts_with("coexistent/")).collect();
    // The check itself runs these, and says so when one cannot be started.
    assert_eq!(missed, ["ask/node_id/command", "requirement/command", "upgrade/candidate", "version/command"]);
}

/// What is asked only before the downgrade is looked for before the upgrade.
#[test]
fn a_requirement_of_the_downgrade_is_looked_for_before_the_upgrade() {
    let host = Host::new();
    let mut playbook = own_programs();
    playbook.requirements[0].before = vec![crate::playbook::model::Occasion::Downgrade];
    let playbook: &'static Playbook = Box::leak(Box::new(playbook));
    let facts = host.gather(Occasion::Upgrade, |sources| sources.playbook = playbook);
    assert!(own(&facts.programs).contains(&"requirement/command".to_owned()));
}

/// A node that has not the data tells the cluster nothing, but writes its mark.
#[test]
fn a_node_looks_for_what_it_runs_itself() {
    let host = Host::new();
    let playbook: &'static Playbook = Box::leak(Box::new(own_programs()));
    let now = crate::journal::NodePart { node: "n2".into(), others: Vec::new(), data: false, agent: false };
    let facts = host.gather(Occasion::Upgrade, |sources| {
        sources.playbook = playbook;
        sources.node = Some(NodeSource { now: now.clone(), opened: None });
    });
    let cluster: Vec<String> = own(&facts.programs).into_iter().filter(|it| it.starts_with("cluster/")).collect();
    assert_eq!(cluster, ["cluster/here", "cluster/read_mark", "cluster/write_mark"]);
    assert_eq!(
        own(&host.gather(Occasion::Upgrade, |sources| sources.playbook = playbook).programs)
            .iter()
            .filter(|it| it.starts_with("cluster/"))
            .count(),
        0
    );
}
