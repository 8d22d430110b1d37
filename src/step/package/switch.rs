//! Two installations side by side: one rename sets the link to the other one, and only the active
//! one has links to configuration and data.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::files::{link_target, sync_dir};
use crate::journal::Output;
use crate::playbook::{CommandTemplate, Extractor};
use crate::step::{Context, Effect, Probe, Step, installed_version, version_is};

/// See [`crate::step::Action::Switch`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// The symbolic link that names the active installation.
    pub link: PathBuf,
    /// The installation that it points to now.
    pub from: PathBuf,
    /// The installation that it will point to.
    pub to: PathBuf,
    /// Links inside an installation that only the active one has.
    pub data_links: Vec<String>,
    /// Creates them, if they do not exist. Without it, they are created like those of the other
    /// installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_config: Option<CommandTemplate>,
    /// Prints the version of the active installation.
    pub version: CommandTemplate,
    /// One group: the version.
    pub pattern: Extractor,
    /// What it must be then, complete or its first parts.
    pub wanted: String,
}

impl Switch {
    /// Whether the link points there, the links to the data are in the right installation, and the
    /// version is the wanted one.
    fn look(&self, context: &Context<'_>) -> Result<Probe> {
        let Some(target) = target_of(&self.link)? else {
            return Ok(Probe::Foreign(format!("{} is no symbolic link", self.link.display())));
        };
        if target != self.to && target != self.from {
            let (is, from, to) = (target.display(), self.from.display(), self.to.display());
            return Ok(Probe::Foreign(format!(
                "{} leads to {is}, which is neither {from} nor {to}",
                self.link.display()
            )));
        }
        let mut made = target == self.to;
        for name in &self.data_links {
            made &= target_of(&self.to.join(name))?.is_some()
                && target_of(&self.from.join(name))?.is_none();
        }
        if !made {
            return Ok(Probe::Absent);
        }
        let version =
            installed_version(context.runner, &context.fill(&self.version, &[])?, &self.pattern)?;
        Ok(match version {
            Some(version) if version_is(&version, &self.wanted) => {
                Probe::Present(Output::Version { version })
            }
            Some(version) => Probe::Foreign(format!(
                "{} is version {version}, not {}",
                self.to.display(),
                self.wanted
            )),
            None => Probe::Foreign(format!(
                "no version is completely installed in {}",
                self.to.display()
            )),
        })
    }
}

impl Effect for Switch {
    fn preview(&self) -> Vec<String> {
        let link = format!("ln -s -f -n {} {}", self.to.display(), self.link.display());
        let drop =
            self.data_links.iter().map(|name| format!("rm -f {}", self.from.join(name).display()));
        self.use_config.iter().map(ToString::to_string).chain([link]).chain(drop).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        self.look(context)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        if !self.to.is_dir() {
            bail!("there is no installation in {}", self.to.display());
        }
        let missing =
            |name: &&String| target_of(&self.to.join(name)).is_ok_and(|target| target.is_none());
        if let Some(command) =
            self.use_config.as_ref().filter(|_| self.data_links.iter().any(|name| missing(&name)))
        {
            context
                .command(command)
                .context("the new installation could not be given its configuration")?;
        }
        for name in &self.data_links {
            let (mine, other) = (self.to.join(name), self.from.join(name));
            if target_of(&mine)?.is_none() {
                let target = fs::read_link(&other).with_context(|| {
                    format!(
                        "neither {} nor {} says where the data is",
                        mine.display(),
                        other.display()
                    )
                })?;
                set(&mine, &target)?;
                crate::host::failpoint::point("switch:data-link");
            }
        }
        set(&self.link, &self.to)?;
        crate::host::failpoint::point("switch:link");
        for name in &self.data_links {
            let old = self.from.join(name);
            if target_of(&old)?.is_some() {
                fs::remove_file(&old)
                    .with_context(|| format!("cannot remove the link {}", old.display()))?;
            }
        }
        sync_dir(&self.from).with_context(|| format!("cannot flush {}", self.from.display()))?;
        Ok(Output::Nothing)
    }
}

/// Sets a link with one rename. `mv` onto a link to a folder would move into the folder.
fn set(link: &Path, target: &Path) -> Result<()> {
    let mut beside: OsString = link.as_os_str().to_owned();
    beside.push(".backout");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", beside.display()));
        }
        _ => {}
    }
    std::os::unix::fs::symlink(target, &beside)
        .with_context(|| format!("cannot make the link {}", beside.display()))?;
    fs::rename(&beside, link).with_context(|| format!("cannot set the link {}", link.display()))?;
    link.parent()
        .map_or(Ok(()), sync_dir)
        .with_context(|| format!("cannot flush the folder of {}", link.display()))
}

fn target_of(link: &Path) -> Result<Option<PathBuf>> {
    link_target(link).with_context(|| format!("cannot read the link {}", link.display()))
}
