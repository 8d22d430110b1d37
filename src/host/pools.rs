//! A pool with suspended I/O does not answer, and a process that waits for it cannot be killed. So
//! nothing begins on such a pool, and whoever waits for one is told. A service that fails because
//! of one rarely says so; we add that to its own message.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::host::exec::{self, WatchedPool};

/// How long the I/O may be suspended before this process is considered hung. Commands are ended
/// earlier, so it is the process itself that waits.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// The I/O of a pool is suspended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the I/O of pool {0} is suspended: it neither reads nor writes. See `zpool status {0}`, bring \
        its devices back, then: zpool clear {0}"
)]
pub struct Suspended(pub String);

/// The pools with these names, each once, with the file that has its state.
pub fn watched(proc: &Path, names: impl Iterator<Item = String>) -> Vec<WatchedPool> {
    let names: BTreeSet<String> = names.collect();
    let state = |pool: &str| proc.join("spl/kstat/zfs").join(pool).join("state");
    names
        .into_iter()
        .map(|pool| WatchedPool { state: state(&pool), pool, hides_suspension: !exec::HAS_FILE })
        .collect()
}

/// Checks that none of them is suspended.
///
/// # Errors
/// The first that is.
pub fn none_suspended(pools: &[WatchedPool]) -> Result<(), Suspended> {
    match pools.iter().find(|pool| pool.is_suspended()) {
        Some(pool) => Err(Suspended(pool.pool.clone())),
        None => Ok(()),
    }
}

/// Watches pools until it is dropped.
#[derive(Debug)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Calls `stuck`, on a thread of its own, when one has been suspended for [`HANGS_AFTER`].
    pub fn over(pools: Vec<WatchedPool>, stuck: impl FnOnce(Suspended) + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&over);
        std::thread::spawn(move || {
            let mut since = Instant::now();
            while !end.load(Ordering::SeqCst) {
                match none_suspended(&pools) {
                    Ok(()) => since = Instant::now(),
                    Err(suspended) if since.elapsed() > HANGS_AFTER => return stuck(suspended),
                    Err(_) => {}
                }
                std::thread::sleep(exec::check_interval(&pools));
            }
        });
        Self(over)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn the_pool_that_does_not_answer_is_named() {
        let proc = tempfile::tempdir().expect("temp dir");
        let pools = watched(proc.path(), ["a", "b", "a"].into_iter().map(str::to_owned));
        assert_eq!(pools.len(), 2);
        assert_eq!(none_suspended(&pools), Ok(()), "a pool without a file: no ZFS, or an old one");
        for (name, state) in [("a", "ONLINE\n"), ("b", "SUSPENDED\n")] {
            let folder = proc.path().join("spl/kstat/zfs").join(name);
            std::fs::create_dir_all(&folder).expect("folder");
            std::fs::write(folder.join("state"), state).expect("written");
        }
        let text = none_suspended(&pools).expect_err("b").to_string();
        assert!(text.starts_with("the I/O of pool b is suspended: "), "{text}");
        assert!(text.ends_with("then: zpool clear b"), "{text}");
    }
}
