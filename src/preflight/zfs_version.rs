//! The commands and the kernel module of ZFS.

use serde::Serialize;

use super::sources::Observed;
use super::{Facts, Finding, Kind, Sources};

/// Versions of ZFS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZfsVersion {
    /// The version of the commands, such as `zfs-2.3.2-1`.
    pub commands: String,
    /// The version of the kernel module, such as `zfs-kmod-2.3.2-1`.
    pub module: Option<String>,
}

/// `zfs version` (zfs-version(8)) prints the versions of commands and module. It fails if the
/// module is not loaded.
pub(super) fn gather(sources: &Sources<'_>) -> Observed<ZfsVersion> {
    let text = sources.system(&["zfs", "version"])?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let commands = lines.next().ok_or("`zfs version` printed nothing")?.to_owned();
    Ok(ZfsVersion { commands, module: lines.next().map(str::to_owned) })
}

/// The commands and the module.
pub(super) fn usable(facts: &Facts) -> Vec<Finding> {
    if !facts.data_strategy.is_zfs() {
        return Vec::new();
    }
    match &facts.zfs {
        Err(why) => {
            vec![Finding::refuse(Kind::Zfs, "ZFS cannot be used.").detail([why.clone()]).remedy([
                "apt-get install zfsutils-linux",
                "modprobe zfs",
                "zfs version",
            ])]
        }
        Ok(version) => {
            let number = |text: &str| {
                text.trim_start_matches("zfs-")
                    .trim_start_matches("kmod-")
                    .split('-')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            match &version.module {
                Some(module) if number(module) != number(&version.commands) => vec![
                    Finding::warn(
                        Kind::Zfs,
                        "The ZFS commands and the ZFS kernel module have different versions.",
                    )
                    .detail([version.commands.clone(), module.clone()])
                    .remedy([
                        "Reboot into the newer module before the upgrade, or keep both as they are \
                             until the upgrade is committed.",
                    ]),
                ],
                _ => Vec::new(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn zfs_missing_or_of_two_versions() {
        let mut facts = facts(Occasion::Check);
        facts.zfs = Err("The ZFS modules are not loaded.".into());
        insta::assert_snapshot!(show(&usable(&facts)), @r"
            refused: ZFS cannot be used. [zfs]
                     The ZFS modules are not loaded.
              to do: apt-get install zfsutils-linux
                     modprobe zfs
                     zfs version
            ");
        facts.zfs = Ok(ZfsVersion {
            commands: "zfs-2.3.2-1".into(),
            module: Some("zfs-kmod-2.1.11-1".into()),
        });
        insta::assert_snapshot!(show(&usable(&facts)), @r"
            warning: The ZFS commands and the ZFS kernel module have different versions. [zfs]
                     zfs-2.3.2-1
                     zfs-kmod-2.1.11-1
              to do: Reboot into the newer module before the upgrade, or keep both as they are until the upgrade is committed.
            ");
        facts.zfs = Ok(ZfsVersion {
            commands: "zfs-2.3.2-1".into(),
            module: Some("zfs-kmod-2.3.2-2".into()),
        });
        assert!(usable(&facts).is_empty());
    }
}
