//! The engine that needs only the commands `zfs` and `zpool`.

mod change;
mod many;
mod old;
pub mod parse;
mod refine;

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::host::exec::{Command, ExecError, Printed, Runner};

use super::{
    BookmarkInfo, Change, Dataset, DatasetInfo, Delegations, Engine, Guid, NewClone, Pool,
    PoolInfo, Properties, Result, RollbackMethod, RollbackTarget, Snapshot, SnapshotInfo, ZfsError,
    allow, batch,
};
pub(super) use refine::refine;

/// A hung pool never answers.
const READ_LIMIT: Duration = Duration::from_secs(300);
/// To read a tree takes a while: 20,000 snapshots took two minutes on a slow host.
const TREE_LIMIT: Duration = Duration::from_secs(3600);
/// Destroy and rollback wait for a transaction group, which a busy pool may delay.
const CHANGE_LIMIT: Duration = Duration::from_secs(1800);

/// [`Engine`] by commands.
#[derive(Debug, Clone)]
pub struct CliEngine {
    runner: Runner,
    /// The command is an old one: see [`old`].
    old: Arc<AtomicBool>,
}

impl CliEngine {
    /// An engine whose commands are started by `runner`.
    pub fn new(runner: Runner) -> Self {
        Self { runner, old: Arc::default() }
    }

    /// Runs a command that only reads.
    fn read(&self, argv: &[&str]) -> std::result::Result<String, ExecError> {
        self.runner
            .run(&Command::new(argv.iter().copied()).timeout(READ_LIMIT))
            .map(|output| output.stdout)
    }

    /// Runs a command that only reads, about a tree or many names.
    fn read_many(&self, argv: &[&str]) -> std::result::Result<String, ExecError> {
        let command = Command::new(argv.iter().copied()).timeout(TREE_LIMIT);
        self.runner.run(&command).map(|output| output.stdout)
    }

    /// Runs a command that makes a change.
    fn change(&self, argv: &[&str]) -> std::result::Result<Printed, ExecError> {
        self.runner.run(&Command::new(argv.iter().copied()).timeout(CHANGE_LIMIT))
    }

    /// Makes a change and checks its effect. A request to stop does not interrupt between the two.
    pub(super) fn shielded<T>(&self, work: impl FnOnce() -> T) -> T {
        self.runner.shielded(work)
    }

    fn list(&self, kinds: &str, depth: &str, columns: &str, name: &str) -> Result<String> {
        let run = |argv: &[&str]| self.read(argv).map_err(|error| refine(error, name));
        self.rows(&["-d", depth, "-t", kinds], columns, &[name], &run)
    }

    fn get(&self, columns: &str, property: &str, name: &str) -> Result<String> {
        self.get_of("local", columns, property, name)
    }

    fn get_of(&self, sources: &str, columns: &str, property: &str, name: &str) -> Result<String> {
        self.read(&["zfs", "get", "-Hp", "-s", sources, "-o", columns, "--", property, name])
            .map_err(|error| refine(error, name))
    }

    /// All properties of these sources, in order of name.
    fn set_here(&self, name: &Dataset, sources: &str) -> Result<Vec<(String, String)>> {
        let all = self.properties_of(&[name.as_str()], &[], sources)?;
        Ok(all.into_iter().flatten().collect())
    }

    /// A dataset that must exist.
    pub(super) fn existing(&self, dataset: &Dataset) -> Result<DatasetInfo> {
        self.dataset(dataset)?.ok_or_else(|| ZfsError::NotFound(dataset.to_string()))
    }
}

fn absent<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(ZfsError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn one<T>(mut rows: Vec<T>, name: &str) -> Result<T> {
    match (rows.pop(), rows.is_empty()) {
        (Some(row), true) => Ok(row),
        _ => Err(ZfsError::Unexpected {
            command: "zfs list".to_owned(),
            detail: format!("not one row for {name}"),
        }),
    }
}

impl Engine for CliEngine {
    fn name(&self) -> &'static str {
        "cli"
    }

    fn pool(&self, pool: &Pool) -> Result<Option<PoolInfo>> {
        let name = pool.as_str();
        let found = self
            .read(&["zpool", "list", "-Hp", "-o", parse::POOL_COLUMNS, "--", name])
            .map_err(|error| refine(error, name));
        let found = match found {
            Err(error) if old::lacks_option(&error, 'p') => self.old_pool(pool),
            found => found,
        };
        absent(found)?.map(|text| parse::pool(&text)).transpose()
    }

    fn dataset(&self, dataset: &Dataset) -> Result<Option<DatasetInfo>> {
        let name = dataset.as_str();
        absent(self.list("filesystem,volume", "0", parse::DATASET_COLUMNS, name))?
            .map(|text| one(parse::datasets(&text)?, name))
            .transpose()
    }

    fn tree(&self, root: &Dataset) -> Result<Vec<DatasetInfo>> {
        let text = self.list_below("filesystem,volume", parse::DATASET_COLUMNS, root)?;
        let mut all = parse::datasets(&text)?;
        parse::sort_tree(&mut all);
        Ok(all)
    }

    fn snapshot_info(&self, snapshot: &Snapshot) -> Result<Option<SnapshotInfo>> {
        let name = snapshot.as_str();
        absent(self.list("snapshot", "0", parse::SNAPSHOT_COLUMNS, name))?
            .map(|text| one(parse::snapshots(&text)?, name))
            .transpose()
    }

    fn snapshots(&self, dataset: &Dataset) -> Result<Vec<SnapshotInfo>> {
        parse::snapshots(&self.list("snapshot", "1", parse::SNAPSHOT_COLUMNS, dataset.as_str())?)
    }

    fn bookmarks(&self, dataset: &Dataset) -> Result<Vec<BookmarkInfo>> {
        parse::bookmarks(&self.list("bookmark", "1", parse::BOOKMARK_COLUMNS, dataset.as_str())?)
    }

    fn holds(&self, snapshot: &Snapshot) -> Result<Vec<String>> {
        Ok(self.tags_of(from_ref(snapshot))?.pop().unwrap_or_default())
    }

    fn local(&self, dataset: &Dataset, property: &str) -> Result<Option<String>> {
        Ok(parse::value(&self.get("value", property, dataset.as_str())?))
    }

    fn locals(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        self.set_here(dataset, "local")
    }

    fn own(&self, dataset: &Dataset) -> Result<Vec<(String, String)>> {
        self.set_here(dataset, "local,received")
    }

    fn written_since(&self, dataset: &Dataset, snapshot: &Snapshot) -> Result<u64> {
        let (property, name) = (format!("written@{snapshot}"), dataset.as_str());
        let text = self
            .read(&["zfs", "get", "-Hp", "-o", "value", "--", &property, name])
            .map_err(|error| old::explained(refine(error, name)))?;
        let unexpected = || ZfsError::Unexpected {
            command: "zfs get".to_owned(),
            detail: format!("{property} of {name} is {text:?}"),
        };
        text.trim_end().parse().map_err(|_| unexpected())
    }

    fn snapshot_local(&self, snapshot: &Snapshot, property: &str) -> Result<Option<String>> {
        Ok(parse::value(&self.get("value", property, snapshot.as_str())?))
    }

    fn snapshot(&self, snapshots: &[Snapshot], properties: &[(&str, &str)]) -> Result<()> {
        self.shielded(|| self.make_snapshots(snapshots, properties))
    }

    fn hold(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.shielded(|| self.hold_each(from_ref(snapshot), tag, true))
    }

    fn release(&self, snapshot: &Snapshot, tag: &str) -> Result<Change> {
        self.shielded(|| self.hold_each(from_ref(snapshot), tag, false))
    }

    fn create_filesystem(&self, dataset: &Dataset, properties: &[(&str, &str)]) -> Result<()> {
        self.shielded(|| self.make_filesystem(dataset, properties))
    }

    fn clone_snapshot(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.shielded(|| self.make_clone(snapshot, target, properties))
    }

    fn set(&self, dataset: &Dataset, property: &str, value: &str) -> Result<()> {
        self.shielded(|| self.set_each(from_ref(dataset), &[(property, value)]))
    }

    fn inherit(&self, dataset: &Dataset, property: &str) -> Result<()> {
        self.shielded(|| self.inherit_each(from_ref(dataset), &[property]))
    }

    fn rename(&self, from: &Dataset, to: &Dataset) -> Result<()> {
        self.shielded(|| self.rename_each(&[(from.clone(), to.clone())]))
    }

    fn promote(&self, dataset: &Dataset) -> Result<Change> {
        self.shielded(|| self.promote_clone(dataset))
    }

    fn mount(&self, dataset: &Dataset) -> Result<Change> {
        self.shielded(|| self.mount_each(from_ref(dataset)))
    }

    fn unmount(&self, dataset: &Dataset) -> Result<Change> {
        self.shielded(|| self.unmount_each(from_ref(dataset)))
    }

    fn destroy_snapshot(&self, snapshot: &Snapshot, guid: Guid) -> Result<Change> {
        self.shielded(|| self.remove_snapshot(snapshot, guid))
    }

    fn destroy_dataset(&self, dataset: &Dataset, guid: Guid) -> Result<Change> {
        self.shielded(|| self.remove_dataset(dataset, guid))
    }

    fn rollback(
        &self,
        targets: &[RollbackTarget],
        mark: &str,
        method: RollbackMethod,
    ) -> Result<()> {
        self.shielded(|| super::rollback::rollback(self, targets, mark, method))
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
        let of = |name: &Dataset| {
            let text = self.read(&["zfs", "allow", name.as_str()]);
            let text = text.map_err(|error| refine(error, name.as_str()))?;
            Ok(allow::delegations(&text, name))
        };
        datasets.iter().map(of).collect()
    }

    fn delegate(&self, dataset: &Dataset, given: &[Vec<String>]) -> Result<()> {
        self.shielded(|| self.give(dataset, given))
    }

    fn datasets(&self, names: &[Dataset]) -> Result<Vec<DatasetInfo>> {
        self.infos(names)
    }

    fn history(&self, root: &Dataset) -> Result<Vec<(DatasetInfo, Vec<SnapshotInfo>)>> {
        let kinds = "filesystem,volume,snapshot";
        parse::history(&self.list_below(kinds, parse::HISTORY_COLUMNS, root)?)
    }

    fn snapshot_names_below(&self, root: &Dataset) -> Result<Vec<Snapshot>> {
        // ZFS reads nothing else of a snapshot if this is the only column (`zfs list`, zfs-list(8)).
        let text = self.list_below("snapshot", "name", root)?;
        text.lines().map(|name| Ok(name.parse()?)).collect()
    }

    fn bookmarks_below(&self, root: &Dataset) -> Result<Vec<BookmarkInfo>> {
        self.bookmarks_of_tree(root)
    }

    fn snapshot_infos(&self, names: &[Snapshot]) -> Result<Vec<SnapshotInfo>> {
        self.infos_of_snapshots(names)
    }

    fn holds_of(&self, names: &[Snapshot]) -> Result<Vec<Vec<String>>> {
        self.tags_of(names)
    }

    fn locals_of(&self, names: &[Dataset], properties: &[&str]) -> Result<Vec<Properties>> {
        let names: Vec<&str> = names.iter().map(Dataset::as_str).collect();
        self.properties_of(&names, properties, "local")
    }

    fn own_of(&self, names: &[Dataset], properties: &[&str]) -> Result<Vec<Properties>> {
        let names: Vec<&str> = names.iter().map(Dataset::as_str).collect();
        self.properties_of(&names, properties, "local,received")
    }

    fn snapshot_locals_of(
        &self,
        names: &[Snapshot],
        properties: &[&str],
    ) -> Result<Vec<Properties>> {
        let names: Vec<&str> = names.iter().map(Snapshot::as_str).collect();
        self.properties_of(&names, properties, "local")
    }

    fn written_since_each(&self, snapshots: &[Snapshot]) -> Result<Vec<u64>> {
        self.written_each(snapshots)
    }

    fn hold_all(&self, snapshots: &[Snapshot], tag: &str) -> Result<()> {
        self.shielded(|| self.hold_each(snapshots, tag, true).map(drop))
    }

    fn release_all(&self, snapshots: &[Snapshot], tag: &str) -> Result<()> {
        self.shielded(|| self.hold_each(snapshots, tag, false).map(drop))
    }

    fn set_all(&self, datasets: &[Dataset], properties: &[(&str, &str)]) -> Result<()> {
        self.shielded(|| self.set_each(datasets, properties))
    }

    fn inherit_all(&self, datasets: &[Dataset], properties: &[&str]) -> Result<()> {
        self.shielded(|| self.inherit_each(datasets, properties))
    }

    fn rename_all(&self, names: &[(Dataset, Dataset)]) -> Result<()> {
        self.shielded(|| self.rename_each(names))
    }

    fn mount_all(&self, datasets: &[Dataset]) -> Result<()> {
        self.shielded(|| self.mount_each(datasets).map(drop))
    }

    fn unmount_all(&self, datasets: &[Dataset]) -> Result<()> {
        self.shielded(|| self.unmount_each(datasets).map(drop))
    }

    fn clone_all(&self, clones: &[NewClone]) -> Result<()> {
        self.shielded(|| self.clone_each(clones))
    }

    fn promote_all(&self, datasets: &[Dataset]) -> Result<()> {
        self.shielded(|| batch::promote_all(self, datasets))
    }

    fn destroy_snapshots(&self, snapshots: &[(Snapshot, Guid)]) -> Result<()> {
        self.shielded(|| batch::destroy_snapshots(self, snapshots))
    }

    fn destroy_datasets(&self, datasets: &[(Dataset, Guid)]) -> Result<()> {
        self.shielded(|| batch::destroy_datasets(self, datasets))
    }
}
