//! What a snapshot records about its change, so that a lost state folder can be recreated from the
//! pool (`backout adopt`).

use anyhow::{Context as _, Result};

use crate::journal::{ChangeManifest, FileEntry};
use crate::zfs::{Engine, Snapshot};

/// How the change began, as JSON.
const PROP_OPENING: &str = "backout:opening";
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
    /// As user properties of the snapshot; `None` if it is too long for them.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn properties(&self) -> Result<Option<[(&'static str, String); 2]>> {
        let manifest = serde_json::to_string(&self.manifest)
            .context("the change's opening cannot be written as JSON")?;
        let installer = serde_json::to_string(&self.installer)
            .context("the list of the installer cannot be written as JSON")?;
        let fits = manifest.len() <= LONGEST && installer.len() <= LONGEST;
        Ok(fits.then_some([(PROP_OPENING, manifest), (PROP_INSTALLER, installer)]))
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
        let manifest = serde_json::from_str(&manifest).with_context(|| {
            format!("{PROP_OPENING} of {snapshot} is not known to this version")
        })?;
        let installer = serde_json::from_str(&installer).with_context(|| {
            format!("{PROP_INSTALLER} of {snapshot} is not known to this version")
        })?;
        Ok(Some(Self { manifest, installer }))
    }
}
