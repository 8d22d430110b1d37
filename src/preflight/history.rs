//! A snapshot, and who keeps it: its holds and its clones.

use serde::Serialize;

use super::Facts;
use super::sources::{Observed, Sources};
use super::text::{made, size};
use crate::zfs::{self, Dataset, InHistory, PROP_CHANGE, SnapshotInfo};

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

/// Finds the holds and clones of a snapshot, and their owners.
pub(super) fn read(sources: &Sources<'_>, info: SnapshotInfo) -> SnapshotFact {
    let engine = sources.engine;
    // One more command for each held or cloned snapshot only: most are neither.
    let holds = if info.userrefs == 0 {
        Ok(Vec::new())
    } else {
        engine.holds(&info.name).map_err(|error| error.to_string())
    };
    let change = |name: &Dataset| engine.local(name, PROP_CHANGE).ok().flatten();
    let clones = info
        .clones
        .iter()
        .map(|name| CloneFact { change: change(name), name: name.clone() })
        .collect();
    SnapshotFact { info, holds, clones }
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
