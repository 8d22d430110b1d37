//! What a feed keeps in its folder: which tables have to be carried whole, how far it read, and why
//! it cannot go on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::name::{TableName, in_hex, of_hex};
use super::super::whole::Item;
use crate::host::files::{
    open_own, private_dir, remove_optional, stat_optional, write_atomic, write_unflushed,
};
use crate::product::stream::{HelperError, Streams};

/// A place in a log: behind a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Place {
    /// The file's number.
    pub(in super::super) file: usize,
    /// Where the transaction ends in it.
    pub(in super::super) ends: u64,
    /// Tells the file from another one of that number.
    pub(in super::super) mark: u32,
}

/// See the module.
#[derive(Debug)]
pub(in super::super) struct Notes {
    folder: PathBuf,
    /// Tables to be carried whole, and whether their rows are not replayed any more.
    pub(in super::super) whole: BTreeMap<TableName, bool>,
}

const WHOLE: &str = "whole";
const PLACE: &str = "place";
const STOPPED: &str = "stopped";
const FAILING: &str = "failing";
const FIRST: &str = "first";
const IDLE: &str = "idle";

impl Notes {
    /// Opens a folder, which is made where it is not there.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub(in super::super) fn open(folder: &str) -> Result<Self, HelperError> {
        let folder = PathBuf::from(folder);
        private_dir(&folder).map_err(|error| {
            HelperError::Failed(format!("cannot make {}: {error}", folder.display()))
        })?;
        let mut notes = Self { folder, whole: BTreeMap::new() };
        for (table, out, _) in notes.listed()? {
            *notes.whole.entry(table).or_default() |= out;
        }
        Ok(notes)
    }

    fn text(&self, name: &str) -> Result<Option<String>, HelperError> {
        let path = self.folder.join(name);
        let failed =
            |error| HelperError::Failed(format!("cannot read {}: {error}", path.display()));
        match stat_optional(&path).map_err(failed)? {
            None => Ok(None),
            Some(_) => std::fs::read_to_string(&path).map(Some).map_err(failed),
        }
    }

    fn put(&self, name: &str, text: &str) -> Result<(), HelperError> {
        let path = self.folder.join(name);
        write_atomic(&path, text.as_bytes()).map_err(|error| {
            HelperError::Failed(format!("cannot write {}: {error}", path.display()))
        })
    }

    fn append(&self, name: &str, line: &str) -> Result<(), HelperError> {
        let path = self.folder.join(name);
        let write = || {
            let mut file = open_own(File::options().append(true).create(true), &path)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| {
            HelperError::Failed(format!("cannot write {}: {error}", path.display()))
        })
    }

    /// The tables that are noted: whether their rows are not replayed, and why.
    fn listed(&self) -> Result<Vec<(TableName, bool, String)>, HelperError> {
        let text = self.text(WHOLE)?.unwrap_or_default();
        // A line without an end was not completed before a crash, and nothing relies on it.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let read = |line: &str| {
            let mut words = line.splitn(4, ' ');
            let table = of_hex(words.next()?, words.next()?)?;
            let out = words.next()? == "1";
            Some((table, out, words.next()?.to_owned()))
        };
        lines.map(read).collect::<Option<_>>().ok_or_else(|| {
            let path = self.folder.join(WHOLE);
            HelperError::Failed(format!("{} is no list of tables: damaged", path.display()))
        })
    }

    /// Notes a table that has to be carried whole. `out`: no rows of it are replayed from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn whole(
        &mut self,
        table: &TableName,
        out: bool,
        why: &str,
    ) -> Result<(), HelperError> {
        if self.whole.get(table).is_some_and(|known| *known || !out) {
            return Ok(());
        }
        // What a crash left of a line must not become a part of this one.
        let text = self.text(WHOLE)?.unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |at| &text[..=at]);
        if whole.len() < text.len() {
            self.put(WHOLE, whole)?;
        }
        self.append(WHOLE, &format!("{} {} {why}\n", in_hex(table), u8::from(out)))?;
        self.whole.insert(table.clone(), out);
        Ok(())
    }

    /// An XA transaction that changes nothing: the server takes it for rolled back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn idle(&self, name: &str) -> Result<(), HelperError> {
        self.append(IDLE, &format!("{name}\n"))
    }

    /// All of them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(in super::super) fn idles(&self) -> Result<Vec<String>, HelperError> {
        Ok(self.text(IDLE)?.unwrap_or_default().lines().map(str::to_owned).collect())
    }

    /// How far the feed read, as it was noted last: it may have come farther.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in super::super) fn place(&self) -> Result<Option<Place>, HelperError> {
        let text = self.text(PLACE)?.unwrap_or_default();
        let mut words = text.split_whitespace();
        let mut next = || words.next().and_then(|word| word.parse::<u64>().ok());
        let found = next().zip(next()).zip(next());
        Ok(found.and_then(|((file, ends), mark)| {
            Some(Place { file: usize::try_from(file).ok()?, ends, mark: u32::try_from(mark).ok()? })
        }))
    }

    /// Notes how far the feed read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn put_place(&self, place: Place) -> Result<(), HelperError> {
        let Place { file, ends, mark } = place;
        // Not flushed: it only says where reading may begin.
        let path = self.folder.join(PLACE);
        write_unflushed(&path, format!("{file} {ends} {mark}\n").as_bytes()).map_err(|error| {
            HelperError::Failed(format!("cannot write {}: {error}", path.display()))
        })
    }

    /// Notes with which file the feed begins, the first time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn begins(&self, number: usize) -> Result<(), HelperError> {
        if self.first()?.is_some() {
            return Ok(());
        }
        self.put(FIRST, &format!("{number}\n"))
    }

    /// The file with which the feed began.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in super::super) fn first(&self) -> Result<Option<usize>, HelperError> {
        Ok(self.text(FIRST)?.and_then(|text| text.trim().parse().ok()))
    }

    /// Notes that the feed can never catch up again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn stop(&self, why: &str) -> Result<(), HelperError> {
        self.put(STOPPED, &format!("{why}\n"))
    }

    /// Why the feed can never catch up again, if that is so.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in super::super) fn stopped(&self) -> Result<Option<String>, HelperError> {
        Ok(self.text(STOPPED)?.map(|text| text.trim_end().to_owned()))
    }

    /// Notes what keeps the feed from its work at present; nothing, if it works.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(in super::super) fn failing(&self, why: Option<&str>) -> Result<(), HelperError> {
        match why {
            Some(why) => self.put(FAILING, &format!("{why}\n")),
            None => {
                let path = self.folder.join(FAILING);
                remove_optional(&path).map_err(|error| {
                    HelperError::Failed(format!("cannot remove {}: {error}", path.display()))
                })
            }
        }
    }
}

/// A number that tells a file of a log from another one: of how it begins, without what says that
/// it is in use.
///
/// # Errors
/// When it cannot be read.
pub(in super::super) fn mark(path: &str) -> Result<u32, HelperError> {
    const IN_USE: usize = 4 + 17;
    let mut begin = Vec::new();
    File::open(path)
        .and_then(|file| file.take(200).read_to_end(&mut begin))
        .map_err(|error| HelperError::Failed(format!("cannot read {path}: {error}")))?;
    if let Some(byte) = begin.get_mut(IN_USE) {
        *byte &= !1;
    }
    Ok(crc32fast::hash(&begin))
}

impl Place {
    /// Behind a transaction in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(in super::super) fn new(file: usize, ends: u64, path: &str) -> Result<Self, HelperError> {
        Ok(Self { file, ends, mark: mark(path)? })
    }

    /// Whether the file is the one that it was. `None`: it is gone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in super::super) fn holds(&self, path: &str) -> Result<Option<bool>, HelperError> {
        let failed = |error| HelperError::Failed(format!("cannot look at {path}: {error}"));
        if stat_optional(Path::new(path)).map_err(failed)?.is_none() {
            return Ok(None);
        }
        Ok(Some(mark(path)? == self.mark))
    }
}

/// Fails, with the reason, when the feed can never catch up again, or does not run:
/// `mariadb-feed-watch FOLDER SYSTEMCTL ARGUMENT...`. The command succeeds if it runs. Prints what
/// keeps it from its work at present.
pub(in crate::product) fn watch(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder, program, words @ ..] = arguments else {
        return Err(HelperError::usage("mariadb-feed-watch FOLDER SYSTEMCTL ARGUMENT..."));
    };
    let notes = Notes::open(folder)?;
    if let Some(why) = notes.stopped()? {
        return Err(HelperError::Failed(why));
    }
    #[expect(clippy::disallowed_methods, reason = "it ends by itself")]
    let runs =
        Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let runs =
        runs.map_err(|error| HelperError::Failed(format!("cannot start {program}: {error}")))?;
    if !runs.success() {
        let why = notes.text(FAILING)?.unwrap_or_default();
        return Err(HelperError::Failed(format!("the feed does not run. {}", why.trim())));
    }
    let failing = notes.text(FAILING)?.unwrap_or_default();
    streams.output.write_all(failing.as_bytes()).map_err(HelperError::Output)
}

/// Prints the tables that have to be carried whole, one a line: `mariadb-feed-whole FOLDER`.
pub(in crate::product) fn carried(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder] = arguments else { return Err(HelperError::usage("mariadb-feed-whole FOLDER")) };
    let notes = Notes::open(folder)?;
    let mut why: BTreeMap<TableName, String> = BTreeMap::new();
    for (table, _, text) in notes.listed()? {
        why.entry(table).or_insert(text);
    }
    for (table, why) in why {
        writeln!(streams.output, "{}\t{why}", Item(table)).map_err(HelperError::Output)?;
    }
    streams.output.flush().map_err(HelperError::Output)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;
    use crate::product::tests::on;

    fn table(name: &str) -> TableName {
        (b"shop".to_vec(), name.as_bytes().to_vec())
    }

    #[test]
    fn s8_what_is_noted_outlives_its_feed() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("feed").display().to_string();
        let mut notes = Notes::open(&folder).expect("made");
        notes.whole(&table("a b"), false, "UUID() gave other values").expect("noted");
        notes.whole(&table("m"), true, "MyISAM cannot roll back").expect("noted");
        notes.whole(&table("m"), false, "twice").expect("noted");
        notes.whole(&table("a b"), true, "MyISAM, too").expect("noted");
        let place = Place { file: 7, ends: 4711, mark: 5 };
        notes.put_place(place).expect("noted");
        // A power cut took the end of a line.
        let path = dir.path().join("feed/whole");
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, format!("{text}73686f7")).expect("written");
        let mut notes = Notes::open(&folder).expect("read");
        assert_eq!(notes.whole, BTreeMap::from([(table("a b"), true), (table("m"), true)]));
        assert_eq!(notes.place().expect("read"), Some(place));
        notes.whole(&table("z"), true, "later").expect("noted");
        let said = on("mariadb-feed-whole", &[&folder], b"").expect("read");
        assert_eq!(
            String::from_utf8_lossy(&said),
            "shop.`a b`\tUUID() gave other values\nshop.m\tMyISAM cannot roll back\n\
             shop.z\tlater\n"
        );
    }

    #[test]
    fn a_feed_that_stopped_says_why() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().display().to_string();
        let notes = Notes::open(&folder).expect("made");
        let watch = |runs: &str| on("mariadb-feed-watch", &[&folder, runs], b"");
        assert_eq!(watch("false").unwrap_err(), "the feed does not run. ");
        assert_eq!(watch("true").expect("fine"), b"");
        notes.failing(Some("the server is away")).expect("noted");
        let said = watch("true").expect("fine");
        assert_eq!(said, b"the server is away\n");
        notes.failing(None).expect("noted");
        assert_eq!(watch("true").expect("fine"), b"");
        notes.stop("the log was purged").expect("noted");
        assert_eq!(watch("true").unwrap_err(), "the log was purged");
    }

    #[test]
    fn a_file_is_told_from_another_one_of_its_number() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("bin.000001").display().to_string();
        let mut begin = vec![7; 300];
        std::fs::write(&path, &begin).expect("written");
        let place = Place::new(1, 300, &path).expect("read");
        begin[21] ^= 1;
        std::fs::write(&path, &begin).expect("written");
        assert_eq!(place.holds(&path).expect("read"), Some(true), "it is not in use any more");
        begin[5] ^= 1;
        std::fs::write(&path, &begin).expect("written");
        assert_eq!(place.holds(&path).expect("read"), Some(false));
        assert_eq!(place.holds("/nowhere/x").expect("read"), None);
    }
}
