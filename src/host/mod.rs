//! The platform: processes, files, mounts, pools. Nothing else knows how Linux shows them, and nothing
//! in here knows what the tool is for: it uses no other module of the crate.

pub mod cgroup;
pub mod checksum;
pub mod exec;
pub mod failpoint;
pub mod files;
pub mod flush;
pub mod mounts;
pub mod orphans;
pub mod pattern;
pub mod pools;
pub mod processes;
pub mod quote;
pub mod secret;
pub mod trust;
