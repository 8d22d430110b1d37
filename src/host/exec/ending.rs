//! How a command ends: by itself; or, with everything that it started, when its time is over, a
//! stop is requested, or a pool does not answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Runner;
use super::watched_pool::SuspendedSince;
use crate::host::cgroup::{self, Group};

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(20);
/// How long a process may take to end after SIGKILL. One that waits for a device ends only when
/// that answers.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
/// How often is looked whether it must be ended.
const LOOK: Duration = Duration::from_millis(50);

/// Hears of the command's end when it comes. A thread waits for it, and stays behind where a process
/// does not even end after SIGKILL. `None`: there is no thread.
fn end_of(handle: &Arc<duct::Handle>) -> Option<Receiver<()>> {
    let (tell, told) = sync_channel(1);
    let handle = Arc::clone(handle);
    let waits = move || {
        let _ = handle.wait();
        let _ = tell.send(());
    };
    std::thread::Builder::new().name("wait".into()).spawn(waits).ok().map(|_| told)
}

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
    /// A command that has ended must leave nothing running, which would work on unnoticed.
    pub(super) fn leave_none(&self, group: &Group, line: &str) {
        let left = group.settle(cgroup::SETTLE);
        if !left.is_empty() {
            let gone = group.end(GRACE, &|| self.interrupt.count() > 1);
            let what = if gone { "which was ended" } else { "which does not end" };
            self.note(format!("`{line}` left something running, {what}: {}", left.join(", ")));
        }
        group.tidy();
    }

    /// Waits until the command ends, or must be ended.
    pub(super) fn wait(
        &self,
        handle: &Arc<duct::Handle>,
        limit: Duration,
        group: Option<&Group>,
    ) -> Ended {
        let begin = Instant::now();
        let told = end_of(handle);
        let mut suspended = SuspendedSince::never();
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
            if let Some(pool) = suspended.suspended_for_long(&self.pools) {
                self.end(handle, group);
                return Ended::Suspended(pool);
            }
            match &told {
                Some(told) => drop(told.recv_timeout(LOOK)),
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// SIGTERM to the process groups and the control group, then SIGKILL after [`GRACE`] or a
    /// second request to stop.
    fn end(&self, handle: &duct::Handle, control: Option<&Group>) {
        let groups: Vec<Pid> = handle
            .pids()
            .into_iter()
            .filter_map(|pid| i32::try_from(pid).ok())
            .map(Pid::from_raw)
            .collect();
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
