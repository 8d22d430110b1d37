//! Rows, as statements that the server runs as it would run the events of a log.
//!
//! One statement must fit into a packet and into memory. A statement of the log that changes many
//! rows becomes several: each repeats the tables, and its last event ends a statement.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::binlog::{Event, Kind};
use super::query::{Bytes, inflated};

/// The bytes of events that one statement holds, if the rows are not longer than that.
pub(super) const PIECE: usize = 4 << 20;

/// A longer statement is handed over in two parts: the server refuses one that does not fit into a
/// packet, of at most 1 GiB.
const FRAGMENT: usize = 500 << 20;

/// What is collected for the next statement.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The tables of the statement under way.
    tables: Vec<(u64, Vec<u8>)>,
    /// Events with rows, complete.
    events: Vec<u8>,
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
    /// Takes a table or rows, which are not compressed; returns the statements that are complete with it.
    pub(super) fn take(&mut self, event: &Event) -> Vec<Vec<u8>> {
        if event.kind == Kind::TableMap {
            self.tables.push((event.table_id(), event.bytes.clone()));
            return Vec::new();
        }
        if let Some(last) = self.last.replace(event.clone()) {
            self.events.extend_from_slice(&last.bytes);
        }
        let ends = flags(event) & ENDS != 0;
        if !ends && self.events.len() + event.bytes.len() < PIECE {
            return Vec::new();
        }
        let statement = self.statement();
        if ends {
            self.tables.clear();
        }
        statement
    }

    /// What is left where a statement was not ended.
    pub(super) fn rest(&mut self) -> Vec<Vec<u8>> {
        let statement = self.statement();
        self.tables.clear();
        statement
    }

    fn statement(&mut self) -> Vec<Vec<u8>> {
        let Some(last) = self.last.take() else { return Vec::new() };
        let mut events: Vec<u8> = Vec::new();
        for (_, table) in &self.tables {
            events.extend_from_slice(table);
        }
        events.append(&mut self.events);
        events.extend_from_slice(&last.with_flags(FLAGS, flags(&last) | ENDS));
        binlog(&events)
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

/// The statements that run these events, with no delimiter.
pub(super) fn binlog(events: &[u8]) -> Vec<Vec<u8>> {
    let encoded = |before: &str, events: &[u8]| {
        let mut text = String::with_capacity(events.len().div_ceil(3) * 4 + before.len() + 2);
        text.push_str(before);
        text.push('\'');
        STANDARD.encode_string(events, &mut text);
        text.push('\'');
        text.into_bytes()
    };
    if events.len() <= FRAGMENT {
        return vec![encoded("BINLOG ", events)];
    }
    // The first half is a whole number of groups of letters.
    let (first, second) = events.split_at(events.len() / 6 * 3);
    vec![
        encoded("SET @backout_first=", first),
        encoded("SET @backout_second=", second),
        b"BINLOG @backout_first, @backout_second".to_vec(),
        b"SET @backout_first=NULL, @backout_second=NULL".to_vec(),
    ]
}
