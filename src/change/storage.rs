//! A pool whose I/O is suspended answers nothing, and whoever waits for it cannot be killed before it does: nothing is begun on one, and who waits for one
//! is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::exec;
use crate::zfs::{Dataset, Pool};

/// How long the I/O may be suspended before it is said that this process hangs. Commands are ended earlier, so what still waits then is the process itself.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// The I/O of a pool is suspended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the I/O of pool {0} is suspended: it neither reads nor writes. See `zpool status {0}`, bring its devices back, then: zpool clear {0}"
)]
pub struct Suspended(pub Pool);

/// The pools of these datasets, each with the file that tells its state.
pub fn pools<'a>(proc: &Path, datasets: impl Iterator<Item = &'a Dataset>) -> Vec<(Pool, PathBuf)> {
    let mut pools: Vec<Pool> = datasets.map(Dataset::pool).collect();
    pools.sort();
    pools.dedup();
    pools.into_iter().map(|pool| (pool.clone(), proc.join("spl/kstat/zfs").join(pool.as_str()).join("state"))).collect()
}

/// Whether none of them is suspended.
///
/// # Errors
/// The first that is.
pub fn answers(pools: &[(Pool, PathBuf)]) -> Result<(), Suspended> {
    match pools.iter().find(|(_, file)| exec::suspended(file)) {
        Some((pool, _)) => Err(Suspended(pool.clone())),
        None => Ok(()),
    }
}

/// Looks at pools until it is dropped.
#[derive(Debug)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Calls `stuck`, on a thread of its own, when one has been suspended all the time for [`HANGS_AFTER`].
    pub fn over(pools: Vec<(Pool, PathBuf)>, stuck: impl FnOnce(Suspended) + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&over);
        std::thread::spawn(move || {
            let mut since = Instant::now();
            while !end.load(Ordering::SeqCst) {
                match answers(&pools) {
                    Ok(()) => since = Instant::now(),
                    Err(suspended) if since.elapsed() > HANGS_AFTER => return stuck(suspended),
                    Err(_) => {}
                }
                std::thread::sleep(Duration::from_secs(1));
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
        let datasets: Vec<Dataset> = ["a/x", "b/y", "a/z"].iter().map(|name| name.parse().expect("a name")).collect();
        let pools = pools(proc.path(), datasets.iter());
        assert_eq!(pools.len(), 2);
        assert_eq!(answers(&pools), Ok(()), "a pool without a file: no ZFS, or an old one");
        for (name, state) in [("a", "ONLINE\n"), ("b", "SUSPENDED\n")] {
            let folder = proc.path().join("spl/kstat/zfs").join(name);
            std::fs::create_dir_all(&folder).expect("folder");
            std::fs::write(folder.join("state"), state).expect("written");
        }
        let text = answers(&pools).expect_err("b").to_string();
        assert!(text.starts_with("the I/O of pool b is suspended: "), "{text}");
        assert!(text.ends_with("then: zpool clear b"), "{text}");
    }
}
