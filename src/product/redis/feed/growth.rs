//! Reads what the source appends to its append-only file, in parts that end behind a command or a
//! transaction. A command that is not written completely yet waits.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::super::log::{Entry, Log, open};
use super::super::touched::ARGUMENTS;
use super::place::Place;
use crate::product::stream::HelperError;

/// A part is not longer than this, but for a single item.
const BYTES: u64 = 1 << 18;
/// Nor does it have more items than this.
const ITEMS: u64 = 2000;

/// What is sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The bytes of the source's file that make it up: commands without MULTI and EXEC.
    ranges: Vec<(u64, u64)>,
    /// How many items it has.
    pub(super) items: u64,
    /// Where it leads.
    pub(super) place: Place,
    /// Behind it stands what the fed server refuses: what and why.
    pub(super) refused: Option<String>,
}

/// The source.
pub(super) struct Growth {
    file: File,
    path: PathBuf,
    place: Place,
}

impl Growth {
    /// Reads on from this place in the file of this name in `folder`.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open(folder: &Path, place: Place) -> Result<Self, HelperError> {
        let path = folder.join(&place.file);
        let file = open(&path)?;
        Ok(Self { file, path, place })
    }

    fn unread(&self, error: &std::io::Error) -> HelperError {
        HelperError::Failed(format!("cannot read {}: {error}", self.path.display()))
    }

    /// Where the last part ended.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The next part; it has no items where there is nothing more. `refuses` gets each
    /// command with the database that is chosen, and says why it is refused.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub(super) fn next(
        &mut self,
        mut refuses: impl FnMut(&Entry, Option<u64>) -> Result<Option<String>, HelperError>,
    ) -> Result<Part, HelperError> {
        let from = self.place.offset;
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from)).map_err(|error| self.unread(&error))?;
        let mut input = BufReader::with_capacity(1 << 17, file);
        let mut log = Log::new(&mut input).from(from).keeping(ARGUMENTS);
        let mut part =
            Part { ranges: Vec::new(), items: 0, place: self.place.clone(), refused: None };
        let (mut entry, mut open) = (Entry::default(), None::<Open>);
        while part.place.offset - from < BYTES && part.items < ITEMS {
            match log.next(&mut entry) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if log.is_cut() => break,
                Err(error) => return Err(error),
            }
            let name = entry.name();
            let mut item = match open.take() {
                Some(item) => item,
                None => Open::new(name == "multi", part.place.database),
            };
            let bracket = item.transaction && matches!(name.as_str(), "multi" | "exec");
            if !bracket {
                if name == "select" {
                    item.database = entry.word(1).parse().ok();
                } else if item.database.is_none() {
                    return Err(HelperError::Failed(format!(
                        "{}: no database is chosen at byte {}",
                        self.path.display(),
                        entry.begin
                    )));
                }
                if let Some(why) = refuses(&entry, item.database)? {
                    part.refused = Some(format!("at byte {}: {why}", entry.begin));
                    break;
                }
                item.add(entry.begin, entry.to);
            }
            if item.transaction && name != "exec" {
                open = Some(item);
                continue;
            }
            for (from, to) in item.ranges {
                add(&mut part.ranges, from, to);
            }
            part.items += 1;
            part.place.offset = entry.to;
            part.place.database = item.database;
        }
        self.place = part.place.clone();
        Ok(part)
    }

    /// Sends a part. Returns how many bytes it had.
    ///
    /// # Errors
    /// When the file cannot be read, or the output does not take it.
    pub(super) fn send(&self, part: &Part, output: &mut dyn Write) -> Result<u64, HelperError> {
        let mut sent = 0;
        let mut file = &self.file;
        for (from, to) in &part.ranges {
            file.seek(SeekFrom::Start(*from)).map_err(|error| self.unread(&error))?;
            let copied = std::io::copy(&mut file.take(to - from), output);
            match copied {
                Ok(copied) if copied == to - from => sent += copied,
                Ok(_) => {
                    let path = self.path.display();
                    return Err(HelperError::Failed(format!("{path} became shorter")));
                }
                Err(error) => {
                    return Err(HelperError::Failed(format!("cannot send the growth: {error}")));
                }
            }
        }
        Ok(sent)
    }
}

/// An item that is being read.
struct Open {
    transaction: bool,
    database: Option<u64>,
    ranges: Vec<(u64, u64)>,
}

impl Open {
    fn new(transaction: bool, database: Option<u64>) -> Self {
        Self { transaction, database, ranges: Vec::new() }
    }

    fn add(&mut self, from: u64, to: u64) {
        add(&mut self.ranges, from, to);
    }
}

/// Adds a range behind others.
fn add(ranges: &mut Vec<(u64, u64)>, from: u64, to: u64) {
    match ranges.last_mut() {
        Some((_, end)) if *end == from => *end = to,
        _ => ranges.push((from, to)),
    }
}

/// The place behind the last whole item from `place` on, and how many items there are between.
///
/// # Errors
/// When the file cannot be read, or is damaged.
pub(super) fn end_from(folder: &Path, place: Place) -> Result<(Place, u64), HelperError> {
    let mut growth = Growth::open(folder, place)?;
    let mut items = 0;
    loop {
        match growth.next(|_, _| Ok(None))?.items {
            0 => return Ok((growth.place, items)),
            more => items += more,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::super::super::client::command;
    use super::*;

    fn text(commands: &[&str]) -> Vec<u8> {
        let words = |line: &&str| command(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        commands.iter().flat_map(words).collect()
    }

    fn place(offset: u64, database: Option<u64>) -> Place {
        Place { file: "x".into(), offset, database }
    }

    /// What is sent of a file that ends at any byte, in as many parts as it takes: whole items,
    /// each once, without their brackets and timestamps.
    #[test]
    fn whole_items_are_sent_once_wherever_the_file_ends_so_far() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("x");
        let all = [
            b"#TS:1764000000\r\n".to_vec(),
            text(&["SELECT 0", "SET a 1", "MULTI", "SELECT 2", "SET b 2", "EXEC"]),
            b"#TS:1764000001\r\n".to_vec(),
            text(&["DEL c"]),
        ]
        .concat();
        for cut in 0..=all.len() {
            let mut sent = Vec::new();
            let mut at = place(0, None);
            for end in [cut, all.len()] {
                std::fs::write(&path, &all[..end]).expect("written");
                let mut growth = Growth::open(dir.path(), at).expect("opened");
                let part = growth.next(|_, _| Ok(None)).expect("read");
                growth.send(&part, &mut sent).expect("sent");
                at = growth.place().clone();
            }
            let wanted = text(&["SELECT 0", "SET a 1", "SELECT 2", "SET b 2", "DEL c"]);
            assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(&wanted), "{cut}");
            assert_eq!(at, place(all.len() as u64, Some(2)));
        }
        assert_eq!(end_from(dir.path(), place(0, None)).expect("read").1, 4);
    }

    #[test]
    fn what_is_refused_is_not_sent_nor_is_its_transaction() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(
            dir.path().join("x"),
            text(&["SELECT 0", "MULTI", "SET a 1", "NEW b", "EXEC"]),
        )
        .expect("written");
        let mut growth = Growth::open(dir.path(), place(0, None)).expect("opened");
        let mut judged = || {
            growth.next(|it, _| Ok((it.name() == "new").then(|| "no".to_owned()))).expect("read")
        };
        let part = judged();
        assert_eq!((part.items, part.place.offset), (1, 23));
        assert_eq!(part.refused.as_deref(), Some("at byte 65: no"));
        let part = judged();
        assert_eq!((part.items, part.refused.is_some()), (0, true));
    }

    #[test]
    fn s1_without_a_database_nothing_is_sent() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("x"), text(&["SET a 1"])).expect("written");
        let mut growth = Growth::open(dir.path(), place(0, None)).expect("opened");
        let said = growth.next(|_, _| Ok(None)).expect_err("no database").to_string();
        assert!(said.contains("no database is chosen at byte 0"), "{said}");
    }
}
