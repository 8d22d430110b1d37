//! The new version is installed beside the old one, and a symbolic link says which is the active
//! one.

use anyhow::{Context as _, Result};

use super::Install;
use crate::journal::{Beside, Side, StepId};
use crate::playbook::side_by_side::SideBySide as Section;
use crate::step::{Action, Package, PackageJob, Step, Switch};
use crate::strategy::parts::Parts;

/// See the module.
pub(super) struct SideBySide;

impl Install for SideBySide {
    fn before_upgrade(&self, parts: Parts<'_>) -> Result<Vec<Step>> {
        let (beside, places) = section(parts)?;
        let install =
            beside.upgrade.as_ref().filter(|_| places.there.is_some()).unwrap_or(&beside.install);
        let action = Package {
            job: PackageJob::Upgrade,
            command: parts.command(&install.command)?,
            repair: parts.optional(install.repair.as_ref())?,
            version: parts.command(&beside.version)?,
            pattern: parts.playbook.version.pattern.clone(),
            previous: places.there.clone().unwrap_or_default(),
            upgraded: parts.manifest.upgrade_to.clone(),
            cut: false,
        };
        let title = format!(
            "install version {} in {}, beside the active one",
            parts.manifest.upgrade_to,
            places.new.display()
        );
        Ok(vec![Step::new(StepId::INSTALL_BESIDE, title, Action::Package(action))])
    }

    fn upgrade(&self, parts: Parts<'_>, id: StepId) -> Result<Step> {
        switch(parts, id, Side::Upgraded)
    }

    fn reinstall(&self, parts: Parts<'_>) -> Result<Vec<Step>> {
        Ok(vec![switch(parts, StepId::REINSTALL, Side::Previous)?])
    }
}

/// The exchange of the link.
fn switch(parts: Parts<'_>, id: StepId, side: Side) -> Result<Step> {
    let (beside, places) = section(parts)?;
    let up = side == Side::Upgraded;
    let (from, to) = if up { (&places.old, &places.new) } else { (&places.new, &places.old) };
    let wanted = if up { &parts.manifest.upgrade_to } else { &parts.manifest.from_version };
    let action = Switch {
        link: places.link.clone(),
        from: from.clone(),
        to: to.clone(),
        data_links: beside.data_links.clone(),
        use_config: if up { parts.optional(beside.use_config.as_ref())? } else { None },
        version: parts.command(&parts.playbook.version.command)?,
        pattern: parts.playbook.version.pattern.clone(),
        wanted: wanted.clone(),
    };
    let title = format!(
        "make version {wanted} the active one: {} -> {}",
        places.link.display(),
        to.display()
    );
    Ok(Step::new(id, title, Action::Switch(action)))
}

fn section<'a>(parts: Parts<'a>) -> Result<(&'a Section, &'a Beside)> {
    let section = parts.playbook.side_by_side.as_ref();
    let section =
        section.context("the playbook does not say how two installations stand side by side")?;
    let places = parts
        .manifest
        .beside
        .as_ref()
        .context("the change does not say where the two installations are")?;
    Ok((section, places))
}
