//! How a command ends: by itself, or with all that it started when its time is over, a stop is asked for, or a pool does not answer.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::cgroup::{self, Group};
use super::{Command, Runner};

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(20);
/// How long a process may take to go after SIGKILL. One that waits for a device that does not answer goes when that answers, not before.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
/// How long a command may go on while a pool's I/O is suspended: somebody may be bringing the devices back.
const SUSPENDED_FOR: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 60 });

/// How often a pool is looked at that must be asked by a command.
const ASKED_EVERY: Duration = Duration::from_secs(10);

/// How a command ended.
pub(super) enum Ended {
    /// By itself.
    Status(std::process::ExitStatus),
    /// Its time limit was over.
    TimedOut,
    /// This pool was suspended for too long.
    Suspended(String),
    /// A stop was asked for.
    Interrupted,
    /// It could not be waited for.
    Lost(std::io::Error),
}

impl Runner {
    /// A command that has ended leaves nothing running: it would work on behind our back.
    pub(super) fn leave_none(&self, group: &Group, line: &str) {
        let left = group.settle(cgroup::SETTLE);
        if !left.is_empty() {
            let gone = group.end(GRACE, &|| self.interrupt.count() > 1);
            let what = if gone { "which was ended" } else { "which does not end" };
            self.note(format!("`{line}` left something running, {what}: {}", left.join(", ")));
        }
        group.remove();
    }

    /// Waits until the command ends, or must be ended.
    pub(super) fn wait(&self, handle: &duct::Handle, limit: Duration, group: Option<&Group>) -> Ended {
        let begin = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut storage = Since::default();
        loop {
            match handle.try_wait() {
                Ok(Some(output)) => return Ended::Status(output.status),
                Ok(None) => {}
                Err(error) => return Ended::Lost(error),
            }
            if self.interrupt.requested() && !self.shielded.load(Ordering::SeqCst) {
                self.end(handle, group);
                return Ended::Interrupted;
            }
            if begin.elapsed() > limit {
                self.end(handle, group);
                return Ended::TimedOut;
            }
            if let Some(pool) = storage.suspended_for_long(&self.pools) {
                self.end(handle, group);
                return Ended::Suspended(pool);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// SIGTERM to the process groups and the control group, then SIGKILL after [`GRACE`] or a second request to stop.
    fn end(&self, handle: &duct::Handle, control: Option<&Group>) {
        let groups: Vec<Pid> = handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok()).map(Pid::from_raw).collect();
        let begin = Instant::now();
        for group in &groups {
            let _ = killpg(*group, Signal::SIGTERM);
        }
        if let Some(control) = control {
            control.signal(Signal::SIGTERM);
        }
        let control_left = || control.is_some_and(|control| !control.pids().is_empty());
        while groups.iter().any(|group| killpg(*group, None).is_ok()) || control_left() {
            let _ = handle.try_wait();
            if begin.elapsed() > GRACE || self.interrupt.count() > 1 {
                for group in &groups {
                    let _ = killpg(*group, Signal::SIGKILL);
                }
                if let Some(control) = control {
                    control.end(GRACE, &|| true);
                }
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let killed = Instant::now();
        while killed.elapsed() < KILLED_WITHIN && matches!(handle.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A pool that commands may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its name.
    pub pool: String,
    /// Its file under `/proc/spl/kstat/zfs`, which tells its state: reading that never waits for the pool.
    pub state: PathBuf,
    /// It has `failmode=continue`, with which that file says ONLINE of a suspended pool as well (`spa_state_to_name`).
    pub silent: bool,
}

impl Storage {
    /// The same, which is asked for its `failmode`; one that does not answer counts as silent.
    #[must_use]
    pub fn asked(mut self, runner: &Runner) -> Self {
        let answer = runner.run(&Command::new(["zpool", "get", "-Hp", "-o", "value", "failmode", &self.pool]).timeout(ASKED_EVERY));
        self.silent = answer.map_or(true, |output| output.stdout.trim() == "continue");
        self
    }

    /// Whether its I/O is suspended.
    pub fn suspended(&self) -> bool {
        std::fs::read_to_string(&self.state).is_ok_and(|state| state.trim() == "SUSPENDED") || self.silent && self.status_says_so()
    }

    fn status_says_so(&self) -> bool {
        let answer = Runner::default().attempt(&Command::new(["zpool", "status", &self.pool]).timeout(ASKED_EVERY));
        answer.is_ok_and(|(output, _)| means_suspended(&output.stdout))
    }
}

/// The message's number for a failure of I/O with `failmode=continue` in `zpool status` (`zfs_msgid_table`); the words may change.
fn means_suspended(status: &str) -> bool {
    status.lines().any(|line| line.trim_start().starts_with("see: ") && line.trim_end().ends_with("/ZFS-8000-JQ"))
}

/// Since when storage does not answer, looked at now and then.
#[derive(Default)]
struct Since {
    looked: Option<Instant>,
    since: Option<Instant>,
}

impl Since {
    fn suspended_for_long(&mut self, pools: &[Storage]) -> Option<String> {
        let every = if pools.iter().any(|pool| pool.silent) { ASKED_EVERY } else { Duration::from_secs(1) };
        // Most commands are through before a command that asks would be.
        if self.looked.get_or_insert_with(|| if cfg!(test) { Instant::now() - every } else { Instant::now() }).elapsed() < every {
            return None;
        }
        self.looked = Some(Instant::now());
        let found = pools.iter().find(|pool| pool.suspended());
        let since = found.map(|_| self.since.unwrap_or_else(Instant::now));
        self.since = since;
        found.filter(|_| since.is_some_and(|since| since.elapsed() >= SUSPENDED_FOR)).map(|pool| pool.pool.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_pool_that_is_shown_as_online() {
        // zpool status of OpenZFS 2.1.11, the device gone, then back and cleared.
        let gone = "  pool: tank\n state: ONLINE\nstatus: One or more devices are faulted in response to IO failures.\n\
                    action: Make sure the affected devices are connected, then run 'zpool clear'.\n   \
                    see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-JQ\nconfig:\n";
        let back = gone.replace("-JQ", "-8A");
        assert!(means_suspended(gone));
        assert!(!means_suspended(&back) && !means_suspended(""));
    }
}
