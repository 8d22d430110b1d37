//! Processes of FreeBSD 14 and later, as `ps`, `procstat` and `fuser` tell them. The first two
//! print JSON (`libxo(3)`).
//!
//! A jail has no table of processes of its own: the host sees them all, with the number of their
//! jail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::Value;

use super::search::{OF_THE_FILE_SYSTEM, Wanted, pids};
use super::{InUse, Process};
use crate::host::ask;
use crate::host::exec::{MARKER, Runner};
use crate::host::mounts::{self, Mount};

/// How much of a name is compared: what a playbook has of it. The kernel keeps 19 bytes here.
const COMM: usize = 15;

/// See Linux: the processes with one of these names.
///
/// # Errors
/// When `ps` fails.
pub fn named(_proc: &Path, names: &[String]) -> Result<Vec<Process>, String> {
    named_by(&Runner::default(), names)
}

/// See Linux: whether a process runs a program that this host has at the same path.
pub fn runs_program_of_host(_proc: &Path, process: &Process) -> bool {
    !process.container
        && files(&Runner::default(), &[process.pid]).is_ok_and(|all| {
            let mut files = all.into_values().flatten();
            files.any(|file| file.fd == "text" && Path::new(&file.path).is_file())
        })
}

/// See Linux: the processes that were started for a change.
///
/// # Errors
/// When `ps` or `procstat` fails.
pub fn marked(_proc: &Path, change: &str) -> Result<Vec<Process>, String> {
    marked_by(&Runner::default(), change)
}

/// See Linux: who uses files below some paths.
///
/// # Errors
/// When one of the commands fails.
pub fn users_of(proc: &Path, paths: &[PathBuf]) -> Result<InUse, String> {
    users_by(&Runner::default(), paths, &mounts::read(proc)?, nix::unistd::geteuid().as_raw())
}

/// See Linux: where datasets stay mounted although they are unmounted here. Nowhere: a jail has no
/// table of mounts of its own, it sees a part of the host's (`jail(8)`, `enforce_statfs`).
///
/// # Errors
/// Never.
pub fn mounted_elsewhere(_proc: &Path, _datasets: &BTreeSet<&str>) -> Result<Vec<Process>, String> {
    Ok(Vec::new())
}

/// The user of a process; `None` if it is gone.
pub fn owner(_proc: &Path, pid: i32) -> Option<u32> {
    let list = list(&Runner::default()).ok()?;
    list.into_iter().find(|one| one.process.pid == pid).map(|one| one.uid)
}

fn named_by(runner: &Runner, names: &[String]) -> Result<Vec<Process>, String> {
    let kept =
        |name: &str| String::from_utf8_lossy(&name.as_bytes()[..name.len().min(COMM)]).into_owned();
    let wanted: BTreeSet<String> = names.iter().map(|name| kept(name)).collect();
    let found = list(runner)?.into_iter().map(|one| one.process);
    Ok(found.filter(|process| wanted.contains(&kept(&process.comm))).collect())
}

fn marked_by(runner: &Runner, change: &str) -> Result<Vec<Process>, String> {
    let text = ask::what_is_there(runner, ["procstat", "--libxo", "json", "-e", "-a"])?;
    let marked = with_variable(&text, MARKER, change)?;
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let found = list(runner)?.into_iter().map(|one| one.process);
    Ok(found.filter(|process| marked.contains(&process.pid)).collect())
}

fn users_by(
    runner: &Runner,
    paths: &[PathBuf],
    mounts: &[Mount],
    euid: u32,
) -> Result<InUse, String> {
    let wanted = Wanted::new(paths, mounts);
    let mut uses: BTreeMap<i32, String> = BTreeMap::new();
    for (pid, files) in files(runner, &[])? {
        if let Some(file) = files.iter().find(|file| wanted.holds(Path::new(&file.path))) {
            uses.insert(pid, file.to_string());
        }
    }
    // It finds by the file system: what has no name any more, and what is only mapped (`-m`).
    let points = wanted.mountpoints();
    if !points.is_empty() {
        let words = ["fuser", "-c", "-m"].map(str::to_owned);
        for pid in pids(&ask::what_is_there(runner, words.into_iter().chain(points))?) {
            uses.entry(pid).or_insert_with(|| OF_THE_FILE_SYSTEM.to_owned());
        }
    }
    let mut result = InUse::default();
    for one in list(runner)? {
        match uses.remove(&one.process.pid) {
            Some(uses) => result.found.push(Process { uses: Some(uses), ..one.process }),
            // Only root sees what others have open, and these commands do not say so.
            None if euid != 0 && one.uid != euid => result.unreadable += 1,
            None => {}
        }
    }
    Ok(result)
}

/// A line of `ps`.
struct Listed {
    process: Process,
    uid: u32,
}

#[derive(Deserialize)]
struct Ps {
    #[serde(rename = "process-information")]
    information: PsList,
}

#[derive(Deserialize)]
struct PsList {
    #[serde(default)]
    process: Vec<PsLine>,
}

/// The names are those of `bin/ps/keyword.c`. Every value is text, some with spaces around it.
#[derive(Deserialize)]
struct PsLine {
    pid: String,
    uid: String,
    #[serde(rename = "jail-id")]
    jail: String,
    state: String,
    #[serde(rename = "start-time")]
    start: String,
    command: String,
    #[serde(default)]
    arguments: String,
}

/// All processes but this one and zombies, in order of their ids.
fn list(runner: &Runner) -> Result<Vec<Listed>, String> {
    const FIELDS: &str = "pid,uid,jid,state,lstart,comm,args";
    let text = ask::all(runner, ["ps", "--libxo", "json", "-axww", "-o", FIELDS])?;
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    parse_list(&text, own)
}

fn parse_list(text: &str, own: i32) -> Result<Vec<Listed>, String> {
    let ps: Ps = serde_json::from_str(text).map_err(|error| format!("ps --libxo json: {error}"))?;
    let lines = ps.information.process;
    let jail_of = |pid: i32| {
        lines.iter().find(|line| line.pid.trim() == pid.to_string()).map(|line| line.jail.trim())
    };
    // Within a jail, all that is seen is of the same.
    let here = jail_of(own).unwrap_or("0");
    let mut found: Vec<Listed> = lines
        .iter()
        .filter(|line| !line.state.trim().starts_with('Z'))
        .filter_map(|line| {
            let pid = line.pid.trim().parse().ok().filter(|pid| *pid != own)?;
            let since = NaiveDateTime::parse_from_str(line.start.trim(), "%a %b %e %H:%M:%S %Y");
            let process = Process {
                pid,
                comm: line.command.trim_end().to_owned(),
                cmdline: line.arguments.trim_end().to_owned(),
                since: since.ok().map(|time| time.and_utc().timestamp()),
                uses: None,
                cgroup: String::new(),
                container: line.jail.trim() != here,
            };
            Some(Listed { process, uid: line.uid.trim().parse().ok()? })
        })
        .collect();
    found.sort_unstable_by_key(|one| one.process.pid);
    Ok(found)
}

/// What `procstat` prints of each process, by its id: below `procstat` and the name of what was
/// asked for.
fn by_process(text: &str) -> Result<BTreeMap<i32, Value>, String> {
    let fail = |why: &dyn std::fmt::Display| format!("procstat --libxo json: {why}");
    let whole: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|error| fail(&error))?;
    let asked = whole.get("procstat").and_then(Value::as_object);
    let asked = asked.ok_or_else(|| fail(&"no `procstat` in it"))?;
    let mut found = BTreeMap::new();
    for (pid, process) in asked.values().filter_map(Value::as_object).flatten() {
        if let Ok(pid) = pid.parse() {
            found.insert(pid, process.clone());
        }
    }
    Ok(found)
}

/// The processes in whose environment (`procstat -e`) a variable has this value.
fn with_variable(text: &str, name: &str, value: &str) -> Result<BTreeSet<i32>, String> {
    let wanted = format!("{name}={value}");
    let has = |process: &Value| {
        // Its list is `environment`, its items are called `env`.
        let fields = process.as_object().into_iter().flat_map(|fields| fields.values());
        fields.filter_map(Value::as_array).flatten().any(|item| item.as_str() == Some(&wanted))
    };
    let all = by_process(text)?.into_iter();
    Ok(all.filter(|(_, process)| has(process)).map(|(pid, _)| pid).collect())
}

/// What a process has open (`procstat -f`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) struct OpenFile {
    /// Its number, or `cwd`, `root`, `jail`, `text`, `trace`, `ctty`.
    pub(in crate::host) fd: String,
    /// `TCP`, `UDS` (a stream between local processes), ...; `-` for a file.
    pub(in crate::host) protocol: String,
    /// A path, or of a socket its addresses; `-` if there is no name.
    pub(in crate::host) path: String,
}

/// `open /srv/x`, `cwd /srv`.
impl std::fmt::Display for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.fd.as_str() {
            "cwd" => "cwd",
            "root" => "root folder",
            "jail" => "root folder of its jail",
            "text" => "program",
            _ => "open",
        };
        write!(f, "{what} {}", self.path)
    }
}

/// What these processes have open; without any, all of them.
pub(in crate::host) fn files(
    runner: &Runner,
    pids: &[i32],
) -> Result<BTreeMap<i32, Vec<OpenFile>>, String> {
    let words = ["procstat", "--libxo", "json", "-f"].map(str::to_owned).into_iter();
    let which = match pids {
        [] => vec!["-a".to_owned()],
        pids => pids.iter().map(ToString::to_string).collect(),
    };
    parse_files(&ask::what_is_there(runner, words.chain(which))?)
}

fn parse_files(text: &str) -> Result<BTreeMap<i32, Vec<OpenFile>>, String> {
    let word = |file: &Value, name: &str| match file.get(name) {
        Some(Value::String(text)) => text.trim_end().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let one = |file: &Value| OpenFile {
        fd: word(file, "fd"),
        protocol: word(file, "protocol"),
        path: word(file, "path"),
    };
    let of = |process: Value| {
        let files = process.get("files").and_then(Value::as_array);
        files.into_iter().flatten().map(one).collect()
    };
    Ok(by_process(text)?.into_iter().map(|(pid, process)| (pid, of(process))).collect())
}

#[cfg(test)]
#[path = "freebsd_tests.rs"]
mod tests;
