//! What a snapshot records about its change, so that a lost state folder can be recreated from the
//! pool (`backout adopt`).

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use crate::journal::{ChangeManifest, FileEntry, MountedDataset};
use crate::zfs::{Dataset, Engine, PROP_CHANGE, Snapshot, outermost};

/// How the change began, as JSON.
const PROP_OPENING: &str = "backout:opening";
/// How many datasets there are, if [`PROP_OPENING`] has only those at the top.
const PROP_DATASETS: &str = "backout:datasets";
/// The saved installer, as JSON: files with their checksums.
const PROP_INSTALLER: &str = "backout:installer";
/// A user property takes 8191 bytes (`zfsprops(7)`).
const LONGEST: usize = 8191;

/// What was found on a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveryMetadata {
    /// How the change began.
    pub manifest: ChangeManifest,
    /// The files of the previous version's installer.
    pub installer: Vec<FileEntry>,
}

impl RecoveryMetadata {
    /// As user properties of the snapshots. Of many datasets only those at the top are written
    /// down, and how many there are: each snapshot says itself that it belongs to the change.
    /// `None` if even that is too long.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn properties(&self) -> Result<Option<Vec<(&'static str, String)>>> {
        let installer = serde_json::to_string(&self.installer)
            .context("the list of the installer cannot be written as JSON")?;
        let opening = |manifest: &ChangeManifest| {
            serde_json::to_string(manifest)
                .context("the change's opening cannot be written as JSON")
        };
        let mut properties = vec![(PROP_OPENING, opening(&self.manifest)?)];
        if properties[0].1.len() > LONGEST {
            let mut short = self.manifest.clone();
            short.datasets = tops(&self.manifest.datasets);
            let all = self.manifest.datasets.len().to_string();
            properties = vec![(PROP_OPENING, opening(&short)?), (PROP_DATASETS, all)];
        }
        properties.push((PROP_INSTALLER, installer));
        Ok(properties.iter().all(|(_, value)| value.len() <= LONGEST).then_some(properties))
    }

    /// From a snapshot's own properties; `None` if it has none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(engine: &dyn Engine, snapshot: &Snapshot) -> Result<Option<Self>> {
        let (manifest, installer) = (
            engine.snapshot_local(snapshot, PROP_OPENING)?,
            engine.snapshot_local(snapshot, PROP_INSTALLER)?,
        );
        let (Some(manifest), Some(installer)) = (manifest, installer) else { return Ok(None) };
        let mut manifest: ChangeManifest = serde_json::from_str(&manifest).with_context(|| {
            format!("{PROP_OPENING} of {snapshot} is not known to this version")
        })?;
        let installer = serde_json::from_str(&installer).with_context(|| {
            format!("{PROP_INSTALLER} of {snapshot} is not known to this version")
        })?;
        if let Some(count) = engine.snapshot_local(snapshot, PROP_DATASETS)? {
            manifest.datasets = all_below(engine, &manifest)?;
            let found = manifest.datasets.len();
            ensure!(
                found.to_string() == count,
                "{found} datasets have a snapshot @{} of this change, and there were {count}",
                manifest.snapshot
            );
        }
        Ok(Some(Self { manifest, installer }))
    }
}

/// Those that are not below another of them.
fn tops(all: &[MountedDataset]) -> Vec<MountedDataset> {
    outermost(all, |mount| &mount.dataset).into_iter().cloned().collect()
}

/// The datasets of the change as they are now: those at the top, and those below that have its
/// snapshot.
fn all_below(engine: &dyn Engine, manifest: &ChangeManifest) -> Result<Vec<MountedDataset>> {
    let mut found = Vec::new();
    for top in &manifest.datasets {
        let tree = engine.tree(&top.dataset)?;
        let names: Vec<Dataset> = tree.iter().map(|info| info.name.clone()).collect();
        let snapshots: Vec<Snapshot> =
            names.iter().map(|name| name.at(&manifest.snapshot)).collect::<Result<_, _>>()?;
        let taken: Vec<Snapshot> =
            engine.snapshot_infos(&snapshots)?.into_iter().map(|info| info.name).collect();
        let marks = engine.snapshot_locals_of(&taken, &[PROP_CHANGE])?;
        let ours: BTreeSet<Dataset> = taken
            .iter()
            .zip(&marks)
            .filter(|(_, here)| here.get(PROP_CHANGE) == Some(&manifest.change))
            .map(|(name, _)| name.dataset())
            .collect();
        for (info, mut own) in tree.into_iter().zip(engine.own_of(&names, &["canmount"])?) {
            if info.name == top.dataset {
                found.push(top.clone());
            } else if ours.contains(&info.name) {
                found.push(MountedDataset {
                    dataset: info.name,
                    guid: info.guid,
                    mountpoint: info.mountpoint,
                    canmount: own.remove("canmount"),
                    mounted: info.mounted,
                });
            }
        }
    }
    Ok(found)
}
