//! What a case sees, and the in-memory world.

use backout::zfs::{
    Dataset, DatasetKind, Engine, FakeEngine, Guid, Pool, RollbackTarget, Snapshot,
};

/// An engine over one fresh pool, and what others do to it. Names are given without the pool.
pub trait World {
    /// The engine under test.
    fn engine(&self) -> &dyn Engine;
    /// The pool; its root file system is mounted.
    fn pool(&self) -> Pool;
    /// Makes a file system, which is then mounted, or a volume.
    fn create(&self, dataset: &Dataset, kind: DatasetKind);
    /// Writes a file of that name.
    fn write(&self, dataset: &Dataset, item: &str);
    /// Writes a file that takes some space.
    fn write_big(&self, dataset: &Dataset, item: &str);
    /// Takes a file away.
    fn erase(&self, dataset: &Dataset, item: &str);
    /// The names of the files, sorted. The dataset must be mounted.
    fn content(&self, dataset: &Dataset) -> Vec<String>;
    /// Makes a dataset of a snapshot by `zfs receive`, with the properties of its dataset; it is
    /// not mounted.
    fn receive(&self, snapshot: &Snapshot, dataset: &Dataset);
    /// Makes a bookmark of a snapshot.
    fn bookmark(&self, snapshot: &Snapshot, short: &str);
    /// Has a file open in the dataset, or no more.
    fn occupy(&self, dataset: &Dataset, on: bool);
    /// Fills the pool by writing to the dataset.
    fn fill(&self, dataset: &Dataset);
}

impl dyn World + '_ {
    pub fn name(&self, rest: &str) -> Dataset {
        format!("{}/{rest}", self.pool()).parse().expect("a name")
    }

    pub fn snap(&self, rest: &str) -> Snapshot {
        format!("{}/{rest}", self.pool()).parse().expect("a name")
    }

    /// A mounted file system.
    pub fn fs(&self, rest: &str) -> Dataset {
        let dataset = self.name(rest);
        self.create(&dataset, DatasetKind::Filesystem);
        dataset
    }

    /// A snapshot without properties.
    pub fn take(&self, rest: &str) -> Snapshot {
        let snapshot = self.snap(rest);
        self.engine().snapshot(std::slice::from_ref(&snapshot), &[]).expect("snapshot");
        snapshot
    }

    pub fn guid(&self, snapshot: &Snapshot) -> Guid {
        self.engine().snapshot_info(snapshot).expect("readable").expect("there").guid
    }

    pub fn guid_of(&self, dataset: &Dataset) -> Guid {
        self.engine().dataset(dataset).expect("readable").expect("there").guid
    }

    /// The names of the snapshots after the `@`, oldest first.
    pub fn shorts(&self, dataset: &Dataset) -> Vec<String> {
        self.engine()
            .snapshots(dataset)
            .expect("readable")
            .iter()
            .map(|s| s.name.short().to_owned())
            .collect()
    }

    /// The names of the bookmarks after the `#`, oldest first.
    pub fn marks(&self, dataset: &Dataset) -> Vec<String> {
        let all = self.engine().bookmarks(dataset).expect("readable");
        all.iter()
            .filter_map(|b| b.name.split_once('#'))
            .map(|(_, short)| short.to_owned())
            .collect()
    }

    pub fn target(&self, snapshot: &Snapshot, newer: &[&Snapshot]) -> RollbackTarget {
        RollbackTarget {
            snapshot: snapshot.clone(),
            guid: self.guid(snapshot),
            newer: newer.iter().map(|s| ((*s).clone(), self.guid(s))).collect(),
            newer_bookmarks: Vec::new(),
        }
    }

    /// What it holds, mounting it for the look when it is not.
    pub fn look(&self, dataset: &Dataset) -> Vec<String> {
        let made = self.engine().mount(dataset).expect("mount");
        let content = self.content(dataset);
        if made == backout::zfs::Change::Made {
            self.engine().unmount(dataset).expect("unmount");
        }
        content
    }
}

/// `refused!(call, Pattern)`: the call must fail in that way.
macro_rules! refused {
    ($call:expr, $($variant:tt)+) => {
        match $call {
            Err(error) => assert!(matches!(&error, backout::zfs::ZfsError::$($variant)+), "refused in another way: {error:?}"),
            Ok(value) => panic!("not refused: {value:?}"),
        }
    };
}
pub(crate) use refused;

/// The in-memory engine.
pub struct FakeWorld(FakeEngine);

impl FakeWorld {
    pub fn new() -> Self {
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse().expect("a name")).expect("a pool");
        Self(engine)
    }
}

impl World for FakeWorld {
    fn engine(&self) -> &dyn Engine {
        &self.0
    }

    fn pool(&self) -> Pool {
        "tank".parse().expect("a name")
    }

    fn create(&self, dataset: &Dataset, kind: DatasetKind) {
        self.0.create(dataset, kind, &[]).expect("create");
    }

    fn write(&self, dataset: &Dataset, item: &str) {
        self.0.write(dataset, item).expect("write");
    }

    fn write_big(&self, dataset: &Dataset, item: &str) {
        self.write(dataset, item);
    }

    fn erase(&self, dataset: &Dataset, item: &str) {
        assert!(self.0.erase(dataset, item).expect("erase"));
    }

    fn content(&self, dataset: &Dataset) -> Vec<String> {
        let mut items = self.0.content(dataset).expect("content");
        items.sort();
        items
    }

    fn receive(&self, snapshot: &Snapshot, dataset: &Dataset) {
        let own = self.0.own(&snapshot.dataset()).expect("own");
        let own: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.0.create(dataset, DatasetKind::Filesystem, &own).expect("create");
        self.0.unmount(dataset).expect("unmount");
        self.0.set_received(dataset).expect("there");
        self.0.snapshot(&[dataset.at(snapshot.short()).expect("a name")], &[]).expect("snapshot");
    }

    fn bookmark(&self, snapshot: &Snapshot, short: &str) {
        self.0.bookmark(snapshot, short).expect("bookmark");
    }

    fn occupy(&self, dataset: &Dataset, on: bool) {
        self.0.set_users(dataset, usize::from(on)).expect("dataset");
    }

    fn fill(&self, _dataset: &Dataset) {
        self.0.set_full(&self.pool(), true).expect("pool");
    }
}
