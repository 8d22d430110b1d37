//! What a path lies on.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Sources;
use super::datasets::{self, Root};
use super::sources::Observed;
use crate::host::mounts::{Mount, mount_of};
use crate::zfs::Dataset;

/// What a path lies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageLocation {
    /// The mountpoint.
    pub mount: PathBuf,
    /// The type of file system.
    pub fstype: String,
    /// What is mounted there.
    pub source: String,
    /// The dataset: the source, or the volume that the file system is on.
    pub dataset: Option<Dataset>,
}

/// The mounts and the volumes, to find out what a path is on.
pub(super) struct StorageMap<'a> {
    table: &'a Observed<Vec<Mount>>,
    volumes: Vec<(PathBuf, Dataset)>,
}

impl<'a> StorageMap<'a> {
    /// From the kernel's table of mounts and the datasets.
    pub(super) fn new(
        sources: &Sources<'_>,
        table: &'a Observed<Vec<Mount>>,
        roots: &[Root],
    ) -> Self {
        let volumes = datasets::all(roots).filter(|fact| fact.is_volume());
        let volumes = volumes.filter_map(|fact| {
            Some((datasets::device(sources, &fact.info.name)?, fact.info.name.clone()))
        });
        Self { table, volumes: volumes.collect() }
    }

    /// What a path without symbolic links is on.
    pub(super) fn location(&self, real: &Path) -> Observed<StorageLocation> {
        let mounts = self.table.as_ref().map_err(Clone::clone)?;
        let mount = mount_of(mounts, real)
            .ok_or_else(|| format!("no mount contains {}", real.display()))?;
        Ok(StorageLocation {
            mount: mount.point.clone(),
            fstype: mount.fstype.clone(),
            source: mount.source.clone(),
            dataset: self.dataset(mount),
        })
    }

    /// The dataset that is mounted, or the volume that a file system of another type is on
    /// (`/dev/zd0`, `/dev/zd0p1`).
    fn dataset(&self, mount: &Mount) -> Option<Dataset> {
        if mount.fstype == "zfs" {
            // A snapshot below .zfs is `dataset@name`.
            return mount.source.split('@').next()?.parse().ok();
        }
        let source = mount.source.as_str();
        let real = Path::new(source).canonicalize().unwrap_or_else(|_| PathBuf::from(source));
        let real = real.to_str()?;
        let is_part = |rest: &str| {
            rest.is_empty()
                || rest.strip_prefix('p').is_some_and(|number| number.parse::<u32>().is_ok())
        };
        self.volumes
            .iter()
            .find(|(device, _)| {
                device.to_str().and_then(|device| real.strip_prefix(device)).is_some_and(is_part)
            })
            .map(|(_, name)| name.clone())
    }
}
