//! Transactions in the log: where each begins and ends, and what it holds.

use std::collections::{BTreeMap, BTreeSet};

use super::binlog::{Event, Kind, LogFile};
use super::gtid::Gtid;
use super::name::{TableName, shown_table};
use super::query::{Bytes, Query};
use super::rows::plain;
use crate::product::stream::HelperError;

/// A transaction of the log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// Its position.
    pub(super) gtid: Gtid,
    /// Where its header begins in the file.
    pub(super) at: u64,
    /// Where its first event begins, behind its header.
    pub(super) begins: u64,
    /// Where its last event ends in the file.
    pub(super) ends: u64,
    /// How it begins.
    pub(super) form: Form,
    /// The tables whose rows it changes, each with the number of its events that hold rows.
    pub(super) tables: BTreeMap<TableName, u64>,
    /// Those of them of which it changes or deletes rows.
    pub(super) changed: BTreeSet<TableName>,
    /// The bytes of the events that hold rows.
    pub(super) row_bytes: u64,
    /// It holds statements that may change what tables there are, or of which kind.
    pub(super) defines: bool,
    /// It holds statements that change rows.
    pub(super) by_statement: bool,
    /// The number of the error with which its statement ended on the new version, or 0.
    pub(super) error: u16,
    /// For people: the statement, or the tables, without data.
    pub(super) what: String,
}

/// How a transaction begins and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// One statement that commits itself.
    Alone,
    /// A transaction.
    Transaction,
    /// `CREATE TABLE ... SELECT`: a statement, and rows.
    CreateSelect,
    /// The first phase of an XA transaction of this name (as SQL).
    Xa(String),
    /// The first phase of an ALTER, or its end without effect: changes nothing.
    AlterPhase,
}

const STANDALONE: u8 = 1;
const GROUP_COMMIT: u8 = 2;
const PREPARED_XA: u8 = 64;
const COMPLETED_XA: u8 = 128;
const MULTI_ENGINE: u8 = 1;
const START_ALTER: u8 = 2;
const ROLLBACK_ALTER: u8 = 8;

/// The header of a transaction: its position, its flags, and the name of an XA transaction.
pub(super) struct Header {
    pub(super) gtid: Gtid,
    flags: u8,
    more: u8,
    xid: Option<String>,
}

impl Header {
    /// Reads the header of a transaction; `None`: it is cut off.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let mut body = Bytes(event.body());
        let (number, domain, flags) = (body.u64()?, body.u32()?, body.u8()?);
        let mut xid = None;
        if flags & GROUP_COMMIT != 0 {
            body.take(8)?;
        }
        if flags & (PREPARED_XA | COMPLETED_XA) != 0 {
            xid = Some(xid_text(&mut body)?);
        }
        let more = body.u8().unwrap_or_default();
        if more & MULTI_ENGINE != 0 {
            body.u8();
        }
        Some(Self { gtid: Gtid { domain, server: event.server(), number }, flags, more, xid })
    }

    /// The name of the XA transaction that it prepares.
    pub(super) fn prepares(&self) -> Option<&str> {
        self.xid.as_deref().filter(|_| self.flags & PREPARED_XA != 0)
    }

    /// The name of the XA transaction that it commits or rolls back, which was prepared before.
    pub(super) fn completes(&self) -> Option<&str> {
        self.xid.as_deref().filter(|_| self.flags & COMPLETED_XA != 0)
    }

    fn form(&self) -> Form {
        if self.more & (START_ALTER | ROLLBACK_ALTER) != 0 {
            Form::AlterPhase
        } else if self.flags & STANDALONE != 0 {
            Form::Alone
        } else if self.flags & PREPARED_XA != 0 {
            Form::Xa(self.xid.clone().unwrap_or_default())
        } else {
            Form::Transaction
        }
    }
}

/// The name of an XA transaction, as SQL.
fn xid_text(body: &mut Bytes<'_>) -> Option<String> {
    let (format, global, branch) = (body.u32()?, body.u8()?, body.u8()?);
    let global = hex::encode(body.take(usize::from(global))?);
    let branch = hex::encode(body.take(usize::from(branch))?);
    Some(format!("X'{global}',X'{branch}',{format}"))
}

/// The schema and the table of an event that names them.
pub(super) fn table_name(event: &Event) -> Option<(u64, TableName)> {
    let mut body = Bytes(event.body());
    let id = event.table_id();
    body.take(8)?;
    let schema = body.counted()?.to_vec();
    body.u8()?;
    Some((id, (schema, body.counted()?.to_vec())))
}

/// The positions with which a file begins.
fn gtid_list(event: &Event) -> Option<Vec<Gtid>> {
    let mut body = Bytes(event.body());
    let count = body.u32()? & 0x0fff_ffff;
    (0..count)
        .map(|_| Some(Gtid { domain: body.u32()?, server: body.u32()?, number: body.u64()? }))
        .collect()
}

/// What comes next in a file.
pub(super) enum Next {
    /// The position with which it begins.
    List(Vec<Gtid>),
    /// A transaction, complete.
    Group(Box<Group>),
    /// Nothing. The last transaction may be incomplete: a server that was killed left it so.
    End,
}

/// Reads to the end of the next transaction, and learns what it holds.
///
/// # Errors
/// When the file cannot be read, or holds what cannot be replayed.
pub(super) fn next_group(file: &mut LogFile) -> Result<Next, HelperError> {
    let mut event = Event::default();
    let at = loop {
        let at = file.at();
        if !file.next(&mut event)? {
            return Ok(Next::End);
        }
        match event.kind {
            Kind::Gtid => break at,
            Kind::GtidList => {
                let list = gtid_list(&event).ok_or_else(|| file.wrong("a list is cut off"))?;
                return Ok(Next::List(list));
            }
            Kind::Format | Kind::Note => {}
            _ => {
                file.seek(at)?;
                return Err(file.wrong("an event without a transaction"));
            }
        }
    };
    let header = Header::of(&event).ok_or_else(|| file.wrong("a header is cut off"))?;
    let form = header.form();
    let mut group = Group {
        gtid: header.gtid,
        at,
        begins: file.at(),
        ends: 0,
        form: form.clone(),
        tables: BTreeMap::new(),
        changed: BTreeSet::new(),
        row_bytes: 0,
        defines: false,
        by_statement: false,
        error: 0,
        what: String::new(),
    };
    let mut names = BTreeMap::new();
    loop {
        let at = file.at();
        if !file.next(&mut event)? {
            return Ok(Next::End);
        }
        let mut ends = false;
        match event.kind {
            Kind::Query | Kind::QueryCompressed => {
                let query = Query::of(&event).map_err(|what| {
                    HelperError::Failed(format!("{} at {at}: {what}", file.path()))
                })?;
                ends = query.ends() || matches!(form, Form::Alone | Form::AlterPhase);
                group.statement(&query);
            }
            Kind::TableMap => {
                let (id, name) =
                    table_name(&event).ok_or_else(|| file.wrong("a table's name is cut off"))?;
                names.insert(id, name);
            }
            kind if kind.is_rows() => {
                let name = names.get(&event.table_id()).cloned();
                // Rows of no table: the event only ends the statement.
                if let Some(name) = name {
                    if kind != Kind::Write {
                        group.changed.insert(name.clone());
                    }
                    *group.tables.entry(name).or_default() += 1;
                }
                group.row_bytes += event.bytes.len() as u64;
                // That they can be read is known before anything is replayed.
                event = plain(event).map_err(|what| {
                    HelperError::Failed(format!("{} at {at}: {what}", file.path()))
                })?;
            }
            Kind::Xid | Kind::XaPrepare => ends = true,
            Kind::Gtid | Kind::GtidList => {
                // The one before was not completed, so the server did not count it.
                file.seek(at)?;
                return next_group(file);
            }
            _ => {}
        }
        if ends {
            group.ends = file.at();
            group.name();
            return Ok(Next::Group(Box::new(group)));
        }
    }
}

impl Group {
    fn statement(&mut self, query: &Query) {
        let begins = query.begins();
        self.error = self.error.max(query.error);
        let create =
            begins.starts_with("CREATE TABLE ") || begins.starts_with("CREATE OR REPLACE TABLE ");
        let rows = ["INSERT ", "UPDATE ", "DELETE ", "REPLACE ", "LOAD DATA "];
        self.by_statement |= rows.iter().any(|word| begins.starts_with(word));
        let quiet = ["COMMIT", "ROLLBACK", "SAVEPOINT", "XA END", "INSERT ", "UPDATE ", "DELETE "];
        if !quiet.iter().any(|word| begins.starts_with(word)) {
            self.defines = true;
        }
        if create && self.form == Form::Transaction && self.tables.is_empty() {
            self.form = Form::CreateSelect;
        }
        let control = ["COMMIT", "ROLLBACK", "SAVEPOINT", "XA END"];
        if self.what.is_empty() && !control.iter().any(|word| begins.starts_with(word)) {
            self.what = super::errors::shown(&query.text);
        }
    }

    fn name(&mut self) {
        if !self.tables.is_empty() && self.form != Form::CreateSelect {
            let tables: Vec<String> = self.tables.keys().map(shown_table).collect();
            self.what = format!("rows of {}", tables.join(", "));
        }
    }
}

/// The value that the next statement takes: `LAST_INSERT_ID` (1) or `INSERT_ID` (2), and which.
pub(super) fn int_var(event: &Event) -> Option<(u8, u64)> {
    let mut body = Bytes(event.body());
    Some((body.u8()?, body.u64()?))
}

/// The seeds of `RAND()`.
pub(super) fn rand_seeds(event: &Event) -> Option<(u64, u64)> {
    let mut body = Bytes(event.body());
    Some((body.u64()?, body.u64()?))
}

/// A variable that the next statement uses, as statements. `None`: its form is not known.
pub(super) fn user_var(event: &Event) -> Option<Vec<String>> {
    let mut body = Bytes(event.body());
    let length = body.u32()?;
    let name = body.take(usize::try_from(length).ok()?)?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
    let name = std::str::from_utf8(name).ok().filter(|name| name.chars().all(plain))?;
    if body.u8()? != 0 {
        return Some(vec![format!("SET @`{name}`:=NULL")]);
    }
    let (kind, collation, length) = (body.u8()?, body.u32()?, body.u32()?);
    let value = body.take(usize::try_from(length).ok()?)?;
    const UNSIGNED: u8 = 1;
    let unsigned = body.u8().unwrap_or_default() & UNSIGNED != 0;
    let number = match kind {
        // A text, and the number of its collation. The server knows its name.
        0 => {
            let value = hex::encode(value);
            return Some(vec![
                format!(
                    "SELECT CONCAT('SET @`{name}`:=_', CHARACTER_SET_NAME, ' X''{value}'' COLLATE ', \
                     FULL_COLLATION_NAME) INTO @backout_text FROM \
                     information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID={collation}"
                ),
                "EXECUTE IMMEDIATE @backout_text".to_owned(),
            ]);
        }
        1 => format!("{:e}", f64::from_le_bytes(value.try_into().ok()?)),
        2 if unsigned => u64::from_le_bytes(value.try_into().ok()?).to_string(),
        2 => i64::from_le_bytes(value.try_into().ok()?).to_string(),
        _ => return None,
    };
    Some(vec![format!("SET @`{name}`:={number}")])
}
