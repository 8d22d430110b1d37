//! The datasets themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::history::{CloneFact, Keepers, SnapshotFact};
use super::sources::Observed;
use super::{Facts, Finding, Kind, Occasion, Sources};
use crate::host::mounts::{Mount, tops};
use crate::host::quote::quote;
use crate::zfs::{
    self, BookmarkInfo, Dataset, DatasetInfo, DatasetKind, ENDING_ASIDE, ENDING_CANDIDATE,
    ENDING_STANDBY, ENDING_UNDONE, MAX_NAME, PROP_CHANGE, Properties, Snapshot, SnapshotInfo,
    ZfsError,
};

/// One of the site's datasets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Root {
    /// Its name.
    pub name: Dataset,
    /// The dataset and everything below it, parents first; `None` if it does not exist.
    pub tree: Observed<Option<Vec<DatasetFact>>>,
    /// Those below it that are of other use: they are left alone, and are not in `tree`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<DatasetFact>,
    /// Bytes available to a dataset beside it (read only before a kept downgrade).
    pub room: Option<u64>,
    /// Bytes that the clone of a standby has written (read only before a kept downgrade). Either it
    /// takes over, and nothing is restored, or it is destroyed first.
    #[serde(skip_serializing_if = "is_none")]
    pub standby: u64,
    /// What already has the names that a kept downgrade uses. A name that is invalid is an error.
    pub beside: Vec<Observed<CloneFact>>,
}

/// One file system or volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetFact {
    /// What ZFS says of it.
    #[serde(flatten)]
    pub info: DatasetInfo,
    /// Where the kernel has it mounted.
    pub mounted_at: Vec<PathBuf>,
    /// What hides it at its mountpoint, if anything does.
    pub hidden_by: Option<String>,
    /// Its own quota for itself and everything below it (read only before a kept downgrade).
    pub quota: Option<u64>,
    /// What a clone with its properties reserves immediately (read only before a kept downgrade).
    pub reserved: u64,
    /// Its own snapshots, oldest first. Before an upgrade only some of them: see [`looked_at`].
    pub snapshots: Observed<Vec<SnapshotFact>>,
    /// Its own bookmarks, oldest first (read only before a rollback in place).
    pub bookmarks: Observed<Vec<BookmarkInfo>>,
}

impl DatasetFact {
    /// A block device, not a file system.
    pub fn is_volume(&self) -> bool {
        self.info.kind == DatasetKind::Volume
    }
}

/// All datasets of these that exist, parents before children.
pub(super) fn all(roots: &[Root]) -> impl Iterator<Item = &DatasetFact> {
    roots.iter().filter_map(|root| root.tree.as_ref().ok()?.as_ref()).flatten()
}

/// Whether a dataset is one of these, or below one, and is not left alone.
pub(super) fn goes_back(roots: &[Root], dataset: &Dataset) -> bool {
    let left = |root: &Root| root.left.iter().any(|left| dataset.is_within(&left.info.name));
    roots.iter().any(|root| dataset.is_within(&root.name) && !left(root))
}

/// Reads the site's datasets and everything below them.
pub(super) fn gather(sources: &Sources<'_>, mounts: &[Mount]) -> Vec<Root> {
    let seen = Seen::new(mounts);
    let tree = |name: &Dataset| match tree_of(sources, name) {
        Ok(tree) => Ok(Some(facts_of(sources, &seen, name, tree))),
        Err(ZfsError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    let root = |name: &Dataset| Root {
        name: name.clone(),
        tree: tree(name),
        left: Vec::new(),
        room: beside_of(sources, name),
        standby: standby_of(sources, name),
        beside: names_taken(sources, name),
    };
    sources.site.datasets.iter().map(root).collect()
}

/// A dataset and everything below it, with the snapshots that the checks look at.
fn tree_of(
    sources: &Sources<'_>,
    root: &Dataset,
) -> zfs::Result<Vec<(DatasetInfo, Vec<SnapshotInfo>)>> {
    let engine = sources.engine;
    if sources.occasion.is_downgrade() {
        return engine.history(root);
    }
    let tree = engine.tree(root)?;
    let names = looked_at(sources, root, engine.snapshot_names_below(root)?);
    let mut of: BTreeMap<Dataset, Vec<SnapshotInfo>> = BTreeMap::new();
    for info in engine.snapshot_infos(&names)? {
        of.entry(info.name.dataset()).or_default().push(info);
    }
    let with = |info: DatasetInfo| {
        let mut snapshots = of.remove(&info.name).unwrap_or_default();
        snapshots.sort_by_key(|snapshot| snapshot.createtxg);
        (info, snapshots)
    };
    Ok(tree.into_iter().map(with).collect())
}

/// Before an upgrade, only some snapshots matter, and to read the others takes time: those with the
/// name that is needed, those whose names may become too long, and some of the root's own, to
/// compare the clock with. The names of automatic ones mostly hold their time, so the last names
/// are taken.
fn looked_at(sources: &Sources<'_>, root: &Dataset, mut names: Vec<Snapshot>) -> Vec<Snapshot> {
    const SOME: usize = 10;
    names.sort();
    let own = names.iter().rev().filter(|name| name.dataset() == *root).take(SOME);
    let own: BTreeSet<Snapshot> = own.cloned().collect();
    let wanted = |name: &Snapshot| {
        Some(name.short()) == sources.snapshot_name.as_deref()
            || name.as_str().len() + longest_ending() > MAX_NAME
            || own.contains(name)
    };
    names.retain(wanted);
    names
}

/// The facts about a tree: what is not in the list of it is read for all of its datasets at once.
fn facts_of(
    sources: &Sources<'_>,
    seen: &Seen<'_>,
    root: &Dataset,
    tree: Vec<(DatasetInfo, Vec<SnapshotInfo>)>,
) -> Vec<DatasetFact> {
    let keepers = Keepers::of(sources, tree.iter().flat_map(|(_, snapshots)| snapshots));
    let mut bookmarks = match sources.occasion {
        Occasion::Downgrade { in_place: true } => {
            sources.engine.bookmarks_below(root).map_err(|error| error.to_string())
        }
        _ => Ok(Vec::new()),
    }
    .map(|all| {
        let mut of: BTreeMap<String, Vec<BookmarkInfo>> = BTreeMap::new();
        for one in all {
            let dataset = one.name.split('#').next().unwrap_or_default().to_owned();
            of.entry(dataset).or_default().push(one);
        }
        of
    });
    let names: Vec<Dataset> = tree.iter().map(|(info, _)| info.name.clone()).collect();
    let limits = limits(sources, &names);
    tree.into_iter()
        .zip(limits)
        .map(|((info, snapshots), (quota, reserved))| {
            let (mounted_at, hidden_by) = seen.places(&info);
            let snapshots = snapshots.into_iter().map(|one| keepers.with(one)).collect();
            let bookmarks = match &mut bookmarks {
                Ok(of) => Ok(of.remove(info.name.as_str()).unwrap_or_default()),
                Err(why) => Err(why.clone()),
            };
            let snapshots = Ok(snapshots);
            DatasetFact { info, mounted_at, hidden_by, quota, reserved, snapshots, bookmarks }
        })
        .collect()
}

/// The mounts, to be looked up for each of many datasets.
struct Seen<'a> {
    of: BTreeMap<&'a str, Vec<&'a Mount>>,
    top: BTreeMap<&'a Path, &'a Mount>,
}

impl<'a> Seen<'a> {
    fn new(mounts: &'a [Mount]) -> Self {
        let mut of: BTreeMap<&str, Vec<&Mount>> = BTreeMap::new();
        for mount in mounts.iter().filter(|mount| mount.fstype == "zfs") {
            of.entry(mount.source.as_str()).or_default().push(mount);
        }
        Self { of, top: tops(mounts) }
    }

    /// Where a dataset is mounted, and what hides it there.
    fn places(&self, info: &DatasetInfo) -> (Vec<PathBuf>, Option<String>) {
        let name = info.name.as_str();
        let mounts = self.of.get(name).into_iter().flatten();
        let point = info.mountpoint.as_deref().filter(|_| info.mounted);
        let top = point.and_then(|point| self.top.get(point));
        let hidden_by = top
            .filter(|top| top.source != name)
            .map(|top| format!("{} ({})", top.source, top.fstype));
        (mounts.map(|mount| mount.point.clone()).collect(), hidden_by)
    }
}

/// The device of a volume, such as `/dev/zd0`; `None` while there is none.
pub(super) fn device(sources: &Sources<'_>, volume: &Dataset) -> Option<PathBuf> {
    sources.roots.zvol.join(volume.as_str()).canonicalize().ok()
}

/// Checks that each of the site's datasets exists.
pub(super) fn exist(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.roots.is_empty() && facts.data_strategy.is_zfs() {
        findings.push(
            Finding::refuse(Kind::DatasetMissing, "The site file names no dataset.")
                .remedy(["Set `datasets` in the site file: zfs list"]),
        );
    }
    for root in &facts.roots {
        let finding = match &root.tree {
            Ok(Some(_)) => continue,
            Ok(None) => {
                Finding::refuse(Kind::DatasetMissing, format!("There is no dataset {}.", root.name))
                    .remedy([
                        format!("zfs list -r {}", quote(root.name.pool().as_str())),
                        "Correct `datasets` in the site file.".to_owned(),
                    ])
            }
            Err(why) => Finding::refuse(
                Kind::DatasetMissing,
                format!("Dataset {} could not be read.", root.name),
            )
            .detail([why.clone()]),
        };
        findings.push(finding);
    }
    findings
}

/// Snapshots and rollbacks are atomic only within a pool (`zfs-snapshot(8)`).
pub(super) fn pools(facts: &Facts) -> Vec<Finding> {
    if facts.pools.len() < 2 {
        return Vec::new();
    }
    let names: Vec<String> = facts.pools.iter().map(|pool| pool.name.to_string()).collect();
    vec![
        Finding::warn(Kind::SeveralPools, format!("The datasets are on {} pools.", names.len()))
            .detail([
            names.join(", "),
            "All datasets of a pool get their snapshots at one instant, the pools one after the \
             other; the service is stopped meanwhile."
                .to_owned(),
        ]),
    ]
}

pub(super) fn keeps(sources: &Sources<'_>) -> bool {
    matches!(sources.occasion, Occasion::Downgrade { in_place: false } | Occasion::Decision)
}

/// The suffixes that a kept downgrade uses: for the restored state before the swap, for the
/// upgraded one after it, and for one that was undone.
pub(super) const ENDINGS: &[&str] = &[ENDING_CANDIDATE, ENDING_ASIDE, ENDING_UNDONE];

/// The length of the longest of them.
pub(super) fn longest_ending() -> usize {
    ENDINGS.iter().map(|ending| ending.len()).max().unwrap_or_default()
}

pub(super) fn names_taken(sources: &Sources<'_>, root: &Dataset) -> Vec<Observed<CloneFact>> {
    let names: Vec<_> = ENDINGS.iter().map(|ending| root.with_suffix(ending)).collect();
    let valid: Vec<Dataset> = names.iter().filter_map(|name| name.clone().ok()).collect();
    // Other checks report a fault of its pool or of the engine.
    let here = sources.engine.datasets(&valid).unwrap_or_default();
    let here: Vec<Dataset> = here.into_iter().map(|info| info.name).collect();
    let marks = sources.engine.locals_of(&here, &[PROP_CHANGE]).unwrap_or_default();
    let taken = here.into_iter().enumerate().map(|(at, name)| {
        let change = marks.get(at).and_then(|here| here.get(PROP_CHANGE)).cloned();
        Ok(CloneFact { name, change })
    });
    let invalid = names.into_iter().filter_map(|name| Some(Err(name.err()?.to_string())));
    taken.chain(invalid).collect()
}

/// What is available to the parent is available to a dataset beside this one. The exception is a
/// parent with a `refquota` of its own, which does not limit datasets below it (`zfsprops(7)`) but
/// reduces the number. Then the dataset's own number is used instead.
pub(super) fn beside_of(sources: &Sources<'_>, root: &Dataset) -> Option<u64> {
    if !keeps(sources) {
        return None;
    }
    let above = root.ancestors().next()?;
    let info = sources.engine.dataset(&above).ok().flatten()?;
    info.refquota.is_none().then_some(info.available)
}

/// What the clone of a standby, and what is below it, take up beside their origins.
fn standby_of(sources: &Sources<'_>, root: &Dataset) -> u64 {
    let clone = || {
        let info = sources.engine.dataset(&root.with_suffix(ENDING_STANDBY).ok()?).ok()??;
        info.origin.as_ref().is_some_and(|origin| origin.dataset() == *root).then_some(info.used)
    };
    if keeps(sources) { clone().unwrap_or(0) } else { 0 }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

/// Each dataset's own quota, and what a clone with its properties reserves immediately.
fn limits(sources: &Sources<'_>, names: &[Dataset]) -> Vec<(Option<u64>, u64)> {
    let nothing = || vec![(None, 0); names.len()];
    if !keeps(sources) {
        return nothing();
    }
    let asked = ["quota", "refreservation", "reservation"];
    let Ok(all) = sources.engine.own_of(names, &asked) else { return nothing() };
    let of = |own: &Properties| {
        let bytes = |property: &str| {
            own.get(property).and_then(|text| text.parse().ok()).filter(|bytes: &u64| *bytes > 0)
        };
        let reserved = bytes("refreservation").unwrap_or(0).max(bytes("reservation").unwrap_or(0));
        (bytes("quota"), reserved)
    };
    all.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::pool::PoolFact;
    use super::*;

    #[test]
    fn missing() {
        let mut facts = facts(Occasion::Check);
        facts.roots[0].tree = Ok(None);
        insta::assert_snapshot!(show(&exist(&facts)), @r"
            refused: There is no dataset tank/db. [dataset-missing]
              to do: zfs list -r tank
                     Correct `datasets` in the site file.
            ");
        facts.roots[0].tree = Err("permission denied".into());
        insta::assert_snapshot!(show(&exist(&facts)), @r"
            refused: Dataset tank/db could not be read. [dataset-missing]
                     permission denied
            ");
        facts.roots.clear();
        insta::assert_snapshot!(show(&exist(&facts)), @r"
            refused: The site file names no dataset. [dataset-missing]
              to do: Set `datasets` in the site file: zfs list
            ");
    }

    #[test]
    fn two_pools() {
        let mut facts = facts(Occasion::Check);
        facts
            .pools
            .push(PoolFact { name: "fast".parse().expect("name"), ..facts.pools[0].clone() });
        insta::assert_snapshot!(show(&pools(&facts)), @r"
            warning: The datasets are on 2 pools. [several-pools]
                     tank, fast
                     All datasets of a pool get their snapshots at one instant, the pools one after the other; the service is stopped meanwhile.
            ");
    }
}
