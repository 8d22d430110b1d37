//! The previous version's installer is saved before anything is stopped: archives drop old
//! versions.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::files::copy;
use crate::step::{Context, Effect, Measure, Probe, Step};

/// See [`crate::step::Action::SaveInstaller`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveInstaller {
    /// Puts the files into the installer folder.
    pub save: Option<CommandTemplate>,
    /// Glob patterns of existing files to copy there.
    pub files: Vec<String>,
    /// The minimum number of files afterwards.
    pub at_least: usize,
}

impl Effect for SaveInstaller {
    fn preview(&self) -> Vec<String> {
        self.save
            .iter()
            .map(ToString::to_string)
            .chain(self.files.iter().map(|file| format!("copy {file}")))
            .collect()
    }

    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        Some(Measure::grows(context.layout.installer()))
    }

    fn probe(&self, _step: &Step, _context: &Context<'_>) -> Result<Probe> {
        // Repeating it is harmless, and more reliable than looking at what an interrupted attempt
        // left.
        Ok(Probe::Absent)
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let dir = context.layout.installer();
        copy::fresh_dir(&dir)?;
        if let Some(command) = &self.save {
            let mut command = context.fill(command, &[])?;
            command.cwd = Some(dir.clone());
            context
                .runner
                .run(&command)
                .context("the installer of the installed version could not be saved")?;
        }
        for pattern in &self.files {
            for path in crate::host::pattern::find(pattern)? {
                let name =
                    path.file_name().with_context(|| format!("{} is no file", path.display()))?;
                copy::copy(&path, &dir.join(name))?;
            }
        }
        let list = copy::seal(&dir)?;
        if list.len() < self.at_least {
            bail!(
                "{} files of the previous version's installer are in {}, at least {} are needed",
                list.len(),
                dir.display(),
                self.at_least
            );
        }
        Ok(Output::Files { list })
    }

    fn confirm(&self, _step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        if let Output::Files { list } = &output {
            copy::read_back(&context.layout.installer(), list)?;
        }
        Ok(output)
    }
}
