//! Installing and removing versions. What counts is the version that is installed afterwards.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::version::version_is;
use crate::playbook::{CommandTemplate, Extractor};
use crate::preflight::versions::installed_version;
use crate::step::{Context, Effect, Probe, Step};

/// What a package step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageJob {
    /// To the new version.
    Upgrade,
    /// Remove the new version.
    Uninstall,
    /// Install the previous version again.
    Reinstall,
}

/// See [`crate::step::Action::Package`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// What for.
    pub job: PackageJob,
    /// The command that does it.
    pub command: CommandTemplate,
    /// Runs first if an earlier attempt was interrupted.
    pub repair: Option<CommandTemplate>,
    /// Prints the installed version.
    pub version: CommandTemplate,
    /// One group: the version.
    pub pattern: Extractor,
    /// The version before the upgrade.
    pub previous: String,
    /// The version after the upgrade, complete or its first parts.
    pub upgraded: String,
    /// A command of an earlier procedure on the same packages was interrupted, so this one runs
    /// whatever the version is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl Package {
    fn look(&self, context: &Context<'_>) -> Result<Probe> {
        let version =
            installed_version(context.runner, &context.fill(&self.version, &[])?, &self.pattern)?;
        let present =
            |version: &str| Probe::Present(Output::Version { version: version.to_owned() });
        Ok(match (self.job, version.as_deref()) {
            (PackageJob::Upgrade, Some(version)) if version_is(version, &self.upgraded) => {
                present(version)
            }
            (PackageJob::Reinstall, Some(version)) if version == self.previous => present(version),
            (PackageJob::Uninstall, None) => Probe::Present(Output::Nothing),
            // An earlier round of the downgrade came further already.
            (PackageJob::Uninstall, Some(version)) if version == self.previous => {
                Probe::Present(Output::Nothing)
            }
            (_, Some(version))
                if version != self.previous && !version_is(version, &self.upgraded) =>
            {
                Probe::Foreign(format!(
                    "version {version} is installed, which is neither the previous one ({}) nor \
                        the new one ({})",
                    self.previous, self.upgraded
                ))
            }
            _ => Probe::Absent,
        })
    }
}

impl Effect for Package {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        let probe = self.look(context)?;
        // The main package may be installed while others of the same command are not.
        let before = self.cut && !context.begun(&step.id);
        let cut = (before || context.interrupted(&step.id)) && !matches!(probe, Probe::Foreign(_));
        Ok(if cut { Probe::Partial("the package command was cut off".into()) } else { probe })
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        if let Some(repair) = &self.repair {
            // The repair may fail where only the command itself can help. What counts is the
            // version afterwards.
            if let Err(error) = context.command(repair) {
                if context.runner.interrupt.requested() {
                    return Err(error);
                }
                (context.say)(&format!("the repair failed, going on: {error:#}"));
            }
        }
        Ok(())
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        crate::step::zfs::mounts::needed(context)?;
        if let Err(error) = context.command(&self.command) {
            // What an earlier attempt or the repair removed cannot be removed again.
            let again =
                self.job == PackageJob::Uninstall && (self.cut || context.attempts(&step.id) > 1);
            if !again
                || context.runner.interrupt.requested()
                || !matches!(self.look(context)?, Probe::Present(_))
            {
                return Err(error);
            }
            (context.say)(&format!(
                "the command failed, and nothing is left to be removed: {error:#}"
            ));
        }
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, context: &Context<'_>, _output: Output) -> Result<Output> {
        match self.look(context)? {
            Probe::Present(output) => Ok(output),
            Probe::Foreign(why) => bail!("{why}"),
            Probe::Absent | Probe::Partial(_) => {
                let expected =
                    if self.job == PackageJob::Upgrade { &self.upgraded } else { &self.previous };
                bail!(
                    "the command ended without an error, and version {expected} is not installed: \
                        `{}`",
                    self.command
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::installed_version;
    use crate::host::exec::{Command, Runner};

    #[test]
    fn a_version_command_that_was_removed_says_that_nothing_is_installed() {
        let ask = |argv: &[&str]| {
            installed_version(
                &Runner::default(),
                &Command::new(argv.iter().copied()),
                &"([0-9.]+)".to_owned().try_into().expect("a pattern"),
            )
        };
        assert_eq!(ask(&["/no/such/imsimta", "version"]).expect("an answer"), None);
        assert_eq!(ask(&["false"]).expect("an answer"), None);
        assert_eq!(ask(&["echo", "7.0.5"]).expect("an answer").as_deref(), Some("7.0.5"));
        assert!(ask(&["/", "version"]).is_err(), "a folder is no program");
    }
}
