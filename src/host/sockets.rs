//! What processes listen at.

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
mod freebsd;
#[cfg(any(target_os = "illumos", target_os = "solaris", test))]
#[cfg_attr(not(any(target_os = "illumos", target_os = "solaris")), allow(dead_code))]
mod illumos;
#[cfg(target_os = "linux")]
mod linux;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "solaris"
)))]
pub use elsewhere::listening;
#[cfg(target_os = "freebsd")]
pub use freebsd::listening;
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
pub use illumos::listening;
#[cfg(target_os = "linux")]
pub use linux::listening;

/// A place where clients reach a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listener {
    /// A TCP port, at whatever address.
    Port(u16),
    /// A socket in the file system.
    Socket(PathBuf),
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}
