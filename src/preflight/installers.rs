//! The installer of the previous version.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::sources::Observed;
use super::text::count;
use super::{Facts, Finding, Kind, Sources};
use crate::host::quote::quote;
use crate::playbook::model::Strategy;

/// The files of the previous version's installer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Installers {
    /// So many files must be there.
    pub at_least: usize,
    /// Before an upgrade without `installer.save`: the files that the patterns find.
    pub at_hand: Option<Observed<Vec<PathBuf>>>,
    /// Before a downgrade: the saved files.
    pub saved: Vec<SavedFile>,
}

impl Installers {
    /// Whether a saved file is gone, is another one, or was never saved.
    pub fn are_damaged(&self) -> bool {
        let other = |file: &SavedFile| match &file.now {
            Ok(Some(now)) => !now.eq_ignore_ascii_case(&file.sha256),
            Ok(None) => true,
            Err(_) => false,
        };
        self.saved.len() < self.at_least || self.saved.iter().any(other)
    }
}

/// A file that was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedFile {
    /// Where.
    pub path: PathBuf,
    /// Its SHA-256 then, in hexadecimal.
    pub sha256: String,
    /// Its SHA-256 now; `None` if it is gone.
    pub now: Observed<Option<String>>,
}

/// Looks for existing files, and computes the checksums of the saved ones.
pub(super) fn gather(sources: &Sources<'_>) -> Installers {
    let installer = &sources.playbook.installer;
    if sources.site.strategy == Strategy::SideBySide {
        // The previous version stays where it is.
        return Installers { at_least: 0, at_hand: None, saved: Vec::new() };
    }
    if sources.occasion.is_downgrade() {
        let saved = sources.installers.iter().map(|(path, sha256)| SavedFile {
            path: path.clone(),
            sha256: sha256.clone(),
            now: checksum(path),
        });
        return Installers { at_least: installer.at_least, at_hand: None, saved: saved.collect() };
    }
    // If a command saves them, the step itself checks. Existing files can be checked now.
    let at_hand = installer.save.is_none().then(|| at_hand(sources));
    Installers { at_least: installer.at_least, at_hand, saved: Vec::new() }
}

fn at_hand(sources: &Sources<'_>) -> Observed<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in &sources.playbook.installer.files {
        for path in crate::host::pattern::find(&sources.pattern(pattern)?)
            .map_err(|error| error.to_string())?
        {
            if path.is_file() && !files.contains(&path) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

fn checksum(path: &Path) -> Observed<Option<String>> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let (sum, _) = crate::host::checksum::sha256_of(file).map_err(fail)?;
    Ok(Some(sum))
}

/// Checks the previous version's installer: that it can be saved before an upgrade, and that it is
/// unchanged before a downgrade (S2).
pub(super) fn at_least(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Installer;
    let installers = &facts.installers;
    let mut findings = Vec::new();
    match &installers.at_hand {
        Some(Err(why)) => findings.push(
            Finding::refuse(ID, "Could not look for the installer of the installed version.")
                .detail([why.clone()]),
        ),
        Some(Ok(files)) if files.len() < installers.at_least => findings.push(
            Finding::refuse(ID, "The installer of the installed version is not at hand.")
                .detail([format!(
                    "{} found, at least {} needed",
                    count(files.len(), "file"),
                    installers.at_least
                )])
                .detail(files.iter().map(|file| file.display().to_string()))
                .remedy([
                    "Get the exact files of the installed version now: archives drop old ones. Put \
                          them where `installer.files` in the playbook looks.",
                ]),
        ),
        _ => {}
    }
    if !facts.occasion.is_downgrade() {
        return findings;
    }
    if installers.saved.len() < installers.at_least {
        findings.push(
            Finding::refuse(ID, "The installer of the previous version was not saved.")
                .detail([format!(
                    "{} saved, at least {} needed",
                    count(installers.saved.len(), "file"),
                    installers.at_least
                )])
                .remedy([
                    "Get the exact files of the previous version from the vendor or an archive.",
                ]),
        );
    }
    findings.extend(installers.saved.iter().filter_map(saved));
    findings
}

fn saved(file: &SavedFile) -> Option<Finding> {
    const ID: Kind = Kind::Installer;
    let path = file.path.display();
    let remedy = [
        format!("Put the file with SHA-256 {} back there.", file.sha256),
        format!("sha256sum {}", quote(&file.path)),
    ];
    match &file.now {
        Ok(Some(now)) if now.eq_ignore_ascii_case(&file.sha256) => None,
        Ok(Some(now)) => Some(
            Finding::refuse(ID, format!("{path} is not the file that was saved."))
                .detail([format!("SHA-256 then {}", file.sha256), format!("SHA-256 now  {now}")])
                .remedy(remedy),
        ),
        Ok(None) => Some(Finding::refuse(ID, format!("{path} is missing.")).remedy(remedy)),
        Err(why) => Some(
            Finding::refuse(ID, format!("{path} could not be read."))
                .detail([why.clone()])
                .remedy(remedy),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn installers_missing() {
        let mut up = facts(Occasion::Upgrade);
        up.installers.at_least = 2;
        up.installers.at_hand = Some(Ok(vec!["/srv/db_10.deb".into()]));
        insta::assert_snapshot!(show(&at_least(&up)), @r"
            refused: The installer of the installed version is not at hand. [installer]
                     one file found, at least 2 needed
                     /srv/db_10.deb
              to do: Get the exact files of the installed version now: archives drop old ones. Put them where `installer.files` in the playbook looks.
            ");
        let mut down = facts(Occasion::Downgrade { in_place: false });
        down.installers.saved[0].now = Ok(Some("cd".into()));
        insta::assert_snapshot!(show(&at_least(&down)), @r"
            refused: /var/lib/backout/db_10.deb is not the file that was saved. [installer]
                     SHA-256 then ab
                     SHA-256 now  cd
              to do: Put the file with SHA-256 ab back there.
                     sha256sum /var/lib/backout/db_10.deb
            ");
        down.installers.saved[0].now = Ok(None);
        insta::assert_snapshot!(show(&at_least(&down)), @r"
            refused: /var/lib/backout/db_10.deb is missing. [installer]
              to do: Put the file with SHA-256 ab back there.
                     sha256sum /var/lib/backout/db_10.deb
            ");
        down.installers.saved[0].now = Err("Input/output error".into());
        insta::assert_snapshot!(show(&at_least(&down)), @r"
            refused: /var/lib/backout/db_10.deb could not be read. [installer]
                     Input/output error
              to do: Put the file with SHA-256 ab back there.
                     sha256sum /var/lib/backout/db_10.deb
            ");
        down.installers.saved.clear();
        insta::assert_snapshot!(show(&at_least(&down)), @r"
            refused: The installer of the previous version was not saved. [installer]
                     0 files saved, at least 1 needed
              to do: Get the exact files of the previous version from the vendor or an archive.
            ");
    }
}
