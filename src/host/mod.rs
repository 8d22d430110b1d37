//! The platform: processes, files, mounts, pools. Nothing else knows how Linux presents them. This
//! module knows nothing about the tool's purpose, and uses no other module of the crate.

#[cfg(any(target_os = "freebsd", target_os = "illumos", target_os = "solaris", test))]
#[cfg_attr(target_os = "linux", allow(dead_code))]
mod ask;
pub mod caller;
pub mod cgroup;
pub mod checksum;
pub mod disk;
pub mod exec;
pub mod failpoint;
pub mod files;
pub mod flush;
pub mod identity;
pub mod journald;
pub mod mounts;
pub mod orphans;
pub mod pattern;
pub mod pools;
pub mod processes;
pub mod quote;
pub mod secret;
pub mod snapshot_view;
pub mod sockets;
pub mod systemd;
pub mod trust;

/// The path of the running program, for commands that call one of its helpers. After an upgrade of
/// backout itself, the new one is at that path. `None` if unknown.
pub fn own_path() -> Option<String> {
    let path = std::env::current_exe().ok()?.into_os_string().into_string().ok()?;
    // Linux appends this for a file that was replaced.
    Some(path.strip_suffix(" (deleted)").map_or(path.clone(), str::to_owned))
}
