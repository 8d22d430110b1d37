//! The clones of the snapshots before the upgrade.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Parts;
use crate::step::{CloneOne, CloneRole, CloneSnapshot};
use crate::zfs::{Dataset, Guid, Snapshot};

impl Parts<'_> {
    /// For each of the site's datasets, its clone and those of what is below it. Their names have
    /// this ending.
    pub(in crate::strategy) fn clones(
        &self,
        roots: &[Dataset],
        snapshots: &[(Snapshot, Guid)],
        ending: &str,
        role: CloneRole,
    ) -> Result<Vec<(Dataset, CloneSnapshot)>> {
        let taken: BTreeMap<Dataset, &(Snapshot, Guid)> =
            snapshots.iter().map(|taken| (taken.0.dataset(), taken)).collect();
        let mut all = Vec::new();
        for root in roots {
            let top = root.with_suffix(ending)?;
            let mut clones = Vec::new();
            let within = |dataset: &&Dataset| dataset.is_within(root);
            for like in self.manifest.datasets.iter().map(|it| &it.dataset).filter(within) {
                // One that was created after the snapshots stays with the upgraded state.
                let Some((snapshot, guid)) = taken.get(like) else { continue };
                let target = like.moved(root, &top)?;
                let (like, snapshot) = (like.clone(), snapshot.clone());
                clones.push(CloneOne { like, snapshot, guid: *guid, target });
            }
            let mut clones = clones.into_iter();
            let Some(top) = clones.next() else { continue };
            all.push((root.clone(), CloneSnapshot { top, below: clones.collect(), role }));
        }
        Ok(all)
    }
}
