//! The table of mounts of Solaris and illumos (`mnttab(4)`): what, where, type, options and time,
//! with a tab between them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::Mount;

/// Where it is.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
const TABLE: &str = "/etc/mnttab";

/// All mounts of the table, in its order. Lines of another form are left out.
pub fn parse(table: &[u8]) -> Vec<Mount> {
    let lines = table.split(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(number, text)| line(u32::try_from(number).ok()?, text)).collect()
}

fn line(number: u32, line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    let [source, point, fstype, options, _time] = fields[..] else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // The number of the device, which no two file systems share.
    let device = text(options);
    let device = device.split(',').find_map(|option| option.strip_prefix("dev="));
    Some(Mount {
        id: number,
        parent: 0,
        device: device.unwrap_or_default().to_owned(),
        // Loopback mounts have a type of their own (`lofs`).
        root: "/".into(),
        point: Path::new(OsStr::from_bytes(point)).to_owned(),
        fstype: text(fstype),
        source: text(source),
        shared: None,
        master: None,
    })
}

/// The mounts of this zone.
///
/// # Errors
/// When the table cannot be read.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
pub fn read(_proc: &Path) -> Result<Vec<Mount>, String> {
    std::fs::read(TABLE).map(|table| parse(&table)).map_err(|error| format!("{TABLE}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mounts::mount_of;

    #[test]
    fn what_illumos_writes_is_read() {
        let table = b"rpool/ROOT/omnios\t/\tzfs\tdev=4410002\t0\n\
            swap\t/var/run\ttmpfs\txattr,dev=5180002\t1796000000\n\
            tank/mail\t/var/opt/sun/mail\tzfs\trw,devices,setuid,dev=4410010\t1796000001\n\
            nonsense\n\
            tank/my data\t/srv/my data\tzfs\trw,dev=4410011\t1796000002\n";
        let mounts = parse(table);
        assert_eq!(mounts.len(), 4);
        let found = mount_of(&mounts, Path::new("/var/opt/sun/mail/store/x")).unwrap();
        assert_eq!((found.source.as_str(), found.fstype.as_str()), ("tank/mail", "zfs"));
        assert_eq!(found.device, "4410010");
        assert_eq!(mount_of(&mounts, Path::new("/srv/my data/x")).unwrap().source, "tank/my data");
        assert_eq!(mount_of(&mounts, Path::new("/etc")).unwrap().source, "rpool/ROOT/omnios");
    }
}
