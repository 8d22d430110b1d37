//! Makes the data of single steps from the playbook and the change's values. Pure.

mod capture;
mod clones;
mod compare;
mod install;
mod service;
mod standby;

pub(in crate::strategy) use standby::StandsBy;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::READY_WITHIN;
use crate::journal::{ChangeManifest, MountedDataset};
use crate::playbook::model::CommandSpec;
use crate::playbook::value::TimeLimit;
use crate::playbook::{CommandTemplate, Playbook, Template};
use crate::zfs::{Guid, Snapshot};

/// What plans are made from.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) playbook: &'a Playbook,
    pub(crate) manifest: &'a ChangeManifest,
}

impl Parts<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.manifest.values.get(name).cloned()
    }

    /// The command with every value that is known by now; later ones stay as `{name}`.
    pub(in crate::strategy) fn command(&self, spec: &CommandSpec) -> Result<CommandTemplate> {
        Ok(spec.template().fill_known(&|name| self.value(name)))
    }

    /// A command of the cluster's, for one node.
    pub(in crate::strategy) fn command_of_node(
        &self,
        spec: &CommandSpec,
        node: &str,
    ) -> Result<CommandTemplate> {
        let value =
            |name: &str| if name == "node" { Some(node.to_owned()) } else { self.value(name) };
        Ok(spec.template().fill_known(&value))
    }

    /// A command that asks the server at this address.
    pub(in crate::strategy) fn command_at(
        &self,
        spec: &CommandSpec,
        address: Option<&Template>,
    ) -> Result<CommandTemplate> {
        let manifest = self.manifest;
        let known = |name: &str| match name {
            "change" => Some(manifest.change.clone()),
            "from_version" => Some(manifest.from_version.clone()),
            "upgrade_to" => Some(manifest.upgrade_to.clone()),
            name => self.value(name),
        };
        let filled = address.map(|it| it.fill(&known).with_context(|| format!("in `{it}`")));
        let address = filled.transpose()?;
        let value = |name: &str| if name == "address" { address.clone() } else { self.value(name) };
        Ok(spec.template().fill_known(&value))
    }

    pub(in crate::strategy) fn optional(
        &self,
        spec: Option<&CommandSpec>,
    ) -> Result<Option<CommandTemplate>> {
        spec.map(|spec| self.command(spec)).transpose()
    }

    fn texts(&self, texts: &[Template]) -> Result<Vec<String>> {
        let fill = |text: &Template| text.fill(&|name| self.value(name));
        let named = |text| fill(text).with_context(|| format!("in `{text}`"));
        texts.iter().map(named).collect()
    }

    fn patterns(&self, texts: &[Template]) -> Result<Vec<String>> {
        let fill = |text: &Template| text.fill_pattern(&|name| self.value(name));
        let named = |text| fill(text).with_context(|| format!("in `{text}`"));
        texts.iter().map(named).collect()
    }

    pub(in crate::strategy) fn paths(&self, texts: &[Template]) -> Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in self.texts(texts)?.into_iter().map(PathBuf::from) {
            // Two variables may have the same value.
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

/// Seconds that a service may take to answer.
pub(in crate::strategy) fn within(limit: Option<TimeLimit>) -> u64 {
    limit.map_or(READY_WITHIN, |limit| *limit).as_secs()
}

/// The datasets that have the snapshot. One that was created after it does not, and stays with the
/// upgraded state.
pub(in crate::strategy) fn members(
    manifest: &ChangeManifest,
    snapshots: &[(Snapshot, Guid)],
) -> Vec<MountedDataset> {
    let has = |mount: &&MountedDataset| {
        snapshots.iter().any(|(snapshot, _)| snapshot.dataset() == mount.dataset)
    };
    manifest.datasets.iter().filter(has).cloned().collect()
}
