//! The product keeps no data here: its packages and its configuration go back.

use anyhow::{Context as _, Result};

use super::Strategy;
use crate::journal::{ChangeManifest, Procedure, Side, StepId};
use crate::step::{Action, Plan, Step, Verify};
use crate::strategy::input::DowngradeInput;
use crate::strategy::install;
use crate::strategy::parts::Parts;

/// See the module.
pub(crate) struct NoData;

impl Strategy for NoData {
    fn about(&self) -> &'static str {
        "packages and configuration (the product keeps no data here)"
    }

    fn way_back(&self, manifest: &ChangeManifest) -> String {
        format!(
            "The way back to {} is open: its packages and its configuration are saved.",
            manifest.from_version
        )
    }

    fn brings_back(&self, _manifest: &ChangeManifest) -> String {
        "the configuration of before the upgrade".into()
    }

    fn has_data(&self) -> bool {
        false
    }

    fn downgrade(&self, parts: Parts<'_>, input: &DowngradeInput) -> Result<Plan> {
        let mut steps: Vec<Step> = parts.save_config(Side::Upgraded)?.into_iter().collect();
        steps.push(parts.stop()?);
        let reinstall = install::of(parts.manifest).after_cut(parts, input.served)?;
        let begins = reinstall
            .first()
            .map(|step| step.id.clone())
            .context("a version is installed again")?;
        let verify = Verify { capture: None, command: None };
        steps.push(
            Step::new(StepId::VERIFY, "read the installer back", Action::Verify(verify))
                .until(&begins),
        );
        steps.extend(reinstall);
        steps.extend(parts.put_config(Side::Previous)?);
        steps.push(parts.start(Side::Previous)?);
        Ok(Plan { procedure: Procedure::DowngradeKeep, steps })
    }
}
