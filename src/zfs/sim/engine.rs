//! [`Engine`] on the in-memory world.

use super::world::{FakeDataset, FakeSnapshot, ITEM, World};
use super::{FakeEngine, fault::Call};
use crate::zfs::rollback::look;
use crate::zfs::verify::{free, same};
use crate::zfs::{
    BookmarkInfo, Change, Dataset, DatasetInfo, DatasetKind, Delegations, Engine, Guid,
    PROP_ROLLED_BACK, Pool, PoolInfo, Result, RollbackMethod, RollbackTarget, Snapshot,
    SnapshotInfo, ZfsError, verify,
};

/// The size of a pool, for display only.
const SIZE: u64 = 1 << 30;

fn info(world: &World, name: &Dataset, dataset: &FakeDataset) -> DatasetInfo {
    let referenced = dataset.content.len() as u64 * ITEM;
    let latest = dataset.snapshots.last().map(|snapshot| &snapshot.content);
    let full = world.pools.get(&name.pool()).is_some_and(|pool| pool.full);
    DatasetInfo {
        name: name.clone(),
        guid: dataset.guid,
        kind: dataset.kind,
        mountpoint: world.mountpoint(name),
        mounted: world.mounted(dataset.guid).is_some(),
        canmount: world.canmount(name),
        used: referenced + dataset.snapshots.len() as u64 * ITEM,
        referenced,
        available: if full { 0 } else { SIZE },
        written: if latest == Some(&dataset.content) { 0 } else { referenced },
        refquota: dataset
            .own("refquota")
            .and_then(|bytes| bytes.parse().ok())
            .filter(|bytes| *bytes > 0),
        origin: dataset.origin.and_then(|guid| world.snapshot_of_guid(guid)),
        keystatus: dataset
            .key_loaded
            .map(|loaded| if loaded { "available" } else { "unavailable" }.to_owned()),
        readonly: world.readonly(name),
    }
}

fn snapshot_info(world: &World, name: Snapshot, snapshot: &FakeSnapshot) -> SnapshotInfo {
    SnapshotInfo {
        name,
        guid: snapshot.guid,
        createtxg: snapshot.txg,
        // One transaction group a second, since the first one.
        creation: 1_700_000_000 + i64::try_from(snapshot.txg).unwrap_or_default(),
        used: ITEM,
        referenced: snapshot.content.len() as u64 * ITEM,
        userrefs: snapshot.holds.len() as u64,
        clones: world.clones(snapshot.guid),
    }
}

fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ZfsError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl FakeEngine {
    fn reading(&self, pool: &Pool) -> Result<std::sync::MutexGuard<'_, World>> {
        self.alive()?;
        let world = self.world();
        world.answers(pool)?;
        Ok(world)
    }

    fn changing<T>(
        &self,
        words: String,
        dataset: &Dataset,
        work: impl FnOnce(&Call<'_>, &mut World) -> Result<T>,
    ) -> Result<T> {
        let pool = dataset.pool();
        self.change(words, |call| {
            let mut world = self.world();
            world.answers(&pool)?;
            work(call, &mut world)
        })
    }

    /// Conditions that only the channel program sees.
    fn idle(&self, targets: &[RollbackTarget], method: RollbackMethod) -> Result<()> {
        let used = |name: &Dataset| Ok::<_, ZfsError>(self.world().dataset(name)?.users > 0);
        for name in targets.iter().map(|target| target.snapshot.dataset()) {
            if method == RollbackMethod::Program && used(&name)? {
                return Err(ZfsError::Busy {
                    what: name.to_string(),
                    detail: "it is open".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn roll_back(
        &self,
        call: &Call<'_>,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()> {
        let work = look(self, targets, mark)?;
        self.idle(targets, method)?;
        let by_one = method == RollbackMethod::OneByOne;
        for one in &work {
            let with = |change: &dyn Fn(&mut FakeDataset)| -> Result<()> {
                change(self.world().dataset_mut(&one.dataset)?);
                if by_one { call.seam() } else { Ok(()) }
            };
            let txg = self.world().snapshot(&one.target.snapshot)?.txg;
            let content = self.world().snapshot(&one.target.snapshot)?.content.clone();
            with(&|dataset| dataset.bookmarks.retain(|bookmark| bookmark.txg <= txg))?;
            for newer in &one.newer {
                with(&|dataset| dataset.snapshots.retain(|snapshot| snapshot.guid != newer.guid))?;
            }
            with(&|dataset| dataset.content.clone_from(&content))?;
            with(&|dataset| {
                dataset.properties.insert(PROP_ROLLED_BACK.to_owned(), mark.to_owned());
            })?;
        }
        Ok(())
    }
}

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn pool(&self, pool: &Pool) -> Result<Option<PoolInfo>> {
        self.alive()?;
        // `zpool list` still shows a suspended pool.
        Ok(self.world().pools.get(pool).map(|fake| PoolInfo {
            name: pool.clone(),
            guid: fake.guid,
            health: if fake.suspended { "SUSPENDED" } else { "ONLINE" }.to_owned(),
            size: SIZE,
            free: if fake.full { 0 } else { SIZE },
            readonly: false,
            failmode: "wait".to_owned(),
        }))
    }

    fn dataset(&self, dataset: &Dataset) -> Result<Option<DatasetInfo>> {
        let world = self.reading(&dataset.pool())?;
        Ok(world.datasets.get(dataset).map(|fake| info(&world, dataset, fake)))
    }

    fn tree(&self, root: &Dataset) -> Result<Vec<DatasetInfo>> {
        let world = self.reading(&root.pool())?;
        world.dataset(root)?;
        let mut all: Vec<DatasetInfo> = world
            .datasets
            .iter()
            .filter(|(name, _)| name.is_within(root))
            .map(|(name, fake)| info(&world, name, fake))
            .collect();
        all.sort_by(|a, b| a.name.as_str().split('/').cmp(b.name.as_str().split('/')));
        Ok(all)
    }

    fn snapshot_info(&self, snapshot: &Snapshot) -> Result<Option<SnapshotInfo>> {
        let world = self.reading(&snapshot.dataset().pool())?;
        found(world.snapshot(snapshot).map(|fake| snapshot_info(&world, snapshot.clone(), fake)))
    }

    fn snapshots(&self, dataset: &Dataset) -> Result<Vec<SnapshotInfo>> {
        let world = self.reading(&dataset.pool())?;
        world
            .dataset(dataset)?
            .snapshots
            .iter()
            .map(|fake| Ok(snapshot_info(&world, dataset.at(&fake.short)?, fake)))
            .collect()
    }

    fn bookmarks(&self, dataset: &Dataset) -> Result<Vec<BookmarkInfo>> {
        let world = self.reading(&dataset.pool())?;
        let own = |fake: &super::world::FakeBookmark| BookmarkInfo {
            name: format!("{dataset}#{}", fake.short),
            guid: fake.guid,
            createtxg: fake.txg,
        };
        Ok(world.dataset(dataset)?.bookmarks.iter().map(own).collect())
    }

    fn holds(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        let world = self.reading(&snapshot.dataset().pool())?;
        Ok(world.snapshot(snapshot)?.holds.iter().cloned().collect())
    }

    fn local(&self, dataset: &Dataset, property: &str) -> Result<Option<String>> {
        let world = self.reading(&dataset.pool())?;
        Ok(world.dataset(dataset)?.properties.get(property).cloned())
    }

    fn locals(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        let world = self.reading(&dataset.pool())?;
        Ok(world
            .dataset(dataset)?
            .properties
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }

    fn own(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        let world = self.reading(&dataset.pool())?;
        let found = world.dataset(dataset)?;
        let mut all = found.received.clone();
        all.extend(found.properties.clone());
        Ok(all.into_iter().collect())
    }

    fn written_since(&self, dataset: &Dataset, snapshot: &Snapshot) -> Result<u64> {
        let world = self.reading(&dataset.pool())?;
        let (now, then) = (&world.dataset(dataset)?.content, &world.snapshot(snapshot)?.content);
        let new = now.iter().filter(|item| !then.contains(item)).count() as u64;
        Ok(if now == then { 0 } else { new.max(1) * ITEM })
    }

    fn snapshot_local(&self, snapshot: &Snapshot, property: &str) -> Result<Option<String>> {
        let world = self.reading(&snapshot.dataset().pool())?;
        Ok(world.snapshot(snapshot)?.properties.get(property).cloned())
    }

    fn snapshot(&self, snapshots: &[Snapshot], properties: &[(&str, &str)]) -> Result<()> {
        let names: Vec<&str> = snapshots.iter().map(Snapshot::as_str).collect();
        self.change(format!("snapshot {}", names.join(" ")), |call| {
            let pools = verify::by_pool(snapshots)?;
            for (done, names) in pools.values().enumerate() {
                if done > 0 {
                    call.seam()?;
                }
                self.world().take(names, properties)?;
            }
            Ok(())
        })
    }

    fn hold(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.changing(format!("hold {tag} {snapshot}"), &snapshot.dataset(), |_, world| {
            Ok(if world.snapshot_mut(snapshot)?.holds.insert(tag.to_owned()) {
                Change::Made
            } else {
                Change::WasThere
            })
        })
    }

    fn release(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.changing(format!("release {tag} {snapshot}"), &snapshot.dataset(), |_, world| {
            Ok(if world.snapshot_mut(snapshot)?.holds.remove(tag) {
                Change::Made
            } else {
                Change::WasThere
            })
        })
    }

    fn create_filesystem(&self, dataset: &Dataset, properties: &[(&str, &str)]) -> Result<()> {
        self.changing(format!("create {dataset}"), dataset, |_, world| {
            world.create(dataset, DatasetKind::Filesystem, properties)
        })
    }

    fn clone_snapshot(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.changing(format!("clone {snapshot} {target}"), target, |call, world| {
            world.make_clone(snapshot, target)?;
            call.seam()?;
            let dataset = world.dataset_mut(target)?;
            dataset.properties.extend(
                properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            );
            if dataset.kind == DatasetKind::Volume
                && dataset.properties.remove("canmount").is_some()
            {
                // ZFS ignores it, and the engine checks the result.
                return Err(ZfsError::Unexpected {
                    command: "set".into(),
                    detail: format!("canmount of {target} is not set"),
                });
            }
            Ok(())
        })
    }

    fn set(&self, dataset: &Dataset, property: &str, value: &str) -> Result<()> {
        self.changing(format!("set {property}={value} {dataset}"), dataset, |_, world| {
            world.set(dataset, property, value)
        })
    }

    fn inherit(&self, dataset: &Dataset, property: &str) -> Result<()> {
        self.changing(format!("inherit {property} {dataset}"), dataset, |_, world| {
            world.dataset_mut(dataset)?.properties.remove(property);
            Ok(())
        })
    }

    fn rename(&self, from: &Dataset, to: &Dataset) -> Result<()> {
        self.changing(format!("rename {from} {to}"), from, |_, world| world.rename(from, to))
    }

    fn promote(&self, dataset: &Dataset) -> Result<Change> {
        self.changing(format!("promote {dataset}"), dataset, |_, world| {
            let Some(origin) =
                world.dataset(dataset)?.origin.and_then(|guid| world.snapshot_of_guid(guid))
            else {
                return Ok(Change::WasThere);
            };
            world.promote(dataset, &origin)?;
            Ok(Change::Made)
        })
    }

    fn mount(&self, dataset: &Dataset) -> Result<Change> {
        self.changing(format!("mount {dataset}"), dataset, |_, world| {
            let guid = world.dataset(dataset)?.guid;
            if world.mounted(guid).is_some() {
                return Ok(Change::WasThere);
            }
            world.mount(dataset)?;
            Ok(Change::Made)
        })
    }

    fn unmount(&self, dataset: &Dataset) -> Result<Change> {
        self.changing(format!("unmount {dataset}"), dataset, |_, world| {
            let guid = world.dataset(dataset)?.guid;
            if world.mounted(guid).is_none() {
                return Ok(Change::WasThere);
            }
            world.unmount(dataset)?;
            Ok(Change::Made)
        })
    }

    fn destroy_snapshot(&self, snapshot: &Snapshot, guid: Guid) -> Result<Change> {
        self.change(format!("destroy {snapshot}"), |_| {
            let Some(info) = self.snapshot_info(snapshot)? else {
                return Ok(Change::WasThere);
            };
            same(snapshot, info.guid, guid)?;
            free(self, &info)?;
            self.world()
                .dataset_mut(&snapshot.dataset())?
                .snapshots
                .retain(|other| other.guid != guid);
            Ok(Change::Made)
        })
    }

    fn destroy_dataset(&self, dataset: &Dataset, guid: Guid) -> Result<Change> {
        self.changing(format!("destroy {dataset}"), dataset, |_, world| {
            let Some(fake) = world.datasets.get(dataset) else {
                return Ok(Change::WasThere);
            };
            same(dataset, fake.guid, guid)?;
            let busy = |detail: &str| {
                Err(ZfsError::Busy { what: dataset.to_string(), detail: detail.to_owned() })
            };
            if world.mounted(fake.guid).is_some() {
                return busy("it is mounted");
            }
            if world.datasets.keys().any(|other| other != dataset && other.is_within(dataset)) {
                return busy("it has children");
            }
            if !fake.snapshots.is_empty() {
                return busy("it has snapshots");
            }
            world.datasets.remove(dataset);
            Ok(Change::Made)
        })
    }

    fn rollback(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()> {
        let names: Vec<&str> = targets.iter().map(|target| target.snapshot.as_str()).collect();
        self.change(format!("rollback {} {mark}", names.join(" ")), |call| {
            self.roll_back(call, targets, mark, method)
        })
    }

    fn delegations_of(&self, datasets: &[Dataset]) -> Result<Vec<Delegations>> {
        let of = |name: &Dataset| {
            let given = self.reading(&name.pool())?.dataset(name)?.given.clone();
            Ok(Delegations { given, unknown: Vec::new() })
        };
        datasets.iter().map(of).collect()
    }

    fn delegate(&self, dataset: &Dataset, given: &[Vec<String>]) -> Result<()> {
        self.changing(format!("allow {dataset}"), dataset, |_, world| {
            let all = &mut world.dataset_mut(dataset)?.given;
            all.extend(given.iter().cloned());
            all.sort();
            all.dedup();
            Ok(())
        })
    }

    fn may_roll_back(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()> {
        self.alive()?;
        look(self, targets, mark)?;
        self.idle(targets, method)
    }
}
