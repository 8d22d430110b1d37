//! Processes of illumos (and Solaris 10 and later): `ps`, `pargs`, `fuser`, and the links below
//! `/proc/PID/path` (`proc(5)`).
//!
//! The global zone sees the processes of all zones.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::search::{OF_THE_FILE_SYSTEM, Wanted, pids};
use super::{InUse, Process};
use crate::host::ask;
use crate::host::exec::{MARKER, Runner};
use crate::host::mounts::{self, Mount};

/// Maximum length of a name in the kernel (PRFNSZ without the NUL).
const COMM: usize = 15;

/// See Linux: the processes with one of these names.
///
/// # Errors
/// When `ps` fails.
pub fn named(_proc: &Path, names: &[String]) -> Result<Vec<Process>, String> {
    named_by(&Runner::default(), names)
}

/// See Linux: whether a process runs a program that this host has at the same path.
pub fn runs_program_of_host(proc: &Path, process: &Process) -> bool {
    let link = proc.join(process.pid.to_string()).join("path/a.out");
    !process.container && fs::read_link(link).is_ok_and(|path| path.is_file())
}

/// See Linux: the processes that were started for a change.
///
/// # Errors
/// When `ps` or `pargs` fails.
pub fn marked(_proc: &Path, change: &str) -> Result<Vec<Process>, String> {
    marked_by(&Runner::default(), change)
}

/// See Linux: who uses files below some paths.
///
/// # Errors
/// When one of the commands fails.
pub fn users_of(proc: &Path, paths: &[PathBuf]) -> Result<InUse, String> {
    users_by(&Runner::default(), proc, paths, &mounts::read(proc)?)
}

/// See Linux: where datasets stay mounted although they are unmounted here. Nowhere: the table of
/// the global zone has the mounts of all zones (`mnttab(5)`), and a dataset is mounted once.
///
/// # Errors
/// Never.
pub fn mounted_elsewhere(_proc: &Path, _datasets: &BTreeSet<&str>) -> Result<Vec<Process>, String> {
    Ok(Vec::new())
}

/// The user of a process; `None` if it is gone.
pub fn owner(proc: &Path, pid: i32) -> Option<u32> {
    fs::metadata(proc.join(pid.to_string())).ok().map(|folder| folder.uid())
}

fn named_by(runner: &Runner, names: &[String]) -> Result<Vec<Process>, String> {
    let kept =
        |name: &str| String::from_utf8_lossy(&name.as_bytes()[..name.len().min(COMM)]).into_owned();
    let wanted: BTreeSet<String> = names.iter().map(|name| kept(name)).collect();
    Ok(list(runner)?.into_iter().filter(|it| wanted.contains(&kept(&it.comm))).collect())
}

fn marked_by(runner: &Runner, change: &str) -> Result<Vec<Process>, String> {
    let list = list(runner)?;
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let words = ["pargs", "-e"].map(str::to_owned).into_iter();
    let ids = list.iter().map(|process| process.pid.to_string());
    let text = ask::what_is_there(runner, words.chain(ids))?;
    let marked = with_variable(&text, &format!("{MARKER}={change}"));
    Ok(list.into_iter().filter(|process| marked.contains(&process.pid)).collect())
}

fn users_by(
    runner: &Runner,
    proc: &Path,
    paths: &[PathBuf],
    mounts: &[Mount],
) -> Result<InUse, String> {
    let wanted = Wanted::new(paths, mounts);
    let list = list(runner)?;
    let mut uses: BTreeMap<i32, String> = BTreeMap::new();
    let mut refused: BTreeSet<i32> = BTreeSet::new();
    for process in &list {
        match use_of(&wanted, &proc.join(process.pid.to_string()).join("path")) {
            Ok(Some(what)) => drop(uses.insert(process.pid, what)),
            Err(ErrorKind::PermissionDenied) => drop(refused.insert(process.pid)),
            // It ended meanwhile.
            Ok(None) | Err(_) => {}
        }
    }
    // It finds by the file system what has no name any more, too; and a volume by its device, which
    // has other names in the links.
    let (points, devices) = (wanted.mountpoints(), wanted.devices());
    for (option, names, what) in [("-c", points, OF_THE_FILE_SYSTEM), ("-f", devices, "open")] {
        if names.is_empty() {
            continue;
        }
        let words = ["fuser", option].map(str::to_owned);
        for pid in pids(&ask::what_is_there(runner, words.into_iter().chain(names))?) {
            uses.entry(pid).or_insert_with(|| what.to_owned());
        }
    }
    let mut result = InUse::default();
    for process in list {
        match uses.remove(&process.pid) {
            Some(what) => result.found.push(Process { uses: Some(what), ..process }),
            None if refused.contains(&process.pid) => result.unreadable += 1,
            None => {}
        }
    }
    Ok(result)
}

/// The first use found. The folder has a link for each open file, by its number, for each mapped
/// one, by the name of its object, and `cwd`, `root` and `a.out`. A file whose name is gone has
/// none.
fn use_of(wanted: &Wanted, folder: &Path) -> Result<Option<String>, ErrorKind> {
    let entries = fs::read_dir(folder).map_err(|error| error.kind())?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort_unstable();
    let mut refused = None;
    for name in names {
        let target = match fs::read_link(folder.join(&name)) {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                refused = Some(error.kind());
                continue;
            }
            Err(_) => continue,
        };
        if wanted.holds(&target) {
            return Ok(Some(format!("{} {}", what(&name), target.display())));
        }
    }
    refused.map_or(Ok(None), Err)
}

fn what(name: &OsStr) -> &'static str {
    match name.to_str() {
        Some("cwd") => "cwd",
        Some("root") => "root folder",
        Some("a.out") => "program",
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => "open",
        _ => "mapped",
    }
}

/// All processes but this one and zombies, in order of their ids. The width of a field is that of
/// its header, which the kernel's names fill; and a header makes `ps` print that line.
fn list(runner: &Runner) -> Result<Vec<Process>, String> {
    let words = ["ps", "-A", "-o", "zoneid,pid,s", "-o", "fname=COMMAND_________", "-o", "args"];
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    Ok(parse_list(&ask::all(runner, words)?, own))
}

/// When they started is not asked for: `ps` has it to the day only, and nothing depends on it.
fn parse_list(text: &str, own: i32) -> Vec<Process> {
    let lines: Vec<(&str, Process)> = text.lines().filter_map(line).collect();
    let zone_of = |pid: i32| lines.iter().find(|(_, it)| it.pid == pid).map(|(zone, _)| *zone);
    let here = zone_of(own).unwrap_or("0");
    let mut found: Vec<Process> = lines
        .iter()
        .filter(|(_, process)| process.pid != own)
        .map(|(zone, process)| Process { container: *zone != here, ..process.clone() })
        .collect();
    found.sort_unstable_by_key(|process| process.pid);
    found
}

/// A line, with the number of its zone; `None` for the header and for a zombie.
fn line(line: &str) -> Option<(&str, Process)> {
    let mut rest = line;
    let mut word = || {
        let text = rest.trim_start_matches(' ');
        let (word, behind) = text.split_at(text.find(' ')?);
        rest = behind;
        Some(word)
    };
    let (zone, pid, state) = (word()?, word()?, word()?);
    let pid = pid.parse().ok()?;
    if state == "Z" {
        return None;
    }
    let rest = rest.strip_prefix(' ')?.as_bytes();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches(' ').to_owned();
    let width = rest.len().min(COMM + 1);
    let cmdline = text(rest.get(width + 1..).unwrap_or_default());
    let (comm, since, uses, cgroup) = (text(&rest[..width]), None, None, String::new());
    Some((zone, Process { pid, comm, cmdline, since, uses, cgroup, container: false }))
}

/// The processes in whose environment (`pargs -e`) this stands: for each process a line with its
/// id, then one for each variable.
fn with_variable(text: &str, wanted: &str) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut pid = None;
    for line in text.lines() {
        if let Some(variable) = line.strip_prefix("envp[") {
            let is = variable.split_once("]: ").is_some_and(|(_, variable)| variable == wanted);
            found.extend(pid.filter(|_| is));
        } else if let Some((id, _)) = line.split_once(':') {
            pid = id.parse::<i32>().ok();
        }
    }
    found
}

#[cfg(test)]
#[path = "illumos_tests.rs"]
mod tests;
