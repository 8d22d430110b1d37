//! The engine that makes changes through `libzfs_core`, where that is better than the command, and
//! reads through [`CliEngine`].
//!
//! It does not read through libzetta, whose lists stop at a space or colon in a name, and whose
//! properties panic on unknown values. The calls that it does use take names checked by
//! [`super::names`] and cannot panic. The library reports success for some calls that did nothing
//! (a hold on a missing snapshot, an empty list of snapshots), so this engine checks effects, too.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fmt;
use std::path::PathBuf;
use std::ptr::null_mut;

use libzetta::libnv::nvpair::{NvList, Value};
use libzetta::zfs::{ZfsEngine, ZfsLzc};
use libzetta_zfs_core_sys as sys;

use super::error::of_errno;
use super::program::LIMITS;
use super::rollback::Hands;
use super::{
    BookmarkInfo, Change, CliEngine, Dataset, DatasetInfo, Delegations, Engine, Guid, NewClone,
    Pool, PoolInfo, Properties, Result, RollbackMethod, RollbackTarget, Snapshot, SnapshotInfo,
    ZfsError, batch, verify,
};

/// [`Engine`] by `libzfs_core` and, for reading, commands.
pub struct LzcEngine {
    cli: CliEngine,
    library: ZfsLzc,
}

impl fmt::Debug for LzcEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LzcEngine").field("cli", &self.cli).finish_non_exhaustive()
    }
}

impl LzcEngine {
    /// Opens the library, which opens `/dev/zfs`.
    ///
    /// # Errors
    /// [`ZfsError::Unavailable`] without the kernel module.
    pub fn new(cli: CliEngine) -> Result<Self> {
        let library = ZfsLzc::new()
            .map_err(|error| ZfsError::Unavailable(format!("libzfs_core: {error:?}")))?;
        Ok(Self { cli, library })
    }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| ZfsError::Unexpected {
        command: "libzfs_core".to_owned(),
        detail: format!("a NUL in {text:?}"),
    })
}

fn list(pairs: &[(&str, &str)]) -> Result<NvList> {
    // Flag: a name stands once (NvFlag::UniqueNameType).
    let mut list = NvList::default();
    for (name, value) in pairs {
        list.insert_string(*name, *value).map_err(|error| ZfsError::Call {
            call: "nvlist_add_string".to_owned(),
            error: error.to_string(),
        })?;
    }
    Ok(list)
}

/// Converts libzetta's error. `what` is the name that was passed to the call.
fn refine(error: libzetta::zfs::Error, call: &str, what: &str) -> ZfsError {
    use libzetta::zfs::Error;
    match error {
        Error::Io(error) => match error.raw_os_error() {
            Some(errno) => of_errno(errno, call, what),
            None => ZfsError::Call { call: call.to_owned(), error: error.to_string() },
        },
        Error::MultiOpError(errors) => several(errors, call, what),
        other => ZfsError::Call { call: format!("{call} of {what}"), error: format!("{other:?}") },
    }
}

/// Converts the names and errnos that some calls return. The first in order of name counts.
fn several(errors: HashMap<String, Value>, call: &str, what: &str) -> ZfsError {
    let mut errors: Vec<(String, i32)> = errors
        .into_iter()
        .filter_map(
            |(name, value)| {
                if let Value::Int32(errno) = value { Some((name, errno)) } else { None }
            },
        )
        .filter(|(name, _)| name != "N_MORE_ERRORS")
        .collect();
    errors.sort();
    match errors.first() {
        Some((name, errno)) => of_errno(*errno, call, name),
        None => ZfsError::Call {
            call: format!("{call} of {what}"),
            error: "it failed without a reason".to_owned(),
        },
    }
}

fn checked(errno: i32, call: &str, what: &str) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(of_errno(errno, call, what)) }
}

impl LzcEngine {
    /// Holds those that are not held yet in one transaction for each pool.
    fn hold_each(&self, snapshots: &[Snapshot], tag: &str) -> Result<Change> {
        let tags = self.cli.holds_of(snapshots)?;
        let left: Vec<Snapshot> = snapshots
            .iter()
            .zip(tags)
            .filter(|(_, tags)| !tags.iter().any(|found| found == tag))
            .map(|(name, _)| name.clone())
            .collect();
        for names in verify::by_pool(&left)?.values() {
            let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), tag)).collect();
            let holds = list(&pairs)?;
            let mut errors = null_mut();
            // SAFETY: `holds` is a valid nvlist that outlives the call, which copies it; -1 is "no
            // cleanup descriptor" (the holds stay); `errors` is a valid place for the nvlist that
            // the call may allocate.
            let errno = unsafe { sys::lzc_hold(holds.as_ptr().cast(), -1, &mut errors) };
            // SAFETY: the pointer is null or an nvlist that is ours now; `NvList` frees it, and
            // freeing null is allowed (nvlist_free).
            let errors = unsafe { NvList::from_ptr(errors.cast()) };
            if errno == libc_errno::EEXIST {
                // Somebody was quicker with one, and none of the others was held.
                continue;
            }
            let first = names.first().map_or("", |name| name.as_str());
            if !errors.is_empty() {
                return Err(several(errors.into_hashmap(), "lzc_hold", first));
            }
            checked(errno, "lzc_hold", first)?;
        }
        // The library reports success for snapshots that do not exist.
        self.cli.hold_all(&left, tag)?;
        Ok(if left.is_empty() { Change::WasThere } else { Change::Made })
    }

    fn rename_now(&self, names: &[(Dataset, Dataset)]) -> Result<()> {
        let from: Vec<Dataset> = names.iter().map(|(from, _)| from.clone()).collect();
        let before = self.cli.all_existing(&from)?;
        for (from, to) in names {
            let (source, target) = (c_string(from.as_str())?, c_string(to.as_str())?);
            // SAFETY: both are NUL-terminated and outlive the call, which only reads them.
            let errno = unsafe { sys::lzc_rename(source.as_ptr(), target.as_ptr()) };
            checked(errno, "lzc_rename", to.as_str())?;
        }
        let guids: Vec<Guid> = before.iter().map(|info| info.guid).collect();
        verify::renamed_each(&self.cli, names, &guids)
    }

    fn promote_now(&self, dataset: &Dataset) -> Result<Change> {
        let Some(origin) = self.cli.existing(dataset)?.origin else {
            return Ok(Change::WasThere);
        };
        let name = c_string(dataset.as_str())?;
        // ZFS_MAX_DATASET_NAME_LEN.
        let mut conflict = [0 as std::ffi::c_char; 256];
        // SAFETY: the name is NUL-terminated; `conflict` is writable for the length given, and the
        // call puts the name of a snapshot that both have there, cut to that length and terminated.
        let errno = unsafe { sys::lzc_promote(name.as_ptr(), conflict.as_mut_ptr(), 256) };
        if errno == libc_errno::EEXIST {
            conflict[255] = 0;
            // SAFETY: the last byte is NUL, so there is one within the array.
            let snapshot = unsafe { CStr::from_ptr(conflict.as_ptr()) }.to_string_lossy();
            return Err(ZfsError::Exists(format!(
                "{dataset}@{}",
                snapshot.rsplit('@').next().unwrap_or_default()
            )));
        }
        checked(errno, "lzc_promote", dataset.as_str())?;
        self.cli.promoted(dataset, &origin)
    }
}

mod libc_errno {
    pub(super) const EEXIST: i32 = nix::errno::Errno::EEXIST as i32;
}

impl Hands for LzcEngine {
    fn program(&self, program: &str, pool: &Pool, arguments: &[String]) -> Result<String> {
        let numbers: Vec<String> = (1..=arguments.len()).map(|i| i.to_string()).collect();
        let pairs: Vec<(&str, &str)> =
            numbers.iter().map(String::as_str).zip(arguments.iter().map(String::as_str)).collect();
        let answer = self
            .library
            .run_channel_program(pool.as_str(), program, LIMITS.0, LIMITS.1, true, list(&pairs)?)
            .map_err(|error| refine(error, "lzc_channel_program", pool.as_str()))?
            .into_hashmap();
        match answer.get("return") {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(ZfsError::Unexpected {
                command: "lzc_channel_program".to_owned(),
                detail: format!("no string returned: {answer:?}"),
            }),
        }
    }

    fn rollback_to(&self, snapshot: &Snapshot) -> Result<()> {
        let (dataset, name) =
            (c_string(snapshot.dataset().as_str())?, c_string(snapshot.as_str())?);
        // SAFETY: both are NUL-terminated and outlive the call, which only reads them.
        let errno = unsafe { sys::lzc_rollback_to(dataset.as_ptr(), name.as_ptr()) };
        if errno == libc_errno::EEXIST {
            return Err(ZfsError::Newer {
                dataset: snapshot.dataset(),
                newer: vec!["one made in this moment".to_owned()],
            });
        }
        checked(errno, "lzc_rollback_to", snapshot.as_str())
    }

    fn destroy_bookmark(&self, name: &str) -> Result<()> {
        self.cli.destroy_bookmark(name)
    }
}

impl Engine for LzcEngine {
    fn name(&self) -> &'static str {
        "lzc"
    }

    fn pool(&self, pool: &Pool) -> Result<Option<PoolInfo>> {
        self.cli.pool(pool)
    }

    fn dataset(&self, dataset: &Dataset) -> Result<Option<DatasetInfo>> {
        self.cli.dataset(dataset)
    }

    fn tree(&self, root: &Dataset) -> Result<Vec<DatasetInfo>> {
        self.cli.tree(root)
    }

    fn snapshot_info(&self, snapshot: &Snapshot) -> Result<Option<SnapshotInfo>> {
        self.cli.snapshot_info(snapshot)
    }

    fn snapshots(&self, dataset: &Dataset) -> Result<Vec<SnapshotInfo>> {
        self.cli.snapshots(dataset)
    }

    fn bookmarks(&self, dataset: &Dataset) -> Result<Vec<BookmarkInfo>> {
        self.cli.bookmarks(dataset)
    }

    fn holds(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        self.cli.holds(snapshot)
    }

    fn local(&self, dataset: &Dataset, property: &str) -> Result<Option<String>> {
        self.cli.local(dataset, property)
    }

    fn locals(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        self.cli.locals(dataset)
    }

    fn own(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        self.cli.own(dataset)
    }

    fn written_since(&self, dataset: &Dataset, snapshot: &Snapshot) -> Result<u64> {
        self.cli.written_since(dataset, snapshot)
    }

    fn snapshot_local(&self, snapshot: &Snapshot, property: &str) -> Result<Option<String>> {
        self.cli.snapshot_local(snapshot, property)
    }

    fn snapshot(&self, snapshots: &[Snapshot], properties: &[(&str, &str)]) -> Result<()> {
        self.cli.shielded(|| {
            for names in verify::by_pool(snapshots)?.values() {
                let paths: Vec<PathBuf> =
                    names.iter().map(|name| PathBuf::from(name.as_str())).collect();
                let properties_map = properties
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect();
                self.library.snapshot(&paths, Some(properties_map)).map_err(|error| {
                    refine(error, "lzc_snapshot", names.first().map_or("", |name| name.as_str()))
                })?;
                verify::snapshots_made(&self.cli, names, properties)?;
            }
            Ok(())
        })
    }

    fn hold(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.cli.shielded(|| self.hold_each(std::slice::from_ref(snapshot), tag))
    }

    fn release(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.cli.release(snapshot, tag)
    }

    /// Uses the command, which converts the values of native properties into the numbers that the
    /// module expects.
    fn create_filesystem(&self, dataset: &Dataset, properties: &[(&str, &str)]) -> Result<()> {
        self.cli.create_filesystem(dataset, properties)
    }

    fn clone_snapshot(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.cli.clone_snapshot(snapshot, target, properties)
    }

    fn set(&self, dataset: &Dataset, property: &str, value: &str) -> Result<()> {
        self.cli.set(dataset, property, value)
    }

    fn inherit(&self, dataset: &Dataset, property: &str) -> Result<()> {
        self.cli.inherit(dataset, property)
    }

    fn rename(&self, from: &Dataset, to: &Dataset) -> Result<()> {
        self.cli.shielded(|| self.rename_now(&[(from.clone(), to.clone())]))
    }

    fn promote(&self, dataset: &Dataset) -> Result<Change> {
        self.cli.shielded(|| self.promote_now(dataset))
    }

    fn mount(&self, dataset: &Dataset) -> Result<Change> {
        self.cli.mount(dataset)
    }

    fn unmount(&self, dataset: &Dataset) -> Result<Change> {
        self.cli.unmount(dataset)
    }

    fn destroy_snapshot(&self, snapshot: &Snapshot, guid: Guid) -> Result<Change> {
        self.cli.destroy_snapshot(snapshot, guid)
    }

    fn destroy_dataset(&self, dataset: &Dataset, guid: Guid) -> Result<Change> {
        self.cli.destroy_dataset(dataset, guid)
    }

    fn rollback(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()> {
        self.cli.shielded(|| super::rollback::rollback(self, targets, mark, method))
    }

    fn may_roll_back(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()> {
        super::rollback::allowed(self, targets, mark, method)
    }

    fn delegations_of(&self, datasets: &[Dataset]) -> Result<Vec<Delegations>> {
        self.cli.delegations_of(datasets)
    }

    fn delegate(&self, dataset: &Dataset, given: &[Vec<String>]) -> Result<()> {
        self.cli.delegate(dataset, given)
    }

    fn datasets(&self, names: &[Dataset]) -> Result<Vec<DatasetInfo>> {
        self.cli.datasets(names)
    }

    fn history(&self, root: &Dataset) -> Result<Vec<(DatasetInfo, Vec<SnapshotInfo>)>> {
        self.cli.history(root)
    }

    fn snapshot_names_below(&self, root: &Dataset) -> Result<Vec<Snapshot>> {
        self.cli.snapshot_names_below(root)
    }

    fn bookmarks_below(&self, root: &Dataset) -> Result<Vec<BookmarkInfo>> {
        self.cli.bookmarks_below(root)
    }

    fn snapshot_infos(&self, names: &[Snapshot]) -> Result<Vec<SnapshotInfo>> {
        self.cli.snapshot_infos(names)
    }

    fn holds_of(&self, names: &[Snapshot]) -> Result<Vec<Vec<String>>> {
        self.cli.holds_of(names)
    }

    fn locals_of(&self, names: &[Dataset], properties: &[&str]) -> Result<Vec<Properties>> {
        self.cli.locals_of(names, properties)
    }

    fn own_of(&self, names: &[Dataset], properties: &[&str]) -> Result<Vec<Properties>> {
        self.cli.own_of(names, properties)
    }

    fn snapshot_locals_of(
        &self,
        names: &[Snapshot],
        properties: &[&str],
    ) -> Result<Vec<Properties>> {
        self.cli.snapshot_locals_of(names, properties)
    }

    fn written_since_each(&self, snapshots: &[Snapshot]) -> Result<Vec<u64>> {
        self.cli.written_since_each(snapshots)
    }

    fn hold_all(&self, snapshots: &[Snapshot], tag: &str) -> Result<()> {
        self.cli.shielded(|| self.hold_each(snapshots, tag).map(drop))
    }

    fn release_all(&self, snapshots: &[Snapshot], tag: &str) -> Result<()> {
        self.cli.release_all(snapshots, tag)
    }

    fn set_all(&self, datasets: &[Dataset], properties: &[(&str, &str)]) -> Result<()> {
        self.cli.set_all(datasets, properties)
    }

    fn inherit_all(&self, datasets: &[Dataset], properties: &[&str]) -> Result<()> {
        self.cli.inherit_all(datasets, properties)
    }

    fn rename_all(&self, names: &[(Dataset, Dataset)]) -> Result<()> {
        self.cli.shielded(|| self.rename_now(names))
    }

    fn mount_all(&self, datasets: &[Dataset]) -> Result<()> {
        self.cli.mount_all(datasets)
    }

    fn unmount_all(&self, datasets: &[Dataset]) -> Result<()> {
        self.cli.unmount_all(datasets)
    }

    fn clone_all(&self, clones: &[NewClone]) -> Result<()> {
        self.cli.clone_all(clones)
    }

    fn promote_all(&self, datasets: &[Dataset]) -> Result<()> {
        self.cli.shielded(|| batch::promote_all(self, datasets))
    }

    fn destroy_snapshots(&self, snapshots: &[(Snapshot, Guid)]) -> Result<()> {
        self.cli.shielded(|| batch::destroy_snapshots(self, snapshots))
    }

    fn destroy_datasets(&self, datasets: &[(Dataset, Guid)]) -> Result<()> {
        self.cli.shielded(|| batch::destroy_datasets(self, datasets))
    }
}
