//! May we do all this, and is ZFS there?

use super::facts::Facts;
use super::{Finding, Occasion};

/// What the procedures need of root (`capabilities(7)`): number, name, what for.
const NEEDED: &[(u32, &str, &str)] = &[
    (0, "CAP_CHOWN", "keep the owners of saved files"),
    (1, "CAP_DAC_OVERRIDE", "read and write the service's files"),
    (3, "CAP_FOWNER", "set the modes of files"),
    (5, "CAP_KILL", "end processes that outlive a stop"),
    (6, "CAP_SETGID", "run commands as the service's user"),
    (7, "CAP_SETUID", "run commands as the service's user"),
    (19, "CAP_SYS_PTRACE", "see which processes use the data"),
    (21, "CAP_SYS_ADMIN", "mount, unmount and roll back"),
];

/// Root with its capabilities.
pub(super) fn rights(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "rights";
    const DELEGATED: &str =
        "Rights given with `zfs allow` do not do: only root can mount, unmount, roll back together, stop services and install packages.";
    let caller = match &facts.caller {
        Ok(caller) => caller,
        Err(why) => return vec![Finding::refuse(ID, "who runs this could not be found out").detail([why.clone()])],
    };
    if caller.uid != 0 {
        let remedy = ["sudo backout ..."];
        return vec![if facts.occasion == Occasion::Check {
            Finding::warn(ID, "not run as root: this check cannot see everything")
                .detail(["Open files of other users, holds, crontabs and some answers of the service may be missing.", DELEGATED])
                .remedy(remedy)
        } else {
            Finding::refuse(ID, format!("user {} may not do this; root must", caller.uid))
                .detail(NEEDED.iter().map(|(_, name, why)| format!("needed to {why} ({name})")))
                .detail([DELEGATED])
                .remedy(remedy)
        }];
    }
    let missing = NEEDED.iter().filter(|(bit, ..)| caller.capabilities & (1 << bit) == 0);
    let missing: Vec<String> = missing.map(|(_, name, why)| format!("{name}, to {why}")).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::refuse(ID, "root lacks rights here, as in a container")
            .detail(missing)
            .remedy(["Run backout on the host itself, not in the container."]),
    ]
}

/// The commands and the module.
pub(super) fn zfs(facts: &Facts) -> Vec<Finding> {
    if !facts.way.is_zfs() {
        return Vec::new();
    }
    match &facts.zfs {
        Err(why) => {
            vec![Finding::refuse("zfs", "ZFS cannot be used").detail([why.clone()]).remedy([
                "apt-get install zfsutils-linux",
                "modprobe zfs",
                "zfs version",
            ])]
        }
        Ok(version) => {
            let number =
                |text: &str| text.trim_start_matches("zfs-").trim_start_matches("kmod-").split('-').next().unwrap_or_default().to_owned();
            match &version.module {
                Some(module) if number(module) != number(&version.commands) => vec![
                    Finding::warn("zfs", "the commands and the kernel module of ZFS are of different versions")
                        .detail([version.commands.clone(), module.clone()])
                        .remedy(["Reboot into the newer module before the upgrade, or keep both as they are until it is committed."]),
                ],
                _ => Vec::new(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Caller, ZfsVersion};
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn another_user() {
        let mut facts = facts(Occasion::Upgrade);
        facts.caller = Ok(Caller { uid: 1000, capabilities: 0 });
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            refused: user 1000 may not do this; root must [rights]
                     needed to keep the owners of saved files (CAP_CHOWN)
                     needed to read and write the service's files (CAP_DAC_OVERRIDE)
                     needed to set the modes of files (CAP_FOWNER)
                     needed to end processes that outlive a stop (CAP_KILL)
                     needed to run commands as the service's user (CAP_SETGID)
                     needed to run commands as the service's user (CAP_SETUID)
                     needed to see which processes use the data (CAP_SYS_PTRACE)
                     needed to mount, unmount and roll back (CAP_SYS_ADMIN)
                     Rights given with `zfs allow` do not do: only root can mount, unmount, roll back together, stop services and install packages.
              to do: sudo backout ...
            ");
        facts.occasion = Occasion::Check;
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            warning: not run as root: this check cannot see everything [rights]
                     Open files of other users, holds, crontabs and some answers of the service may be missing.
                     Rights given with `zfs allow` do not do: only root can mount, unmount, roll back together, stop services and install packages.
              to do: sudo backout ...
            ");
        facts.caller = Err("/proc/self/status: gone".into());
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            refused: who runs this could not be found out [rights]
                     /proc/self/status: gone
            ");
    }

    #[test]
    fn root_in_a_container() {
        let mut facts = facts(Occasion::Check);
        facts.caller = Ok(Caller { uid: 0, capabilities: 0xa804_25fb });
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            refused: root lacks rights here, as in a container [rights]
                     CAP_SYS_PTRACE, to see which processes use the data
                     CAP_SYS_ADMIN, to mount, unmount and roll back
              to do: Run backout on the host itself, not in the container.
            ");
    }

    #[test]
    fn zfs_missing_or_of_two_versions() {
        let mut facts = facts(Occasion::Check);
        facts.zfs = Err("The ZFS modules are not loaded.".into());
        insta::assert_snapshot!(show(&zfs(&facts)), @r"
            refused: ZFS cannot be used [zfs]
                     The ZFS modules are not loaded.
              to do: apt-get install zfsutils-linux
                     modprobe zfs
                     zfs version
            ");
        facts.zfs = Ok(ZfsVersion { commands: "zfs-2.3.2-1".into(), module: Some("zfs-kmod-2.1.11-1".into()) });
        insta::assert_snapshot!(show(&zfs(&facts)), @r"
            warning: the commands and the kernel module of ZFS are of different versions [zfs]
                     zfs-2.3.2-1
                     zfs-kmod-2.1.11-1
              to do: Reboot into the newer module before the upgrade, or keep both as they are until it is committed.
            ");
        facts.zfs = Ok(ZfsVersion { commands: "zfs-2.3.2-1".into(), module: Some("zfs-kmod-2.3.2-2".into()) });
        assert!(zfs(&facts).is_empty());
    }
}
