//! The kernel's table of mounts (`proc_pid_mountinfo(5)`).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Its id in its namespace.
    pub id: u32,
    /// The id of the mount that it lies on.
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
    /// The group of mounts that it tells what is mounted and unmounted on it, and that tell it (`mount_namespaces(7)`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<u32>,
    /// The group that tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<u32>,
}

/// All mounts of a mountinfo file, in its order. Lines that make no sense are left out.
pub fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mount> {
    // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"; the optional fields end at "-".
    let mut words = line.split(' ');
    let id = words.next()?.parse().ok()?;
    let parent = words.next()?.parse().ok()?;
    let device = words.next()?.to_owned();
    let root = path(words.next()?);
    let point = path(words.next()?);
    let mut words = words.skip(1);
    let groups: Vec<&str> = words.by_ref().take_while(|word| *word != "-").collect();
    let group = |tag: &str| groups.iter().find_map(|group| group.strip_prefix(tag)?.parse().ok());
    let fstype = unescape(words.next()?);
    let source = unescape(words.next()?);
    Some(Mount {
        id,
        parent,
        device,
        root,
        point,
        fstype: text(fstype),
        source: text(source),
        shared: group("shared:"),
        master: group("master:"),
    })
}

fn path(word: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(unescape(word)))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The kernel writes space, tab, newline and backslash as `\040` and so on.
fn unescape(word: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\').then(|| tail.get(..3)).flatten().and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

/// The mount that a path lies on; the path must be absolute and free of symbolic links. The longest mountpoint counts, and of several
/// at one place the last, which hides the others.
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

/// The mounts of the namespace of `proc`'s reader.
///
/// # Errors
/// When the file cannot be read.
pub fn read(proc: &Path) -> Result<Vec<Mount>, String> {
    let file = proc.join("self/mountinfo");
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 0:35 / /var/lib/mysql rw,xattr,noacl shared:20 - zfs tank/mysql rw,xattr
41 40 0:36 / /var/lib/mysql/log rw - zfs tank/mysql/log rw
42 22 0:37 / /srv/my\\040data rw - zfs tank/my\\040data rw
43 22 0:38 / /var/lib/mysql rw - tmpfs tmpfs rw
nonsense
44 22 0:35 /sub /mnt/bind rw master:3 propagate_from:2 - zfs tank/mysql rw
";

    #[test]
    fn the_longest_mountpoint_counts_and_the_last_of_several() {
        let mounts = parse(TABLE);
        let source = |path: &str| mount_of(&mounts, Path::new(path)).map(|mount| mount.source.as_str());
        assert_eq!(source("/etc"), Some("/dev/vda1"));
        assert_eq!(source("/var/lib/mysql/x"), Some("tmpfs"));
        assert_eq!(source("/var/lib/mysql/log/x"), Some("tank/mysql/log"));
        assert_eq!(source("/var/lib/mysqlx"), Some("/dev/vda1"));
        assert_eq!(source("/srv/my data/x"), Some("tank/my data"));
        assert_eq!(mounts.last().map(|mount| (mount.root.as_path(), mount.shared, mount.master)), Some((Path::new("/sub"), None, Some(3))));
        assert_eq!((mounts[1].shared, mounts[1].master, mounts[2].shared), (Some(20), None, None));
    }

    #[test]
    fn the_real_table_has_a_root() {
        let mounts = read(Path::new("/proc")).expect("readable");
        assert_eq!(mount_of(&mounts, Path::new("/")).map(|mount| mount.point.as_path()), Some(Path::new("/")));
        assert!(mount_of(&mounts, Path::new("/proc/self")).is_some_and(|mount| mount.fstype == "proc"));
    }
}
