//! Processes as `/proc` shows them (`proc(5)`). The root is given, so that tests have their own.
//!
//! A process may end while it is looked at: then it is left out. One that may not be looked into is counted, not forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use super::mounts::mount_of;
use super::mounts::{Mount, parse};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its short name (at most 15 bytes).
    pub comm: String,
    /// Its arguments joined by spaces; empty for a kernel thread.
    pub cmdline: String,
    /// When it began, seconds since 1970; `None` when that cannot be told.
    pub since: Option<i64>,
    /// What of the paths asked for it uses, such as `open /srv/x`, `cwd /srv`; one of possibly many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    /// Its control group, which names its systemd unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cgroup: String,
}

impl Process {
    /// Whether it belongs to a systemd unit.
    pub fn is_of_unit(&self, unit: &str) -> bool {
        self.cgroup.split('/').any(|part| part == unit)
    }
}

/// `mariadbd (1234)`.
impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.comm, self.pid)
    }
}

/// A kernel name is at most so long (TASK_COMM_LEN less the NUL).
const COMM: usize = 15;
/// Ticks a second of the times in `stat`: USER_HZ is 100 on every architecture that Debian and Red Hat build.
const USER_HZ: i64 = 100;

/// All process ids but our own.
///
/// # Errors
/// When the folder cannot be read.
fn pids(proc: &Path) -> Result<Vec<i32>, String> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let fail = |error: std::io::Error| format!("{}: {error}", proc.display());
    let mut pids = Vec::new();
    for entry in fs::read_dir(proc).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()).filter(|pid| *pid != own) {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

/// A process; `None` when it is gone or a zombie, which holds nothing any more.
fn process(proc: &Path, pid: i32) -> Option<Process> {
    let dir = proc.join(pid.to_string());
    let stat = fs::read(dir.join("stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name stands in parentheses and may hold any character, parentheses too.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    let comm = fs::read(dir.join("comm")).ok()?;
    let comm = String::from_utf8_lossy(&comm).trim_end_matches('\n').to_owned();
    let cmdline = fs::read(dir.join("cmdline")).unwrap_or_default();
    let cmdline = String::from_utf8_lossy(&cmdline).trim_end_matches('\0').replace('\0', " ");
    // Field 22 of the whole line, the 20th after the name.
    let ticks: Option<i64> = fields.get(19).and_then(|field| field.parse().ok());
    let since = ticks.zip(booted(proc)).map(|(ticks, boot)| boot + ticks / USER_HZ);
    let cgroup = fs::read_to_string(dir.join("cgroup")).unwrap_or_default().trim().to_owned();
    Some(Process { pid, comm, cmdline, since, uses: None, cgroup })
}

fn booted(proc: &Path) -> Option<i64> {
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// The processes with one of these names. A name longer than the kernel keeps is compared by its first 15 bytes.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn named(proc: &Path, names: &[String]) -> Result<Vec<Process>, String> {
    let wanted: BTreeSet<&[u8]> = names.iter().map(|name| &name.as_bytes()[..name.len().min(COMM)]).collect();
    let named = |process: &Process| wanted.contains(process.comm.as_bytes());
    Ok(pids(proc)?.into_iter().filter_map(|pid| process(proc, pid)).filter(named).collect())
}

/// The processes that were started for a change: `BACKOUT_CHANGE=id` stands in the environment they began with. Ourselves excluded.
/// The environment of another user's process can be read by root only.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn marked(proc: &Path, change: &str) -> Result<Vec<Process>, String> {
    let mark = format!("{}={change}", crate::host::exec::MARKER);
    let marked = |pid: &i32| {
        fs::read(proc.join(pid.to_string()).join("environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes()))
    };
    Ok(pids(proc)?.into_iter().filter(marked).filter_map(|pid| process(proc, pid)).collect())
}

/// Who uses what lies under some paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// Each with one thing it uses.
    pub found: Vec<Process>,
    /// So many processes could not be looked into (they are another user's, and we are not root).
    pub unreadable: usize,
}

/// The processes that have something under `paths` open, mapped, or as their current folder, root folder or program. Paths must be
/// absolute and free of symbolic links; a device such as `/dev/zd0` is a path too. Ourselves excluded.
///
/// Files are found by the path that the kernel prints and by the file system they are on, so that a container or a bind mount
/// that has another name for them does not hide them. A file system counts when a path is its mountpoint.
///
/// # Errors
/// When the list of processes or the mounts cannot be read.
pub fn users_of(proc: &Path, paths: &[PathBuf]) -> Result<InUse, String> {
    let mounts = super::mounts::read(proc)?;
    let devices: BTreeSet<&str> =
        paths.iter().filter_map(|path| mount_of(&mounts, path).filter(|mount| mount.point == *path)).map(|m| m.device.as_str()).collect();
    let search = Search { paths, devices };
    let mut result = InUse::default();
    for pid in pids(proc)? {
        match search.use_of(&proc.join(pid.to_string())) {
            Ok(None) => {}
            Ok(Some(uses)) => result.found.extend(process(proc, pid).map(|process| Process { uses: Some(uses), ..process })),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => result.unreadable += 1,
            // It ended meanwhile.
            Err(_) => {}
        }
    }
    Ok(result)
}

/// One process of each mount namespace other than ours in which this dataset stays mounted when we unmount it: because it is not mounted here any more, or
/// because unmounts do not reach that namespace (`mount_namespaces(7)`).
///
/// # Errors
/// When the list of processes or our own mounts cannot be read.
pub fn mounted_elsewhere(proc: &Path, dataset: &str) -> Result<Vec<Process>, String> {
    let namespace = |dir: &Path| fs::read_link(dir.join("ns/mnt")).ok();
    let of_it = |mount: &&Mount| mount.fstype == "zfs" && mount.source == dataset;
    let groups: BTreeSet<u32> = super::mounts::read(proc)?.iter().filter(of_it).filter_map(|mount| mount.shared).collect();
    let follows = |mount: &Mount| [mount.shared, mount.master].iter().flatten().any(|group| groups.contains(group));
    let mut seen = BTreeSet::from_iter(namespace(&proc.join("self")));
    let mut found = Vec::new();
    for pid in pids(proc)? {
        let dir = proc.join(pid.to_string());
        let Some(theirs) = namespace(&dir).filter(|namespace| !seen.contains(namespace)) else { continue };
        let table = fs::read(dir.join("mountinfo")).unwrap_or_default();
        let mounts = parse(&String::from_utf8_lossy(&table));
        if let Some(mount) = mounts.iter().filter(of_it).find(|mount| !follows(mount)) {
            let uses = format!("mounted at {} in its own mount namespace", mount.point.display());
            found.extend(process(proc, pid).map(|process| Process { uses: Some(uses), ..process }));
        }
        seen.insert(theirs);
    }
    Ok(found)
}

struct Search<'a> {
    paths: &'a [PathBuf],
    devices: BTreeSet<&'a str>,
}

impl Search<'_> {
    fn holds(&self, target: &Path) -> bool {
        self.paths.iter().any(|path| target.starts_with(path))
    }

    /// The first thing found in use; a refused look counts only if nothing was found.
    fn use_of(&self, dir: &Path) -> std::io::Result<Option<String>> {
        let mut refused = None;
        for (what, name) in [("cwd", "cwd"), ("root folder", "root"), ("program", "exe")] {
            match fs::read_link(dir.join(name)) {
                Ok(target) if self.holds(&target) => return Ok(Some(format!("{what} {}", target.display()))),
                // A kernel thread has no program: ENOENT.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::PermissionDenied => refused = Some(error),
                Err(_) => {}
            }
        }
        match self.open_file(dir) {
            Ok(Some(path)) => return Ok(Some(format!("open {}", path.display()))),
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
        match self.mapping(dir) {
            Ok(Some(path)) => return Ok(Some(format!("mapped {path}"))),
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
        refused.map_or(Ok(None), Err)
    }

    fn open_file(&self, dir: &Path) -> std::io::Result<Option<PathBuf>> {
        let mut mounts: Option<BTreeMap<u32, Mount>> = None;
        for entry in fs::read_dir(dir.join("fd"))? {
            let entry = entry?;
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            if self.holds(&target) {
                return Ok(Some(target));
            }
            // Sockets, pipes and the like have no path.
            if self.devices.is_empty() || !target.has_root() {
                continue;
            }
            let Some(id) = mount_id(&dir.join("fdinfo").join(entry.file_name())) else { continue };
            let mounts = mounts.get_or_insert_with(|| {
                let table = fs::read(dir.join("mountinfo")).unwrap_or_default();
                parse(&String::from_utf8_lossy(&table)).into_iter().map(|mount| (mount.id, mount)).collect()
            });
            if mounts.get(&id).is_some_and(|mount| self.devices.contains(mount.device.as_str())) {
                return Ok(Some(target));
            }
        }
        Ok(None)
    }

    fn mapping(&self, dir: &Path) -> std::io::Result<Option<String>> {
        let maps = fs::read(dir.join("maps"))?;
        for line in String::from_utf8_lossy(&maps).lines() {
            // "address perms offset dev inode path"; the path may hold spaces.
            let mut words = line.split_ascii_whitespace();
            let Some(device) = words.nth(3) else { continue };
            let Some(path) = words.next().and_then(|_| line.find('/').map(|at| &line[at..])) else { continue };
            if self.holds(Path::new(path)) || decimal(device).is_some_and(|device| self.devices.contains(device.as_str())) {
                return Ok(Some(path.to_owned()));
            }
        }
        Ok(None)
    }
}

/// `maps` has the device in hexadecimal, mountinfo in decimal.
fn decimal(device: &str) -> Option<String> {
    let (major, minor) = device.split_once(':')?;
    let (major, minor) = (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
    (major, minor).ne(&(0, 0)).then(|| format!("{major}:{minor}"))
}

fn mount_id(fdinfo: &Path) -> Option<u32> {
    let text = fs::read_to_string(fdinfo).ok()?;
    text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
