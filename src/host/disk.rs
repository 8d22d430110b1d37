//! Space on file systems (`statvfs(3)`).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::host::quote::quote;

/// A file system with less free space than this, in bytes, counts as full: few services start
/// without writing that much.
const ROOM: u64 = 1 << 20;

/// The folder with the devices of volumes, by the names of the datasets.
pub const ZVOL: &str = if cfg!(any(target_os = "illumos", target_os = "solaris")) {
    "/dev/zvol/dsk"
} else {
    "/dev/zvol"
};

/// The space on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The number of its device.
    pub device: u64,
    /// Free, without what is reserved for root: services run as other users.
    pub free: u64,
    /// Used.
    pub used: u64,
    /// Free inodes; `None` without a limit.
    pub free_inodes: Option<u64>,
}

/// The space on the file system that a path is on.
///
/// # Errors
/// When it cannot be queried.
pub fn space(path: &Path) -> io::Result<Space> {
    let of = statvfs(path)?;
    Ok(Space {
        device: path.metadata()?.dev(),
        free: of.blocks_available().saturating_mul(of.fragment_size()),
        used: of.blocks().saturating_sub(of.blocks_free()).saturating_mul(of.fragment_size()),
        free_inodes: (of.files() > 0).then(|| of.files_available()),
    })
}

/// The used space on the file systems of these paths, each once.
///
/// # Errors
/// When one cannot be queried.
pub fn used<'a>(paths: impl Iterator<Item = &'a Path>) -> io::Result<u64> {
    let each: BTreeMap<u64, u64> =
        paths.map(|path| space(path).map(|it| (it.device, it.used))).collect::<io::Result<_>>()?;
    Ok(each.into_values().fold(0, u64::saturating_add))
}

/// The file systems of these folders that are full, each once, in words. Those that cannot be
/// queried are ignored.
pub fn full_file_systems<'a>(folders: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for folder in folders {
        let Ok(it) = space(folder) else { continue };
        if !seen.contains(&it.device) {
            seen.push(it.device);
            found.extend(no_room(it, &quote(folder)));
        }
    }
    found
}

fn no_room(space: Space, name: &str) -> Option<String> {
    if space.free < ROOM {
        return Some(format!(
            "no space left on the file system of {name}: {} for all but root. See: df -h {name}",
            humansize::format_size(space.free, humansize::BINARY)
        ));
    }
    (space.free_inodes == Some(0))
        .then(|| format!("no inodes left on the file system of {name}. See: df -i {name}"))
}

/// Whether the file system of a path is ZFS.
///
/// # Errors
/// When it cannot be queried.
#[cfg(target_os = "linux")]
pub fn is_zfs(path: &Path) -> io::Result<bool> {
    use nix::sys::statfs::{FsType, statfs};
    /// `ZFS_SUPER_MAGIC`.
    const ZFS: FsType = FsType(0x2fc1_2fc1);
    Ok(statfs(path)?.filesystem_type() == ZFS)
}

/// Whether the file system of a path is ZFS.
///
/// # Errors
/// When the table of mounts cannot be read.
#[cfg(not(target_os = "linux"))]
pub fn is_zfs(path: &Path) -> io::Result<bool> {
    use super::mounts;
    let mounts = mounts::read("/proc".as_ref()).map_err(io::Error::other)?;
    Ok(mounts::mount_of(&mounts, &path.canonicalize()?).is_some_and(|it| it.fstype == "zfs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_system_is_named_once() {
        let there = tempfile::tempdir().expect("temp dir");
        let none = there.path().join("none");
        assert_eq!(
            full_file_systems([there.path(), there.path(), none.as_path()].into_iter()),
            Vec::<String>::new()
        );
        // Always full, and present on every Linux.
        let proc = Path::new("/proc");
        let full =
            ["no space left on the file system of /proc: 0 B for all but root. See: df -h /proc"];
        assert_eq!(full_file_systems([proc, proc].into_iter()), full);
        assert!(!is_zfs(proc).expect("queried"));
        let twice = [there.path(), there.path()];
        assert_eq!(
            used(twice.into_iter()).expect("queried"),
            space(there.path()).expect("queried").used
        );
        assert!(used([none.as_path()].into_iter()).is_err());
    }

    #[test]
    fn room_and_inodes() {
        let space = |free, free_inodes| Space { device: 1, free, used: 0, free_inodes };
        for (left, found) in [
            (space(ROOM, None), None),
            (space(ROOM, Some(1)), None),
            (
                space(ROOM - 1, Some(1)),
                Some(
                    "no space left on the file system of /a: 1024.00 KiB for all but root. See: \
                        df -h /a",
                ),
            ),
            (space(ROOM, Some(0)), Some("no inodes left on the file system of /a. See: df -i /a")),
        ] {
            assert_eq!(no_room(left, "/a").as_deref(), found);
        }
    }
}
