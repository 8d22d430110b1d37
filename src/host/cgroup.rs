//! The control group (v2) of a change's commands. A child may leave its process group and clear its
//! environment, but cannot leave its control group.
//!
//! It is created below backout's own group, so that ending backout's unit or session also ends its
//! commands. It is used only where systemd runs: there, a package's scripts start daemons through
//! systemd, in groups of their own. Elsewhere, such a daemon is a child like any other.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use walkdir::{DirEntry, WalkDir};

/// How long leftovers of a command may take to end by themselves.
pub const SETTLE: Duration = Duration::from_secs(2);

/// The group of a change that this process is in. Held while something is started, and while a group
/// is inspected.
static PLACE: Mutex<Option<Group>> = Mutex::new(None);

fn place() -> MutexGuard<'static, Option<Group>> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This process is in no group of a change while the guard lives.
pub fn stay() -> MutexGuard<'static, Option<Group>> {
    let mut place = place();
    leave(&mut place);
    place
}

/// Goes back. If that fails, this process is still not ended: see [`Group::signal`].
fn leave(place: &mut Option<Group>) {
    let Some(group) = place.take() else { return };
    for _ in 0..100 {
        if enter(&group.home).is_ok() {
            group.remove_folders();
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A group in which groups can be created. When it is dropped, this process goes back there.
#[derive(Debug)]
pub struct Home(pub PathBuf);

impl Drop for Home {
    fn drop(&mut self) {
        drop(stay());
    }
}

/// Where groups can be created: backout's own group, as `proc` shows it (`/proc`, except in tests).
pub fn home(proc: &Path) -> Option<PathBuf> {
    let _still = stay();
    let own = fs::read_to_string(proc.join("self/cgroup")).ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let (root, point) = mounted(proc)?;
    let below = Path::new(own).strip_prefix(&root).ok()?;
    Some(point.join(below)).filter(|home| home.join("cgroup.procs").is_file())
}

/// Which part of the hierarchy is mounted, and where.
#[cfg(target_os = "linux")]
fn mounted(proc: &Path) -> Option<(PathBuf, PathBuf)> {
    let table = crate::host::mounts::linux::read(proc).ok()?;
    table.into_iter().find(|mount| mount.fstype == "cgroup2").map(|mount| (mount.root, mount.point))
}

/// Only Linux has control groups.
#[cfg(not(target_os = "linux"))]
fn mounted(_proc: &Path) -> Option<(PathBuf, PathBuf)> {
    None
}

/// The group of a change.
#[derive(Debug, Clone)]
pub struct Group {
    home: PathBuf,
    dir: PathBuf,
}

impl Group {
    fn at(home: &Path, change: &str) -> Self {
        Self { home: home.to_owned(), dir: home.join(name(change)) }
    }

    /// Creates it, or takes the existing one.
    ///
    /// # Errors
    /// When it cannot be created, or processes cannot be put into it.
    pub fn make(home: &Path, change: &str) -> io::Result<Self> {
        let group = Self::at(home, change);
        #[expect(clippy::disallowed_methods, reason = "a control group is no place for secrets")]
        match fs::create_dir(&group.dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(group),
        }
    }

    /// All groups of this change, wherever an earlier run created them.
    pub fn left_behind(proc: &Path, change: &str) -> Vec<Self> {
        let Some((_, point)) = mounted(proc) else { return Vec::new() };
        let named = |folder: &PathBuf| folder.file_name().is_some_and(|it| *it == *name(change));
        let above = |dir: PathBuf| Some(Self { home: dir.parent()?.to_owned(), dir });
        folders(&point, false).filter(named).filter_map(above).collect()
    }

    /// Runs `spawn` inside, so that the new process is in the group from its first instruction on.
    /// This process stays in the group until something is started outside: to change its group costs
    /// up to 20 ms each time (the kernel waits for a grace period), which is more than many a command.
    ///
    /// `false` means that it was started outside.
    pub fn within<T>(&self, spawn: impl FnOnce() -> T) -> (T, bool) {
        let mut place = place();
        if place.as_ref().is_none_or(|inside| inside.dir != self.dir) {
            leave(&mut place);
            if enter(&self.dir).is_err() {
                return (spawn(), false);
            }
            *place = Some(self.clone());
        }
        (spawn(), true)
    }

    /// The processes in it and in groups below it, except this one.
    pub fn pids(&self) -> Vec<i32> {
        let _still = place();
        self.members().into_iter().filter(|pid| !is_own(*pid)).collect()
    }

    fn members(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        for folder in folders(&self.dir, false) {
            let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        }
        pids
    }

    /// Sends a signal to each. SIGKILL also reaches processes that are created meanwhile.
    pub fn signal(&self, signal: Signal) {
        let mut place = place();
        if signal == Signal::SIGKILL {
            self.leave(&mut place);
        }
        let pids = self.members();
        if signal == Signal::SIGKILL && !pids.is_empty() && !pids.iter().any(|pid| is_own(*pid)) {
            // Linux 5.14 and later.
            let _ = write(&self.dir.join("cgroup.kill"), b"1");
        }
        for pid in pids.into_iter().filter(|pid| !is_own(*pid)) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// This process is not in this group any more.
    fn leave(&self, place: &mut Option<Self>) {
        if place.as_ref().is_some_and(|inside| inside.dir == self.dir) {
            leave(place);
        }
    }

    /// Waits until all have ended by themselves. Returns those that have not.
    pub fn settle(&self, within: Duration) -> Vec<String> {
        let begin = Instant::now();
        while !self.pids().is_empty() && begin.elapsed() < within {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.pids().into_iter().map(described).collect()
    }

    /// Ends everything in it: SIGTERM, then SIGKILL when `grace` is over or `hurry` says so.
    /// Returns whether nothing is left.
    pub fn end(&self, grace: Duration, hurry: &dyn Fn() -> bool) -> bool {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let begin = Instant::now();
            let mut last = None::<Instant>;
            while !self.pids().is_empty()
                && begin.elapsed() < grace
                && !(signal == Signal::SIGTERM && hurry())
            {
                // Repeatedly: a child may have been created since.
                if last.is_none_or(|last| last.elapsed() > Duration::from_secs(1)) {
                    self.signal(signal);
                    last = Some(Instant::now());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.pids().is_empty()
    }

    /// Removes it, if nothing is in it; while this process is, that comes later.
    pub fn tidy(&self) {
        let place = place();
        if place.as_ref().is_none_or(|inside| inside.dir != self.dir) {
            self.remove_folders();
        }
    }

    /// Removes it, if nothing else is in it.
    pub fn remove(&self) {
        self.leave(&mut place());
        self.remove_folders();
    }

    fn remove_folders(&self) {
        for folder in folders(&self.dir, true) {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn is_own(pid: i32) -> bool {
    u32::try_from(pid) == Ok(std::process::id())
}

fn name(change: &str) -> String {
    format!("backout-{}", change.replace('/', "-"))
}

/// A group and all groups below it. Those that are removed meanwhile are left out.
fn folders(group: &Path, deepest_first: bool) -> impl Iterator<Item = PathBuf> {
    let all = WalkDir::new(group).contents_first(deepest_first).into_iter().flatten();
    all.filter(|entry| entry.file_type().is_dir()).map(DirEntry::into_path)
}

/// Puts this process there.
fn enter(folder: &Path) -> io::Result<()> {
    write(&folder.join("cgroup.procs"), b"0")
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(bytes)
}

/// A process, for display. Not its arguments, which may contain a secret.
fn described(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{} (pid {pid})", name.trim_end())
}
