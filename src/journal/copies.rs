//! The copies of site, playbook and its programs in a change's folder: what is edited or removed
//! later does not count for a change under way.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::FileEntry;
use super::layout::Layout;
use crate::host::files::{open_own, private_dir, write_atomic};
use crate::host::trust;
use crate::playbook::programs::Program;
use crate::playbook::{Validated, ValidatedSite};

/// Larger files are not programs of a playbook.
const MAX_BYTES: u64 = 1 << 20;

/// Writes them, each whole or not at all, for the owner alone.
///
/// # Errors
/// When one cannot be written.
pub fn write(layout: &Layout, site: &ValidatedSite, playbook: &Validated) -> Result<()> {
    let around = layout.copies();
    private_dir(&around).with_context(|| format!("cannot make {}", around.display()))?;
    if !playbook.programs().is_empty() {
        let folder = layout.programs();
        private_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for program in playbook.programs() {
            let what = || format!("cannot copy the playbook's program {}", program.name());
            write_atomic(&folder.join(program.name()), program.bytes()).with_context(what)?;
        }
    }
    write_atomic(&layout.playbook(), playbook.text().as_bytes())
        .context("cannot copy the playbook")?;
    write_atomic(&layout.site(), site.text().as_bytes()).context("cannot copy the site file")
}

/// What a journal says of the programs.
pub fn entries(playbook: &Validated) -> Vec<FileEntry> {
    let entry = |program: &Program| FileEntry {
        path: program.name().into(),
        size: program.bytes().len() as u64,
        sha256: program.sha256().to_owned(),
    };
    playbook.programs().iter().map(entry).collect()
}

/// Reads the copies of the programs.
///
/// # Errors
/// When one is missing, is not what was copied, or others could have written it.
pub fn read(layout: &Layout, recorded: &[FileEntry]) -> Result<Vec<Program>> {
    let folder = layout.programs();
    trust::check_contents(&folder)?;
    let mut programs = Vec::new();
    for entry in recorded {
        let path = folder.join(&entry.path);
        let unread = || format!("cannot read {}", path.display());
        let mut bytes = Vec::new();
        let file = open_own(File::options().read(true), &path).with_context(unread)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(unread)?;
        let program = Program::new(&entry.path.to_string_lossy(), bytes);
        if program.sha256() != entry.sha256 {
            bail!("{} is not the copy that was taken into the change", path.display());
        }
        programs.push(program);
    }
    Ok(programs)
}

/// The programs on disk for as long as no change is open: in a folder of their own, removed with
/// this value. What runs is what was read, whoever edits the playbook meanwhile.
#[derive(Debug)]
pub struct Loose(tempfile::TempDir);

impl Loose {
    /// Writes them.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(programs: &[Program]) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("backout-programs-").tempdir()?;
        for program in programs {
            let path = folder.path().join(program.name());
            open_own(File::options().write(true).create_new(true), &path)?
                .write_all(program.bytes())?;
        }
        Ok(Self(folder))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::playbook::{Problems, built_in};

    const SITE: &str =
        "playbook = \"generic\"\ndatasets = [\"tank/tally\"]\nupgrade_to = \"3.0\"\n";

    fn opened() -> (tempfile::TempDir, Layout, Vec<FileEntry>) {
        let text = built_in::BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"sh\", \"{program_dir}/rotate.sh\"");
        let programs = vec![Program::new("rotate.sh", b"tallyctl rotate\n".to_vec())];
        let playbook = Validated::with_programs("own", None, &text, programs).expect("valid");
        let (site, playbook) =
            ValidatedSite::parse("site.toml".as_ref(), SITE, |_| Ok::<_, Problems>(playbook))
                .expect("valid");
        let dir = tempfile::tempdir().expect("temp dir");
        let layout = Layout::new(dir.path(), "x", None);
        layout.create().expect("made");
        write(&layout, &site, &playbook).expect("written");
        (dir, layout, entries(&playbook))
    }

    #[test]
    fn the_programs_are_in_the_change_s_folder_for_root_alone() {
        let (_dir, layout, recorded) = opened();
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
        assert_eq!(
            (mode(&layout.programs()), mode(&layout.programs().join("rotate.sh"))),
            (0o700, 0o600)
        );
        let read = read(&layout, &recorded).expect("read");
        assert_eq!(
            (read.len(), read[0].name(), read[0].bytes()),
            (1, "rotate.sh", b"tallyctl rotate\n".as_slice())
        );
    }

    #[test]
    fn s9_a_copy_that_was_edited_removed_or_opened_to_others_is_refused() {
        let (_dir, layout, recorded) = opened();
        let path = layout.programs().join("rotate.sh");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o602)).expect("mode");
        let said = read(&layout, &recorded).expect_err("others may write").to_string();
        assert!(said.contains("everyone may write to it"), "{said}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write(&path, "tallyctl destroy\n").expect("written");
        let said = read(&layout, &recorded).expect_err("edited").to_string();
        assert!(said.contains("is not the copy that was taken into the change"), "{said}");
        fs::remove_file(&path).expect("removed");
        assert!(read(&layout, &recorded).is_err());
        assert!(read(&layout, &[]).expect("a journal of 0.1.0 knows of none").is_empty());
    }

    #[test]
    fn loose_programs_are_gone_with_their_owner() {
        let loose = Loose::write(&[Program::new("a.sql", b"SELECT 1".to_vec())]).expect("written");
        let path = loose.path().join("a.sql");
        assert_eq!(fs::read(&path).expect("there"), b"SELECT 1");
        drop(loose);
        assert!(fs::metadata(&path).is_err());
    }
}
