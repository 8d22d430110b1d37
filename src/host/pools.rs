//! A pool with suspended I/O does not answer, and a process that waits for it cannot be killed. So
//! nothing begins on such a pool, and whoever waits for one is told. A service that fails because
//! of one, or of a full disk, rarely says so; we add that to its own message.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

use crate::host::exec::{self, WatchedPool};
use crate::host::quote::quote;

/// How long the I/O may be suspended before this process is considered hung. Commands are ended
/// earlier, so it is the process itself that waits.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// A file system with less free space than this, in bytes, counts as full: few services start
/// without writing that much.
const ROOM: u64 = 1 << 20;

/// The I/O of a pool is suspended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the I/O of pool {0} is suspended: it neither reads nor writes. See `zpool status {0}`, bring its devices back, then: zpool clear {0}"
)]
pub struct Suspended(pub String);

/// The pools with these names, each once, with the file that has its state.
pub fn watched(proc: &Path, names: impl Iterator<Item = String>) -> Vec<WatchedPool> {
    let names: BTreeSet<String> = names.collect();
    let state = |pool: &str| proc.join("spl/kstat/zfs").join(pool).join("state");
    names.into_iter().map(|pool| WatchedPool { state: state(&pool), pool, hides_suspension: false }).collect()
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

/// The file systems of these folders that are full, each once, in words. Those that cannot be
/// queried are ignored.
pub fn full_file_systems<'a>(folders: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for folder in folders {
        let (Ok(it), Ok(of)) = (fs::metadata(folder), statvfs(folder)) else { continue };
        if seen.contains(&it.dev()) {
            continue;
        }
        seen.push(it.dev());
        let name = quote(folder);
        // Without the blocks reserved for root: services run as other users.
        found.extend(no_room(of.blocks_available().saturating_mul(of.fragment_size()), of.files(), of.files_available(), &name));
    }
    found
}

/// `inodes` is 0 for file systems without a limit.
fn no_room(left: u64, inodes: u64, inodes_left: u64, name: &str) -> Option<String> {
    if left < ROOM {
        return Some(format!(
            "no space left on the file system of {name}: {} for all but root. See: df -h {name}",
            humansize::format_size(left, humansize::BINARY)
        ));
    }
    (inodes > 0 && inodes_left == 0).then(|| format!("no inodes left on the file system of {name}. See: df -i {name}"))
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
    fn a_full_file_system_is_named_once() {
        let there = tempfile::tempdir().expect("temp dir");
        let none = there.path().join("none");
        assert_eq!(full_file_systems([there.path(), there.path(), none.as_path()].into_iter()), Vec::<String>::new());
        // Always full, and present on every Linux.
        let proc = Path::new("/proc");
        assert_eq!(
            full_file_systems([proc, proc].into_iter()),
            ["no space left on the file system of /proc: 0 B for all but root. See: df -h /proc"]
        );
    }

    #[test]
    fn room_and_inodes() {
        for (left, inodes, inodes_left, found) in [
            (ROOM, 0, 0, None),
            (ROOM, 9, 1, None),
            (ROOM - 1, 9, 1, Some("no space left on the file system of /a: 1024.00 KiB for all but root. See: df -h /a")),
            (ROOM, 9, 0, Some("no inodes left on the file system of /a. See: df -i /a")),
        ] {
            assert_eq!(no_room(left, inodes, inodes_left, "/a").as_deref(), found);
        }
    }

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
