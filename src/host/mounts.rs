//! The kernel's table of mounts.

#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "solaris"
)))]
mod elsewhere;
// The forms of the others are tried everywhere.
#[cfg(any(target_os = "freebsd", test))]
mod freebsd;
#[cfg(target_os = "linux")]
pub(in crate::host) mod linux;
#[cfg(any(target_os = "illumos", target_os = "solaris", test))]
mod mnttab;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "solaris"
)))]
pub use elsewhere::read;
#[cfg(target_os = "freebsd")]
pub use freebsd::read;
#[cfg(target_os = "linux")]
pub use linux::{parse, read};
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
pub use mnttab::read;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Its id in its namespace.
    pub id: u32,
    /// The id of the mount that it is on.
    pub parent: u32,
    /// `major:minor` of the file system.
    pub device: String,
    /// Which folder of the file system is mounted; `/` unless it is a bind mount or a subvolume.
    pub root: PathBuf,
    /// Where.
    pub point: PathBuf,
    /// The type of file system.
    pub fstype: String,
    /// What is mounted: for ZFS the dataset or snapshot.
    pub source: String,
    /// Its peer group: mounts that share mount and unmount events with it (`mount_namespaces(7)`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<u32>,
    /// The group that tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<u32>,
}

/// The types of file systems that show a folder at a second place: FreeBSD's and illumos'. On Linux
/// such a mount is one of the folder's own file system.
const LOOPBACK: [&str; 2] = ["nullfs", "lofs"];

impl Mount {
    /// The folder that is shown here a second time, if its file system only does that.
    pub fn shows(&self) -> Option<&Path> {
        LOOPBACK.contains(&self.fstype.as_str()).then(|| Path::new(&self.source))
    }
}

/// The mount that is seen at each mountpoint: the last of several.
pub fn tops(mounts: &[Mount]) -> BTreeMap<&Path, &Mount> {
    mounts.iter().map(|mount| (mount.point.as_path(), mount)).collect()
}

/// The mount that a path is on. The path must be absolute and without symbolic links. The longest
/// mountpoint counts, and of several at one place the last, which hides the others.
pub fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let mut best: Option<&Mount> = None;
    for mount in mounts.iter().filter(|mount| path.starts_with(&mount.point)) {
        let depth = |mount: &Mount| mount.point.components().count();
        if best.is_none_or(|so_far| depth(mount) >= depth(so_far)) {
            best = Some(mount);
        }
    }
    best
}
