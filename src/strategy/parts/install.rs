//! The product's packages, programs and configuration.

use anyhow::Result;

use super::Parts;
use crate::journal::{Side, StepId};
use crate::playbook::model::CommandSpec;
use crate::step::{Action, Config, KeepPrograms, Package, PackageJob, SaveInstaller, Step};

impl Parts<'_> {
    pub(in crate::strategy) fn save_installer(&self) -> Result<Step> {
        let installer = &self.playbook.installer;
        let action = SaveInstaller {
            save: self.optional(installer.save.as_ref())?,
            files: self.patterns(&installer.files)?,
            at_least: installer.at_least,
        };
        Ok(Step::new(
            StepId::SAVE_INSTALLER,
            "put the installed version's packages aside",
            Action::SaveInstaller(action),
        ))
    }

    /// Copies a version's programs, where they are of use; `None` if they are not, or the playbook
    /// does not say which.
    pub(in crate::strategy) fn keep_programs(&self, side: Side) -> Result<Option<Step>> {
        let Some(aside) = &self.playbook.aside else { return Ok(None) };
        let Some(files) = &aside.files else { return Ok(None) };
        let (id, title) = match side {
            Side::Upgraded => (StepId::KEEP_PROGRAMS, "put the upgraded version's programs aside"),
            Side::Previous
                if self.playbook.standby.as_ref().is_some_and(|standby| !standby.is_on_host())
                    && self.manifest.data_strategy.is_zfs()
                    && self.manifest.cluster.is_none() =>
            {
                let title = "put the installed version's programs aside, for a standby";
                (StepId::KEEP_PROGRAMS_PREVIOUS, title)
            }
            Side::Previous => return Ok(None),
        };
        let (files, also) = (self.command(files)?, self.paths(&aside.also)?);
        let action = KeepPrograms { files, also, side };
        Ok(Some(Step::new(id, title, Action::KeepPrograms(action))))
    }

    fn config(&self, side: Side) -> Result<Config> {
        Ok(Config { paths: self.paths(&self.playbook.data.config)?, side })
    }

    /// `None` if the product has no configuration of its own.
    pub(in crate::strategy) fn save_config(&self, side: Side) -> Result<Option<Step>> {
        let (id, title) = match side {
            Side::Previous => (StepId::SAVE_CONFIG, "save the configuration"),
            Side::Upgraded => {
                (StepId::SAVE_CONFIG_UPGRADED, "save the upgraded version's configuration")
            }
        };
        let config = self.config(side)?;
        Ok((!config.paths.is_empty()).then(|| Step::new(id, title, Action::SaveConfig(config))))
    }

    pub(in crate::strategy) fn put_config(&self, side: Side) -> Result<Option<Step>> {
        let title = match side {
            Side::Previous => "put the previous configuration back",
            Side::Upgraded => "put the upgraded version's configuration back",
        };
        let config = self.config(side)?;
        Ok((!config.paths.is_empty())
            .then(|| Step::new(StepId::PUT_CONFIG, title, Action::PutConfig(config))))
    }

    pub(in crate::strategy) fn package(
        &self,
        job: PackageJob,
        command: &CommandSpec,
        repair: Option<&CommandSpec>,
    ) -> Result<Package> {
        Ok(Package {
            job,
            command: self.command(command)?,
            repair: self.optional(repair)?,
            version: self.command(&self.playbook.version.command)?,
            pattern: self.playbook.version.pattern.clone(),
            previous: self.manifest.from_version.clone(),
            upgraded: self.manifest.upgrade_to.clone(),
            cut: false,
        })
    }
}
