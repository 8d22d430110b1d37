//! Reads the files of a binary log: events, with their checksums.
//!
//! The product's own `mariadb-binlog` is not used. That of 10.11 misreads what 11.8 writes, and what
//! it prints is text, in which the end of a statement can be forged. Positions are counted here:
//! the log's own have 32 bits and wrap.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use crate::product::stream::HelperError;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A statement as text.
    Query,
    /// The same, compressed.
    QueryCompressed,
    /// `LAST_INSERT_ID` or `INSERT_ID` of the next statement.
    IntVar,
    /// The seeds of `RAND()` of the next statement.
    Rand,
    /// A variable of the next statement.
    UserVar,
    /// How the file is to be read.
    Format,
    /// The commit of a transaction.
    Xid,
    /// The end of the first phase of an XA transaction.
    XaPrepare,
    /// The table that rows belong to.
    TableMap,
    /// Rows that were inserted.
    Write,
    /// Rows that were changed.
    Update,
    /// Rows that were deleted.
    Delete,
    /// The header of a transaction.
    Gtid,
    /// The position at which a file begins.
    GtidList,
    /// Changes nothing.
    Note,
}

impl Kind {
    fn of(code: u8) -> Result<Self, &'static str> {
        Ok(match code {
            2 => Self::Query,
            5 => Self::IntVar,
            13 => Self::Rand,
            14 => Self::UserVar,
            15 => Self::Format,
            16 => Self::Xid,
            19 => Self::TableMap,
            // The second number is the compressed form.
            23 | 166 => Self::Write,
            24 | 167 => Self::Update,
            25 | 168 => Self::Delete,
            38 => Self::XaPrepare,
            162 => Self::Gtid,
            163 => Self::GtidList,
            165 => Self::QueryCompressed,
            // Stop, rotate, heartbeat, the text that rows came from, checkpoint.
            3 | 4 | 27 | 160 | 161 => Self::Note,
            9 | 11 | 17 | 18 => return Err("it holds LOAD DATA in statement format"),
            26 => return Err("the server lost events here (an incident)"),
            164 => return Err("it is encrypted"),
            _ => return Err("backout does not know this kind of event"),
        })
    }

    /// Whether it holds rows.
    pub(super) fn is_rows(self) -> bool {
        matches!(self, Self::Write | Self::Update | Self::Delete)
    }
}

/// The length of an event's header.
pub(super) const HEADER: usize = 19;
/// The length of a checksum.
const CHECKSUM: usize = 4;
/// An event may be as long as the longest row of the product, twice.
const LONGEST: usize = (2 << 30) + (1 << 20);
const MAGIC: &[u8] = b"\xfebin";

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Its kind.
    pub(super) kind: Kind,
    /// All of it, with the checksum.
    pub(super) bytes: Vec<u8>,
    /// The length of its checksum.
    checksum: usize,
}

impl Default for Event {
    fn default() -> Self {
        Self { kind: Kind::Note, bytes: Vec::new(), checksum: 0 }
    }
}

impl Event {
    /// The number of its kind in the log.
    pub(super) fn code(&self) -> u8 {
        self.bytes[4]
    }

    /// What follows the header.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[HEADER..self.bytes.len() - self.checksum]
    }

    /// When the statement began, in seconds since 1970.
    pub(super) fn seconds(&self) -> u32 {
        u32_at(&self.bytes, 0)
    }

    /// The id of the server that wrote it.
    pub(super) fn server(&self) -> u32 {
        u32_at(&self.bytes, 5)
    }

    /// The number of the table that it belongs to.
    pub(super) fn table_id(&self) -> u64 {
        u64_at(self.body(), 0) & 0xffff_ffff_ffff
    }

    /// The flags of its header.
    pub(super) fn flags(&self) -> u16 {
        u16::from_le_bytes([self.bytes[17], self.bytes[18]])
    }

    /// Sets the flags at a place in its body.
    pub(super) fn set_flags(&mut self, at: usize, flags: u16) {
        self.bytes[HEADER + at..HEADER + at + 2].copy_from_slice(&flags.to_le_bytes());
        self.sum();
    }

    /// Another event of the same time and server.
    pub(super) fn with_body(&self, code: u8, body: &[u8]) -> Self {
        let mut bytes = [&self.bytes[..HEADER], body, &[0; CHECKSUM][..self.checksum]].concat();
        bytes[4] = code;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes[9..13].copy_from_slice(&length.to_le_bytes());
        let mut event = Self { kind: self.kind, bytes, checksum: self.checksum };
        event.sum();
        event
    }

    fn sum(&mut self) {
        if self.checksum > 0 {
            let end = self.bytes.len() - self.checksum;
            let (text, sum) = self.bytes.split_at_mut(end);
            sum.copy_from_slice(&crc32fast::hash(text).to_le_bytes());
        }
    }
}

/// The little-endian number at a place; 0 behind the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());
    found.map_or(0, u32::from_le_bytes)
}

/// The little-endian number at a place; 0 behind the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());
    found.map_or(0, u64::from_le_bytes)
}

/// The number that ends the name of a log's file. `None`: it is none.
pub(super) fn number_of(path: &Path) -> Option<usize> {
    let number = path.extension()?.to_str()?;
    let counts = number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    if counts { number.parse().ok() } else { None }
}

/// A file of the log, read event by event.
pub(super) struct LogFile {
    path: String,
    reader: BufReader<File>,
    length: u64,
    /// Where the next event begins.
    at: u64,
    checksum: usize,
    /// The event that says how the file is to be read.
    format: Vec<u8>,
    /// Where the file breaks off within an event.
    torn: Option<u64>,
}

impl LogFile {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no binary log.
    pub(super) fn open(path: &str) -> Result<Self, HelperError> {
        let cannot = |error| HelperError::Failed(format!("cannot read {path}: {error}"));
        let file = File::open(path).map_err(cannot)?;
        let length = file.metadata().map_err(cannot)?.len();
        let mut log = Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 18, file),
            length,
            at: 0,
            checksum: 0,
            format: Vec::new(),
            torn: None,
        };
        let mut magic = [0; MAGIC.len()];
        log.reader.read_exact(&mut magic).map_err(cannot)?;
        if magic != MAGIC {
            let what =
                if magic == *b"\xfd\x01\x00\x00" { "is encrypted" } else { "is no binary log" };
            return Err(HelperError::Failed(format!("{path} {what}")));
        }
        log.at = MAGIC.len() as u64;
        let mut first = Event::default();
        if !log.next(&mut first)? || first.kind != Kind::Format {
            return Err(log.wrong("it does not begin with its format"));
        }
        Ok(log)
    }

    /// The file's name.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where the next event begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Where the file breaks off within an event: a server that was killed left it so.
    pub(super) fn torn(&self) -> Option<u64> {
        self.torn
    }

    /// The event that says how the others are to be read.
    pub(super) fn format(&self) -> &[u8] {
        &self.format
    }

    /// Goes to where an event begins.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn seek(&mut self, at: u64) -> Result<(), HelperError> {
        let by =
            i64::try_from(at).ok().zip(i64::try_from(self.at).ok()).map(|(to, from)| to - from);
        let moved = match by {
            Some(by) => self.reader.seek_relative(by),
            None => self.reader.seek(SeekFrom::Start(at)).map(drop),
        };
        moved.map_err(|error| self.wrong(&error.to_string()))?;
        self.at = at;
        Ok(())
    }

    /// The same, as the file is now: it may have grown, and what was read ahead is read again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn again(&mut self, at: u64) -> Result<(), HelperError> {
        let wrong = |log: &Self, error: std::io::Error| log.wrong(&error.to_string());
        let known = self.reader.get_ref().metadata().map_err(|error| wrong(self, error))?;
        self.reader.seek(SeekFrom::Start(at)).map_err(|error| wrong(self, error))?;
        (self.at, self.length, self.torn) = (at, known.len(), None);
        Ok(())
    }

    /// What is known of the file now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn known(&self) -> Result<std::fs::Metadata, HelperError> {
        self.reader.get_ref().metadata().map_err(|error| self.wrong(&error.to_string()))
    }

    /// Reads the next event; returns whether there was one. A file that breaks off within an event
    /// ends before it.
    ///
    /// # Errors
    /// When it is damaged, cannot be read, or is of a kind that is not known.
    pub(super) fn next(&mut self, event: &mut Event) -> Result<bool, HelperError> {
        let left = self.length.saturating_sub(self.at);
        if left < HEADER as u64 {
            return Ok(self.ends(left > 0));
        }
        event.bytes.resize(HEADER, 0);
        self.reader.read_exact(&mut event.bytes).map_err(|error| self.wrong(&error.to_string()))?;
        let size = u32_at(&event.bytes, 9);
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        if !(HEADER + self.checksum..=LONGEST).contains(&length) {
            return Err(self.wrong("an event of an impossible length"));
        }
        if u64::from(size) > left {
            return Ok(self.ends(true));
        }
        event.bytes.resize(length, 0);
        self.reader
            .read_exact(&mut event.bytes[HEADER..])
            .map_err(|error| self.wrong(&error.to_string()))?;
        let code = event.bytes[4];
        const IGNORABLE: u16 = 0x80;
        event.kind = match Kind::of(code) {
            Ok(kind) => kind,
            Err(_) if event.flags() & IGNORABLE != 0 => Kind::Note,
            Err(why) => return Err(self.wrong(&format!("{why} (event {code})"))),
        };
        if event.kind == Kind::Format {
            self.describe(event)?;
        }
        event.checksum = self.checksum;
        self.check(event)?;
        self.at += u64::from(size);
        Ok(true)
    }

    fn ends(&mut self, torn: bool) -> bool {
        if torn {
            self.torn = Some(self.at);
        }
        false
    }

    /// Reads how the file is to be read.
    fn describe(&mut self, event: &Event) -> Result<(), HelperError> {
        // Version, the server's, when it was created, the length of a header, and of what follows
        // it for each kind.
        const LENGTHS: usize = HEADER + 2 + 50 + 4 + 1;
        let bytes = &event.bytes;
        let length_of = |code: usize| bytes.get(LENGTHS + code - 1).copied().unwrap_or_default();
        let known = bytes.len() > LENGTHS + 170
            && bytes[HEADER..HEADER + 2] == [4, 0]
            && bytes[LENGTHS - 1] == 19
            && [(2, 13), (19, 8), (23, 8), (24, 8), (25, 8), (162, 19), (163, 4)]
                .into_iter()
                .all(|(code, length)| length_of(code) == length);
        if !known {
            return Err(self.wrong("its format is not that of MariaDB 10.11 or later"));
        }
        self.checksum = match bytes[bytes.len() - CHECKSUM - 1] {
            0 => 0,
            1 => CHECKSUM,
            _ => return Err(self.wrong("its checksums are of a kind that backout does not know")),
        };
        self.format.clone_from(bytes);
        Ok(())
    }

    fn check(&self, event: &Event) -> Result<(), HelperError> {
        if event.checksum == 0 {
            return Ok(());
        }
        let (text, sum) = event.bytes.split_at(event.bytes.len() - event.checksum);
        let mut hash = crc32fast::Hasher::new();
        // That the file is in use is not part of it.
        let in_use = if event.kind == Kind::Format { 1 } else { 0 };
        hash.update(&text[..17]);
        hash.update(&[text[17] & !in_use]);
        hash.update(&text[18..]);
        if hash.finalize().to_le_bytes() == sum {
            Ok(())
        } else {
            Err(self.wrong("a checksum is wrong"))
        }
    }

    /// What is wrong at the next event.
    pub(super) fn wrong(&self, what: &str) -> HelperError {
        HelperError::Failed(format!("{} at {}: {what}", self.path, self.at))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::product::tests::kept;

    /// The log's own positions have 32 bits.
    #[test]
    fn a_log_may_be_longer_than_4_gib() {
        let whole = kept("mariadb/tests/kinds.binlog");
        let begins = 4 + u32_at(&whole, 4 + 9) as usize;
        let event = &whole[begins..begins + u32_at(&whole, begins + 9) as usize];
        let far = 5 << 30;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        // The hole takes no room.
        std::fs::write(&path, &whole[..begins]).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(event, far).unwrap();
        let mut log = LogFile::open(&path.display().to_string()).unwrap();
        log.seek(far).unwrap();
        let mut found = Event::default();
        assert!(log.next(&mut found).unwrap());
        assert_eq!((found.kind, log.at()), (Kind::GtidList, far + event.len() as u64));
        assert!(!log.next(&mut found).unwrap());
        log.seek(begins as u64).unwrap();
        assert!(
            log.next(&mut found)
                .unwrap_err()
                .to_string()
                .ends_with("an event of an impossible length")
        );
    }
}
