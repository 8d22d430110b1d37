//! What the feed keeps in its folder: its passes, whether clients are shut out, why it does not go
//! on.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::failed;
use crate::host::files::{open_own, remove_optional, stat_optional, write_atomic};
use crate::product::stream::HelperError;

/// A pass that is complete: everything from before its begin is on the standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done {
    /// Its number.
    pub(super) number: u64,
    /// From when on the next one has to back up, as `imsbackup -d` takes it.
    pub(super) since: String,
    /// The start of the standby's server that got it. Another one may have lost what was not
    /// written out.
    pub(super) server: String,
    /// When it began, in seconds since 1970. For people.
    pub(super) began: u64,
}

/// Why passes fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failing {
    /// How many did, one after the other.
    pub(super) times: u32,
    /// The last reason.
    pub(super) why: String,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Notes {
    folder: PathBuf,
}

const BEGUN: &str = "begun";
const WANTED: &str = "wanted";
const DONE: &str = "done";
const FAILING: &str = "failing";
const ENDED: &str = "ended";
const CLOSED: &str = "closed";
const UNDER_WAY: &str = "under-way";

impl Notes {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where the pass' backup is.
    pub(super) fn backup(&self) -> PathBuf {
        self.folder.join("pass")
    }

    fn write(&self, name: &str, text: &str) -> Result<(), HelperError> {
        let path = self.folder.join(name);
        write_atomic(&path, text.as_bytes())
            .map_err(|error| failed(format!("cannot write {}: {error}", path.display())))
    }

    fn remove(&self, name: &str) -> Result<(), HelperError> {
        let path = self.folder.join(name);
        remove_optional(&path)
            .map_err(|error| failed(format!("cannot remove {}: {error}", path.display())))
    }

    fn read(&self, name: &str) -> Result<Option<String>, HelperError> {
        let path = self.folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(format!("cannot read {}: {error}", path.display()))),
        }
    }

    fn is(&self, name: &str) -> Result<bool, HelperError> {
        let path = self.folder.join(name);
        let found = stat_optional(&path);
        let found =
            found.map_err(|error| failed(format!("cannot look at {}: {error}", path.display())))?;
        Ok(found.is_some())
    }

    fn set(&self, name: &str, is: bool) -> Result<(), HelperError> {
        if is { self.write(name, "") } else { self.remove(name) }
    }

    fn number(&self, name: &str) -> Result<u64, HelperError> {
        let text = self.read(name)?.unwrap_or_default();
        Ok(text.trim().parse().unwrap_or_default())
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, HelperError> {
        let text = self.read(name)?;
        let read = text.map(|text| serde_json::from_str(&text)).transpose();
        read.map_err(|error| failed(format!("{name}: {error}")))
    }

    fn put_json(&self, name: &str, value: &impl Serialize) -> Result<(), HelperError> {
        self.write(name, &serde_json::to_string(value).map_err(failed)?)
    }

    /// The only feed of this folder, until the value is dropped.
    ///
    /// # Errors
    /// When another one runs.
    pub(super) fn alone(&self) -> Result<Flock<File>, HelperError> {
        let path = self.folder.join("lock");
        let file = open_own(File::options().write(true).create(true), &path)
            .map_err(|error| failed(format!("cannot open {}: {error}", path.display())))?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| failed("another feed runs"))
    }

    /// The number of the pass that was begun last.
    pub(super) fn begun(&self) -> Result<u64, HelperError> {
        self.number(BEGUN)
    }

    /// A pass begins. What was said of the ones before does not count any more.
    pub(super) fn begin(&self, number: u64) -> Result<(), HelperError> {
        self.write(BEGUN, &number.to_string())
    }

    /// The last complete one.
    pub(super) fn done(&self) -> Result<Option<Done>, HelperError> {
        self.json(DONE)
    }

    /// A pass is complete.
    pub(super) fn complete(&self, done: &Done) -> Result<(), HelperError> {
        self.put_json(DONE, done)?;
        self.forgive()
    }

    /// The number of a pass that somebody waits for.
    pub(super) fn wanted(&self) -> Result<u64, HelperError> {
        self.number(WANTED)
    }

    /// Somebody waits for this one.
    pub(super) fn want(&self, number: u64) -> Result<(), HelperError> {
        if self.wanted()? < number { self.write(WANTED, &number.to_string()) } else { Ok(()) }
    }

    /// Whether the standby may have half of a pass.
    pub(super) fn under_way(&self) -> Result<bool, HelperError> {
        self.is(UNDER_WAY)
    }

    /// A pass comes to the standby from now on, or has come.
    pub(super) fn set_under_way(&self, is: bool) -> Result<(), HelperError> {
        self.set(UNDER_WAY, is)
    }

    /// Whether clients are shut out. Then passes are made only if somebody waits for one.
    pub(super) fn closed(&self) -> Result<bool, HelperError> {
        self.is(CLOSED)
    }

    /// Clients are to be shut out, or not any more.
    pub(super) fn set_closed(&self, is: bool) -> Result<(), HelperError> {
        self.set(CLOSED, is)
    }

    /// Why passes fail.
    pub(super) fn failing(&self) -> Result<Option<Failing>, HelperError> {
        self.json(FAILING)
    }

    /// A pass failed.
    pub(super) fn fail(&self, why: &str) -> Result<(), HelperError> {
        let times = self.failing()?.map_or(0, |failing| failing.times);
        self.put_json(FAILING, &Failing { times: times.saturating_add(1), why: why.to_owned() })
    }

    /// Why the feed can never go on.
    pub(super) fn ended(&self) -> Result<Option<String>, HelperError> {
        self.read(ENDED)
    }

    /// It cannot.
    pub(super) fn end(&self, why: &str) -> Result<(), HelperError> {
        self.write(ENDED, why)
    }

    /// A new feed begins.
    pub(super) fn renew(&self) -> Result<(), HelperError> {
        self.remove(ENDED)?;
        self.forgive()
    }

    /// Passes that failed are not counted any more.
    pub(super) fn forgive(&self) -> Result<(), HelperError> {
        self.remove(FAILING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_says_that_nothing_was_done() {
        let dir = tempfile::tempdir().expect("temp dir");
        let notes = Notes::of(dir.path());
        assert_eq!(notes.begun().expect("read"), 0);
        assert_eq!(notes.done().expect("read"), None);
        assert_eq!(notes.failing().expect("read"), None);
        assert_eq!(notes.ended().expect("read"), None);
        assert!(!notes.closed().expect("read") && !notes.under_way().expect("read"));
    }

    #[test]
    fn failures_are_counted_until_a_pass_is_complete() {
        let dir = tempfile::tempdir().expect("temp dir");
        let notes = Notes::of(dir.path());
        notes.fail("one").expect("noted");
        notes.fail("two").expect("noted");
        let found = notes.failing().expect("read");
        assert_eq!(found, Some(Failing { times: 2, why: "two".into() }));
        let done =
            Done { number: 7, since: "20261129:181500".into(), server: "-".into(), began: 3 };
        notes.complete(&done).expect("noted");
        assert_eq!(notes.done().expect("read"), Some(done));
        assert_eq!(notes.failing().expect("read"), None);
    }

    #[test]
    fn who_waits_for_less_than_another_one_changes_nothing() {
        let dir = tempfile::tempdir().expect("temp dir");
        let notes = Notes::of(dir.path());
        notes.want(5).expect("noted");
        notes.want(3).expect("noted");
        assert_eq!(notes.wanted().expect("read"), 5);
    }

    #[test]
    fn there_is_one_feed() {
        let dir = tempfile::tempdir().expect("temp dir");
        let notes = Notes::of(dir.path());
        let alone = notes.alone().expect("the first");
        assert_eq!(notes.alone().expect_err("the second").to_string(), "another feed runs");
        drop(alone);
        notes.alone().expect("the first has ended");
    }
}
