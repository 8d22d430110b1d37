//! What is newer than a snapshot. This alone decides it, for the checks, for the rollback in place
//! that destroys it, and for what a commit removes. (`rollback.lua` looks once more, in the kernel.)

use super::{BookmarkInfo, SnapshotInfo};

/// What has its place in the history of a pool.
pub trait InHistory {
    /// The transaction group it is of.
    fn createtxg(&self) -> u64;
}

impl InHistory for SnapshotInfo {
    fn createtxg(&self) -> u64 {
        self.createtxg
    }
}

/// A bookmark is of the time of the snapshot that it was made of.
impl InHistory for BookmarkInfo {
    fn createtxg(&self) -> u64 {
        self.createtxg
    }
}

impl<T: InHistory> InHistory for &T {
    fn createtxg(&self) -> u64 {
        (**self).createtxg()
    }
}

/// Whether `one` is newer than `other`, a snapshot of the same dataset. Their dates do not matter:
/// a clock may have been set back.
pub fn is_newer(one: &impl InHistory, other: &impl InHistory) -> bool {
    one.createtxg() > other.createtxg()
}

/// Those of `all` that are newer than `other`, in their order.
pub fn newer<T: InHistory>(all: impl IntoIterator<Item = T>, other: &impl InHistory) -> impl Iterator<Item = T> {
    all.into_iter().filter(move |one| is_newer(one, other))
}
