//! The table of mounts of FreeBSD 14 and later, as `mount -p` prints it in JSON: what, where, type
//! and options. The kernel has it in the order in which they were mounted.

use std::path::Path;

use serde::Deserialize;

use super::Mount;

#[derive(Deserialize)]
struct Printed {
    mount: Table,
}

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    fstab: Vec<Line>,
}

/// The names are those of `putfsent` in `sbin/mount/mount.c`.
#[derive(Deserialize)]
struct Line {
    device: String,
    mntpoint: String,
    fstype: String,
}

/// All mounts of the table, in its order.
///
/// # Errors
/// When it has another form: an older `mount` prints no JSON.
pub fn parse(text: &str) -> Result<Vec<Mount>, String> {
    let printed: Printed =
        serde_json::from_str(text).map_err(|error| format!("mount --libxo json -p: {error}"))?;
    let lines = printed.mount.fstab.into_iter().enumerate();
    let mounts = lines.map(|(number, line)| {
        Some(Mount {
            id: u32::try_from(number).ok()?,
            parent: 0,
            // A dataset is mounted once.
            device: line.device.clone(),
            // A folder at a second place has a type of its own (`nullfs`).
            root: "/".into(),
            point: Path::new(&line.mntpoint).to_owned(),
            fstype: line.fstype,
            source: line.device,
            shared: None,
            master: None,
        })
    });
    Ok(mounts.flatten().collect())
}

/// The mounts of this host or jail.
///
/// # Errors
/// When `mount` fails.
#[cfg(target_os = "freebsd")]
pub fn read(_proc: &Path) -> Result<Vec<Mount>, String> {
    use crate::host::{ask, exec::Runner};
    parse(&ask::all(&Runner::default(), ["mount", "--libxo", "json", "-p"])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mounts::mount_of;

    /// As `sbin/mount/mount.c` of FreeBSD writes it with libxo: the containers `mount` and `fstab`,
    /// in each `device`, `mntpoint`, `fstype`, `opts` and the numbers `dump` and `pass`.
    #[test]
    fn what_freebsd_prints_is_read() {
        let table = r#"{"mount": {"fstab": [
            {"device":"zroot/ROOT/default","mntpoint":"/","fstype":"zfs","opts":"rw","dump":0,"pass":0},
            {"device":"devfs","mntpoint":"/dev","fstype":"devfs","opts":"rw","dump":0,"pass":0},
            {"device":"tank/my data","mntpoint":"/var/db/my data","fstype":"zfs","opts":"rw,noatime","dump":0,"pass":0},
            {"device":"/var/db/my data/sub","mntpoint":"/jails/a/data","fstype":"nullfs","opts":"rw","dump":0,"pass":0}
        ]}}"#;
        let mounts = parse(table).unwrap();
        assert_eq!(mounts.len(), 4);
        let found = mount_of(&mounts, Path::new("/var/db/my data/x")).unwrap();
        assert_eq!((found.source.as_str(), found.fstype.as_str()), ("tank/my data", "zfs"));
        assert_eq!(mount_of(&mounts, Path::new("/etc")).unwrap().source, "zroot/ROOT/default");
        assert_eq!(mount_of(&mounts, Path::new("/jails/a/data/x")).unwrap().fstype, "nullfs");
        assert!(parse("zroot/ROOT/default\t\t/\t\t\tzfs\trw\t\t0 0\n").is_err());
    }
}
