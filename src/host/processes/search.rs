//! Who uses files below some paths, where a platform's commands tell it: what they share.

use std::collections::BTreeSet;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use crate::host::mounts::{Mount, tops};

/// What is looked for.
pub(super) struct Wanted {
    paths: BTreeSet<PathBuf>,
    mountpoints: Vec<PathBuf>,
    devices: Vec<PathBuf>,
}

impl Wanted {
    /// These paths: as they are given, as they are really called, and where a loopback mount shows
    /// what is below them.
    pub(super) fn new(paths: &[PathBuf], mounts: &[Mount]) -> Self {
        let real = paths.iter().filter_map(|path| path.canonicalize().ok());
        let mut paths: BTreeSet<PathBuf> = real.chain(paths.iter().cloned()).collect();
        let again: Vec<PathBuf> = mounts
            .iter()
            .flat_map(|mount| paths.iter().filter_map(|path| again_at(mount, path)))
            .collect();
        paths.extend(again);
        let tops = tops(mounts);
        let mountpoints =
            paths.iter().filter(|path| tops.contains_key(path.as_path())).cloned().collect();
        let is_device = |path: &&PathBuf| {
            let found = path.metadata().map(|found| found.file_type());
            found.is_ok_and(|kind| kind.is_block_device() || kind.is_char_device())
        };
        let devices = paths.iter().filter(is_device).cloned().collect();
        Self { paths, mountpoints, devices }
    }

    /// Whether a path is one of them, or below one.
    pub(super) fn holds(&self, target: &Path) -> bool {
        target.ancestors().any(|above| self.paths.contains(above))
    }

    /// Those at which a file system is mounted.
    pub(super) fn mountpoints(&self) -> Vec<String> {
        words(&self.mountpoints)
    }

    /// Those that are devices.
    pub(super) fn devices(&self) -> Vec<String> {
        words(&self.devices)
    }
}

fn words(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Where a loopback mount shows a path, or what is below it.
fn again_at(mount: &Mount, path: &Path) -> Option<PathBuf> {
    let source = mount.shows()?;
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
        assert_eq!(wanted.mountpoints(), ["/jails/a/sub", "/no-such/db"]);
        assert!(wanted.devices().is_empty());
        assert_eq!(Wanted::new(&["/dev/null".into()], &mounts).devices(), ["/dev/null"]);
    }

    #[test]
    fn fuser_prints_process_ids() {
        // FreeBSD prints `%6d` without a space behind it, illumos ` %7d`; letters go elsewhere.
        assert_eq!(pids("   812 1044"), BTreeSet::from([812, 1044]));
        assert_eq!(pids("     812    1044"), BTreeSet::from([812, 1044]));
        assert!(pids("").is_empty());
    }
}
