//! What is newer than a snapshot. This alone decides it, for the checks, for the rollback in place
//! that destroys it, and for what a commit removes. (`rollback.lua` looks once more, in the
//! kernel.)

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
pub fn newer<T: InHistory>(
    all: impl IntoIterator<Item = T>,
    other: &impl InHistory,
) -> impl Iterator<Item = T> {
    all.into_iter().filter(move |one| is_newer(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::{Engine, FakeEngine};

    #[test]
    fn the_order_of_the_pool_counts_and_what_is_of_one_instant_is_not_newer() {
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse().unwrap()).unwrap();
        let take = |name: &str| {
            let name = format!("tank@{name}").parse().unwrap();
            engine.snapshot(std::slice::from_ref(&name), &[]).unwrap();
            engine.snapshot_info(&name).unwrap().unwrap()
        };
        let (old, ours, new) = (take("old"), take("ours"), take("new"));
        engine.bookmark(&old.name, "old").unwrap();
        engine.bookmark(&ours.name, "ours").unwrap();
        engine.bookmark(&new.name, "new").unwrap();
        let all = [old, ours.clone(), new.clone()];
        assert_eq!(newer(&all, &ours).collect::<Vec<_>>(), [&new]);
        let dataset = "tank".parse().unwrap();
        let names: Vec<String> =
            newer(engine.bookmarks(&dataset).unwrap(), &ours).map(|one| one.name).collect();
        assert_eq!(names, ["tank#new"]);
    }
}
