//! What a feed says of itself: files in a folder of its own, for `backout status` and the switch.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::place::Place;
use crate::host::files::{open_own, write_unflushed};
use crate::product::stream::HelperError;

/// The folder.
pub(super) struct State {
    folder: PathBuf,
}

impl State {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), HelperError> {
        // Not flushed: it is written often, and a new feed begins without it.
        let path = self.path(name);
        write_unflushed(&path, text.as_bytes()).map_err(|error| {
            HelperError::Failed(format!("cannot write {}: {error}", path.display()))
        })
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// The fed server has carried out everything up to this place. `all`: there is nothing more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn reached(&self, place: &Place, all: bool) -> Result<(), HelperError> {
        self.write("position", &place.to_string())?;
        if all { self.write("caught-up", "") } else { Ok(()) }
    }

    /// The last of them.
    pub(super) fn place(&self) -> Option<Place> {
        self.read("position")?.parse().ok()
    }

    /// How long ago there was nothing more.
    pub(super) fn behind_for(&self) -> Option<Duration> {
        self.path("caught-up").metadata().ok()?.modified().ok()?.elapsed().ok()
    }

    /// The feed can never go on: why.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn end(&self, why: &str) -> Result<(), HelperError> {
        self.write("ended", why)
    }

    /// Why it cannot.
    pub(super) fn ended(&self) -> Option<String> {
        self.read("ended")
    }

    fn lock(&self) -> Result<Option<Flock<File>>, HelperError> {
        let path = self.path("lock");
        let file = open_own(File::options().write(true).create(true), &path);
        let file = file.map_err(|error| {
            HelperError::Failed(format!("cannot open {}: {error}", path.display()))
        })?;
        Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).ok())
    }

    /// Whether a feed runs.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(super) fn runs(&self) -> Result<bool, HelperError> {
        Ok(self.lock()?.is_none())
    }

    /// A new feed begins. It is the only one until the value is dropped.
    ///
    /// # Errors
    /// When another one runs.
    pub(super) fn begin(&self) -> Result<Flock<File>, HelperError> {
        let lock = self.lock()?;
        let lock = lock.ok_or_else(|| HelperError::Failed("another feed runs".into()))?;
        for name in ["ended", "position", "caught-up"] {
            let _ = fs::remove_file(self.path(name));
        }
        Ok(lock)
    }
}
