//! Where datasets are mounted, and what a mount hides.

use std::path::{Path, PathBuf};

use super::world::World;
use crate::zfs::{Dataset, DatasetKind, Guid, Result, ZfsError};

impl World {
    pub(super) fn canmount(&self, name: &Dataset) -> String {
        let local = self.datasets.get(name).and_then(|dataset| dataset.own("canmount"));
        local.cloned().unwrap_or_else(|| "on".to_owned())
    }

    pub(super) fn mountpoint(&self, name: &Dataset) -> Option<PathBuf> {
        if self.datasets.get(name)?.kind == DatasetKind::Volume {
            return None;
        }
        let (from, value) = self.inherited(name, "mountpoint")?;
        if matches!(value.as_str(), "none" | "legacy") {
            return None;
        }
        let rest =
            name.as_str().strip_prefix(from.as_str()).unwrap_or_default().trim_start_matches('/');
        Some(if rest.is_empty() { PathBuf::from(value) } else { Path::new(&value).join(rest) })
    }

    pub(super) fn mounted(&self, guid: Guid) -> Option<&Path> {
        self.mounts.iter().find(|(_, mounted)| *mounted == guid).map(|(path, _)| path.as_path())
    }

    pub(super) fn at(&self, path: &Path) -> Option<Dataset> {
        let (_, guid) = self.mounts.iter().rev().find(|(mounted, _)| path.starts_with(mounted))?;
        self.datasets
            .iter()
            .find(|(_, dataset)| dataset.guid == *guid)
            .map(|(name, _)| name.clone())
    }

    pub(super) fn mount(&mut self, name: &Dataset) -> Result<()> {
        let refused = |why: &str| {
            Err(ZfsError::Call { call: format!("mount {name}"), error: why.to_owned() })
        };
        let dataset = self.dataset(name)?;
        let (guid, key) = (dataset.guid, dataset.key_loaded);
        if self.canmount(name) == "off" {
            return refused("canmount is off");
        }
        if key == Some(false) {
            return Err(ZfsError::KeyNotLoaded(name.to_string()));
        }
        match self.mountpoint(name) {
            Some(path) => self.mounts.push((path, guid)),
            None => return refused("it has no mountpoint"),
        }
        Ok(())
    }

    pub(super) fn unmount(&mut self, name: &Dataset) -> Result<()> {
        let dataset = self.dataset(name)?;
        let busy = |detail: String| Err(ZfsError::Busy { what: name.to_string(), detail });
        if dataset.users > 0 {
            return busy(format!("{} processes use it", dataset.users));
        }
        let Some(place) = self.mounts.iter().position(|(_, guid)| *guid == dataset.guid) else {
            return Ok(());
        };
        let path = &self.mounts[place].0;
        if let Some((inside, _)) =
            self.mounts[place + 1..].iter().find(|(other, _)| other.starts_with(path))
        {
            return busy(format!("{} is mounted below it or over it", inside.display()));
        }
        self.mounts.remove(place);
        Ok(())
    }

    pub(super) fn reboot(&mut self) {
        self.mounts.clear();
        for dataset in self.datasets.values_mut() {
            dataset.users = 0;
        }
        let names: Vec<Dataset> = self.datasets.keys().cloned().collect();
        for name in names {
            if self.canmount(&name) == "on" {
                // Datasets without a mountpoint or key stay as they are.
                let _ = self.mount(&name);
            }
        }
    }
}
