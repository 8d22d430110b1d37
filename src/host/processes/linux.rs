//! Processes as `/proc` shows them (`proc(5)`). The root is an argument, so that tests can use
//! their own.
//!
//! A process that ends meanwhile is left out. One that may not be inspected is counted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{InUse, Process};
use crate::host::files::stat_optional;
use crate::host::mounts::{self, Mount, parse, tops};
use procfs::process::all_processes_with_root;
use procfs::{
    FromReadSI as _, KernelStats, ProcError, ProcResult, current_system_info, ticks_per_second,
};

/// Maximum length of a name in the kernel (TASK_COMM_LEN without the NUL).
const COMM: usize = 15;

/// Calls `take` for each process except our own, in order of their ids: what is found first must
/// not depend on the order of a folder. One that ends meanwhile is left out.
///
/// # Errors
/// When the folder cannot be read.
fn each(proc: &Path, mut take: impl FnMut(&procfs::process::Process)) -> Result<(), String> {
    let fail = |error: ProcError| format!("{}: {error}", proc.display());
    let mut pids = Vec::new();
    // Each of them holds its folder open: only the ids are kept.
    for process in all_processes_with_root(proc).map_err(fail)? {
        match process {
            Ok(process) if u32::try_from(process.pid) == Ok(std::process::id()) => {}
            Ok(process) => pids.push(process.pid),
            Err(ProcError::NotFound(_)) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    pids.sort_unstable();
    for pid in pids {
        match procfs::process::Process::new_with_root(proc.join(pid.to_string())) {
            Ok(process) => take(&process),
            Err(ProcError::NotFound(_)) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    Ok(())
}

/// The processes for which `wanted` is true, in order of their ids.
fn select(
    proc: &Path,
    mut wanted: impl FnMut(&procfs::process::Process) -> bool,
) -> Result<Vec<Process>, String> {
    let here = Here::new(proc);
    let mut found = Vec::new();
    each(proc, |process| {
        if wanted(process) {
            found.extend(here.described(process));
        }
    })?;
    found.sort_unstable_by_key(|process: &Process| process.pid);
    Ok(found)
}

/// What processes are compared with.
struct Here<'a> {
    proc: &'a Path,
    booted: Option<u64>,
    /// Our own PID namespace.
    namespace: Option<PathBuf>,
}

impl<'a> Here<'a> {
    fn new(proc: &'a Path) -> Self {
        let namespace = fs::read_link(proc.join("self/ns/pid")).ok();
        Self { proc, booted: booted(proc), namespace }
    }

    /// A process; `None` if it is gone, or a zombie, which holds nothing any more.
    fn described(&self, process: &procfs::process::Process) -> Option<Process> {
        let its = fs::read_link(self.proc.join(process.pid.to_string()).join("ns/pid")).ok();
        let container = self.namespace.as_ref().zip(its).is_some_and(|(ours, its)| *ours != its);
        Some(Process { container, ..described(process, self.booted)? })
    }
}

fn described(process: &procfs::process::Process, booted: Option<u64>) -> Option<Process> {
    let started = match process.stat() {
        Ok(stat) if matches!(stat.state, 'Z' | 'X') => return None,
        Ok(stat) => Some(stat.starttime / ticks_per_second()),
        Err(ProcError::NotFound(_)) => return None,
        // It exists, whatever else the kernel says.
        Err(_) => None,
    };
    let since = booted.zip(started).and_then(|(boot, after)| i64::try_from(boot + after).ok());
    let cmdline =
        text(process, "cmdline").unwrap_or_default().trim_end_matches('\0').replace('\0', " ");
    let cgroup = text(process, "cgroup").unwrap_or_default().trim().to_owned();
    let (pid, comm) = (process.pid, comm(process)?);
    Some(Process { pid, comm, cmdline, since, uses: None, cgroup, container: false })
}

/// Not from `stat`, which escapes some characters.
fn comm(process: &procfs::process::Process) -> Option<String> {
    text(process, "comm").map(|comm| comm.trim_end_matches('\n').to_owned())
}

fn text(process: &procfs::process::Process, name: &str) -> Option<String> {
    bytes(process, name).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes(process: &procfs::process::Process, name: &str) -> ProcResult<Vec<u8>> {
    let mut bytes = Vec::new();
    process.open_relative(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// When the host was booted, seconds since 1970.
fn booted(proc: &Path) -> Option<u64> {
    KernelStats::from_file(proc.join("stat"), current_system_info()).ok().map(|stats| stats.btime)
}

/// The processes with one of these names. A name longer than the kernel keeps is compared by its
/// first 15 bytes.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn named(proc: &Path, names: &[String]) -> Result<Vec<Process>, String> {
    let kept = |name: &String| {
        String::from_utf8_lossy(&name.as_bytes()[..name.len().min(COMM)]).into_owned()
    };
    let wanted: BTreeSet<String> = names.iter().map(kept).collect();
    select(proc, |process| comm(process).is_some_and(|comm| wanted.contains(&comm)))
}

/// Whether a process runs a program that this host has at the same path: not one of a container, or
/// of a root of its own. One that was replaced meanwhile counts.
pub fn runs_program_of_host(proc: &Path, process: &Process) -> bool {
    let link = proc.join(process.pid.to_string()).join("exe");
    let Ok(path) = fs::read_link(&link) else { return false };
    if let Some(replaced) = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")) {
        let there = stat_optional(Path::new(replaced));
        return !process.container && there.is_ok_and(|found| found.is_some());
    }
    let file = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    file(&link).is_some_and(|its| file(&path) == Some(its))
}

/// The user of a process; `None` if it is gone.
pub fn owner(proc: &Path, pid: i32) -> Option<u32> {
    fs::metadata(proc.join(pid.to_string())).ok().map(|folder| folder.uid())
}

/// The processes that were started for a change, except ourselves: their initial environment
/// contains `BACKOUT_CHANGE=id`. Only root can read the environment of another user's process.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn marked(proc: &Path, change: &str) -> Result<Vec<Process>, String> {
    let mark = OsStr::new(crate::host::exec::MARKER);
    select(proc, |process| {
        process
            .environ()
            .is_ok_and(|environ| environ.get(mark).is_some_and(|value| value == change))
    })
}

/// The processes, except ourselves, that have something below `paths` open, mapped, or as their
/// current folder, root folder or program. Paths must be absolute and without symbolic links. A
/// device such as `/dev/zd0` is a path, too.
///
/// Files are found by the kernel's path and by their file system, so that another name in a
/// container or through a bind mount does not hide them. A file system counts if a path is its
/// mountpoint.
///
/// # Errors
/// When the list of processes or the mounts cannot be read.
pub fn users_of(proc: &Path, paths: &[PathBuf]) -> Result<InUse, String> {
    let mounts = mounts::read(proc)?;
    // The kernel names an open file by its real path.
    let real = paths.iter().filter_map(|path| path.canonicalize().ok());
    let mut paths: Vec<PathBuf> = real.chain(paths.iter().cloned()).collect();
    paths.sort_unstable();
    paths.dedup();
    let paths = paths.as_slice();
    let tops = tops(&mounts);
    let devices: BTreeSet<&str> = paths
        .iter()
        .filter_map(|path| tops.get(path.as_path()))
        .map(|mount| mount.device.as_str())
        .collect();
    let paths = paths.iter().map(PathBuf::as_path).collect();
    let search = Search { paths, devices, tables: RefCell::default() };
    let here = Here::new(proc);
    let mut result = InUse::default();
    each(proc, |process| match search.use_of(process, &proc.join(process.pid.to_string())) {
        Ok(None) => {}
        Ok(uses) => {
            result.found.extend(here.described(process).map(|process| Process { uses, ..process }))
        }
        Err(ProcError::PermissionDenied(_)) => result.unreadable += 1,
        // It ended meanwhile.
        Err(_) => {}
    })?;
    result.found.sort_unstable_by_key(|process| process.pid);
    Ok(result)
}

/// One process of each other mount namespace in which one of these datasets stays mounted when we
/// unmount it: because it is not mounted here any more, or because unmounts do not propagate to
/// that namespace (`mount_namespaces(7)`). Each namespace is looked at once for all of them.
///
/// # Errors
/// When the list of processes or our own mounts cannot be read.
pub fn mounted_elsewhere(proc: &Path, datasets: &BTreeSet<&str>) -> Result<Vec<Process>, String> {
    let namespace = |dir: &Path| fs::read_link(dir.join("ns/mnt")).ok();
    let of_them =
        |mount: &&Mount| mount.fstype == "zfs" && datasets.contains(mount.source.as_str());
    let groups: BTreeSet<(String, u32)> = mounts::read(proc)?
        .iter()
        .filter(of_them)
        .filter_map(|mount| Some((mount.source.clone(), mount.shared?)))
        .collect();
    let follows = |mount: &Mount| {
        let mut theirs = [mount.shared, mount.master].into_iter().flatten();
        theirs.any(|group| groups.contains(&(mount.source.clone(), group)))
    };
    let mut seen = BTreeSet::from_iter(namespace(&proc.join("self")));
    let here = Here::new(proc);
    let mut found: Vec<Process> = Vec::new();
    each(proc, |process| {
        let theirs = namespace(&proc.join(process.pid.to_string()));
        let Some(theirs) = theirs.filter(|namespace| !seen.contains(namespace)) else { return };
        let mounts = parse(&bytes(process, "mountinfo").unwrap_or_default());
        if let Some(mount) = mounts.iter().filter(of_them).find(|mount| !follows(mount)) {
            let uses =
                Some(format!("mounted at {} in its own mount namespace", mount.point.display()));
            found.extend(here.described(process).map(|process| Process { uses, ..process }));
        }
        seen.insert(theirs);
    })?;
    found.sort_unstable_by_key(|process| process.pid);
    Ok(found)
}

/// The mounts of a namespace by their numbers.
type Table = Rc<BTreeMap<u32, Mount>>;

struct Search<'a> {
    paths: BTreeSet<&'a Path>,
    devices: BTreeSet<&'a str>,
    /// The mounts of each namespace, seen from a root folder: there may be many, and most processes
    /// see the same.
    tables: RefCell<BTreeMap<(PathBuf, PathBuf), Table>>,
}

impl Search<'_> {
    fn holds(&self, target: &Path) -> bool {
        target.ancestors().any(|above| self.paths.contains(above))
    }

    /// The mounts that a process sees.
    fn table(&self, process: &procfs::process::Process, dir: &Path) -> Table {
        let read = || {
            let table = parse(&bytes(process, "mountinfo").unwrap_or_default());
            Rc::new(table.into_iter().map(|mount| (mount.id, mount)).collect::<BTreeMap<_, _>>())
        };
        match (fs::read_link(dir.join("ns/mnt")), fs::read_link(dir.join("root"))) {
            (Ok(namespace), Ok(root)) => {
                let mut tables = self.tables.borrow_mut();
                Rc::clone(tables.entry((namespace, root)).or_insert_with(read))
            }
            _ => read(),
        }
    }

    /// The first use found. A denied access counts only if nothing was found. `dir` is the folder
    /// of the process.
    fn use_of(&self, process: &procfs::process::Process, dir: &Path) -> ProcResult<Option<String>> {
        let mut refused = None;
        for (what, target) in
            [("cwd", process.cwd()), ("root folder", process.root()), ("program", process.exe())]
        {
            match target {
                Ok(target) if self.holds(&target) => {
                    return Ok(Some(format!("{what} {}", target.display())));
                }
                // A kernel thread has no program: ENOENT.
                Ok(_) => {}
                Err(error @ ProcError::PermissionDenied(_)) => refused = Some(error),
                Err(_) => {}
            }
        }
        match self.open_file(process, dir) {
            Ok(Some(path)) => return Ok(Some(format!("open {}", path.display()))),
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
        match self.mapping(process) {
            Ok(Some(path)) => return Ok(Some(format!("mapped {}", path.display()))),
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
        refused.map_or(Ok(None), Err)
    }

    /// The names are read from the links: `procfs` has them as text only.
    fn open_file(
        &self,
        process: &procfs::process::Process,
        dir: &Path,
    ) -> ProcResult<Option<PathBuf>> {
        let mut mounts: Option<Table> = None;
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
            let mounts = mounts.get_or_insert_with(|| self.table(process, dir));
            if mounts.get(&id).is_some_and(|mount| self.devices.contains(mount.device.as_str())) {
                return Ok(Some(target));
            }
        }
        Ok(None)
    }

    /// Parsed here: `procfs` fails for the complete list if one name is not UTF-8, and cannot
    /// handle a mapped file called `/SYSV`.
    fn mapping(&self, process: &procfs::process::Process) -> ProcResult<Option<PathBuf>> {
        for line in bytes(process, "maps")?.split(|byte| *byte == b'\n') {
            // "address perms offset dev inode path". The path may contain spaces.
            let Some(path) = line.iter().position(|byte| *byte == b'/').map(|at| &line[at..])
            else {
                continue;
            };
            let path = Path::new(OsStr::from_bytes(path));
            let device = line.split(|byte| *byte == b' ').nth(3).and_then(decimal);
            if self.holds(path)
                || device.is_some_and(|device| self.devices.contains(device.as_str()))
            {
                return Ok(Some(path.to_owned()));
            }
        }
        Ok(None)
    }
}

/// `maps` has the device in hexadecimal, mountinfo in decimal.
fn decimal(device: &[u8]) -> Option<String> {
    let (major, minor) = std::str::from_utf8(device).ok()?.split_once(':')?;
    let (major, minor) =
        (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
    (major, minor).ne(&(0, 0)).then(|| format!("{major}:{minor}"))
}

fn mount_id(fdinfo: &Path) -> Option<u32> {
    let text = fs::read_to_string(fdinfo).ok()?;
    text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
}

#[cfg(test)]
#[path = "../processes_tests.rs"]
mod tests;
