//! Pools, datasets and snapshots.

use std::path::PathBuf;

use crate::host::mounts::{Mount, mount_of};
use crate::preflight::Occasion;
use crate::preflight::facts::{BookmarkFact, CloneFact, DatasetFact, Learnt, PoolFact, PoolState, Root, SnapshotFact, ZfsVersion};
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, PROP_CHANGE, Pool, SnapshotInfo, ZfsError};

use super::{Sources, ask};

/// `zfs version` (zfs-version(8)) prints the commands' version and the module's; it fails when the module is not loaded.
pub(super) fn version(sources: &Sources<'_>) -> Learnt<ZfsVersion> {
    let text = ask(sources, &["zfs", "version"])?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let commands = lines.next().ok_or("`zfs version` printed nothing")?.to_owned();
    Ok(ZfsVersion { commands, module: lines.next().map(str::to_owned) })
}

pub(super) fn pools(sources: &Sources<'_>) -> Vec<PoolFact> {
    let mut names: Vec<Pool> = sources.site.datasets.iter().map(Dataset::pool).collect();
    names.sort();
    names.dedup();
    let state = |pool: &Pool| {
        let info = sources.engine.pool(pool).map_err(|error| error.to_string())?;
        Ok(info.map(|info| PoolState {
            health: info.health,
            size: info.size,
            free: info.free,
            readonly: info.readonly,
            failmode: info.failmode,
        }))
    };
    names.into_iter().map(|name| PoolFact { state: state(&name), name }).collect()
}

pub(super) fn roots(sources: &Sources<'_>, mounts: &[Mount]) -> Vec<Root> {
    let tree = |name: &Dataset| match sources.engine.tree(name) {
        Ok(tree) => Ok(Some(tree.into_iter().map(|info| dataset(sources, mounts, info)).collect())),
        Err(ZfsError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    let root = |name: &Dataset| Root { name: name.clone(), tree: tree(name), room: room(sources, name), beside: beside(sources, name) };
    sources.site.datasets.iter().map(root).collect()
}

fn keeps(sources: &Sources<'_>) -> bool {
    sources.occasion == Occasion::Downgrade { in_place: false }
}

/// What is free to the dataset above is free to one beside it; unless its own `refquota` is in that number, which limits nothing below it (`zfsprops(7)`).
/// Nothing else tells the room then: what is free to the dataset itself stands for it.
fn room(sources: &Sources<'_>, root: &Dataset) -> Option<u64> {
    let above: Dataset = root.as_str().rsplit_once('/')?.0.parse().ok()?;
    sources.engine.dataset(&above).ok().flatten().filter(|info| keeps(sources) && info.refquota.is_none()).map(|info| info.available)
}

/// The endings of the names that the keeping rollback gives: the restored state before the swap, the upgraded one after it, and the one undone.
const ENDINGS: &[&str] = &[crate::zfs::ENDING_CANDIDATE, crate::zfs::ENDING_ASIDE, crate::zfs::ENDING_UNDONE];

fn beside(sources: &Sources<'_>, root: &Dataset) -> Vec<Learnt<CloneFact>> {
    let other = |ending: &&str| {
        let name = match root.with_suffix(ending) {
            Ok(name) => name,
            Err(error) => return Some(Err(error.to_string())),
        };
        match sources.engine.dataset(&name) {
            Ok(None) => None,
            Ok(Some(_)) => Some(Ok(CloneFact { change: sources.engine.local(&name, PROP_CHANGE).ok().flatten(), name })),
            // Its pool or the engine is at fault, which other checks say.
            Err(_) => None,
        }
    };
    ENDINGS.iter().filter_map(other).collect()
}

fn dataset(sources: &Sources<'_>, mounts: &[Mount], info: DatasetInfo) -> DatasetFact {
    let engine = sources.engine;
    let is_it = |mount: &&Mount| mount.fstype == "zfs" && mount.source == info.name.as_str();
    let mounted_at: Vec<PathBuf> = mounts.iter().filter(is_it).map(|mount| mount.point.clone()).collect();
    let top =
        info.mountpoint.as_ref().filter(|_| info.mounted).and_then(|point| mount_of(mounts, point).filter(|top| top.point == **point));
    let hidden_by = top.filter(|top| top.source != info.name.as_str()).map(|top| format!("{} ({})", top.source, top.fstype));
    let snapshots = engine.snapshots(&info.name).map_err(|error| error.to_string());
    let snapshots = snapshots.map(|all| all.into_iter().map(|one| snapshot(sources, one)).collect());
    let bookmarks = match sources.occasion {
        Occasion::Downgrade { in_place: true } => engine
            .bookmarks(&info.name)
            .map(|all| all.into_iter().map(|one| BookmarkFact { name: one.name, createtxg: one.createtxg }).collect())
            .map_err(|error| error.to_string()),
        _ => Ok(Vec::new()),
    };
    let bytes = |property: &str| -> Option<u64> {
        let text = if keeps(sources) { engine.local(&info.name, property).ok().flatten()? } else { return None };
        text.parse().ok().filter(|bytes| *bytes > 0)
    };
    let quota = bytes("quota");
    let reserved = bytes("refreservation").unwrap_or(0).max(bytes("reservation").unwrap_or(0));
    DatasetFact {
        quota,
        reserved,
        volume: info.kind == DatasetKind::Volume,
        name: info.name,
        guid: info.guid,
        mountpoint: info.mountpoint,
        mounted: info.mounted,
        mounted_at,
        hidden_by,
        canmount: info.canmount,
        used: info.used,
        referenced: info.referenced,
        available: info.available,
        written: info.written,
        refquota: info.refquota,
        origin: info.origin,
        keystatus: info.keystatus,
        readonly: info.readonly,
        snapshots,
        bookmarks,
    }
}

fn snapshot(sources: &Sources<'_>, info: SnapshotInfo) -> SnapshotFact {
    let engine = sources.engine;
    // One more command for each held or cloned snapshot only: most are neither.
    let holds = if info.userrefs == 0 { Ok(Vec::new()) } else { engine.holds(&info.name).map_err(|error| error.to_string()) };
    let change = |name: &Dataset| engine.local(name, PROP_CHANGE).ok().flatten();
    let clones = info.clones.into_iter().map(|name| CloneFact { change: change(&name), name }).collect();
    SnapshotFact {
        name: info.name,
        guid: info.guid,
        createtxg: info.createtxg,
        creation: info.creation,
        used: info.used,
        referenced: info.referenced,
        holds,
        clones,
    }
}

/// The device of a volume, such as `/dev/zd0`; `None` while there is none.
pub(super) fn device(sources: &Sources<'_>, volume: &Dataset) -> Option<PathBuf> {
    sources.roots.zvol.join(volume.as_str()).canonicalize().ok()
}
