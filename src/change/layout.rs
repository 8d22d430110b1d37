//! Where the files of a change are.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::look::look;

/// The folder of one change, and the store for what is large.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
    store: PathBuf,
}

impl Layout {
    /// The change's files under the state folder; captures and installers under `store`, if it is another place.
    pub fn new(state: &Path, change: &str, store: Option<&Path>) -> Self {
        let folder = state.join("changes").join(change);
        let store = store.map_or_else(|| folder.clone(), |store| store.join(change));
        Self { folder, store }
    }

    /// The change's own folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }
    /// What the vendor's installer reads in place of answers.
    pub fn silent(&self) -> PathBuf {
        self.folder.join("silent")
    }
    /// What the commands printed.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
    /// The copy of the playbook.
    pub fn playbook(&self) -> PathBuf {
        self.folder.join("playbook.toml")
    }
    /// The copy of the site.
    pub fn site(&self) -> PathBuf {
        self.folder.join("site.toml")
    }
    /// The saved configurations.
    pub fn config(&self, side: crate::plan::Side) -> PathBuf {
        self.folder.join(match side {
            crate::plan::Side::Previous => "config-previous",
            crate::plan::Side::Upgraded => "config-upgraded",
        })
    }
    /// The inventories.
    pub fn inventory(&self) -> PathBuf {
        self.folder.join("inventory")
    }
    /// The incremental backup.
    pub fn capture(&self) -> PathBuf {
        self.store.join("capture")
    }
    /// The previous version's installer.
    pub fn installer(&self) -> PathBuf {
        self.store.join("installer")
    }

    /// Makes the folders, readable by the owner alone, and flushes them.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn create(&self) -> io::Result<()> {
        for dir in [self.folder.clone(), self.inventory(), self.capture(), self.installer()] {
            private_dir(&dir)?;
        }
        Ok(())
    }
}

/// Makes a folder and those above it, mode 0700, and flushes each folder that got a new name.
///
/// # Errors
/// When it cannot be made.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    let new = dir.ancestors().take_while(|folder| matches!(look(folder), Ok(None))).count();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    dir.ancestors().take(new + 2).filter(|folder| !folder.as_os_str().is_empty()).try_for_each(sync_dir)
}

/// Flushes a folder: the names in it.
///
/// # Errors
/// When it cannot be opened or flushed.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes a file whole or not at all: beside it, flushed, then renamed into its place. Mode 0600.
///
/// # Errors
/// When it cannot be written; the old one, if any, is then still there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all(half)?;
    super::failpoint::full(&format!("write {}", path.file_name().unwrap_or_default().display()))?;
    file.write_all(rest)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder)
}
