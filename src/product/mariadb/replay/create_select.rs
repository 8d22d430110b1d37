//! `CREATE TABLE ... SELECT`, which the log has as a statement and rows.

use super::super::binlog::{Event, Kind, LogFile};
use super::super::client::Server;
use super::super::group::Group;
use super::super::query::Query;
use super::{Replay, Stop};

/// Holds the rows of a table that is made with its rows.
const ROWS: &str = "mysql.backout_rows";

impl<S: Server> Replay<S> {
    /// `CREATE TABLE ... SELECT` is one transaction in the log: a statement, and rows. Sent as two,
    /// the statement would commit, and take the position of the rows. So the table is made outside
    /// of the log, filled, and copied to where the server makes it again, with its rows, as it did.
    pub(super) fn create_select(&mut self, file: &mut LogFile, group: &Group) -> Result<(), Stop> {
        let (mut event, mut create) = (Event::default(), None);
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            if matches!(event.kind, Kind::Query | Kind::QueryCompressed) {
                let query = Query::of(&event).map_err(|what| file.wrong(&what))?;
                create = create.or(Some(query));
            }
        }
        let Some(mut create) = create else { return Ok(()) };
        create.is_of_server();
        let settings = self.session.set(&create);
        self.statements(&settings)?;
        if group.tables.is_empty() {
            self.position(group.gtid)?;
            return self.statement(&create.text);
        }
        let unlogged = match create.text.strip_prefix(b"CREATE TABLE ") {
            Some(rest) => [b"CREATE OR REPLACE TABLE ", rest].concat(),
            None => create.text.clone(),
        };
        // The server knows temporary tables by this id, too.
        if self.server_id != Some(group.gtid.server) {
            self.server_id = Some(group.gtid.server);
            let set = format!("SET @@session.server_id={}", group.gtid.server);
            self.statement(set.as_bytes())?;
        }
        self.log(false)?;
        self.statement(&unlogged)?;
        let name = made(&create.text).filter(|_| can_be_copied(&create.text));
        if name.is_none() {
            self.log(true)?;
            self.position(group.gtid)?;
        }
        self.statement(b"START TRANSACTION")?;
        self.events(file, group, |_, event, _| event.kind.is_rows())?;
        self.statement(b"COMMIT")?;
        let Some(name) = name else { return Ok(()) };
        let copy =
            format!("CREATE OR REPLACE TEMPORARY TABLE {ROWS} ENGINE=Aria AS SELECT * FROM ");
        self.statement(&[copy.as_bytes(), name].concat())?;
        self.statement(&[b"DROP TABLE ", name].concat())?;
        self.log(true)?;
        // What the rows hold is kept as it is: zeros, dates, and what is computed.
        const STRICT: u64 = 1 << 21 | 1 << 22 | 1 << 23 | 1 << 24 | 1 << 26;
        const ZERO: u64 = 1 << 19;
        let mode = create.sql_mode.unwrap_or_default();
        self.statement(format!("SET @@session.sql_mode={}", mode & !STRICT | ZERO).as_bytes())?;
        self.position(group.gtid)?;
        let select = format!(" SELECT * FROM {ROWS}");
        self.statement(&[&create.text, select.as_bytes()].concat())?;
        self.statement(format!("SET @@session.sql_mode={mode}").as_bytes())?;
        self.log(false)?;
        self.statement(format!("DROP TEMPORARY TABLE {ROWS}").as_bytes())?;
        self.log(true)
    }
}

/// The name behind `CREATE TABLE`, as it is quoted there.
fn made(create: &[u8]) -> Option<&[u8]> {
    let name = create
        .strip_prefix(b"CREATE TABLE ")
        .or_else(|| create.strip_prefix(b"CREATE OR REPLACE TABLE "))?;
    let (mut open, mut at) = (None, 0);
    while let Some(byte) = name.get(at) {
        match (open, byte) {
            (None, b'`' | b'"') => open = Some(*byte),
            (Some(quote), byte) if *byte == quote => open = None,
            (None, b'.') => {}
            (None, _) => break,
            _ => {}
        }
        at += 1;
    }
    (at > 2).then(|| &name[..at])
}

/// Whether the rows of a table can be given to `CREATE TABLE ... SELECT *` as they are.
fn can_be_copied(create: &[u8]) -> bool {
    let text = String::from_utf8_lossy(create).to_uppercase();
    ![" INVISIBLE", " ROW START", "SYSTEM VERSIONING", "PERIOD FOR "]
        .iter()
        .any(|word| text.contains(word))
}
