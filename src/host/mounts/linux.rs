//! The table of mounts of Linux (`proc_pid_mountinfo(5)`).

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use procfs::process::{MountInfo, MountOptFields};

use super::Mount;

/// All mounts of a mountinfo file, in its order. Invalid lines are left out.
pub fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let found = MountInfo::from_line(&ascii(line)).ok()?;
    let groups = || found.opt_fields.iter();
    Some(Mount {
        id: u32::try_from(found.mnt_id).ok()?,
        parent: u32::try_from(found.pid).ok()?,
        shared: groups().find_map(|it| {
            if let MountOptFields::Shared(group) = it { Some(*group) } else { None }
        }),
        master: groups().find_map(|it| {
            if let MountOptFields::Master(group) = it { Some(*group) } else { None }
        }),
        root: path(&found.root),
        point: path(found.mount_point.to_str()?),
        fstype: text(&found.fs_type),
        source: text(&found.mount_source.unwrap_or_else(|| "none".to_owned())),
        device: found.majmin,
    })
}

fn path(word: &str) -> PathBuf {
    PathBuf::from(OsString::from_vec(unescape(word)))
}

fn text(word: &str) -> String {
    String::from_utf8_lossy(&unescape(word)).into_owned()
}

/// The kernel writes the bytes of a name as they are, and escapes only space, tab, newline, `#` and
/// backslash, as `\040` and so on. `procfs` takes only UTF-8 and does not decode these escapes. So
/// everything that is not ASCII is escaped in the same way here, and decoded from the fields.
fn ascii(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for &byte in line {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\{byte:03o}");
        }
    }
    text
}

fn unescape(word: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\').then(|| tail.split_at_checked(3)).flatten();
        let read = |digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok();
        match octal.and_then(|(digits, behind)| Some((read(digits)?, behind))) {
            Some((byte, behind)) => {
                bytes.push(byte);
                rest = behind;
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

/// The mounts of the namespace of `proc`'s reader.
///
/// # Errors
/// When the file cannot be read.
pub fn read(proc: &Path) -> Result<Vec<Mount>, String> {
    let file = proc.join("self/mountinfo");
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(parse(&bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::host::mounts::mount_of;

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
        let mounts = parse(TABLE.as_bytes());
        let source =
            |path: &str| mount_of(&mounts, Path::new(path)).map(|mount| mount.source.as_str());
        assert_eq!(source("/etc"), Some("/dev/vda1"));
        assert_eq!(source("/var/lib/mysql/x"), Some("tmpfs"));
        assert_eq!(source("/var/lib/mysql/log/x"), Some("tank/mysql/log"));
        assert_eq!(source("/var/lib/mysqlx"), Some("/dev/vda1"));
        assert_eq!(source("/srv/my data/x"), Some("tank/my data"));
        assert_eq!(
            mounts.last().map(|mount| (mount.root.as_path(), mount.shared, mount.master)),
            Some((Path::new("/sub"), None, Some(3)))
        );
        assert_eq!((mounts[1].shared, mounts[1].master, mounts[2].shared), (Some(20), None, None));
    }

    #[test]
    fn a_name_that_is_not_text_is_found_by_its_bytes() {
        let table = b"7 1 0:9 / /data/\xff\\134x\\012\xc3\xa9 rw - zfs tank/a\\040b rw\n\xff\xfe\n";
        let mounts = parse(table);
        let name = std::ffi::OsStr::from_bytes(b"/data/\xff\\x\n\xc3\xa9/file");
        assert_eq!(mounts.len(), 1);
        let found = mount_of(&mounts, Path::new(name)).expect("found");
        assert_eq!(found.source, "tank/a b");
    }

    #[test]
    fn the_real_table_has_a_root() {
        let mounts = read(Path::new("/proc")).expect("readable");
        assert_eq!(
            mount_of(&mounts, Path::new("/")).map(|mount| mount.point.as_path()),
            Some(Path::new("/"))
        );
        assert!(
            mount_of(&mounts, Path::new("/proc/self")).is_some_and(|mount| mount.fstype == "proc")
        );
    }
}
