//! Processes: which run, who started them, and what they use.

#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "solaris"
)))]
mod elsewhere;
// What the others' commands print is tried everywhere.
#[cfg(any(target_os = "freebsd", test))]
#[cfg_attr(not(target_os = "freebsd"), allow(dead_code))]
pub(in crate::host) mod freebsd;
#[cfg(any(target_os = "illumos", target_os = "solaris", test))]
#[cfg_attr(not(any(target_os = "illumos", target_os = "solaris")), allow(dead_code))]
mod illumos;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(target_os = "freebsd", target_os = "illumos", target_os = "solaris", test))]
#[cfg_attr(not(any(target_os = "illumos", target_os = "solaris")), allow(dead_code))]
mod search;

use serde::{Deserialize, Serialize};

#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "solaris"
)))]
pub use elsewhere::{marked, mounted_elsewhere, named, owner, runs_program_of_host, users_of};
#[cfg(target_os = "freebsd")]
pub use freebsd::{marked, mounted_elsewhere, named, owner, runs_program_of_host, users_of};
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
pub use illumos::{marked, mounted_elsewhere, named, owner, runs_program_of_host, users_of};
#[cfg(target_os = "linux")]
pub use linux::{marked, mounted_elsewhere, named, owner, runs_program_of_host, users_of};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its short name (at most 15 bytes, on FreeBSD 19).
    pub comm: String,
    /// Its arguments joined by spaces; empty for a kernel thread.
    pub cmdline: String,
    /// When it started, in seconds since 1970; `None` if unknown.
    pub since: Option<i64>,
    /// Which of the paths it uses, such as `open /srv/x`, `cwd /srv`; one of possibly many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    /// Its control group, which names its systemd unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cgroup: String,
    /// Its process ids are its own (another PID namespace than ours); or it is of a jail or a zone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub container: bool,
}

impl Process {
    /// Whether it belongs to a systemd unit.
    pub fn is_of_unit(&self, unit: &str) -> bool {
        self.cgroup.split(['/', '\n']).any(|part| part == unit)
    }
}

/// `mariadbd (1234)`.
impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.comm, self.pid)
    }
}

/// Who uses files below some paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// Each with one thing it uses.
    pub found: Vec<Process>,
    /// How many processes could not be inspected, because they belong to another user and we are
    /// not root.
    pub unreadable: usize,
}
