//! Rows, as statements that the server runs as it would run the events of a log.
//!
//! One statement must fit into a packet and into memory. A statement of the log that changes many
//! rows becomes several: each repeats the tables, and its last event ends a statement.

use std::io::{self, Write};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;

use super::binlog::{Event, Kind};
use super::query::{Bytes, inflated};

/// The bytes of events that one statement holds, if the rows are not longer than that.
pub(super) const PIECE: usize = 4 << 20;

/// A longer statement is handed over in two parts: the server refuses one that does not fit into a
/// packet, of at most 1 GiB. A multiple of three, so that each part is encoded by itself.
const PART: usize = 510 << 20;

/// Events that make up one statement.
#[derive(Debug, Default)]
pub(super) struct Statement(Vec<Vec<u8>>);

/// What is collected for the next statement.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The tables of the statement under way.
    tables: Vec<Vec<u8>>,
    /// Events with rows, complete.
    events: Vec<Vec<u8>>,
    size: usize,
    /// The last one, which may have to end the statement.
    last: Option<Event>,
}

/// Where the flags of rows are in an event's body, behind the number of the table.
const FLAGS: usize = 6;
/// The statement of the log ends with these rows.
const ENDS: u16 = 1;

fn flags(event: &Event) -> u16 {
    let body = event.body();
    u16::from_le_bytes([body[FLAGS], body[FLAGS + 1]])
}

impl Rows {
    /// Takes a table or rows, which are not compressed; returns the statement that is complete with
    /// it.
    pub(super) fn take(&mut self, event: Event) -> Option<Statement> {
        if event.kind == Kind::TableMap {
            self.tables.push(event.bytes);
            return None;
        }
        let (ends, size) = (flags(&event) & ENDS != 0, event.bytes.len());
        if let Some(last) = self.last.replace(event) {
            self.size += last.bytes.len();
            self.events.push(last.bytes);
        }
        if !ends && self.size + size < PIECE {
            return None;
        }
        let statement = self.statement();
        if ends {
            self.tables.clear();
        }
        statement
    }

    /// Passes over rows; returns the statement that is complete all the same.
    pub(super) fn pass_over(&mut self, event: &Event) -> Option<Statement> {
        if flags(event) & ENDS != 0 { self.rest() } else { None }
    }

    /// What is left where a statement was not ended.
    pub(super) fn rest(&mut self) -> Option<Statement> {
        let statement = self.statement();
        self.tables.clear();
        statement
    }

    fn statement(&mut self) -> Option<Statement> {
        let mut last = self.last.take()?;
        last.set_flags(FLAGS, flags(&last) | ENDS);
        let mut events = self.tables.clone();
        events.append(&mut self.events);
        events.push(last.bytes);
        self.size = 0;
        Some(Statement(events))
    }
}

impl Statement {
    /// The statement that says how events are to be read.
    pub(super) fn format(event: &[u8]) -> Self {
        Self(vec![event.to_vec()])
    }

    /// Writes it as SQL, with the delimiter. It is encoded while it is written: the longest rows
    /// are not held twice.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, delimiter: &str, to: &mut dyn Write) -> io::Result<()> {
        let size: usize = self.0.iter().map(Vec::len).sum();
        if size <= PART {
            to.write_all(b"BINLOG '")?;
            self.encode(0, size, to)?;
            return writeln!(to, "'{delimiter}");
        }
        for (name, from, to_byte) in [("first", 0, PART), ("second", PART, size)] {
            write!(to, "SET @backout_{name}='")?;
            self.encode(from, to_byte, to)?;
            writeln!(to, "'{delimiter}")?;
        }
        writeln!(to, "BINLOG @backout_first, @backout_second{delimiter}")?;
        writeln!(to, "SET @backout_first=NULL, @backout_second=NULL{delimiter}")
    }

    /// Encodes the bytes of all events from one place to another.
    fn encode(&self, from: usize, until: usize, to: &mut dyn Write) -> io::Result<()> {
        let mut encoder = EncoderWriter::new(to, &STANDARD);
        let mut at = 0;
        for event in &self.0 {
            let begin = from.clamp(at, at + event.len()) - at;
            let end = until.clamp(at, at + event.len()) - at;
            encoder.write_all(&event[begin..end])?;
            at += event.len();
        }
        encoder.finish().map(drop)
    }
}

/// Rows as they were before they were compressed. A server takes compressed ones from a log only.
///
/// # Errors
/// What is wrong with them, in words.
pub(super) fn plain(event: Event) -> Result<Event, String> {
    let code = match event.code() {
        166 => 23,
        167 => 24,
        168 => 25,
        _ => return Ok(event),
    };
    // The number of the table, flags, how many columns there are, and which of them are held: before
    // and after a change.
    let mut body = Bytes(event.body());
    let columns = body.take(FLAGS + 2).and_then(|_| body.packed());
    let maps = if event.kind == Kind::Update { 2 } else { 1 };
    let rest = columns
        .and_then(|columns| usize::try_from(columns.div_ceil(8)).ok())
        .and_then(|width| body.take(maps * width))
        .map(|_| body.0)
        .ok_or("rows are cut off")?;
    let head = &event.body()[..event.body().len() - rest.len()];
    Ok(event.with_body(code, &[head, &inflated(rest)?].concat()))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::product::mariadb::binlog::LogFile;

    /// The events of a statement.
    fn events(statement: &Statement) -> Vec<Vec<u8>> {
        let mut text = Vec::new();
        statement.write(";", &mut text).unwrap();
        let text = text.strip_prefix(b"BINLOG '").unwrap().strip_suffix(b"';\n").unwrap();
        let bytes = STANDARD.decode(text).unwrap();
        let (mut events, mut rest) = (Vec::new(), bytes.as_slice());
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[9..13].try_into().unwrap()) as usize;
            let (event, behind) = rest.split_at(length);
            let (body, sum) = event.split_at(length - 4);
            assert_eq!(crc32fast::hash(body).to_le_bytes(), sum, "its checksum");
            events.push(event.to_vec());
            rest = behind;
        }
        events
    }

    #[test]
    fn many_rows_become_several_statements_that_each_end() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/mariadb/tests/kinds.binlog");
        let mut file = LogFile::open(path).unwrap();
        let (mut table, mut row, mut event) = (Event::default(), None, Event::default());
        while row.is_none() && file.next(&mut event).unwrap() {
            match event.kind {
                Kind::TableMap => table = event.clone(),
                Kind::Write => row = Some(event.clone()),
                _ => {}
            }
        }
        let row = row.unwrap();
        let long = |flags: u16| {
            let mut body = row.body().to_vec();
            body.resize(1 << 20, 0);
            let mut event = row.with_body(row.code(), &body);
            event.set_flags(FLAGS, flags);
            event
        };
        let mut rows = Rows::default();
        assert!(rows.take(table.clone()).is_none());
        let mut statements: Vec<Statement> = (0..10).filter_map(|_| rows.take(long(0))).collect();
        statements.extend(rows.take(long(ENDS)));
        assert!(rows.rest().is_none());
        let counts: Vec<usize> = statements.iter().map(|it| events(it).len()).collect();
        // Four rows each, and the table before them.
        assert_eq!(counts, [5, 5, 4]);
        for statement in &statements {
            let events = events(statement);
            assert_eq!(events[0], table.bytes);
            let ends: Vec<u8> = events[1..].iter().map(|event| event[19 + FLAGS] & 1).collect();
            assert_eq!(ends.iter().sum::<u8>(), 1);
            assert_eq!(ends.last(), Some(&1), "the last one ends it");
        }
    }

    #[test]
    fn a_part_is_encoded_by_itself() {
        let statement = Statement(vec![b"abcd".to_vec(), b"efg".to_vec(), b"hijk".to_vec()]);
        let part = |from, until| {
            let mut text = Vec::new();
            statement.encode(from, until, &mut text).unwrap();
            STANDARD.decode(text).unwrap()
        };
        assert_eq!(
            (part(0, 11), part(0, 6), part(6, 11)),
            (b"abcdefghijk".to_vec(), b"abcdef".to_vec(), b"ghijk".to_vec())
        );
        assert_eq!(PART % 3, 0);
    }
}
