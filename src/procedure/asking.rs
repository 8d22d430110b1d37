//! Asks the host with the commands of a playbook that only read, before there is a site file.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::Duration;

use crate::host::exec::{Command, Interrupt, Runner};
use crate::host::own_path;
use crate::journal::copies;
use crate::playbook::Validated;
use crate::playbook::model::CommandSpec;
use crate::preflight::sources::Observed;

/// A server that does not answer must not hold up a look around.
const LIMIT: Duration = Duration::from_secs(60);

/// A playbook, ready to be asked.
pub struct Asker<'p> {
    playbook: &'p Validated,
    runner: Runner,
    /// Its programs, or why they could not be written.
    programs: Observed<Option<copies::Loose>>,
}

impl<'p> Asker<'p> {
    /// Puts the playbook's programs into a folder for temporary files.
    pub fn new(playbook: &'p Validated) -> Self {
        let programs = match playbook.programs() {
            [] => Ok(None),
            programs => copies::Loose::write(programs).map(Some).map_err(|error| error.to_string()),
        };
        Self { playbook, runner: Runner::new(None, None, Interrupt::default()), programs }
    }

    /// The defaults of the playbook's variables.
    pub fn defaults(&self) -> BTreeMap<String, String> {
        let variables = &self.playbook.variables;
        let value = |name: &String| {
            let variable = variables.get(name)?;
            let other = variable.same_as.as_ref().and_then(|other| variables.get(other));
            variable.default.clone().or_else(|| other?.default.clone())
        };
        variables.keys().filter_map(|name| Some((name.clone(), value(name)?))).collect()
    }

    /// The command with these values.
    ///
    /// # Errors
    /// When a name in it has none.
    pub fn command(
        &self,
        spec: &CommandSpec,
        values: &BTreeMap<String, String>,
    ) -> Observed<Command> {
        let programs = self.programs.as_ref().map_err(Clone::clone)?;
        let lookup = |name: &str| match name {
            "program_dir" => programs.as_ref().map(|it| it.path().display().to_string()),
            "backout" => own_path(),
            _ => values.get(name).cloned(),
        };
        let mut command = spec.template().fill(&lookup).map_err(|error| error.to_string())?;
        command.timeout = command.timeout.min(LIMIT);
        Ok(command)
    }

    /// What it prints, trimmed.
    ///
    /// # Errors
    /// Why it gave no answer.
    pub fn answer(
        &self,
        spec: &CommandSpec,
        values: &BTreeMap<String, String>,
    ) -> Observed<String> {
        let command = self.command(spec, values)?;
        let printed = self.runner.run(&command).map_err(|error| error.to_string())?;
        Ok(printed.stdout.trim().to_owned())
    }

    /// Its first lines, and whether that was all: a list may be long, and is then ended.
    ///
    /// # Errors
    /// Why it gave no answer.
    pub fn beginning(
        &self,
        spec: &CommandSpec,
        values: &BTreeMap<String, String>,
        most: usize,
    ) -> Observed<(Vec<String>, bool)> {
        let command = self.command(spec, values)?;
        let read = |text: &mut dyn BufRead| {
            let mut lines = Vec::new();
            for line in text.lines() {
                let Ok(line) = line else { return (lines, true) };
                if lines.len() == most {
                    return (lines, false);
                }
                lines.push(line);
            }
            (lines, true)
        };
        let ((lines, whole), failed) =
            self.runner.stream(command, read).map_err(|error| error.to_string())?;
        match failed {
            // It was ended, because enough was read.
            Some(error) if whole => Err(error.to_string()),
            _ => Ok((lines, whole)),
        }
    }
}
