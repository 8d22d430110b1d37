//! What the stand-in does, in plain folders: each command, and the ways back that lose data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails loudly")]
#![expect(clippy::disallowed_methods, reason = "a test makes its own files and processes")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const OLD: &str = "7.0.5.31.0";
const NEW: &str = "8.0.2";

/// The program, which cargo builds with the tests.
fn program() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let program = exe.ancestors().nth(2).unwrap().join("examples/messaging_server");
    assert!(program.exists(), "cargo build --example messaging_server");
    program
}

/// A host in a folder, with installers of all versions.
struct Host {
    root: tempfile::TempDir,
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Host {
    /// With that version installed, configured and started.
    fn with(version: &str) -> Self {
        let host = Self { root: tempfile::tempdir().unwrap() };
        for version in ["7.0.5.28.0", OLD, "8.0.1", NEW] {
            host.tool(&["mkinstaller", &host.installer(version), version]);
        }
        host.ok(&format!("{}/commpkg", host.installer(version)), &["install", "--silent", "NONE"]);
        host.msg("configure", &[]);
        host.msg("start-msg", &[]);
        host
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn installer(&self, version: &str) -> String {
        self.path("srv").join(version).display().to_string()
    }

    fn home(&self) -> String {
        self.path("opt/sun/comms/messaging64").display().to_string()
    }

    fn data(&self) -> PathBuf {
        self.path("var/opt/sun/comms/messaging64/data")
    }

    fn record(&self) -> String {
        self.path("record").display().to_string()
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("MS_ROOT", self.root.path()).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        self.command(program, args).output().unwrap()
    }

    fn ok(&self, program: &str, args: &[&str]) -> String {
        let output = self.run(program, args);
        assert!(output.status.success(), "{program} {args:?}: {}", text(&output));
        text(&output)
    }

    /// It must fail, and say this.
    fn fails(&self, program: &str, args: &[&str], why: &str) {
        let output = self.run(program, args);
        assert!(
            !output.status.success() && text(&output).contains(why),
            "{program} {args:?}: {}",
            text(&output)
        );
    }

    fn bin(&self, command: &str) -> String {
        format!("{}/bin/{command}", self.home())
    }

    /// A command of the installation.
    fn msg(&self, command: &str, args: &[&str]) -> String {
        self.ok(&self.bin(command), args)
    }

    /// A tool of the tests.
    fn tool(&self, args: &[&str]) -> String {
        self.ok(program().to_str().unwrap(), args)
    }

    fn commpkg(&self, version: &str, args: &[&str]) -> String {
        self.ok(&format!("{}/commpkg", self.installer(version)), args)
    }

    fn deliver(&self, count: u32, more: &[&str]) -> String {
        let count = count.to_string();
        let (home, record) = (self.home(), self.record());
        self.tool(
            &[
                &[
                    "deliver", "--home", &home, "--record", &record, "--users", "ann,ben",
                    "--count", &count,
                ],
                more,
            ]
            .concat(),
        )
    }

    fn use_mail(&self, count: u32) -> String {
        self.tool(&[
            "imap",
            "--home",
            &self.home(),
            "--record",
            &self.record(),
            "--count",
            &count.to_string(),
        ])
    }

    fn audit(&self) -> Output {
        self.run(
            program().to_str().unwrap(),
            &["audit", "--home", &self.home(), "--record", &self.record()],
        )
    }

    fn all_is_well(&self) -> String {
        let output = self.audit();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    }

    fn drained(&self) {
        let begin = Instant::now();
        while !text(&self.audit()).contains(", 0 in the queue") {
            assert!(begin.elapsed() < Duration::from_secs(60), "{}", text(&self.audit()));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The servers whose installation begins with that path: pid and name.
    fn running(&self, home: &str) -> Vec<(i32, String)> {
        let of = |entry: fs::DirEntry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let words = fs::read(entry.path().join("cmdline")).ok()?;
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            words
                .split(|byte| *byte == 0)
                .nth(1)?
                .starts_with(home.as_bytes())
                .then(|| (pid, name.trim().to_owned()))
        };
        fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
    }

    /// The servers of this installation, by name.
    fn processes(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.running(&self.home()).into_iter().map(|(_, name)| name).collect();
        names.sort();
        names
    }

    fn misbehave(&self, line: &str) {
        fs::write(self.data().parent().unwrap().join("misbehave"), format!("{line}\n")).unwrap();
    }

    fn set(&self, key: &str, value: &str) {
        let file = self.data().parent().unwrap().join("config/msg.conf");
        let mut text = fs::read_to_string(&file).unwrap();
        text.push_str(&format!("{key} = {value}\n"));
        fs::write(file, text).unwrap();
    }

    /// A copy of the store, as a snapshot is one.
    fn snapshot(&self, what: &str, to: &str) {
        let from = self.data().join(what);
        copy(&from, &self.path(to));
    }

    fn roll_back(&self, what: &str, from: &str) {
        let to = self.data().join(what);
        fs::remove_dir_all(&to).unwrap();
        copy(&self.path(from), &to);
    }

    /// With mail in it that users have worked with.
    fn seeded(version: &str) -> Self {
        let host = Self::with(version);
        host.deliver(24, &["--name", "before"]);
        host.drained();
        host.use_mail(12);
        host.all_is_well();
        host
    }

    /// More mail and more work, on the new version.
    fn upgraded(&self) {
        self.commpkg(NEW, &["upgrade", "--silent", "NONE"]);
        self.msg("start-msg", &[]);
        std::thread::sleep(Duration::from_millis(1100));
        self.deliver(24, &["--name", "after"]);
        self.drained();
        self.use_mail(30);
        self.all_is_well();
    }

    /// The backup of what came since; only the store runs meanwhile.
    fn capture(&self, since: &str) -> String {
        self.msg("stop-msg", &[]);
        self.msg("start-msg", &["store"]);
        let file = self.path("incremental").display().to_string();
        self.msg("imsbackup", &["-x", "-v", "-f", &file, "-d", since, "/"]);
        self.msg("imsrestore", &["-t", "-f", &file]);
        self.msg("stop-msg", &[]);
        file
    }

    fn reinstall(&self, version: &str) {
        self.commpkg(version, &["uninstall", "--silent", "NONE"]);
        self.commpkg(version, &["install", "--silent", "NONE"]);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for (pid, _) in self.running(&self.root.path().display().to_string()) {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-aT").arg(from).arg(to).status().unwrap().success());
}

fn since_now() -> String {
    let output = Command::new("date").args(["-u", "+%Y%m%d:%H%M%S"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_version_is_installed_upgraded_verified_and_removed() {
    let host = Host::with(OLD);
    assert!(host.msg("imsimta", &["version"]).contains("7u5-31.0(7.0.5.31.0)"));
    let commpkg = format!("{}/commpkg", host.installer(OLD));
    host.fails(&commpkg, &["install", "--silent", "NONE"], "is installed");
    host.fails(&commpkg, &["upgrade"], "nobody to ask");
    host.fails(&commpkg, &["upgrade", "--altroot", "/mnt", "--silent", "NONE"], "alternate root");
    assert_eq!(
        host.commpkg(NEW, &["info", "--listPackages"]),
        "MS64 8.0.2 Messaging Server (64 bit)\n"
    );
    let said = host.commpkg(NEW, &["upgrade", "--dry-run"]);
    assert!(host.msg("imsimta", &["version"]).contains(OLD), "a dry run changes nothing");
    let state = said.trim().strip_prefix("state file: ").unwrap().to_owned();
    assert!(fs::read_to_string(&state).unwrap().contains("VERB=upgrade"));
    // The command line overrides the file.
    fs::write(&state, "# ours\nVERB=upgrade\nINSTALLROOT=/nowhere\n").unwrap();
    let commpkg = format!("{}/commpkg", host.installer(NEW));
    host.fails(&commpkg, &["upgrade", "--silent", &state], "nothing is installed in /nowhere");
    let installroot = host.path("opt/sun/comms").display().to_string();
    host.commpkg(NEW, &["upgrade", "--silent", &state, "--installroot", &installroot]);
    assert!(host.processes().is_empty(), "an upgrade stops the servers");
    assert!(host.msg("imsimta", &["version"]).contains(NEW));
    host.commpkg(NEW, &["verify"]);
    host.fails(
        &format!("{}/commpkg", host.installer("8.0.1")),
        &["upgrade", "--silent", "NONE"],
        "no way back by an upgrade",
    );
    host.commpkg(NEW, &["uninstall", "--silent", "NONE"]);
    assert_eq!(host.commpkg(NEW, &["info"]), "");
    assert!(!Path::new(&host.bin("imsimta")).exists() && host.data().join("store").exists());
    fs::write(host.path("srv").join(OLD).join("checksum"), "0\n").unwrap();
    host.fails(
        &format!("{}/commpkg", host.installer(OLD)),
        &["install", "--silent", "NONE"],
        "damaged",
    );
}

#[test]
fn an_installation_that_was_cut_off_is_gone_on_with() {
    for items in 0..6 {
        let host = Host::with(OLD);
        host.misbehave(&format!("commpkg die {items} once"));
        let commpkg = format!("{}/commpkg", host.installer(NEW));
        assert!(!host.run(&commpkg, &["upgrade", "--silent", "NONE"]).status.success());
        host.commpkg(NEW, &["upgrade", "--silent", "NONE"]);
        host.commpkg(NEW, &["verify"]);
        assert!(host.msg("imsimta", &["version"]).contains(NEW));
    }
}

#[test]
fn servers_are_processes_and_mail_waits_while_only_the_store_runs() {
    let host = Host::with(NEW);
    assert_eq!(
        host.processes(),
        [
            "dispatcher",
            "enpd",
            "imapd",
            "impurge",
            "job_controller",
            "mshttpd",
            "popd",
            "stored",
            "watcher"
        ]
    );
    host.msg("stop-msg", &[]);
    assert!(host.processes().is_empty());
    host.fails(&host.bin("imcheck"), &["-s"], "not running");
    host.msg("start-msg", &["store"]);
    assert_eq!(host.processes(), ["stored", "watcher"]);
    assert_eq!(host.deliver(3, &[]), "0 accepted\n");
    assert_eq!(host.deliver(3, &["--local"]), "3 accepted\n");
    host.fails(
        program().to_str().unwrap(),
        &["imap", "--home", &host.home(), "--list"],
        "does not answer",
    );
    std::thread::sleep(Duration::from_millis(500));
    assert!(host.all_is_well().starts_with("3 accepted; 0 in the store, 3 in the queue"));
    host.msg("start-msg", &[]);
    host.drained();
    host.all_is_well();
    host.fails(&host.bin("start-msg"), &["nonsense"], "no component");
    host.msg("stop-msg", &["imap"]);
    assert!(!host.processes().contains(&"imapd".to_owned()));
    host.msg("msprobe", &[]);
    assert!(host.processes().contains(&"imapd".to_owned()), "a watchdog starts it again");
}

#[test]
fn a_backup_is_whole_or_is_known_not_to_be() {
    let host = Host::seeded(NEW);
    let file = host.path("full").display().to_string();
    host.msg("imsbackup", &["-f", &file, "/"]);
    assert_eq!(fs::metadata(&file).unwrap().len() % 10240, 0);
    let listed = host.msg("imsrestore", &["-t", "-v", "2", "-f", &file]);
    assert!(
        listed.contains("/primary/user/ann/Archive") && listed.ends_with("22 messages\n"),
        "{listed}"
    );
    let whole = fs::read(&file).unwrap();
    let content = whole.iter().rposition(|byte| *byte == b'}').unwrap() + 1;
    for length in [0, 5, content / 3, content / 2, content - 30, content - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(
            !host.run(&host.bin("imsrestore"), &["-t", "-f", &file]).status.success(),
            "{length} of {content}"
        );
    }
    let mut damaged = whole.clone();
    damaged[content / 2] ^= 1;
    fs::write(&file, &damaged).unwrap();
    assert!(!host.run(&host.bin("imsrestore"), &["-t", "-f", &file]).status.success());
    // One user, by name or by a file of names.
    host.msg("imsbackup", &["-f", &file, "/primary/user/ben"]);
    assert!(!host.msg("imsrestore", &["-t", "-f", &file]).contains("ann"));
    let names = host.path("names").display().to_string();
    fs::write(&names, "/primary/user/ann\n").unwrap();
    host.msg("imsbackup", &["-f", &file, "-u", &names]);
    assert!(!host.msg("imsrestore", &["-t", "-f", &file]).contains("ben"));
    host.fails(&host.bin("imsbackup"), &["-f", &file, "-d", "yesterday", "/"], "YYYYMMDD");
    // Where -v writes is not documented: on standard output it damages the stream.
    let stream = |host: &Host| {
        let output = host.run(&host.bin("imsbackup"), &["-v", "-f", "-", "/"]);
        fs::write(&file, output.stdout).unwrap();
        host.run(&host.bin("imsrestore"), &["-t", "-f", &file]).status.success()
    };
    assert!(stream(&host));
    host.set("backup.verbose", "stdout");
    assert!(!stream(&host));
}

#[test]
fn a_restore_skips_what_exists_and_another_one_changes_nothing() {
    let host = Host::seeded(NEW);
    let file = host.path("full").display().to_string();
    host.msg("imsbackup", &["-x", "-f", &file, "/"]);
    assert!(
        host.msg("imsrestore", &["-f", &file])
            .ends_with("0 restored, 22 skipped, 0 changed, 0 expunged\n")
    );
    host.all_is_well();
    host.msg("mboxutil", &["-d", "user/ann/Archive"]);
    assert!(text(&host.audit()).contains("lost: "));
    host.msg("imsrestore", &["-f", &file, "/primary/user/ann"]);
    host.all_is_well();
    for _ in 0..2 {
        host.msg("imsrestore", &["-E", "-f", &file]);
        host.all_is_well();
    }
    // Under another name, as users are moved; -i doubles.
    let map = host.path("map").display().to_string();
    fs::write(&map, "ann=zoe\n").unwrap();
    host.msg("imsrestore", &["-m", &map, "-f", &file, "/primary/user/ann"]);
    assert!(host.msg("mboxutil", &["-l"]).contains("user/zoe/Archive"));
    host.msg("imsrestore", &["-i", "-f", &file, "/primary/user/ben"]);
    assert!(text(&host.audit()).contains("there 2 times"));
}

#[test]
fn the_audit_sees_each_way_to_break_the_record() {
    let host = Host::with(NEW);
    host.deliver(3, &["--name", "mail"]);
    host.drained();
    host.msg("stop-msg", &[]);
    let record = fs::read_to_string(host.record()).unwrap();
    let first = record.lines().next().unwrap();
    let id = first.split('"').nth(5).unwrap();
    let asked = format!(
        r#"{{"asked":{{"mailbox":"user/ben","id":"{id}","what":{{"set":{{"flag":"seen"}}}}}}}}"#
    );
    let ghost = r#"{"offered":{"id":"ghost","user":"ann","sha256":"0"}}"#;
    let without: String =
        record.lines().filter(|line| !line.contains(id)).map(|line| format!("{line}\n")).collect();
    let sum = first.split('"').nth(13).unwrap();
    for (record, said) in [
        (format!("{record}{ghost}\n{{\"accepted\":{{\"id\":\"ghost\"}}}}\n"), "lost: ghost"),
        (format!("{record}{asked}\n\"done\"\n"), "changed: "),
        (record.replacen(sum, "0", 1), "damaged: "),
        (without, "unexpected: "),
        // An answer that was lost: both outcomes are right.
        (format!("{record}{asked}\n"), "0 wrong"),
        (format!("{record}{asked}\n\"refused\"\n"), "0 wrong"),
        (format!("{record}{ghost}\n"), "0 wrong"),
        (record.clone(), "0 wrong"),
    ] {
        fs::write(host.record(), record).unwrap();
        let output = host.audit();
        assert!(
            text(&output).contains(said) && output.status.success() == said.starts_with('0'),
            "{said}: {}",
            text(&output)
        );
    }
}

#[test]
fn the_documented_way_back_keeps_everything_and_may_be_repeated() {
    let host = Host::seeded(OLD);
    host.msg("stop-msg", &[]);
    host.snapshot("store", "snapshot");
    let since = since_now();
    host.upgraded();
    let file = host.capture(&since);
    assert_eq!(host.deliver(2, &["--local", "--name", "meanwhile"]), "2 accepted\n");
    host.reinstall(OLD);
    host.roll_back("store", "snapshot");
    host.msg("start-msg", &["store"]);
    host.misbehave("imsrestore die 20 once");
    assert!(!host.run(&host.bin("imsrestore"), &["-E", "-f", &file]).status.success());
    host.msg("imsrestore", &["-E", "-f", &file]);
    host.msg("imsrestore", &["-E", "-f", &file]);
    host.all_is_well();
    host.msg("start-msg", &[]);
    host.drained();
    host.all_is_well();
    assert!(host.msg("imsimta", &["version"]).contains(OLD));
}

#[test]
fn reinstalling_alone_loses_all_flags() {
    let host = Host::seeded(OLD);
    host.upgraded();
    host.msg("stop-msg", &[]);
    host.reinstall(OLD);
    host.fails(&host.bin("start-msg"), &[], "invalid format");
    host.msg("reconstruct", &["-m"]);
    host.msg("start-msg", &[]);
    host.fails(&host.bin("imcheck"), &["-m", "user/ann"], "Mailbox has an invalid format");
    host.msg("reconstruct", &["-r"]);
    let said = text(&host.audit());
    assert!(
        !host.audit().status.success() && said.contains("changed: ") && !said.contains("lost: "),
        "{said}"
    );
}

#[test]
fn rolling_back_alone_loses_new_mail() {
    let host = Host::seeded(OLD);
    host.msg("stop-msg", &[]);
    host.snapshot("store", "snapshot");
    host.upgraded();
    host.msg("stop-msg", &[]);
    host.reinstall(OLD);
    host.roll_back("store", "snapshot");
    host.msg("start-msg", &[]);
    let said = text(&host.audit());
    assert!(said.contains("lost: after."), "{said}");
}

#[test]
fn rolling_back_the_queue_loses_mail_that_was_accepted() {
    let host = Host::seeded(OLD);
    host.msg("stop-msg", &[]);
    host.snapshot("store", "snapshot");
    host.snapshot("queue", "queue-then");
    let since = since_now();
    host.upgraded();
    let file = host.capture(&since);
    host.deliver(2, &["--local", "--name", "waiting"]);
    host.reinstall(OLD);
    host.roll_back("store", "snapshot");
    host.roll_back("queue", "queue-then");
    host.msg("start-msg", &["store"]);
    host.msg("imsrestore", &["-E", "-f", &file]);
    host.msg("start-msg", &[]);
    let said = text(&host.audit());
    assert!(said.contains("lost: waiting."), "{said}");
}

#[test]
fn versions_below_29_restore_no_flags() {
    let host = Host::seeded("7.0.5.28.0");
    host.msg("stop-msg", &[]);
    host.snapshot("store", "snapshot");
    let since = since_now();
    host.upgraded();
    let file = host.capture(&since);
    host.reinstall("7.0.5.28.0");
    host.roll_back("store", "snapshot");
    host.msg("start-msg", &["store"]);
    host.msg("imsrestore", &["-E", "-f", &file]);
    let said = text(&host.audit());
    assert!(said.contains("changed: ") && !said.contains("lost: "), "{said}");
}

#[test]
fn what_is_not_documented_can_be_otherwise() {
    // Each of these makes the documented way lose something: a proof afterwards is needed.
    for (key, value, said) in [
        ("backup.x", "none", "changed: "),
        ("restore.E", "none", "changed: "),
        ("backup.zone", "utc", "lost: after."),
    ] {
        let host = Host::seeded(OLD);
        host.set(key, value);
        host.msg("stop-msg", &[]);
        host.snapshot("store", "snapshot");
        host.upgraded();
        // A host two hours east of Greenwich writes its own time.
        let east = Command::new("date")
            .env("TZ", "East-2")
            .args(["--date=-20 seconds", "+%Y%m%d:%H%M%S"])
            .output()
            .unwrap();
        let east = String::from_utf8_lossy(&east.stdout).trim().to_owned();
        host.msg("stop-msg", &[]);
        host.msg("start-msg", &["store"]);
        let file = host.path("incremental").display().to_string();
        let mut backup =
            host.command(&host.bin("imsbackup"), &["-x", "-f", &file, "-d", &east, "/"]);
        assert!(backup.env("TZ", "East-2").status().unwrap().success());
        host.msg("stop-msg", &[]);
        host.reinstall(OLD);
        host.roll_back("store", "snapshot");
        host.msg("start-msg", &["store"]);
        host.msg("imsrestore", &["-E", "-f", &file]);
        let found = text(&host.audit());
        assert!(found.contains(said), "{key} = {value}: {found}");
    }
}

#[test]
fn it_misbehaves_when_it_is_told_to() {
    let host = Host::seeded(NEW);
    let file = host.path("file").display().to_string();
    host.misbehave("imsbackup lie");
    let output = host.run(&host.bin("imsbackup"), &["-f", &file, "/"]);
    assert!(output.status.success() && text(&output).contains("ERROR"));
    assert!(!host.run(&host.bin("imsrestore"), &["-t", "-f", &file]).status.success());
    host.misbehave("imsbackup die 5");
    assert!(!host.run(&host.bin("imsbackup"), &["-f", &file, "/"]).status.success());
    host.misbehave("imsbackup slow 2 once");
    let begin = Instant::now();
    host.msg("imsbackup", &["-f", &file, "/"]);
    assert!(begin.elapsed() > Duration::from_secs(2));
    host.msg("imsbackup", &["-f", &file, "/"]);
    host.misbehave("imsbackup hang");
    let mut child = host.command(&host.bin("imsbackup"), &["-f", &file, "/"]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    host.misbehave("stop-msg lie");
    assert!(host.run(&host.bin("stop-msg"), &[]).status.success());
    assert_eq!(host.processes().len(), 9, "a stop that lies");
    host.misbehave("start-msg refuse");
    host.msg("stop-msg", &[]);
    host.fails(&host.bin("start-msg"), &[], "cannot do that now");
}

#[test]
fn two_versions_stand_side_by_side_on_one_configuration() {
    let host = Host::seeded(OLD);
    let other = host.path("opt/ucs1").display().to_string();
    host.commpkg(NEW, &["install", "--comp=MS64", "--installroot", &other, "--silent=NONE"]);
    let start = format!("{other}/messaging64/bin/start-msg");
    host.fails(&start, &[], "useconfig");
    host.ok(
        &format!("{other}/messaging64/bin/useconfig"),
        &[host.data().parent().unwrap().join("config").to_str().unwrap()],
    );
    host.fails(&start, &["store"], "another stored");
    host.msg("stop-msg", &[]);
    host.ok(&start, &["store"]);
    host.ok(&format!("{other}/messaging64/bin/imcheck"), &["-m", "user/ann"]);
    host.ok(&format!("{other}/messaging64/bin/ha_ip_config"), &[]);
    host.ok(&format!("{other}/messaging64/bin/stop-msg"), &[]);
    assert_eq!(host.commpkg(NEW, &["info"]).lines().count(), 2);
}

/// The previous version on a copy of the store: a feed makes passes while mail comes in and users
/// work, and some of them are cut off.
#[test]
fn passes_bring_everything_to_a_standby() {
    let host = Host::seeded(OLD);
    host.msg("stop-msg", &[]);
    let standby = Host::with(OLD);
    standby.msg("stop-msg", &[]);
    for area in ["store/mboxlist", "store/index", "store/messages"] {
        fs::remove_dir_all(standby.data().join(area)).unwrap();
        copy(&host.data().join(area), &standby.data().join(area));
    }
    standby.msg("start-msg", &["store"]);
    let (notes, since) = (host.path("feed"), since_now());
    fs::create_dir(&notes).unwrap();
    let (notes, from, to) = (notes.display().to_string(), host.home(), standby.home());
    let backout = env!("CARGO_BIN_EXE_backout");
    let helper = |words: &[&str]| host.ok(backout, &[&["helper"], words].concat());
    let ask = |verb: &str, more: &[&str]| {
        let words = ["messaging-feed", verb, "--state", &notes, "--from", &from, "--to", &to];
        helper(&[&words, more].concat()).trim().to_owned()
    };
    host.commpkg(NEW, &["upgrade", "--silent", "NONE"]);
    host.msg("start-msg", &[]);
    host.misbehave("imsbackup die 4 once");
    standby.misbehave("imsrestore lie once");
    let words = ["helper", "messaging-feed", "run", "--state", &notes, "--from", &from, "--to"];
    let more = [&to, "--since", &since, "--margin", "1 second", "--pause", "50ms"];
    let patterns = ["--fails-on", r"(?i)^(\S+: )?error", "--rejects", r"(?i)^(\S+: )?cannot "];
    let words = [&words[..], &more, &patterns].concat();
    let mut feed = host.command(backout, &words).spawn().unwrap();
    for round in 0..3 {
        host.deliver(12, &["--name", &format!("round{round}")]);
        host.drained();
        host.use_mail(20);
    }
    helper(&["messaging-clients", "refuse", &notes, &from]);
    let position = ask("source", &[]);
    ask("drain", &[&position]);
    assert_eq!(ask("position", &[]), position);
    ask("whole", &[]);
    ask("watch", &[]);
    // Nothing is made any more, until clients are let in.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(ask("source", &[]), format!("pass {}", position[5..].parse::<u64>().unwrap() + 1));
    let list = |place: &str| {
        let words = ["imcheck", "-D", "-S", "|", "-p", "primary"];
        let said = helper(&[&["messaging-run", place], &words[..]].concat());
        // Not the UID.
        let item = |line: &str| {
            let parts: Vec<&str> = line.split('|').collect();
            [&parts[..1], &parts[2..]].concat().join("|")
        };
        let mut lines: Vec<String> = said.lines().map(item).collect();
        lines.sort();
        lines
    };
    assert_eq!(list(&to), list(&from));
    let record = host.record();
    let audit = ["audit", "--home", &to, "--record", &record];
    let said = host.run(program().to_str().unwrap(), &audit);
    assert!(said.status.success(), "{}", text(&said));
    helper(&["messaging-clients", "allow", &notes, &from]);
    host.deliver(1, &["--name", "again"]);
    feed.kill().unwrap();
    feed.wait().unwrap();
    host.fails(backout, &["helper", "messaging-feed", "watch", "--state", &notes], "does not run");
}
