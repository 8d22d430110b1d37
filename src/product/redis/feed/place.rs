//! How far a feed has come: a place in the append-only file that is its source. The fed server
//! holds it itself, in its own append-only file: each transaction of the feed ends with a mark.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::str::FromStr;

use super::super::client::command;
use super::super::log::{Entry, Log, open};
use crate::product::stream::HelperError;

/// The key of the marks. It is set and deleted in one transaction, so that no server ever has it.
pub(super) const MARK: &str = "backout:standby:position";

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The name of the file.
    pub(super) file: String,
    /// How many of its bytes are fed: it is behind a command, and in no transaction.
    pub(super) offset: u64,
    /// The database that is chosen there; `None`: the source chooses one before it writes.
    pub(super) database: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

/// Reads `FILE:OFFSET`.
impl FromStr for Place {
    type Err = HelperError;

    fn from_str(text: &str) -> Result<Self, HelperError> {
        let parts = text.rsplit_once(':').and_then(|(file, offset)| {
            Some(Self { file: file.to_owned(), offset: offset.parse().ok()?, database: None })
        });
        parts.ok_or_else(|| HelperError::Usage(format!("{text:?} is no position (FILE:OFFSET)")))
    }
}

impl Place {
    /// As it stands in a mark: with its database.
    pub(super) fn value(&self) -> String {
        let database = self.database.map_or_else(|| "-".to_owned(), |it| it.to_string());
        format!("{self}:{database}")
    }

    /// The place in such a text.
    pub(super) fn of_value(value: &str) -> Option<Self> {
        let (place, database) = value.rsplit_once(':')?;
        let database = if database == "-" { None } else { Some(database.parse().ok()?) };
        Some(Self { database, ..place.parse().ok()? })
    }

    /// What ends the transaction that leads to this place.
    pub(super) fn mark(&self) -> Vec<u8> {
        let (key, value) = (MARK.as_bytes(), self.value());
        let mut text = command(&[b"SET", key, value.as_bytes()]);
        text.extend(command(&[b"DEL", key]));
        text.extend(command(&[b"EXEC"]));
        text
    }

    /// A transaction with nothing but the mark.
    pub(super) fn only_mark(&self) -> Vec<u8> {
        [command(&[b"SELECT", b"0"]), command(&[b"MULTI"]), self.mark()].concat()
    }
}

/// How much of a file's end is looked at before all of it is.
const TAIL: u64 = 1 << 13;

/// The last mark in the append-only file at `path`, and where its transaction ends.
///
/// # Errors
/// When the file cannot be read, or is damaged.
pub(super) fn last_mark(path: &Path) -> Result<Option<(Place, u64)>, HelperError> {
    let cannot = |error| HelperError::Failed(format!("cannot read {}: {error}", path.display()));
    let mut file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).map_err(cannot)?;
    file.read_to_end(&mut tail).map_err(cannot)?;
    if let Some(place) = at_end(&tail) {
        return Ok(Some((place, length)));
    }
    file.seek(SeekFrom::Start(0)).map_err(cannot)?;
    marks(file, None)
}

/// The first one of a place in this file: where the feed began.
///
/// # Errors
/// As [`last_mark`].
pub(super) fn first_mark(path: &Path, file: &str) -> Result<Option<Place>, HelperError> {
    Ok(marks(open(path)?, Some(file))?.map(|(place, _)| place))
}

/// Reads all marks, or only the first of a place in this file. Returns the last that was read.
fn marks(file: File, first: Option<&str>) -> Result<Option<(Place, u64)>, HelperError> {
    let mut input = BufReader::with_capacity(1 << 18, file);
    let mut log = Log::new(&mut input);
    let (mut entry, mut open) = (Entry::default(), None);
    let mut last: Option<(Place, u64)> = None;
    loop {
        match log.next(&mut entry) {
            Ok(true) => {}
            Ok(false) => return Ok(last),
            // Its server is writing, or was killed.
            Err(_) if log.is_cut() => return Ok(last),
            Err(error) => return Err(error),
        }
        let argument = |at: usize| entry.arguments.get(at).map(|it| it.begin.as_slice());
        if argument(1) == Some(MARK.as_bytes()) {
            if let (3, "set", Some(value)) = (entry.count, entry.name().as_str(), argument(2)) {
                open = std::str::from_utf8(value).ok().and_then(Place::of_value);
            }
        } else if entry.count == 1 {
            match entry.name().as_str() {
                "multi" => open = None,
                "exec" => {
                    let Some(place) = open.take() else { continue };
                    match first {
                        Some(file) if place.file == file => {
                            return Ok(Some((place, entry.to)));
                        }
                        Some(_) => {}
                        None => last = Some((place, entry.to)),
                    }
                }
                _ => {}
            }
        }
    }
}

/// The mark that these bytes end with. Nothing else looks like it: within a value, more would
/// follow.
fn at_end(tail: &[u8]) -> Option<Place> {
    let head = [&b"*3\r\n"[..], &command(&[b"SET", MARK.as_bytes()])[4..]].concat();
    let at = tail.windows(head.len()).rposition(|window| window == head)?;
    let value = tail[at + head.len()..].split(|byte| *byte == b'\n').nth(1)?;
    let place = Place::of_value(std::str::from_utf8(value.strip_suffix(b"\r")?).ok()?)?;
    tail.ends_with(&place.mark()).then_some(place)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    fn place(offset: u64) -> Place {
        Place { file: "a b:c.aof.1.incr.aof".into(), offset, database: Some(3) }
    }

    #[test]
    fn the_last_mark_is_found_whatever_stands_behind_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("x");
        let found = |text: &[u8]| {
            std::fs::write(&path, text).expect("written");
            last_mark(&path).expect("read")
        };
        let one = place(1).only_mark();
        let two = [one.clone(), command(&[b"MULTI"]), place(2).mark()].concat();
        let end = two.len() as u64;
        assert_eq!(found(b""), None);
        assert_eq!(found(&one), Some((place(1), one.len() as u64)));
        assert_eq!(found(&two), Some((place(2), end)));
        // A transaction that is not complete, or that a client made.
        for more in [
            &command(&[b"DEL", b"x"])[..],
            &command(&[b"MULTI"]),
            &place(3).mark()[..40],
            &command(&[b"SET", MARK.as_bytes(), b"x:9:0"]),
            &command(&[b"SET", b"x", &place(3).mark()]),
        ] {
            assert_eq!(found(&[&two[..], more].concat()), Some((place(2), end)));
        }
        // One that is cut off anywhere leads nowhere.
        for cut in one.len()..two.len() {
            assert_eq!(found(&two[..cut]), Some((place(1), one.len() as u64)), "{cut}");
        }
    }

    #[test]
    fn a_position_is_read_as_it_is_printed() {
        let read: Place = place(7).to_string().parse().expect("a position");
        assert_eq!(read, Place { database: None, ..place(7) });
        assert_eq!(Place::of_value(&place(7).value()), Some(place(7)));
        for text in ["", "file", "file:", "file:x", "file:-1"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
