//! Snapshots, clones, rollbacks, mounts.

pub mod clone_snapshot;
pub mod copies;
pub mod destroy;
pub mod excluded;
pub mod in_use;
pub mod late;
pub mod mounts;
pub mod put_back;
pub mod reserve;
pub mod rollback;
pub mod set_aside;
pub mod snapshot;
pub mod stays;
pub mod succeed;
