//! The state of the simulated pools, and how ZFS changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::zfs::{Dataset, DatasetKind, Guid, Pool, Result, Snapshot, ZfsError};

#[derive(Debug)]
pub(super) struct FakePool {
    pub(super) guid: Guid,
    pub(super) full: bool,
    pub(super) suspended: bool,
}

#[derive(Debug, Clone)]
pub(super) struct FakeSnapshot {
    pub(super) short: String,
    pub(super) guid: Guid,
    pub(super) txg: u64,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) holds: BTreeSet<String>,
    pub(super) content: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct FakeBookmark {
    pub(super) short: String,
    pub(super) guid: Guid,
    pub(super) txg: u64,
}

#[derive(Debug)]
pub(super) struct FakeDataset {
    pub(super) guid: Guid,
    pub(super) kind: DatasetKind,
    pub(super) properties: BTreeMap<String, String>,
    /// The properties that came with `zfs receive`: a local one goes before them, and a clone has
    /// none.
    pub(super) received: BTreeMap<String, String>,
    /// The guid of the snapshot it was cloned from: a promotion moves snapshots, and their guids go
    /// with them.
    pub(super) origin: Option<Guid>,
    /// Oldest first.
    pub(super) snapshots: Vec<FakeSnapshot>,
    pub(super) bookmarks: Vec<FakeBookmark>,
    pub(super) content: Vec<String>,
    pub(super) users: usize,
    pub(super) key_loaded: Option<bool>,
    /// What others may do with it, each as the words of `zfs allow`.
    pub(super) given: Vec<Vec<String>>,
}

impl FakeDataset {
    /// The value of a property that is set on the dataset itself.
    pub(super) fn own(&self, property: &str) -> Option<&String> {
        self.properties.get(property).or_else(|| self.received.get(property))
    }
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) pools: BTreeMap<Pool, FakePool>,
    pub(super) datasets: BTreeMap<Dataset, FakeDataset>,
    /// In order: a later mount hides what it covers.
    pub(super) mounts: Vec<(PathBuf, Guid)>,
    guids: u64,
    txg: u64,
}

fn parent(dataset: &Dataset) -> Option<Dataset> {
    dataset.as_str().rsplit_once('/').and_then(|(parent, _)| parent.parse().ok())
}

/// An item stands for this many bytes.
pub(super) const ITEM: u64 = 4096;

impl World {
    /// Unordered, and larger than a signed number holds, like real ones.
    fn new_guid(&mut self) -> Guid {
        self.guids += 1;
        Guid(self.guids.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn dataset(&self, name: &Dataset) -> Result<&FakeDataset> {
        self.datasets.get(name).ok_or_else(|| ZfsError::NotFound(name.to_string()))
    }

    pub(super) fn dataset_mut(&mut self, name: &Dataset) -> Result<&mut FakeDataset> {
        self.datasets.get_mut(name).ok_or_else(|| ZfsError::NotFound(name.to_string()))
    }

    pub(super) fn snapshot(&self, name: &Snapshot) -> Result<&FakeSnapshot> {
        let found = self
            .datasets
            .get(&name.dataset())
            .and_then(|dataset| dataset.snapshots.iter().find(|s| s.short == name.short()));
        found.ok_or_else(|| ZfsError::NotFound(name.to_string()))
    }

    pub(super) fn snapshot_mut(&mut self, name: &Snapshot) -> Result<&mut FakeSnapshot> {
        let found = self
            .datasets
            .get_mut(&name.dataset())
            .and_then(|d| d.snapshots.iter_mut().find(|s| s.short == name.short()));
        found.ok_or_else(|| ZfsError::NotFound(name.to_string()))
    }

    pub(super) fn pool_mut(&mut self, name: &Pool) -> Result<&mut FakePool> {
        self.pools.get_mut(name).ok_or_else(|| ZfsError::NotFound(name.to_string()))
    }

    /// A suspended pool answers nothing.
    pub(super) fn answers(&self, pool: &Pool) -> Result<()> {
        match self.pools.get(pool) {
            Some(found) if found.suspended => Err(ZfsError::Suspended(pool.to_string())),
            _ => Ok(()),
        }
    }

    fn has_room(&self, dataset: &Dataset) -> Result<()> {
        match self.pools.get(&dataset.pool()) {
            Some(pool) if pool.full => Err(ZfsError::NoSpace(dataset.pool().to_string())),
            _ => Ok(()),
        }
    }

    pub(super) fn add_pool(&mut self, pool: &Pool) -> Result<()> {
        if self.pools.contains_key(pool) {
            return Err(ZfsError::Exists(pool.to_string()));
        }
        let guid = self.new_guid();
        self.pools.insert(pool.clone(), FakePool { guid, full: false, suspended: false });
        let root: Dataset = pool.as_str().parse()?;
        let path = format!("/{pool}");
        self.insert(&root, DatasetKind::Filesystem, &[("mountpoint", &path)], None);
        self.mount(&root)
    }

    pub(super) fn remove_pool(&mut self, pool: &Pool) {
        self.pools.remove(pool);
        self.datasets.retain(|name, _| &name.pool() != pool);
        let left: BTreeSet<Guid> = self.datasets.values().map(|dataset| dataset.guid).collect();
        self.mounts.retain(|(_, guid)| left.contains(guid));
    }

    fn insert(
        &mut self,
        name: &Dataset,
        kind: DatasetKind,
        properties: &[(&str, &str)],
        origin: Option<(Guid, Vec<String>)>,
    ) {
        let guid = self.new_guid();
        let (origin, content) =
            origin.map_or((None, Vec::new()), |(guid, content)| (Some(guid), content));
        let dataset = FakeDataset {
            guid,
            kind,
            properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            received: BTreeMap::new(),
            origin,
            snapshots: Vec::new(),
            bookmarks: Vec::new(),
            content,
            users: 0,
            key_loaded: None,
            given: Vec::new(),
        };
        self.datasets.insert(name.clone(), dataset);
    }

    fn may_be_made(&self, name: &Dataset) -> Result<()> {
        if self.datasets.contains_key(name) {
            return Err(ZfsError::Exists(name.to_string()));
        }
        match parent(name) {
            Some(parent) => self.dataset(&parent).map(drop),
            None => Err(ZfsError::NotFound(name.to_string())),
        }
    }

    pub(super) fn create(
        &mut self,
        name: &Dataset,
        kind: DatasetKind,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.may_be_made(name)?;
        self.has_room(name)?;
        self.insert(name, kind, properties, None);
        if kind == DatasetKind::Filesystem
            && self.canmount(name) == "on"
            && self.mountpoint(name).is_some()
        {
            self.mount(name)?;
        }
        Ok(())
    }

    /// The value here or at the nearest ancestor that has one, and that dataset.
    pub(super) fn inherited(&self, name: &Dataset, property: &str) -> Option<(Dataset, String)> {
        let mut at = Some(name.clone());
        while let Some(here) = at {
            if let Some(value) = self.datasets.get(&here).and_then(|dataset| dataset.own(property))
            {
                return Some((here, value.clone()));
            }
            at = parent(&here);
        }
        None
    }

    pub(super) fn readonly(&self, name: &Dataset) -> bool {
        self.inherited(name, "readonly").is_some_and(|(_, value)| value == "on")
    }

    fn writable(&mut self, name: &Dataset) -> Result<&mut FakeDataset> {
        let found = self.dataset(name)?;
        if found.kind == DatasetKind::Filesystem && self.mounted(found.guid).is_none() {
            return Err(ZfsError::Unexpected {
                command: "write".to_owned(),
                detail: format!("{name} is not mounted"),
            });
        }
        if self.readonly(name) {
            return Err(ZfsError::Permission(format!("{name} is read-only")));
        }
        self.dataset_mut(name)
    }

    pub(super) fn write(&mut self, name: &Dataset, item: &str) -> Result<()> {
        self.has_room(name)?;
        self.writable(name)?.content.push(item.to_owned());
        Ok(())
    }

    pub(super) fn erase(&mut self, name: &Dataset, item: &str) -> Result<bool> {
        let content = &mut self.writable(name)?.content;
        let place = content.iter().position(|found| found == item);
        Ok(place.map(|place| content.remove(place)).is_some())
    }

    pub(super) fn bookmark(&mut self, snapshot: &Snapshot, short: &str) -> Result<()> {
        let (guid, txg) = self.snapshot(snapshot).map(|found| (found.guid, found.txg))?;
        let dataset = self.dataset_mut(&snapshot.dataset())?;
        if dataset.bookmarks.iter().any(|found| found.short == short) {
            return Err(ZfsError::Exists(format!("{}#{short}", snapshot.dataset())));
        }
        dataset.bookmarks.push(FakeBookmark { short: short.to_owned(), guid, txg });
        dataset.bookmarks.sort_by_key(|bookmark| bookmark.txg);
        Ok(())
    }

    /// All snapshots of one pool, or none.
    pub(super) fn take(
        &mut self,
        snapshots: &[&Snapshot],
        properties: &[(&str, &str)],
    ) -> Result<()> {
        for snapshot in snapshots {
            let dataset = snapshot.dataset();
            self.answers(&dataset.pool())?;
            self.dataset(&dataset)?;
            if self.snapshot(snapshot).is_ok() {
                return Err(ZfsError::Exists(snapshot.to_string()));
            }
            self.has_room(&dataset)?;
        }
        self.txg += 1;
        let txg = self.txg;
        for snapshot in snapshots {
            let guid = self.new_guid();
            let dataset = self.dataset_mut(&snapshot.dataset())?;
            let content = dataset.content.clone();
            dataset.snapshots.push(FakeSnapshot {
                short: snapshot.short().to_owned(),
                guid,
                txg,
                properties: properties
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                holds: BTreeSet::new(),
                content,
            });
        }
        Ok(())
    }

    pub(super) fn make_clone(&mut self, snapshot: &Snapshot, target: &Dataset) -> Result<()> {
        let kind = self.dataset(&snapshot.dataset())?.kind;
        let (guid, content) =
            self.snapshot(snapshot).map(|found| (found.guid, found.content.clone()))?;
        self.may_be_made(target)?;
        if target.pool() != snapshot.dataset().pool() {
            return Err(ZfsError::Call {
                call: format!("clone to {target}"),
                error: "it is in another pool".to_owned(),
            });
        }
        self.has_room(target)?;
        if self.dataset(&snapshot.dataset())?.key_loaded == Some(false) {
            return Err(ZfsError::KeyNotLoaded(target.to_string()));
        }
        self.insert(target, kind, &[], Some((guid, content)));
        Ok(())
    }

    /// The datasets cloned from the snapshot with that guid.
    pub(super) fn clones(&self, guid: Guid) -> Vec<Dataset> {
        self.datasets
            .iter()
            .filter(|(_, dataset)| dataset.origin == Some(guid))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The name that a snapshot has now.
    pub(super) fn snapshot_of_guid(&self, guid: Guid) -> Option<Snapshot> {
        self.datasets.iter().find_map(|(name, dataset)| {
            let snapshot = dataset.snapshots.iter().find(|snapshot| snapshot.guid == guid)?;
            name.at(&snapshot.short).ok()
        })
    }

    pub(super) fn rename(&mut self, from: &Dataset, to: &Dataset) -> Result<()> {
        self.dataset(from)?;
        self.may_be_made(to)?;
        if to.is_within(from) || to.pool() != from.pool() || parent(from).is_none() {
            return Err(ZfsError::Call {
                call: format!("rename {from} to {to}"),
                error: "it cannot move there".to_owned(),
            });
        }
        let names: Vec<Dataset> =
            self.datasets.keys().filter(|name| name.is_within(from)).cloned().collect();
        let moved = names
            .iter()
            .map(|name| name.moved(from, to))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        for (old, new) in names.iter().zip(&moved) {
            for snapshot in &self.dataset(old)?.snapshots {
                new.at(&snapshot.short)?;
            }
        }
        for (old, new) in names.iter().zip(moved) {
            if let Some(dataset) = self.datasets.remove(old) {
                self.datasets.insert(new, dataset);
            }
        }
        Ok(())
    }

    /// The snapshots up to the origin move to the clone, and the two swap roles (`zfs-promote(8)`).
    pub(super) fn promote(&mut self, name: &Dataset, origin: &Snapshot) -> Result<()> {
        let old = origin.dataset();
        let own = self.dataset(name)?.snapshots.clone();
        let parent = self.dataset_mut(&old)?;
        let Some(last) =
            parent.snapshots.iter().position(|snapshot| snapshot.short == origin.short())
        else {
            return Err(ZfsError::NotFound(origin.to_string()));
        };
        if let Some(both) = parent.snapshots[..=last]
            .iter()
            .find(|theirs| own.iter().any(|mine| mine.short == theirs.short))
        {
            return Err(ZfsError::Exists(format!("{name}@{}", both.short)));
        }
        let mut snapshots: Vec<FakeSnapshot> = parent.snapshots.drain(..=last).collect();
        let guid = snapshots.last().map(|snapshot| snapshot.guid);
        let origin_of_parent = std::mem::replace(&mut parent.origin, guid);
        let dataset = self.dataset_mut(name)?;
        snapshots.append(&mut dataset.snapshots);
        dataset.snapshots = snapshots;
        dataset.origin = origin_of_parent;
        Ok(())
    }

    /// Side effects of `zfs set` on a mounted file system.
    pub(super) fn set(&mut self, name: &Dataset, property: &str, value: &str) -> Result<()> {
        let guid = self.dataset(name)?.guid;
        let mounted = self.mounted(guid).is_some();
        if mounted && matches!((property, value), ("canmount", "off") | ("mountpoint", _)) {
            self.unmount(name)?;
        }
        let dataset = self.dataset_mut(name)?;
        let too_small = |bytes: u64| bytes > 0 && bytes < dataset.content.len() as u64 * ITEM;
        if property == "refquota" && value.parse().is_ok_and(too_small) {
            return Err(ZfsError::NoSpace(format!("{name} holds more than a refquota of {value}")));
        }
        dataset.properties.insert(property.to_owned(), value.to_owned());
        if mounted && property == "mountpoint" && self.mountpoint(name).is_some() {
            self.mount(name)?;
        }
        Ok(())
    }
}
