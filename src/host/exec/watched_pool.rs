//! Pools that commands may wait for, and how to find out that one does not answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Command, Runner};

/// How long a command may continue while a pool's I/O is suspended: somebody may be bringing the
/// devices back.
const SUSPENDED_FOR: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 60 });
/// How often a pool's file is read.
const READ_EVERY: Duration = Duration::from_secs(1);
/// How often a command asks for the state of a pool, and how long that may take.
const ASKED_EVERY: Duration = Duration::from_secs(10);

/// Whether the platform has files with the state of each pool.
pub const HAS_FILE: bool = cfg!(target_os = "linux");

/// A pool that commands may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedPool {
    /// Its name.
    pub pool: String,
    /// Its file under `/proc/spl/kstat/zfs`, which has its state. Reading it never waits for the
    /// pool.
    pub state: PathBuf,
    /// Whether `zpool status` must be asked: it has `failmode=continue`, with which that file says
    /// ONLINE for a suspended pool, too (`spa_state_to_name`), or there is no such file.
    pub hides_suspension: bool,
}

impl WatchedPool {
    /// The same with its `failmode`, for which the pool is asked. One that does not answer counts
    /// as one that hides its suspension.
    #[must_use]
    pub fn with_failmode(mut self, runner: &Runner) -> Self {
        let answer = runner.run(
            &Command::new(["zpool", "get", "-Hp", "-o", "value", "failmode", &self.pool])
                .timeout(ASKED_EVERY),
        );
        self.hides_suspension =
            !HAS_FILE || answer.map_or(true, |output| output.stdout.trim() == "continue");
        self
    }

    /// Whether its I/O is suspended.
    pub fn is_suspended(&self) -> bool {
        std::fs::read_to_string(&self.state).is_ok_and(|state| state.trim() == "SUSPENDED")
            || self.hides_suspension && self.status_says_so()
    }

    fn status_says_so(&self) -> bool {
        let answer = Runner::default()
            .attempt(&Command::new(["zpool", "status", &self.pool]).timeout(ASKED_EVERY));
        answer.is_ok_and(|(output, _)| means_suspended(&output.stdout))
    }
}

/// The numbers of the messages for an I/O failure in `zpool status` (`zfs_msgid_table`), with
/// `failmode=continue` and with `failmode=wait`. The words, and the site, may change.
fn means_suspended(status: &str) -> bool {
    status.lines().any(|line| {
        let number = line.trim().strip_prefix("see: ").and_then(|url| url.rsplit('/').next());
        matches!(number, Some("ZFS-8000-JQ" | "ZFS-8000-HC"))
    })
}

/// How often these are checked.
pub fn check_interval(pools: &[WatchedPool]) -> Duration {
    if pools.iter().any(|pool| pool.hides_suspension) { ASKED_EVERY } else { READ_EVERY }
}

/// Since when a pool does not answer, checked from time to time.
pub(super) struct SuspendedSince {
    looked: Instant,
    since: Option<Instant>,
}

impl SuspendedSince {
    /// The first check is not immediate: most commands end sooner.
    pub(super) fn never() -> Self {
        Self { looked: Instant::now(), since: None }
    }

    pub(super) fn suspended_for_long(&mut self, pools: &[WatchedPool]) -> Option<String> {
        if self.looked.elapsed() < check_interval(pools) {
            return None;
        }
        self.looked = Instant::now();
        let found = pools.iter().find(|pool| pool.is_suspended());
        let since = found.map(|_| self.since.unwrap_or_else(Instant::now));
        self.since = since;
        found
            .filter(|_| since.is_some_and(|since| since.elapsed() >= SUSPENDED_FOR))
            .map(|pool| pool.pool.clone())
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
        // The same pool of illumos, with `failmode=wait` (`zfs_msgid_table`, ZPOOL_STATUS_IO_FAILURE_WAIT).
        assert!(means_suspended("   see: http://illumos.org/msg/ZFS-8000-HC\n"));
    }
}
