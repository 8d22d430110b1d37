//! Checks the caller's rights, and that ZFS is available.

use serde::Serialize;

use super::sources::Observed;
use super::{Facts, Finding, Kind, Occasion, Sources};
use crate::host::caller;

/// Who runs this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Effective user id.
    pub uid: u32,
    /// Effective capabilities, one bit each (`capabilities(7)`).
    pub capabilities: u64,
}

/// Asks the platform.
pub(super) fn gather(sources: &Sources<'_>) -> Observed<Caller> {
    let (uid, capabilities) = caller::rights(&sources.roots.proc)?;
    Ok(Caller { uid, capabilities })
}

/// The capabilities that procedures need (`capabilities(7)`): number, name, purpose.
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
    const ID: Kind = Kind::Rights;
    const DELEGATED: &str = "Rights delegated with `zfs allow` are not enough: only root can mount, \
         unmount, roll back several datasets at once, stop services and install packages.";
    let caller = match &facts.caller {
        Ok(caller) => caller,
        Err(why) => {
            return vec![
                Finding::refuse(ID, "Cannot tell which user runs this.").detail([why.clone()]),
            ];
        }
    };
    if caller.uid != 0 {
        let remedy = ["sudo backout ..."];
        return vec![if facts.occasion == Occasion::Check {
            Finding::warn(ID, "Not run as root: this check cannot see everything.")
                .detail([
                    "Open files of other users, holds, crontabs and some answers of the \
                    service may be missing.",
                    DELEGATED,
                ])
                .remedy(remedy)
        } else {
            Finding::refuse(ID, format!("Must be run as root (you are uid {}).", caller.uid))
                .detail(NEEDED.iter().map(|(_, name, why)| format!("{name}, to {why}")))
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
        Finding::refuse(ID, "Root lacks capabilities here, as in a container.")
            .detail(missing)
            .remedy(["Run backout on the host itself, not in the container."]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn another_user() {
        let mut facts = facts(Occasion::Upgrade);
        facts.caller = Ok(Caller { uid: 1000, capabilities: 0 });
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            refused: Must be run as root (you are uid 1000). [rights]
                     CAP_CHOWN, to keep the owners of saved files
                     CAP_DAC_OVERRIDE, to read and write the service's files
                     CAP_FOWNER, to set the modes of files
                     CAP_KILL, to end processes that outlive a stop
                     CAP_SETGID, to run commands as the service's user
                     CAP_SETUID, to run commands as the service's user
                     CAP_SYS_PTRACE, to see which processes use the data
                     CAP_SYS_ADMIN, to mount, unmount and roll back
                     Rights delegated with `zfs allow` are not enough: only root can mount, unmount, roll back several datasets at once, stop services and install packages.
              to do: sudo backout ...
            ");
        facts.occasion = Occasion::Check;
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            warning: Not run as root: this check cannot see everything. [rights]
                     Open files of other users, holds, crontabs and some answers of the service may be missing.
                     Rights delegated with `zfs allow` are not enough: only root can mount, unmount, roll back several datasets at once, stop services and install packages.
              to do: sudo backout ...
            ");
        facts.caller = Err("/proc/self/status: gone".into());
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            refused: Cannot tell which user runs this. [rights]
                     /proc/self/status: gone
            ");
    }

    #[test]
    fn root_in_a_container() {
        let mut facts = facts(Occasion::Check);
        facts.caller = Ok(Caller { uid: 0, capabilities: 0xa804_25fb });
        insta::assert_snapshot!(show(&rights(&facts)), @r"
            refused: Root lacks capabilities here, as in a container. [rights]
                     CAP_SYS_PTRACE, to see which processes use the data
                     CAP_SYS_ADMIN, to mount, unmount and roll back
              to do: Run backout on the host itself, not in the container.
            ");
    }
}
