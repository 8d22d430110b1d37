//! The in-memory engine, struck before, within and after every call that changes something.

use crate::host::failpoint::testing::{Strike, ask, kill, tick};
use crate::zfs::sim::{Fault, How, When};
use crate::zfs::{
    BookmarkInfo, Change, Dataset, DatasetInfo, Delegations, Engine, FakeEngine, Guid, Pool,
    PoolInfo, Result, RollbackMethod, RollbackTarget, Snapshot, SnapshotInfo, ZfsError,
};

/// See the module.
pub(super) struct Struck {
    pub fake: FakeEngine,
    /// Overrides the steps' choice.
    pub method: RollbackMethod,
}

impl Struck {
    fn change<T>(&self, words: &str, seams: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let failed = || Err(ZfsError::Call { call: words.to_owned(), error: "struck".to_owned() });
        if tick(&format!("zfs {words} before"), true) {
            return failed();
        }
        for seam in 1..=seams {
            if let Some(strike) = ask(&format!("zfs {words} seam {seam}"), true) {
                let how = if strike == Strike::Kill { How::Kill } else { How::Fail };
                self.fake.inject(Fault {
                    call: self.fake.calls().len() + 1,
                    when: When::Midway(seam),
                    how,
                });
                let result = work();
                self.fake.revive();
                if strike == Strike::Kill {
                    kill();
                }
                return result;
            }
        }
        let done = work()?;
        if tick(&format!("zfs {words} after"), true) { failed() } else { Ok(done) }
    }
}

impl Engine for Struck {
    fn name(&self) -> &'static str {
        "struck"
    }
    fn pool(&self, pool: &Pool) -> Result<Option<PoolInfo>> {
        self.fake.pool(pool)
    }
    fn dataset(&self, dataset: &Dataset) -> Result<Option<DatasetInfo>> {
        self.fake.dataset(dataset)
    }
    fn tree(&self, root: &Dataset) -> Result<Vec<DatasetInfo>> {
        self.fake.tree(root)
    }
    fn snapshot_info(&self, snapshot: &Snapshot) -> Result<Option<SnapshotInfo>> {
        self.fake.snapshot_info(snapshot)
    }
    fn snapshots(&self, dataset: &Dataset) -> Result<Vec<SnapshotInfo>> {
        self.fake.snapshots(dataset)
    }
    fn bookmarks(&self, dataset: &Dataset) -> Result<Vec<BookmarkInfo>> {
        self.fake.bookmarks(dataset)
    }
    fn holds(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        self.fake.holds(snapshot)
    }
    fn local(&self, dataset: &Dataset, property: &str) -> Result<Option<String>> {
        self.fake.local(dataset, property)
    }
    fn locals(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        self.fake.locals(dataset)
    }
    fn own(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        self.fake.own(dataset)
    }
    fn written_since(&self, dataset: &Dataset, snapshot: &Snapshot) -> Result<u64> {
        self.fake.written_since(dataset, snapshot)
    }
    fn snapshot_local(&self, snapshot: &Snapshot, property: &str) -> Result<Option<String>> {
        self.fake.snapshot_local(snapshot, property)
    }
    fn snapshot(&self, snapshots: &[Snapshot], properties: &[(&str, &str)]) -> Result<()> {
        let pools: std::collections::BTreeSet<Pool> =
            snapshots.iter().map(|snapshot| snapshot.dataset().pool()).collect();
        let name = snapshots.first().map_or("", Snapshot::short);
        self.change(&format!("snapshot {name}"), pools.len() - 1, || {
            self.fake.snapshot(snapshots, properties)
        })
    }
    fn hold(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.change(&format!("hold {snapshot}"), 0, || self.fake.hold(snapshot, tag))
    }
    fn release(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.change(&format!("release {snapshot}"), 0, || self.fake.release(snapshot, tag))
    }
    fn create_filesystem(&self, dataset: &Dataset, properties: &[(&str, &str)]) -> Result<()> {
        self.change(&format!("create {dataset}"), 0, || {
            self.fake.create_filesystem(dataset, properties)
        })
    }
    fn clone_snapshot(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.change(&format!("clone {target}"), 1, || {
            self.fake.clone_snapshot(snapshot, target, properties)
        })
    }
    fn set(&self, dataset: &Dataset, property: &str, value: &str) -> Result<()> {
        self.change(&format!("set {dataset} {property}={value}"), 0, || {
            self.fake.set(dataset, property, value)
        })
    }
    fn inherit(&self, dataset: &Dataset, property: &str) -> Result<()> {
        self.change(&format!("inherit {dataset} {property}"), 0, || {
            self.fake.inherit(dataset, property)
        })
    }
    fn rename(&self, from: &Dataset, to: &Dataset) -> Result<()> {
        self.change(&format!("rename {from} {to}"), 0, || self.fake.rename(from, to))
    }
    fn promote(&self, dataset: &Dataset) -> Result<Change> {
        self.change(&format!("promote {dataset}"), 0, || self.fake.promote(dataset))
    }
    fn mount(&self, dataset: &Dataset) -> Result<Change> {
        self.change(&format!("mount {dataset}"), 0, || self.fake.mount(dataset))
    }
    fn unmount(&self, dataset: &Dataset) -> Result<Change> {
        self.change(&format!("unmount {dataset}"), 0, || self.fake.unmount(dataset))
    }
    fn destroy_snapshot(&self, snapshot: &Snapshot, guid: Guid) -> Result<Change> {
        self.change(&format!("destroy {snapshot}"), 0, || {
            self.fake.destroy_snapshot(snapshot, guid)
        })
    }
    fn destroy_dataset(&self, dataset: &Dataset, guid: Guid) -> Result<Change> {
        self.change(&format!("destroy {dataset}"), 0, || self.fake.destroy_dataset(dataset, guid))
    }
    fn rollback(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        _method: RollbackMethod,
    ) -> Result<()> {
        let seams = if self.method == RollbackMethod::OneByOne { 4 * targets.len() } else { 0 };
        self.change("rollback", seams, || self.fake.rollback(targets, mark, self.method))
    }
    fn delegations_of(&self, datasets: &[Dataset]) -> Result<Vec<Delegations>> {
        self.fake.delegations_of(datasets)
    }
    fn delegate(&self, dataset: &Dataset, given: &[Vec<String>]) -> Result<()> {
        self.change(&format!("allow {dataset}"), 0, || self.fake.delegate(dataset, given))
    }
    fn may_roll_back(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        _method: RollbackMethod,
    ) -> Result<()> {
        self.fake.may_roll_back(targets, mark, self.method)
    }
}
