//! From text to a playbook that may be used: every fault with its place, all of them at once.

use std::ops::Deref;

use crate::host::checksum::sha256;
use crate::playbook::check::{Check, units};
use crate::playbook::names::FORMER_FIELDS;
use crate::playbook::problem::{Problem, Problems, Report};
use crate::playbook::programs::{self, Program};
use crate::playbook::raw::{schema, shape};
use crate::playbook::{Playbook, Site};

/// A playbook that passed the check, with the text it was read from. Only this goes further.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    playbook: Playbook,
    origin: String,
    text: String,
    sha256: String,
    programs: Vec<Program>,
    warnings: Vec<Problem>,
}

impl Validated {
    /// Checks a playbook without programs. `origin` is the file as messages name it; `stem`, where
    /// it is given, must be the playbook's name. Without it, this is the copy in an open change: what
    /// was accepted when the change was opened is not refused later.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn parse(origin: &str, stem: Option<&str>, text: &str) -> Result<Self, Problems> {
        Self::with_programs(origin, stem, text, Vec::new())
    }

    /// The same of one that brings programs.
    ///
    /// # Errors
    /// Everything that is wrong in it; a program that it names and does not bring, too.
    pub fn with_programs(
        origin: &str,
        stem: Option<&str>,
        text: &str,
        programs: Vec<Program>,
    ) -> Result<Self, Problems> {
        let (report, playbook) = read(origin, stem, text, &programs);
        let warnings = report.finish()?;
        Self::of(origin, text, programs, playbook, warnings)
    }

    /// One that is not finished, and what it must still have. Good for trying its commands, and for
    /// no change.
    ///
    /// # Errors
    /// Everything that is wrong in what is there.
    pub fn draft(
        origin: &str,
        stem: Option<&str>,
        text: &str,
        programs: Vec<Program>,
    ) -> Result<(Self, Vec<Problem>), Problems> {
        let (report, playbook) = read(origin, stem, text, &programs);
        let (warnings, missing) = report.finish_draft()?;
        Ok((Self::of(origin, text, programs, playbook, warnings)?, missing))
    }

    fn of(
        origin: &str,
        text: &str,
        programs: Vec<Program>,
        playbook: Option<Playbook>,
        warnings: Vec<Problem>,
    ) -> Result<Self, Problems> {
        let unread = || Problems { origin: origin.to_owned(), problems: Vec::new() };
        Ok(Self {
            playbook: playbook.ok_or_else(unread)?,
            origin: origin.to_owned(),
            text: text.to_owned(),
            sha256: sha256(text),
            programs,
            warnings,
        })
    }

    /// With what a site adds to it.
    #[must_use]
    pub(in crate::playbook) fn at_site(mut self, site: &Site) -> Self {
        self.playbook.hold.clone_from(&site.hold);
        self
    }

    /// What was read.
    pub fn playbook(&self) -> &Playbook {
        &self.playbook
    }

    /// The file, or `built in`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The programs that it brings.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// What is allowed but probably not meant.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

/// What is in a file, and what is wrong with it.
fn read<'a>(
    origin: &'a str,
    stem: Option<&str>,
    text: &'a str,
    programs: &[Program],
) -> (Report<'a>, Option<Playbook>) {
    let mut report = Report::new(origin, text);
    report.rename(FORMER_FIELDS);
    let mut playbook = None;
    if report.is_clean()
        && let Some(readable) = shape::check(schema::playbook(), &mut report)
    {
        match toml::from_str::<Playbook>(&readable) {
            Ok(read) => {
                Check { playbook: &read, report: &mut report }.all(stem);
                programs::check(programs, stem.is_none(), &mut report);
                units::check(&read, programs, &mut report);
                playbook = Some(read);
            }
            Err(error) => report.value(&error),
        }
    }
    (report, playbook)
}

impl Deref for Validated {
    type Target = Playbook;

    fn deref(&self) -> &Playbook {
        &self.playbook
    }
}
