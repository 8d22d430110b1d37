//! Snapshots where `.zfs/snapshot` cannot show them.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{close, open};
#[cfg(target_os = "linux")]
pub use linux::{close, open};
