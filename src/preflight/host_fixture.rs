//! A host in a temporary folder, for tests that read the world.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::sources::{Role, Roots, Sources};
use super::{Facts, Occasion, Severity, check, gather};
use crate::host::exec::{Command, ExecError, Printed};
use crate::playbook::{Playbook, Site};
use crate::zfs::sim::FakeEngine;
use crate::zfs::sim::command::Commands;
use crate::zfs::{CliEngine, DatasetKind};

const PLAYBOOK: &str = r#"
format = 1
name = "db"
title = "Db"
[data]
paths = ["{data}"]
logs = ["{data}/*.err"]
link_files = ["{data}/*/*.isl"]
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
[discover.position]
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
pub(super) struct Host {
    pub(super) dir: tempfile::TempDir,
    pub(super) root: PathBuf,
    pub(super) engine: FakeEngine,
    /// Read by these commands, where they are set.
    pub(super) commands: Option<Commands>,
    pub(super) answers: BTreeMap<String, String>,
    pub(super) asked: RefCell<Vec<String>>,
}

impl Host {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().canonicalize().expect("real");
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse().expect("name")).expect("pool");
        let mountpoint = root.join("db");
        let mountpoint = mountpoint.to_str().expect("text");
        let create = |name: &str, properties: &[(&str, &str)]| {
            engine
                .create(&name.parse().expect("name"), DatasetKind::Filesystem, properties)
                .expect("dataset");
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
                "systemctl show --no-pager \
                    --property=LoadState,ActiveState,SubState,UnitFileState,KillSignal,FragmentPath,TriggeredBy -- \
                    db.service",
                "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
            ),
            (
                "systemctl show --no-pager --property=Id,ActiveState,UnitFileState,Unit,ExecStart \
                    -- '*.timer' '*.service'",
                SYSTEMD,
            ),
            (
                "systemctl list-unit-files --no-pager --no-legend --plain --type=timer,service \
                    --state=enabled",
                "sanoid.timer enabled enabled\npyznap.service enabled enabled\n",
            ),
        ];
        let answers = answers
            .into_iter()
            .map(|(command, text)| (command.to_owned(), text.to_owned()))
            .collect();
        let host = Self { dir, root, engine, commands: None, answers, asked: RefCell::default() };
        let at = host.root.display();
        host.write(
            "proc/self/mountinfo",
            &format!(
                "1 0 8:1 / / rw - ext4 /dev/vda1 rw\n2 1 0:40 \
            / {at}/db rw - zfs tank/db rw\n3 2 0:41 / {at}/db/log rw - zfs tank/db/log rw\n"
            ),
        );
        host.write("proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
        host.process(900, "dbd", "/usr/sbin/dbd\0", "0::/system.slice/db.service\n");
        host.write("db/log/.keep", "");
        host.write("packages/db_1.deb", "package");
        host.write(
            "etc/cron.d/zfsutils-linux",
            "# zfs snapshot\n24 0 8-14 * * root /usr/lib/zfs-linux/scrub\n",
        );
        host
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("written");
    }

    pub(super) fn process(&self, pid: i32, comm: &str, cmdline: &str, cgroup: &str) {
        self.write(
            &format!("proc/{pid}/stat"),
            &format!(
                "{pid} ({comm}) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12300 1 1 0 0 0 0 0 \
                0 0 0 0 0 0 0 0\n"
            ),
        );
        self.write(&format!("proc/{pid}/comm"), comm);
        self.write(&format!("proc/{pid}/cmdline"), cmdline);
        self.write(&format!("proc/{pid}/cgroup"), cgroup);
        self.write(&format!("proc/{pid}/maps"), "");
        self.write(&format!("proc/{pid}/fd/.keep"), "");
        symlink(self.root.join("db/file"), self.root.join(format!("proc/{pid}/fd/3")))
            .expect("link");
    }

    pub(super) fn gather(&self, occasion: Occasion, adjust: impl Fn(&mut Sources<'_>)) -> Facts {
        let playbook: Playbook = toml::from_str(PLAYBOOK).expect("playbook");
        let site: Site =
            toml::from_str("playbook = 'db'\ndatasets = ['tank/db']\nupgrade_to = '2.0'\n")
                .expect("site");
        let values = [("root", self.root.clone()), ("data", self.root.join("db"))];
        let run = |command: &Command| {
            let line = command.to_string();
            self.asked.borrow_mut().push(line.clone());
            if let Some(answer) = self.commands.as_ref().and_then(|all| all.answer(command)) {
                return answer;
            }
            match self.answers.get(&line) {
                Some(text) => Ok(Printed { stdout: text.clone(), stderr: String::new() }),
                None => Err(ExecError::Start {
                    command: line,
                    source: std::io::Error::from(std::io::ErrorKind::NotFound),
                }),
            }
        };
        let by_command = self.commands.as_ref().map(|commands| CliEngine::new(commands.runner()));
        let mut sources = Sources {
            node: None,
            occasion,
            now: 1_772_334_000,
            engine: match &by_command {
                Some(engine) => engine,
                None => &self.engine,
            },
            run: &run,
            playbook: &playbook,
            site: &site,
            values: values
                .into_iter()
                .map(|(name, path)| (name.to_owned(), path.display().to_string()))
                .collect(),
            places: vec![
                (Role::Journal, self.root.join("state/changes")),
                (Role::Captures, self.root.join("db/store")),
            ],
            snapshot_name: Some("c1".into()),
            change: None,
            ours: Vec::new(),
            since: None,
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

/// What the checks find, by name.
pub(super) fn checks(facts: &Facts) -> Vec<(&'static str, Severity)> {
    check(facts).into_iter().map(|finding| (finding.kind.name(), finding.severity)).collect()
}

/// The example playbook, which has every field, with a program of its own in each command. The
/// program's name says where the command stands.
pub(super) fn own_programs() -> Playbook {
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
pub(super) fn own(programs: &[super::programs::Program]) -> Vec<String> {
    let names =
        programs.iter().filter_map(|it| it.program.strip_prefix("/none/")).map(str::to_owned);
    let names: std::collections::BTreeSet<String> = names.collect();
    names.into_iter().collect()
}
