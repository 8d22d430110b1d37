//! Who uses files below some paths, where a platform's commands tell it: what they share.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::host::mounts::{Mount, tops};

/// The types of file systems that show a folder at a second place: FreeBSD's and illumos'.
const LOOPBACK: [&str; 2] = ["nullfs", "lofs"];

/// What is looked for.
pub(super) struct Wanted {
    paths: BTreeSet<PathBuf>,
    mountpoints: Vec<PathBuf>,
}

impl Wanted {
    /// These paths: as they are given, as they are really called, and where a loopback mount shows
    /// what is below them.
    pub(super) fn new(paths: &[PathBuf], mounts: &[Mount]) -> Self {
        let real = paths.iter().filter_map(|path| path.canonicalize().ok());
        let mut paths: BTreeSet<PathBuf> = real.chain(paths.iter().cloned()).collect();
        let loopback = mounts.iter().filter(|mount| LOOPBACK.contains(&mount.fstype.as_str()));
        let again: Vec<PathBuf> =
            loopback.flat_map(|mount| paths.iter().filter_map(|path| at(mount, path))).collect();
        paths.extend(again);
        let tops = tops(mounts);
        let mountpoints =
            paths.iter().filter(|path| tops.contains_key(path.as_path())).cloned().collect();
        Self { paths, mountpoints }
    }

    /// Whether a path is one of them, or below one.
    pub(super) fn holds(&self, target: &Path) -> bool {
        target.ancestors().any(|above| self.paths.contains(above))
    }

    /// Those at which a file system is mounted.
    pub(super) fn mountpoints(&self) -> impl Iterator<Item = String> {
        self.mountpoints.iter().map(|point| point.to_string_lossy().into_owned())
    }
}

/// Where a loopback mount shows a path, or what is below it.
fn at(mount: &Mount, path: &Path) -> Option<PathBuf> {
    let source = Path::new(&mount.source);
    if source.starts_with(path) {
        return Some(mount.point.clone());
    }
    path.strip_prefix(source).ok().map(|rest| mount.point.join(rest))
}

/// The process ids that `fuser` prints: it writes these to its standard output, and all else to its
/// standard error (fuser(1) of FreeBSD, fuser(8) of illumos).
pub(super) fn pids(fuser: &str) -> BTreeSet<i32> {
    fuser.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// What is said of a process that only `fuser` names.
pub(super) const OF_THE_FILE_SYSTEM: &str = "a mapped file, or one whose name is gone";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loopback_mount_shows_is_looked_for_there_too() {
        let mount = |fstype: &str, source: &str, point: &str| Mount {
            id: 0,
            parent: 0,
            device: String::new(),
            root: "/".into(),
            point: point.into(),
            fstype: fstype.into(),
            source: source.into(),
            shared: None,
            master: None,
        };
        let mounts = [
            mount("zfs", "tank/db", "/no-such/db"),
            mount("nullfs", "/no-such/db/sub", "/jails/a/sub"),
            mount("lofs", "/no-such", "/zones/b/root/all"),
            mount("nfs", "/no-such/db", "/elsewhere"),
            mount("nullfs", "/no-such/dbx", "/jails/a/x"),
        ];
        let wanted = Wanted::new(&["/no-such/db".into()], &mounts);
        for held in
            ["/no-such/db", "/no-such/db/f", "/jails/a/sub/f", "/zones/b/root/all/db/deep/f"]
        {
            assert!(wanted.holds(Path::new(held)), "{held}");
        }
        for other in ["/no-such/dbx", "/elsewhere/f", "/jails/a/x/f", "/zones/b/root/all/f", "/"] {
            assert!(!wanted.holds(Path::new(other)), "{other}");
        }
        let points: Vec<String> = wanted.mountpoints().collect();
        assert_eq!(points, ["/jails/a/sub", "/no-such/db"]);
    }

    #[test]
    fn fuser_prints_process_ids() {
        // FreeBSD prints `%6d` without a space behind it, illumos ` %7d`; letters go elsewhere.
        assert_eq!(pids("   812 1044"), BTreeSet::from([812, 1044]));
        assert_eq!(pids("     812    1044"), BTreeSet::from([812, 1044]));
        assert!(pids("").is_empty());
    }
}
