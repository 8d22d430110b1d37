//! ZFS as backout uses it: typed names, the [`Engine`] trait, and its implementations.
//!
//! Reading always goes through the `zfs` and `zpool` commands. With the feature `lzc`, the library
//! does what it does better: atomic snapshots and channel programs.

mod allow;
mod batch;
pub mod cli;
mod error;
mod info;
#[cfg(feature = "lzc")]
pub mod lzc;
mod names;
mod newer;
mod program;
mod rollback;
pub mod sim;
mod verify;
mod words;

pub use allow::{Delegations, delegations};
pub use cli::CliEngine;
pub use error::ZfsError;
pub use info::{
    BookmarkInfo, Change, DatasetInfo, DatasetKind, NewClone, PoolInfo, Properties, RollbackMethod,
    RollbackTarget, SnapshotInfo,
};
#[cfg(feature = "lzc")]
pub use lzc::LzcEngine;
pub use names::{Dataset, Guid, MAX_NAME, NameError, Pool, Snapshot, outermost};
pub use newer::{InHistory, is_newer, newer};
pub use sim::FakeEngine;

/// The user property that says which change a snapshot or dataset of ours belongs to.
pub const PROP_CHANGE: &str = "backout:change";

/// The tag of the holds of a change.
pub fn hold_tag(change: &str) -> String {
    format!("backout:{change}")
}

/// The user property that says what a dataset of ours is: `candidate`, `active`, `upgraded`,
/// `undone`, `reserve`.
pub const PROP_ROLE: &str = "backout:role";
/// The user property that keeps the `canmount` of a dataset that was created after the snapshot,
/// while it is set aside; `-` if it had no local value.
pub const PROP_CANMOUNT: &str = "backout:canmount";
/// The user property that a rollback in place sets on the dataset, in the same transaction.
pub const PROP_ROLLED_BACK: &str = "backout:rolledback";

/// Suffix of a dataset's name: the clone that will take its place.
pub const ENDING_CANDIDATE: &str = ".new";
/// Suffix of a dataset's name: the upgraded one, set aside by a downgrade.
pub const ENDING_ASIDE: &str = ".upgraded";
/// The same, in a change of version 0.1.0.
pub const ENDING_ASIDE_OF_0_1_0: &str = ".failed";
/// Suffix of a dataset's name: the restored one, set aside by an undo.
pub const ENDING_UNDONE: &str = ".undone";
/// The ending of the clones that a standby runs on.
pub const ENDING_STANDBY: &str = ".standby";
/// Suffix of a dataset's name: a clone that is listed for the full proof.
pub const ENDING_PROOF: &str = ".proof";
/// Suffix of a dataset's name: an empty one that reserves space.
pub const ENDING_RESERVE: &str = ".reserve";

/// A result of this module.
pub type Result<T> = std::result::Result<T, ZfsError>;

/// The operations on ZFS. Every call either has its complete effect or returns an error. Where the
/// description says so, a call succeeds if its effect exists already. Names are checked before
/// anything runs.
pub trait Engine: Send + Sync {
    /// `cli`, `lzc` or `fake`.
    fn name(&self) -> &'static str;

    /// A pool; `Ok(None)` if it does not exist.
    fn pool(&self, pool: &Pool) -> Result<Option<PoolInfo>>;
    /// A file system or volume; `Ok(None)` if it does not exist.
    fn dataset(&self, dataset: &Dataset) -> Result<Option<DatasetInfo>>;
    /// The dataset and all below it, parents before children. [`ZfsError::NotFound`] when it does
    /// not exist.
    fn tree(&self, root: &Dataset) -> Result<Vec<DatasetInfo>>;
    /// One snapshot; `Ok(None)` if it does not exist.
    fn snapshot_info(&self, snapshot: &Snapshot) -> Result<Option<SnapshotInfo>>;
    /// The snapshots of the dataset itself (not of its children), oldest first.
    fn snapshots(&self, dataset: &Dataset) -> Result<Vec<SnapshotInfo>>;
    /// The bookmarks of the dataset itself, oldest first.
    fn bookmarks(&self, dataset: &Dataset) -> Result<Vec<BookmarkInfo>>;
    /// The tags of the holds on a snapshot.
    fn holds(&self, snapshot: &Snapshot) -> Result<Vec<String>>;
    /// A property of a dataset with source `local`; `Ok(None)` if it is inherited or default.
    fn local(&self, dataset: &Dataset, property: &str) -> Result<Option<String>>;
    /// All properties with source `local` of a dataset, native and user ones, in order of name.
    fn locals(&self, dataset: &Dataset) -> Result<Vec<(String, String)>>;
    /// All properties that are set on the dataset itself, in order of name: source `local`, and
    /// `received` where there is no local value (`zfs-receive(8)`).
    fn own(&self, dataset: &Dataset) -> Result<Vec<(String, String)>>;
    /// Bytes written to a dataset since a snapshot of it, or of what it was cloned from
    /// (`zfsprops(7)`, `written@`).
    fn written_since(&self, dataset: &Dataset, snapshot: &Snapshot) -> Result<u64>;
    /// A user property of a snapshot with source `local`.
    fn snapshot_local(&self, snapshot: &Snapshot, property: &str) -> Result<Option<String>>;

    /// Takes all snapshots, with the user properties, in one transaction for each pool: all of a
    /// pool's or none. An existing name fails the whole set of that pool.
    fn snapshot(&self, snapshots: &[Snapshot], properties: &[(&str, &str)]) -> Result<()>;
    /// Puts a hold on a snapshot. Succeeds if a hold with that tag exists.
    fn hold(&self, snapshot: &Snapshot, tag: &str) -> Result<Change>;
    /// Releases a hold. Succeeds if it does not exist.
    fn release(&self, snapshot: &Snapshot, tag: &str) -> Result<Change>;
    /// Creates a file system with local properties, which must prevent it from being mounted
    /// (`canmount=off`).
    fn create_filesystem(&self, dataset: &Dataset, properties: &[(&str, &str)]) -> Result<()>;
    /// Clones a snapshot with local properties. On an error, no clone is left behind unless the
    /// error says so.
    fn clone_snapshot(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()>;
    /// Sets a property.
    fn set(&self, dataset: &Dataset, property: &str, value: &str) -> Result<()>;
    /// Clears a local property, so that it is inherited or default again. Succeeds if it is not
    /// set.
    fn inherit(&self, dataset: &Dataset, property: &str) -> Result<()>;
    /// Renames without mounting or unmounting anything (`zfs rename -u`).
    fn rename(&self, from: &Dataset, to: &Dataset) -> Result<()>;
    /// Makes a clone independent of its origin. Succeeds if the dataset is not a clone.
    fn promote(&self, dataset: &Dataset) -> Result<Change>;
    /// Mounts a file system. Succeeds if it is mounted.
    fn mount(&self, dataset: &Dataset) -> Result<Change>;
    /// Unmounts a file system, never by force. Succeeds if it is not mounted. [`ZfsError::Busy`] if
    /// something uses it.
    fn unmount(&self, dataset: &Dataset) -> Result<Change>;
    /// Destroys one snapshot if it has this guid. Succeeds if it does not exist. Never destroys its
    /// clones, nor other snapshots.
    fn destroy_snapshot(&self, snapshot: &Snapshot, guid: Guid) -> Result<Change>;
    /// Destroys one dataset without children, snapshots or clones, if it has this guid. Succeeds if
    /// it does not exist.
    fn destroy_dataset(&self, dataset: &Dataset, guid: Guid) -> Result<Change>;
    /// Rolls datasets back in place and sets `backout:rolledback=mark` on each. They must be
    /// unmounted ([`ZfsError::Busy`]). Everything is checked first. If a target has another guid,
    /// or a newer snapshot is unnamed, held or cloned, nothing is changed. A target that carries
    /// `mark` already is skipped.
    fn rollback(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()>;
    /// Whether [`Engine::rollback`] would be refused, and why. Changes nothing.
    fn may_roll_back(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()>;

    /// What others may do with each dataset (`zfs-allow(8)`): one command for each.
    fn delegations_of(&self, datasets: &[Dataset]) -> Result<Vec<Delegations>>;
    /// Gives others these permissions on a dataset, each as in [`Delegations::given`].
    fn delegate(&self, dataset: &Dataset, given: &[Vec<String>]) -> Result<()>;

    // The same for many at once. The engines of real pools start a constant number of commands for
    // each of these (more when a list is longer than a command takes), where they do not say
    // otherwise.

    /// Those of the datasets that exist, in this order.
    fn datasets(&self, names: &[Dataset]) -> Result<Vec<DatasetInfo>> {
        names.iter().filter_map(|name| self.dataset(name).transpose()).collect()
    }
    /// The dataset and all below it, parents before children, each with its own snapshots, oldest
    /// first. [`ZfsError::NotFound`] when the dataset does not exist.
    fn history(&self, root: &Dataset) -> Result<Vec<(DatasetInfo, Vec<SnapshotInfo>)>> {
        let tree = self.tree(root)?.into_iter();
        tree.map(|info| Ok((info.clone(), self.snapshots(&info.name)?))).collect()
    }
    /// The snapshots of the dataset and of all below it, in any order. [`Self::history`] takes
    /// several times as long where there are many.
    fn snapshot_names_below(&self, root: &Dataset) -> Result<Vec<Snapshot>> {
        let all = self.history(root)?.into_iter().flat_map(|(_, snapshots)| snapshots);
        Ok(all.map(|info| info.name).collect())
    }
    /// The bookmarks of the dataset and of all below it, those of each oldest first.
    fn bookmarks_below(&self, root: &Dataset) -> Result<Vec<BookmarkInfo>> {
        let mut all = Vec::new();
        for info in self.tree(root)? {
            all.extend(self.bookmarks(&info.name)?);
        }
        Ok(all)
    }
    /// Those of the snapshots that exist, in this order.
    fn snapshot_infos(&self, names: &[Snapshot]) -> Result<Vec<SnapshotInfo>> {
        names.iter().filter_map(|name| self.snapshot_info(name).transpose()).collect()
    }
    /// The tags of the holds on each of the snapshots.
    fn holds_of(&self, names: &[Snapshot]) -> Result<Vec<Vec<String>>> {
        names.iter().map(|name| self.holds(name)).collect()
    }
    /// These properties of each dataset, where their source is `local`.
    fn locals_of(&self, names: &[Dataset], properties: &[&str]) -> Result<Vec<Properties>> {
        let of = |name: &Dataset| some(properties, |property| self.local(name, property));
        names.iter().map(of).collect()
    }
    /// These properties of each dataset, where they are set on the dataset itself ([`Self::own`]);
    /// without `properties`: all that are.
    fn own_of(&self, names: &[Dataset], properties: &[&str]) -> Result<Vec<Properties>> {
        let wanted = |name: &str| properties.is_empty() || properties.contains(&name);
        let of = |name: &Dataset| {
            Ok(self.own(name)?.into_iter().filter(|(name, _)| wanted(name)).collect())
        };
        names.iter().map(of).collect()
    }
    /// These user properties of each snapshot, where their source is `local`.
    fn snapshot_locals_of(
        &self,
        names: &[Snapshot],
        properties: &[&str],
    ) -> Result<Vec<Properties>> {
        let of = |name: &Snapshot| some(properties, |property| self.snapshot_local(name, property));
        names.iter().map(of).collect()
    }
    /// [`Self::written_since`] of each dataset since its own snapshot.
    fn written_since_each(&self, snapshots: &[Snapshot]) -> Result<Vec<u64>> {
        snapshots.iter().map(|name| self.written_since(&name.dataset(), name)).collect()
    }
    /// [`Self::hold`] of each.
    fn hold_all(&self, snapshots: &[Snapshot], tag: &str) -> Result<()> {
        snapshots.iter().try_for_each(|name| self.hold(name, tag).map(drop))
    }
    /// [`Self::release`] of each.
    fn release_all(&self, snapshots: &[Snapshot], tag: &str) -> Result<()> {
        snapshots.iter().try_for_each(|name| self.release(name, tag).map(drop))
    }
    /// Sets these properties of each.
    fn set_all(&self, datasets: &[Dataset], properties: &[(&str, &str)]) -> Result<()> {
        let one = |name: &Dataset| properties.iter().try_for_each(|(p, v)| self.set(name, p, v));
        datasets.iter().try_for_each(one)
    }
    /// [`Self::inherit`] of these properties of each.
    fn inherit_all(&self, datasets: &[Dataset], properties: &[&str]) -> Result<()> {
        let one = |name: &Dataset| properties.iter().try_for_each(|p| self.inherit(name, p));
        datasets.iter().try_for_each(one)
    }
    /// [`Self::rename`] of each (from, to), in this order: one command for each.
    fn rename_all(&self, names: &[(Dataset, Dataset)]) -> Result<()> {
        names.iter().try_for_each(|(from, to)| self.rename(from, to))
    }
    /// [`Self::mount`] of each, in this order: one command for each that is not mounted.
    fn mount_all(&self, datasets: &[Dataset]) -> Result<()> {
        datasets.iter().try_for_each(|name| self.mount(name).map(drop))
    }
    /// [`Self::unmount`] of each, in this order: one command for each that is mounted.
    fn unmount_all(&self, datasets: &[Dataset]) -> Result<()> {
        datasets.iter().try_for_each(|name| self.unmount(name).map(drop))
    }
    /// [`Self::clone_snapshot`] of each, in this order: one command for each.
    fn clone_all(&self, clones: &[NewClone]) -> Result<()> {
        for clone in clones {
            let pairs =
                clone.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            self.clone_snapshot(&clone.snapshot, &clone.target, &pairs.collect::<Vec<_>>())?;
        }
        Ok(())
    }
    /// [`Self::promote`] of each, in this order.
    fn promote_all(&self, datasets: &[Dataset]) -> Result<()> {
        datasets.iter().try_for_each(|name| self.promote(name).map(drop))
    }
    /// [`Self::destroy_snapshot`] of each. Where a channel program can be run, those of a pool are
    /// destroyed together, or none of them.
    fn destroy_snapshots(&self, snapshots: &[(Snapshot, Guid)]) -> Result<()> {
        snapshots.iter().try_for_each(|(name, guid)| self.destroy_snapshot(name, *guid).map(drop))
    }
    /// [`Self::destroy_dataset`] of each, in this order: children first.
    fn destroy_datasets(&self, datasets: &[(Dataset, Guid)]) -> Result<()> {
        datasets.iter().try_for_each(|(name, guid)| self.destroy_dataset(name, *guid).map(drop))
    }
}

/// Those of the properties that have a value.
fn some(properties: &[&str], value: impl Fn(&str) -> Result<Option<String>>) -> Result<Properties> {
    let pair = |name: &&str| {
        value(name).transpose().map(|value| value.map(|value| ((*name).to_owned(), value)))
    };
    properties.iter().filter_map(pair).collect()
}

/// The real engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineName {
    /// The `zfs` command.
    Cli,
    /// The library `libzfs_core`.
    Lzc,
}

/// The requested engine. By default the library, if it is compiled in and finds the kernel module,
/// otherwise the command.
///
/// # Errors
/// [`ZfsError::Unavailable`] if the library is requested and not available.
pub fn open(
    runner: crate::host::exec::Runner,
    asked: Option<EngineName>,
) -> Result<Box<dyn Engine>> {
    let cli = CliEngine::new(runner);
    match asked {
        Some(EngineName::Cli) => Ok(Box::new(cli)),
        Some(EngineName::Lzc) => library(&cli),
        None => Ok(library(&cli).unwrap_or_else(|_| Box::new(cli))),
    }
}

#[cfg(feature = "lzc")]
fn library(cli: &CliEngine) -> Result<Box<dyn Engine>> {
    Ok(Box::new(LzcEngine::new(cli.clone())?))
}

#[cfg(not(feature = "lzc"))]
fn library(_cli: &CliEngine) -> Result<Box<dyn Engine>> {
    Err(ZfsError::Unavailable("libzfs_core: this program was built without it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_asked_for_is_that_one_or_none() {
        let open =
            |asked| open(crate::host::exec::Runner::default(), asked).map(|engine| engine.name());
        assert!(matches!(open(Some(EngineName::Cli)), Ok("cli")));
        assert!(open(None).is_ok());
        assert!(matches!(open(Some(EngineName::Lzc)), Ok("lzc") | Err(ZfsError::Unavailable(_))));
    }
}
