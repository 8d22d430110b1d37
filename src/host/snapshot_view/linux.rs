//! Snapshots where `.zfs/snapshot` cannot show them: `snapdir=disabled` (OpenZFS 2.3), or root on
//! ZFS (openzfs#9461, ELOOP). The snapshot is mounted read-only at no place at all (`fsmount(2)`):
//! it is in no table of mounts, only this process and its children reach it, and it ends with it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

static OPEN: Mutex<BTreeMap<String, OwnedFd>> = Mutex::new(BTreeMap::new());

/// The folder in which the snapshot (`dataset@name`) is to be seen, until [`close`]. Its pool must
/// not be suspended: this would wait for it.
///
/// # Errors
/// When it cannot be mounted: no such snapshot, not root, or a kernel before 5.2.
pub fn open(snapshot: &str) -> io::Result<PathBuf> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !open.contains_key(snapshot) {
        open.insert(snapshot.to_owned(), mount(snapshot)?);
    }
    let fd = open.get(snapshot).ok_or(io::ErrorKind::NotFound)?;
    // Not `self`: a command reads it, too.
    Ok(PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd())))
}

/// Ends all views. While a snapshot is viewed, it cannot be destroyed.
pub fn close() {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn mount(snapshot: &str) -> io::Result<OwnedFd> {
    let context = fsopen("zfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", snapshot)?;
    fsconfig_set_flag(&context, "ro")?;
    fsconfig_create(&context)?;
    let read_only = MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, read_only)?)
}
