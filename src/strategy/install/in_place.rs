//! The new version takes the place of the old one, whose installer is put aside before.

use anyhow::Result;

use super::Install;
use crate::journal::StepId;
use crate::playbook::model::Order;
use crate::step::{Action, PackageJob, Step};
use crate::strategy::parts::Parts;

/// See the module.
pub(super) struct InPlace;

impl Install for InPlace {
    fn put_aside(&self, parts: Parts<'_>) -> Result<Vec<Step>> {
        Ok(vec![parts.save_installer()?])
    }

    fn upgrade(&self, parts: Parts<'_>, id: StepId) -> Result<Step> {
        let upgrade = &parts.playbook.upgrade;
        let package =
            parts.package(PackageJob::Upgrade, &upgrade.command, upgrade.repair.as_ref())?;
        let title = format!("install version {}", parts.manifest.upgrade_to);
        Ok(Step::new(id, title, Action::Package(package)))
    }

    fn reinstall(&self, parts: Parts<'_>) -> Result<Vec<Step>> {
        let downgrade = &parts.playbook.downgrade;
        let mut steps = Vec::new();
        if let Some(command) = &downgrade.uninstall {
            let package =
                parts.package(PackageJob::Uninstall, command, downgrade.repair.as_ref())?;
            steps.push(Step::new(
                StepId::UNINSTALL,
                format!("remove version {}", parts.manifest.upgrade_to),
                Action::Package(package),
            ));
        }
        let package =
            parts.package(PackageJob::Reinstall, &downgrade.install, downgrade.repair.as_ref())?;
        let title = format!(
            "install version {} again, from the packages saved before it",
            parts.manifest.from_version
        );
        steps.push(Step::new(StepId::REINSTALL, title, Action::Package(package)));
        Ok(steps)
    }

    fn rollback_first(&self, parts: Parts<'_>) -> bool {
        parts.playbook.downgrade.order == Order::RollbackFirst
    }
}
