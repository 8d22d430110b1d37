//! Where the files of a change are.

use std::io;
use std::path::{Path, PathBuf};

use crate::host::files::private_dir;

/// The folder of one change, and the store for large files.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
    store: PathBuf,
    edition: u32,
}

impl Layout {
    /// The change's files are below the state folder; captures and installers are below `store`, if
    /// given.
    pub fn new(state: &Path, change: &str, store: Option<&Path>) -> Self {
        let folder = state.join("changes").join(change);
        let store = store.map_or_else(|| folder.clone(), |store| store.join(change));
        Self { folder, store, edition: 0 }
    }

    /// The same, with the copies of playbook and site of this edition: 0 for those that were made
    /// when the change was opened, then one for each time that mended files took their place.
    pub fn with_edition(self, edition: u32) -> Self {
        Self { edition, ..self }
    }

    /// Where the copies of playbook and site are.
    pub fn copies(&self) -> PathBuf {
        match self.edition {
            0 => self.folder.clone(),
            edition => self.folder.join(format!("edition-{edition}")),
        }
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
        self.copies().join("playbook.toml")
    }
    /// The copies of the playbook's programs.
    pub fn programs(&self) -> PathBuf {
        self.copies().join("programs")
    }
    /// The copy of the site.
    pub fn site(&self) -> PathBuf {
        self.copies().join("site.toml")
    }
    /// The saved configurations.
    pub fn config(&self, side: super::Side) -> PathBuf {
        self.folder.join(match side {
            super::Side::Previous => "config-previous",
            super::Side::Upgraded => "config-upgraded",
        })
    }
    /// What `check` saw of a way back that is damaged.
    pub fn way_back(&self) -> PathBuf {
        self.folder.join("way-back.json")
    }
    /// What `status` saw of the room that the way back takes.
    pub fn room(&self) -> PathBuf {
        self.folder.join("room.json")
    }
    /// The inventories.
    pub fn inventory(&self) -> PathBuf {
        self.store.join("inventory")
    }
    /// Where 0.1.0 kept the inventories, whatever the store.
    pub fn inventory_of_0_1_0(&self) -> PathBuf {
        self.folder.join("inventory")
    }
    /// The incremental backup.
    pub fn capture(&self) -> PathBuf {
        self.store.join("capture")
    }
    /// What the capture cannot carry, written out whole.
    pub fn whole(&self) -> PathBuf {
        self.store.join("whole")
    }
    /// The previous version's installer.
    pub fn installer(&self) -> PathBuf {
        self.store.join("installer")
    }

    /// The folder around [`Self::upgraded_root`].
    pub fn upgraded_programs(&self) -> PathBuf {
        self.store.join("upgraded-programs")
    }

    /// The files of the feed that a standby has.
    pub fn feed(&self) -> PathBuf {
        self.store.join("feed")
    }

    /// The folder around [`Self::previous_root`].
    pub fn previous_programs(&self) -> PathBuf {
        self.store.join("previous-programs")
    }

    /// The previous version's programs, with this folder as their root.
    pub fn previous_root(&self) -> PathBuf {
        self.previous_programs().join("root")
    }

    /// The upgraded version's programs, with this folder as their root.
    pub fn upgraded_root(&self) -> PathBuf {
        self.upgraded_programs().join("root")
    }

    /// Creates the folders, readable by the owner alone, and flushes them.
    ///
    /// # Errors
    /// When one cannot be created.
    pub fn create(&self) -> io::Result<()> {
        for dir in [self.folder.clone(), self.inventory(), self.capture(), self.installer()] {
            private_dir(&dir)?;
        }
        Ok(())
    }
}
