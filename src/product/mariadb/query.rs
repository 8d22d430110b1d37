//! Statements in the log, with the settings of the session that they ran in.

use std::io::Read as _;

use super::binlog::{Event, Kind, u32_at, u64_at};

/// A statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Its text, in the character set of its client.
    pub(super) text: Vec<u8>,
    /// The schema that was in use.
    pub(super) schema: Vec<u8>,
    /// The session that ran it.
    pub(super) thread: u32,
    /// The number of the error with which it ended; what it had done till then was done.
    pub(super) error: u16,
    /// When it began: seconds since 1970 and microseconds.
    pub(super) time: (u32, u32),
    /// Foreign keys, unique checks and the like, one bit each.
    pub(super) options: Option<u32>,
    pub(super) sql_mode: Option<u64>,
    /// `auto_increment_increment` and `auto_increment_offset`.
    pub(super) auto_increment: Option<(u16, u16)>,
    /// The collations of the client, the connection and the server.
    pub(super) collations: Option<[u16; 3]>,
    pub(super) collation_database: u16,
    pub(super) time_zone: Option<Vec<u8>>,
    pub(super) lc_time_names: u16,
    /// Who ran it, where it names `CURRENT_USER`: user and host.
    pub(super) invoker: Option<(Vec<u8>, Vec<u8>)>,
    /// The schema is not used by it.
    pub(super) without_schema: bool,
    /// It has the number of an InnoDB transaction. DDL that a client sent has one.
    pub(super) numbered: bool,
}

/// Part of the options: a TIMESTAMP gets no default that nobody gave it.
pub(super) const EXPLICIT_TIMESTAMPS: u32 = 1 << 24;
/// `utf8mb4_bin`: names of schemas, and statements that the server writes itself, are in this
/// character set.
pub(super) const NAMES: u16 = 46;

/// The statement is left out of the schema's `use`.
const WITHOUT_SCHEMA: u16 = 0x8;

impl Query {
    /// Reads a statement's event.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn of(event: &Event) -> Result<Self, String> {
        let cut = || "a statement is cut off".to_owned();
        let mut body = Bytes(event.body());
        let thread = body.u32().ok_or_else(cut)?;
        let (_duration, schema) = (body.u32(), body.u8().ok_or_else(cut)?);
        let error = body.u16().ok_or_else(cut)?;
        let settings = body.u16().ok_or_else(cut)?;
        let mut query = Self {
            thread,
            error,
            time: (event.seconds(), 0),
            without_schema: event.flags() & WITHOUT_SCHEMA != 0,
            ..Self::default()
        };
        query.settings(Bytes(body.take(usize::from(settings)).ok_or_else(cut)?))?;
        query.schema = body.take(usize::from(schema)).ok_or_else(cut)?.to_vec();
        let text = body.take(1).map(|_| body.0).ok_or_else(cut)?;
        query.text = match event.kind {
            Kind::QueryCompressed => inflated(text)?,
            _ => text.to_vec(),
        };
        Ok(query)
    }

    /// Settings come in any order. The length of one that is not known is not known either, so the
    /// ones behind it would be lost.
    fn settings(&mut self, mut bytes: Bytes<'_>) -> Result<(), String> {
        while let Some(code) = bytes.u8() {
            self.setting(code, &mut bytes).ok_or_else(|| {
                format!("a statement has a setting that backout does not know ({code})")
            })?;
        }
        Ok(())
    }

    fn setting(&mut self, code: u8, bytes: &mut Bytes<'_>) -> Option<()> {
        match code {
            0 => self.options = Some(bytes.u32()?),
            1 => self.sql_mode = Some(bytes.u64()?),
            // The catalog, with and without an end.
            2 => drop((bytes.counted()?, bytes.u8()?)),
            3 => self.auto_increment = Some((bytes.u16()?, bytes.u16()?)),
            4 => self.collations = Some([bytes.u16()?, bytes.u16()?, bytes.u16()?]),
            5 => self.time_zone = Some(bytes.counted()?.to_vec()),
            6 => drop(bytes.counted()?),
            7 => self.lc_time_names = bytes.u16()?,
            8 => self.collation_database = bytes.u16()?,
            // The tables that a multi-table update changes; the length at the primary.
            9 => drop(bytes.take(8)?),
            10 => drop(bytes.take(4)?),
            11 => self.invoker = Some((bytes.counted()?.to_vec(), bytes.counted()?.to_vec())),
            128 => {
                self.time.1 =
                    bytes.take(3)?.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
            }
            // The number of an InnoDB transaction.
            129 => self.numbered = bytes.u64()? != 0,
            // ALTER in two phases: which phase, and of which one.
            130 => {
                const COMMIT_OR_ROLLBACK: u8 = 4 | 8;
                if bytes.u8()? & COMMIT_OR_ROLLBACK != 0 {
                    bytes.take(8)?;
                }
            }
            // 11.5 and later: the collations that character sets stand for. They are used where a
            // statement names a character set and no collation. What the previous version would
            // use is another one, unless there are none here.
            131 => {
                let count = usize::from(bytes.u8()?);
                bytes.take(4 * count)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// The server wrote this statement itself, as `SHOW CREATE TABLE` prints a table: in its own
    /// character set, and with all defaults, whatever the client's session was.
    pub(super) fn is_of_server(&mut self) {
        if let Some([client, ..]) = &mut self.collations {
            *client = NAMES;
        }
        if let Some(options) = &mut self.options {
            *options |= EXPLICIT_TIMESTAMPS;
        }
    }

    /// Whether the server wrote it: `CREATE TABLE ... LIKE` of a temporary table, which the replay
    /// does not have. A client's own has a number.
    pub(super) fn looks_of_server(&self) -> bool {
        let begins = ["CREATE TABLE ", "CREATE OR REPLACE TABLE ", "CREATE TABLE IF NOT EXISTS "];
        let is_name = |rest: &[u8]| rest.starts_with(b"`") || rest.starts_with(b"\"");
        !self.numbered
            && begins.iter().any(|it| self.text.strip_prefix(it.as_bytes()).is_some_and(is_name))
            && self.text.windows(4).any(|part| part == b" (\n ")
    }

    /// Whether double quotes are around names.
    pub(super) fn has_ansi_quotes(&self) -> bool {
        const ANSI_QUOTES: u64 = 4;
        self.sql_mode.is_some_and(|mode| mode & ANSI_QUOTES != 0)
    }

    /// Whether it ends a transaction.
    pub(super) fn ends(&self) -> bool {
        self.text == b"COMMIT" || self.text == b"ROLLBACK"
    }

    /// The first words of the statement without comments before it, in capitals.
    pub(super) fn begins(&self) -> String {
        let mut text = self.text.trim_ascii_start();
        while let Some(rest) = text.strip_prefix(b"/*") {
            let Some(end) = rest.windows(2).position(|part| part == b"*/") else { break };
            text = rest[end + 2..].trim_ascii_start();
        }
        let head = String::from_utf8_lossy(&text[..text.len().min(80)]).to_uppercase();
        head.split_whitespace().take(5).collect::<Vec<_>>().join(" ")
    }
}

/// Reads a compressed text: one byte with the length of the number that follows, the text's length
/// as that number, and the text.
pub(super) fn inflated(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let damaged = || "what is compressed is damaged".to_owned();
    let (head, rest) = bytes.split_first().ok_or_else(damaged)?;
    let count = usize::from(head & 7);
    if head & 0x80 == 0 || !(1..=4).contains(&count) || rest.len() < count {
        return Err(damaged());
    }
    let (length, packed) = rest.split_at(count);
    let length = length.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    flate2::read::ZlibDecoder::new(packed)
        .take(length + 1)
        .read_to_end(&mut text)
        .map_err(|_| damaged())?;
    if text.len() as u64 == length { Ok(text) } else { Err(damaged()) }
}

/// What is left to read.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|part| part[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|part| u16::from_le_bytes([part[0], part[1]]))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|part| u32_at(part, 0))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take(8).map(|part| u64_at(part, 0))
    }

    /// A number of one byte, or of two, three or eight behind a byte that says so.
    pub(super) fn packed(&mut self) -> Option<u64> {
        let more = match self.u8()? {
            251 => return None,
            252 => 2,
            253 => 3,
            254 => 8,
            small => return Some(small.into()),
        };
        let bytes = self.take(more)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// A text with its length before it.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = self.u8()?;
        self.take(usize::from(count))
    }
}
