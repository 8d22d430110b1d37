//! A snapshot, and who keeps it: its holds and its clones.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Facts;
use super::sources::{Observed, Sources};
use super::text::{made, size};
use crate::zfs::{self, Dataset, InHistory, PROP_CHANGE, Snapshot, SnapshotInfo};

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SnapshotFact {
    /// What ZFS says of it.
    #[serde(flatten)]
    pub info: SnapshotInfo,
    /// Tags of its holds.
    pub holds: Observed<Vec<String>>,
    /// Its clones, and who made them.
    pub clones: Vec<CloneFact>,
}

/// Another dataset: a clone, or one with a name that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloneFact {
    /// Its name.
    pub name: Dataset,
    /// The change for which backout created it, if it did.
    pub change: Option<String>,
}

/// The holds and clones of snapshots, and the clones' owners, read for all of them at once.
#[derive(Default)]
pub(super) struct Keepers {
    holds: BTreeMap<Snapshot, Observed<Vec<String>>>,
    owners: BTreeMap<Dataset, String>,
}

impl Keepers {
    /// Most snapshots are neither held nor cloned, and are not asked about.
    pub(super) fn of<'a>(
        sources: &Sources<'_>,
        snapshots: impl Iterator<Item = &'a SnapshotInfo> + Clone,
    ) -> Self {
        let engine = sources.engine;
        let held = snapshots.clone().filter(|info| info.userrefs > 0);
        let held: Vec<Snapshot> = held.map(|info| info.name.clone()).collect();
        let holds = match engine.holds_of(&held) {
            Ok(tags) => held.into_iter().zip(tags.into_iter().map(Ok)).collect(),
            Err(error) => held.into_iter().map(|name| (name, Err(error.to_string()))).collect(),
        };
        let clones: BTreeSet<&Dataset> = snapshots.flat_map(|info| &info.clones).collect();
        let clones: Vec<Dataset> = clones.into_iter().cloned().collect();
        let marks = engine.locals_of(&clones, &[PROP_CHANGE]).unwrap_or_default();
        let owners = clones.into_iter().zip(marks);
        let owners =
            owners.filter_map(|(name, mut here)| Some((name, here.remove(PROP_CHANGE)?))).collect();
        Self { holds, owners }
    }

    /// A snapshot with what keeps it.
    pub(super) fn with(&self, info: SnapshotInfo) -> SnapshotFact {
        let clone = |name: &Dataset| CloneFact {
            name: name.clone(),
            change: self.owners.get(name).cloned(),
        };
        let clones = info.clones.iter().map(clone).collect();
        let holds = self.holds.get(&info.name).cloned().unwrap_or_else(|| Ok(Vec::new()));
        SnapshotFact { info, holds, clones }
    }
}

impl InHistory for SnapshotFact {
    fn createtxg(&self) -> u64 {
        self.info.createtxg
    }
}

pub(super) fn is_our_tag(facts: &Facts, tag: &str) -> bool {
    facts.change.as_deref().is_some_and(|change| tag == zfs::hold_tag(change))
}

pub(super) fn is_our_clone(facts: &Facts, clone: &CloneFact) -> bool {
    clone.change.is_some() && clone.change == facts.change
}

pub(super) fn line(facts: &Facts, snapshot: &SnapshotFact) -> String {
    format!(
        "{}: {}, uses {}",
        snapshot.info.name,
        made(facts.now, snapshot.info.creation),
        size(snapshot.info.used)
    )
}
