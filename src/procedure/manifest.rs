//! How a new change begins: its id, its snapshot, the datasets and the installations it is about.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone};

use super::Settings;
use super::inputs::ProcedureInputs;
use crate::host::files::link_target;
use crate::journal::{Beside, ChangeManifest, FORMAT, MountedDataset, copies};
use crate::playbook::Template;
use crate::playbook::model::{Standby, Strategy};
use crate::preflight::Facts;
use crate::step;
use crate::zfs::Dataset;

impl ProcedureInputs {
    /// How a new change begins, if the facts allow it.
    pub fn manifest(&self, settings: &Settings, facts: &Facts) -> Result<ChangeManifest> {
        let mut values = self.site.values().clone();
        for asked in &facts.asked {
            let value = asked
                .value
                .clone()
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("{} could not be learnt", asked.name))?;
            values.insert(asked.name.clone(), value);
        }
        let from_version = facts
            .versions
            .installed
            .clone()
            .map_err(anyhow::Error::msg)
            .context("the installed version is not known")?;
        values.insert("from_version".into(), from_version.clone());
        Ok(ChangeManifest {
            snapshot: self.snapshot_name(settings),
            snapshot_time: since(&settings.now).format("%Y%m%d:%H%M%S").to_string(),
            cluster: self.node.clone(),
            beside: self.beside()?,
            datasets: self.mounts(facts, false)?,
            left: self.mounts(facts, true)?,
            other_files: facts.other_files.clone(),
            values,
            ..self.bare_manifest(settings, from_version)
        })
    }

    /// The same, without what depends on this host's data, its snapshot or other nodes.
    pub fn bare_manifest(&self, settings: &Settings, from_version: String) -> ChangeManifest {
        ChangeManifest {
            format: FORMAT,
            change: self.change_id(settings),
            tool: env!("CARGO_PKG_VERSION").into(),
            host: settings.host.clone(),
            playbook: self.product().name.clone(),
            playbook_sha256: self.playbook.sha256().into(),
            programs: copies::entries(&self.playbook),
            site_sha256: self.site.sha256().into(),
            from_version,
            upgrade_to: self.place().upgrade_to.clone(),
            snapshot: String::new(),
            snapshot_time: String::new(),
            data_strategy: self.data_strategy(),
            beside: None,
            cluster: None,
            standby_on_host: self.product().standby.as_ref().is_some_and(Standby::is_on_host),
            datasets: Vec::new(),
            left: Vec::new(),
            other_files: Vec::new(),
            silent: Vec::new(),
            values: self.site.values().clone(),
            store: self.place().store.clone(),
            stands_back: self.product().standby.as_ref().is_some_and(|it| it.back.is_some()),
            edition: 0,
        }
    }

    /// The name of the snapshot that a change begun now would take.
    pub fn snapshot_name(&self, settings: &Settings) -> String {
        snapshot_name(&self.change_id(settings))
    }

    /// The id of a change begun now.
    pub fn change_id(&self, settings: &Settings) -> String {
        format!("{}-{}", self.product().name, settings.now.format("%Y%m%d%H%M%S"))
    }

    /// The site's datasets with everything below them, parents first: those that go back, or those
    /// that are left alone.
    fn mounts(&self, facts: &Facts, left: bool) -> Result<Vec<MountedDataset>> {
        let mut mounts = Vec::new();
        for root in &self.place().datasets {
            let mut tree = self.engine.tree(root)?;
            tree.retain(|info| facts.goes_back(&info.name) != left);
            let names: Vec<Dataset> = tree.iter().map(|info| info.name.clone()).collect();
            // A clone has no received values. They are set as local ones, with the same effect.
            let own = self.engine.own_of(&names, &["canmount"])?;
            mounts.extend(tree.into_iter().zip(own).map(|(info, mut own)| MountedDataset {
                dataset: info.name,
                guid: info.guid,
                mountpoint: info.mountpoint,
                canmount: own.remove("canmount"),
                mounted: info.mounted,
            }));
        }
        Ok(mounts)
    }

    /// The paths of the two installations, for the strategy side-by-side.
    fn beside(&self) -> Result<Option<Beside>> {
        let Some(section) = self
            .product()
            .side_by_side
            .as_ref()
            .filter(|_| self.place().strategy == Strategy::SideBySide)
        else {
            return Ok(None);
        };
        let values = self.values();
        let lookup = |name: &str| values.get(name).cloned();
        let path = |text: &Template| text.fill(&lookup).map(PathBuf::from);
        let (link, new) = (path(&section.link)?, path(&section.new)?);
        let version = section.version.template().fill(&lookup)?;
        let there =
            step::installed_version(&self.runner, &version, &self.product().version.pattern)?;
        let old = link_target(&link)
            .with_context(|| format!("cannot read the link {}", link.display()))?
            .with_context(|| format!("{} is no symbolic link", link.display()))?;
        Ok(Some(Beside { link, old, new, there }))
    }
}

/// The local time from which the product backs up. When summer time ends, one hour occurs twice,
/// and the product may take the time for the second one. So it is an hour earlier then; an item
/// that is backed up twice is restored once.
fn since<Tz: TimeZone>(now: &DateTime<Tz>) -> NaiveDateTime {
    let local = now.naive_local();
    match now.timezone().from_local_datetime(&local) {
        LocalResult::Ambiguous(first, second) => local - second.signed_duration_since(first),
        _ => local,
    }
}

/// The name of the snapshot before the upgrade. It contains the time, as part of the change's id.
fn snapshot_name(change: &str) -> String {
    format!("backout-{change}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_the_repeated_hour_is_backed_up_from_its_first_beginning() {
        let zone = chrono_tz::Europe::Berlin;
        let said = |utc: &str| {
            let now = DateTime::parse_from_rfc3339(utc).unwrap().with_timezone(&zone);
            since(&now).format("%H:%M").to_string()
        };
        // Summer time ends on 2026-10-25 at 01:00 UTC: the hour from 02:00 to 03:00 occurs twice.
        assert_eq!(said("2026-10-24T23:59:00Z"), "01:59");
        assert_eq!(said("2026-10-25T00:30:00Z"), "01:30");
        assert_eq!(said("2026-10-25T01:30:00Z"), "01:30");
        assert_eq!(said("2026-10-25T02:00:00Z"), "03:00");
        // It begins on 2026-03-29 at 01:00 UTC: no hour occurs twice.
        assert_eq!(said("2026-03-29T00:59:00Z"), "01:59");
        assert_eq!(said("2026-03-29T01:00:00Z"), "03:00");
    }
}
