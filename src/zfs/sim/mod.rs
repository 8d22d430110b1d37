//! A simulated ZFS in memory, with the semantics of the real one, for tests of the layers above.
//! The conformance suite runs on both.
//!
//! A [`FakeEngine`] is a handle: its clones see the same world, so a tool that was "killed"
//! ([`Fault`]) and started again finds what it left. Datasets have content, a list of items that
//! snapshots, clones and rollbacks carry along as real ones carry files.
//!
//! Not modelled: space (a pool is full or not), sends, encryption beyond "the key is not loaded",
//! what delegated permissions permit, and the folders that mountpoints are.

#[cfg(test)]
pub(crate) mod command;
mod engine;
mod fault;
mod mounts;
mod world;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

pub use fault::{Fault, How, Killed, When};

use super::{Dataset, DatasetKind, Pool, Result, Snapshot};
use fault::Faults;
use world::World;

/// A handle to an in-memory world of pools.
#[derive(Debug, Clone, Default)]
pub struct FakeEngine {
    world: Arc<Mutex<World>>,
    faults: Arc<Mutex<Faults>>,
}

impl FakeEngine {
    /// A world without pools.
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A tool that was killed may have held it. The world itself is never half-changed.
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    // The world as its owner sees it. These do not count as calls, and faults do not strike them.

    /// Makes a pool whose root file system has `mountpoint=/POOL` (mounted).
    ///
    /// # Errors
    /// When the name is taken.
    pub fn add_pool(&self, pool: &Pool) -> Result<()> {
        self.world().add_pool(pool)
    }

    /// Removes a pool and everything in it.
    pub fn remove_pool(&self, pool: &Pool) {
        self.world().remove_pool(pool);
    }

    /// Creates a dataset with local properties and mounts a file system if possible. Its parents
    /// must exist.
    ///
    /// # Errors
    /// As `zfs create`.
    pub fn create(
        &self,
        dataset: &Dataset,
        kind: DatasetKind,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.world().create(dataset, kind, properties)
    }

    /// Makes the properties that a dataset has received ones, as if it had come by `zfs receive`.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn set_received(&self, dataset: &Dataset) -> Result<()> {
        let mut world = self.world();
        let found = world.dataset_mut(dataset)?;
        let properties = std::mem::take(&mut found.properties);
        found.received.extend(properties);
        Ok(())
    }

    /// Adds an item to a dataset, as a service writes a file.
    ///
    /// # Errors
    /// When it does not exist or is not mounted. A real service would then silently write somewhere
    /// else.
    pub fn write(&self, dataset: &Dataset, item: &str) -> Result<()> {
        self.world().write(dataset, item)
    }

    /// Removes an item. Returns whether it existed.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn erase(&self, dataset: &Dataset, item: &str) -> Result<bool> {
        self.world().erase(dataset, item)
    }

    /// The dataset that is visible at that path.
    pub fn at(&self, path: &Path) -> Option<Dataset> {
        self.world().at(path)
    }

    /// What a dataset holds, in the order of writing, mounted or not.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn content(&self, dataset: &Dataset) -> Result<Vec<String>> {
        self.world().dataset(dataset).map(|found| found.content.clone())
    }

    /// What a snapshot holds.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn snapshot_content(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        self.world().snapshot(snapshot).map(|found| found.content.clone())
    }

    /// Creates a bookmark of a snapshot: `pool/dataset#SHORT`.
    ///
    /// # Errors
    /// When the snapshot does not exist or the name is taken.
    pub fn bookmark(&self, snapshot: &Snapshot, short: &str) -> Result<()> {
        self.world().bookmark(snapshot, short)
    }

    /// Sets how many processes have files of the mounted dataset open. It cannot be unmounted until
    /// that is 0 again.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn set_users(&self, dataset: &Dataset, users: usize) -> Result<()> {
        self.world().dataset_mut(dataset).map(|found| found.users = users)
    }

    /// Fills a pool, or makes room again. Full: no snapshot, clone or new dataset; the rest works.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn set_full(&self, pool: &Pool, full: bool) -> Result<()> {
        self.world().pool_mut(pool).map(|found| found.full = full)
    }

    /// A reboot: everything is unmounted and unused, then datasets with `canmount=on` are mounted,
    /// parents first.
    pub fn reboot(&self) {
        self.world().reboot();
    }

    // Faults.

    /// Adds a fault. Calls are counted from the first change that this world saw (1), over all
    /// handles.
    pub fn inject(&self, fault: Fault) {
        self.faults().add(fault);
    }

    /// Removes all faults and lets a killed tool start again. The count continues.
    pub fn revive(&self) {
        self.faults().clear();
    }

    /// Whether a fault has killed the tool: every call fails until [`Self::revive`].
    pub fn is_dead(&self) -> bool {
        self.faults().dead
    }

    /// The changes asked for so far, in words, in order. The length is the count that [`Fault`]
    /// compares with.
    pub fn calls(&self) -> Vec<String> {
        self.faults().calls.clone()
    }
}
