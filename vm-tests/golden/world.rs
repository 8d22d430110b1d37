//! A folder that is the whole world of a session: site file, state, lock. Nothing else is there,
//! and nothing in it may change.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The site file of most sessions: the example playbook, so that no product's commands fill the
/// screens.
pub const SITE: &str =
    "playbook = \"generic\"\ndatasets = [\"tank/tally\"]\nupgrade_to = \"3.0\"\n";

/// A world and what was typed in it.
pub struct World {
    /// Held: the folder goes with it.
    _temp: tempfile::TempDir,
    root: PathBuf,
    transcript: String,
}

impl World {
    /// With a good site file, and nothing else.
    pub fn new() -> Self {
        let temp = tempfile::tempdir().expect("temp dir");
        let root = temp.path().canonicalize().expect("real path");
        let world = Self { _temp: temp, root, transcript: String::new() };
        world.mode("", 0o755);
        world.write("site.toml", SITE);
        for folder in ["bin", "run"] {
            fs::create_dir(world.path(folder)).expect("folder");
        }
        world
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file, mode 0644.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folders");
        fs::write(&path, bytes).expect("written");
        self.mode(name, 0o644);
    }

    /// Sets a mode.
    pub fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("mode");
    }

    /// Types a command; it must change nothing.
    pub fn types(&mut self, line: &str) -> &mut Self {
        self.typed(line, "")
    }

    /// Types a command and looks only at the lines with this word: the others depend on the host.
    pub fn types_for(&mut self, line: &str, word: &str) -> &mut Self {
        self.typed(line, word)
    }

    fn typed(&mut self, line: &str, word: &str) -> &mut Self {
        let before = self.picture();
        let output = self.run(line);
        assert_eq!(before, self.picture(), "`{line}` changed something");
        let status =
            output.status.code().map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        let _ = writeln!(self.transcript, "$ {line}");
        let whole = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(whole).expect("text");
        for line in text.lines().filter(|line| line.contains(word)) {
            let _ = writeln!(self.transcript, "{}", self.redacted(line));
        }
        let _ = writeln!(self.transcript, "? {status}\n");
        self
    }

    /// Types a command that changes something. Returns its exit status and what it said.
    pub fn changes(&mut self, line: &str) -> (i32, String) {
        let before = self.picture();
        let output = self.run(line);
        assert_ne!(before, self.picture(), "`{line}` changed nothing");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code().expect("an exit status"), self.redacted(&text))
    }

    /// Types a command that changes nothing, and returns what it said.
    pub fn says(&mut self, line: &str) -> String {
        let before = self.picture();
        let output = self.run(line);
        assert_eq!(before, self.picture(), "`{line}` changed something");
        self.redacted(&String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
    }

    /// A program of this world, as a shell script.
    pub fn program(&self, name: &str, script: &str) {
        self.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        self.mode(&format!("bin/{name}"), 0o755);
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("runs")
    }

    /// Types a command at a terminal, and then these answers. Returns its exit status and what it
    /// said.
    pub fn answered(&self, line: &str, answers: &str) -> (i32, String) {
        let terminal = nix::pty::openpty(None, None).expect("a terminal");
        fs::File::from(terminal.master.try_clone().expect("cloned"))
            .write_all(answers.as_bytes())
            .expect("typed");
        let output = self.command(line).stdin(terminal.slave).output().expect("runs");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code().expect("an exit status"), self.redacted(&text))
    }

    /// The command of this line, which reads nothing.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
        command
            .args(self.options(line))
            .args(line.split_whitespace().skip(1))
            .current_dir(&self.root)
            .env_clear()
            .envs([("PATH", self.path("bin")), ("BACKOUT_SITE", self.path("site.toml"))])
            .env("BACKOUT_STATE", self.path("state"))
            .envs([("TZ", "UTC"), ("COLUMNS", "80")])
            .stdin(Stdio::null());
        command
    }

    /// What keeps the host's own name and lock out of a session.
    fn options(&self, line: &str) -> Vec<OsString> {
        let mut options = vec!["--run-dir".into(), self.path("run").into()];
        if !line.contains("--host") {
            options.extend(["--host".into(), "fixture".into()]);
        }
        options
    }

    /// Without what is another on each run.
    fn redacted(&self, line: &str) -> String {
        let line = line.replace(&self.root.display().to_string(), "[DIR]");
        let me = format!("process {}", std::process::id());
        let age = regex::Regex::new(r"\(\d+ (min|h|days) ago\)").expect("a pattern");
        let line = age.replace_all(&line, "([AGE] ago)").into_owned();
        let said = regex::Regex::new(r#""at":"[^"]*",("at_work"|"format")"#).expect("a pattern");
        let line = said.replace_all(&line, r#""at":"[NOW]",$1"#).into_owned();
        let page = r#"(fleet, |<p class="id">)\d{4}-\d\d-\d\d [\d:]+ [+]\d+"#;
        let page = regex::Regex::new(page).expect("a pattern");
        let line = page.replace_all(&line, "$1[NOW]").into_owned();
        let age = regex::Regex::new(r#""age_seconds":\d+"#).expect("a pattern");
        let line = age.replace_all(&line, r#""age_seconds":"[AGE]""#).into_owned();
        line.replace(&me, "process [PID]")
            .replace(&format!("user {}", nix::unistd::geteuid()), "user [ME]")
    }

    /// Every file with its mode and contents, but for the lock: whoever takes it writes its number
    /// there.
    fn picture(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut picture = BTreeMap::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("folder") {
                let path = entry.expect("entry").path();
                let metadata = fs::symlink_metadata(&path).expect("metadata");
                if path == self.path("run/lock") {
                    continue;
                }
                let bytes =
                    if metadata.is_file() { fs::read(&path).expect("read") } else { Vec::new() };
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                picture.insert(path, (metadata.permissions().mode(), bytes));
            }
        }
        picture
    }

    /// S7: types every command that a screen of the session offers, and every one that these
    /// offer in turn. Each must be accepted: what the checks then find of the world is another
    /// matter.
    fn takes_what_it_offers(&self) {
        let mut offered = offers(&self.transcript);
        let mut at = 0;
        while let Some(line) = offered.get(at).cloned() {
            at += 1;
            let before = self.picture();
            let output = self.run(&line);
            assert_eq!(before, self.picture(), "`{line}` changed something");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
            let last = said.lines().last().unwrap_or_default();
            let error = serde_json::from_str::<Value>(last).unwrap_or_default();
            let refused = match error["kind"].as_str() {
                Some(kind) => ["usage", "not-permitted", "too-late"].contains(&kind),
                // Without an object of its own, the status of a command line that cannot be used.
                None => output.status.code() == Some(2),
            };
            assert!(!refused, "`{line}` is offered, and refused:\n{said}");
            for next in error["next"].as_array().into_iter().flatten() {
                let next = typed_dry(next["command"].as_str().expect("text"));
                offered.extend(next.filter(|next| !offered.contains(next)));
            }
        }
    }

    /// Compares the session with its golden file, or writes that.
    pub fn golden(&self, name: &str) {
        self.takes_what_it_offers();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("vm-tests/golden")
            .join(format!("{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &self.transcript).expect("written");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == self.transcript,
            "{} is not what comes out now (UPDATE=1 writes it):\n{}",
            path.display(),
            self.transcript
        );
    }
}

/// The commands that these screens offer, each once, as a test may type them.
fn offers(screens: &str) -> Vec<String> {
    let (mut offers, mut block): (Vec<String>, _) = (Vec::new(), false);
    for line in screens.lines() {
        let more = block && line.starts_with("         ") && !line.starts_with("          ");
        let meaning = block && line.starts_with("             ");
        block = line.starts_with("  next:  ") || more || meaning;
        if block && !meaning {
            let command = line[9..].split("  ").next().unwrap_or_default();
            offers.extend(typed_dry(command).filter(|command| !offers.contains(command)));
        }
    }
    offers
}

/// A command of ours with values in place of its words in capitals, and so that it does nothing.
fn typed_dry(command: &str) -> Option<String> {
    let Some(words) = command.strip_prefix("backout ") else {
        // What another program does is not ours to try.
        let known = ["zfs ", "df ", "sudo backout ...", "begin = ", "… --accept"];
        assert!(known.iter().any(|known| command.starts_with(known)), "what is {command:?}?");
        return None;
    };
    let words = words.replace("NAME", "ann").replace("OTHER-FILE", "other").replace(" …", " --all");
    let verbs = [
        "snapshot",
        "upgrade",
        "downgrade",
        "resume",
        "abort",
        "undo",
        "commit",
        "migrate",
        "adopt",
        "replace",
    ];
    let dry = words.split(' ').any(|word| verbs.contains(&word)) && !words.contains("--dry-run");
    Some(format!("backout --json {words}{}", if dry { " --dry-run" } else { "" }))
}
