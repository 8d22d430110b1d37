//! Which rows were written since a mark, told by the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _};
use std::process::Stdio;
use std::sync::Mutex;

use super::super::at_once::at_once;
use super::super::client::{literal, unhex};
use super::super::failed;
use super::ahead::{Told, latest, not_told, told};
use super::pair::{Pair, unread};
use super::pgoutput::{Message, Tuple, Value, message};
use super::position::Lsn;
use super::touched::MOST;
use crate::product::stream::{HelperError, Streams};

const SETTINGS: &str = include_str!("sql/settings.sql");
const KEYED: &str = include_str!("sql/keyed.sql");
const KEYS: &str = include_str!("sql/keys.sql");
/// So many bytes of log take a while to be read.
const MUCH: u64 = 64 << 20;

/// Prints lines of each table of which something was committed from this position on: its database
/// and its name in hexadecimal digits, and then `keys`, the columns of its key, and how a row is
/// found by them, or `row` and a key. Or `whole`, where only that is sure, and of each table that
/// is not fed by its key. It prints `*` and why, and nothing else, if it cannot be told.
///
/// If there is a later mark, the slots tell from that one on afterwards.
pub(super) fn find(
    pair: &Pair,
    position: &str,
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let from: Lsn = position
        .parse()
        .map_err(|()| HelperError::Usage(format!("{position:?} is no position in a log")))?;
    let (told, text) = match all(pair, from) {
        Ok(found) => found,
        Err(why) => (Vec::new(), not_told(&why) + "\n"),
    };
    streams.output.write_all(text.as_bytes()).map_err(HelperError::Output)?;
    streams.output.flush().map_err(HelperError::Output)?;
    // What comes before a later mark will not be asked for again: reading it takes time, and now
    // there is some.
    if let Ok(Some(next)) = latest(pair)
        && next > from
    {
        // The first time, the place where reading begins follows but a part of the way.
        let times = if next.since(from) > MUCH { 2 } else { 1 };
        let _ =
            at_once(&told, |one| (0..times).try_for_each(|_| forward(pair, one, next).map(drop)));
    }
    Ok(())
}

fn all(pair: &Pair, from: Lsn) -> Result<(Vec<Told>, String), HelperError> {
    let Some(told) = told(pair)? else {
        return Err(HelperError::Failed("the standby is not complete".into()));
    };
    let found = Mutex::new(String::new());
    at_once(&pair.live.databases()?, |(name, _)| {
        let mut tables =
            Tables::read(&pair.live.script(name, &format!("{SETTINGS}{KEYED}{KEYS}"))?)?;
        match told.iter().find(|one| one.database == *name) {
            None => tables.whole(),
            Some(one) => {
                advance(pair, one, from)?;
                peek(pair, one, &mut tables)?;
                tables.gone = gone(pair, name, &tables.unknown)?;
            }
        }
        let text = tables.lines(&hex::encode(name));
        found.lock().map_err(|_| unread())?.push_str(&text);
        Ok(())
    })?;
    let text = found.into_inner().map_err(|_| unread())?;
    Ok((told, text))
}

/// The slot tells from there on, and not from before.
fn advance(pair: &Pair, one: &Told, to: Lsn) -> Result<(), HelperError> {
    let slot = literal(&one.slot);
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(active_pid, 5000) \
         FROM pg_catalog.pg_replication_slots WHERE slot_name = {slot} AND active;
         SELECT confirmed_flush_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = {slot};"
    );
    let text = pair.live.script(&one.database, &sql)?;
    let name = &one.database;
    let Some(at) = text.lines().last().filter(|line| line.contains('/')) else {
        return Err(HelperError::Failed(format!("the slot of the database {name:?} is gone")));
    };
    let mut at: Lsn = at.parse().map_err(|()| unread())?;
    if at < to {
        at = forward(pair, one, to)?;
    }
    if at == to {
        return Ok(());
    }
    Err(HelperError::Failed(format!(
        "the slot of the database {name:?} tells from {at} on, and not from {to}"
    )))
}

/// Moves the slot there. Even if it is there already, reading may begin later then.
fn forward(pair: &Pair, one: &Told, to: Lsn) -> Result<Lsn, HelperError> {
    let sql = format!(
        "SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance({}, '{to}')",
        literal(&one.slot)
    );
    pair.live.query(&one.database, &sql)?.parse().map_err(|()| unread())
}

/// Reads what it tells, and leaves it there.
fn peek(pair: &Pair, one: &Told, tables: &mut Tables) -> Result<(), HelperError> {
    let cannot = |error| failed("cannot talk with psql", error);
    let mut psql = pair.live.psql(&one.database);
    psql.arg("--set=ON_ERROR_STOP=1").env("PGCLIENTENCODING", "UTF8");
    for setting in SETTINGS.lines().filter(|line| line.starts_with("SET ")) {
        psql.args(["--command", setting]);
    }
    psql.arg("--command").arg(format!(
        "COPY (SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes({}, NULL, NULL, \
         'proto_version', '1', 'publication_names', '{}')) TO STDOUT",
        literal(&one.slot),
        super::pair::NAME
    ));
    psql.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = psql.spawn().map_err(cannot)?;
    let mut read = Ok(());
    if let Some(output) = child.stdout.take() {
        read = each_line(BufReader::new(output), tables);
    }
    let mut said = String::new();
    if let Some(mut errors) = child.stderr.take() {
        let _ = errors.read_to_string(&mut said);
    }
    let status = child.wait().map_err(cannot)?;
    if !status.success() {
        let name = &one.database;
        return Err(HelperError::Failed(format!("psql failed in {name:?}: {}", said.trim())));
    }
    read
}

/// Reads to the end, in any case: psql must be able to write it.
fn each_line(mut output: impl BufRead, tables: &mut Tables) -> Result<(), HelperError> {
    let (mut line, mut all_read) = (Vec::new(), true);
    loop {
        line.clear();
        if output.read_until(b'\n', &mut line).map_err(|error| failed("psql", error))? == 0 {
            break;
        }
        let bytes = hex::decode(line.trim_ascii_end()).ok();
        let read = bytes.as_deref().and_then(message).and_then(|message| tables.add(message));
        all_read &= read.is_some();
    }
    match all_read {
        true => Ok(()),
        false => Err(HelperError::Failed("the server's log could not be read".into())),
    }
}

/// The names of these tables as SQL writes them, in hexadecimal digits.
fn gone(
    pair: &Pair,
    database: &str,
    tables: &BTreeSet<(String, String)>,
) -> Result<Vec<String>, HelperError> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let one = |(schema, name): &(String, String)| {
        let (schema, name) = (literal(schema), literal(name));
        format!("SELECT encode(convert_to(format('%I.%I', {schema}, {name}), 'UTF8'), 'hex');\n")
    };
    let sql: String = tables.iter().map(one).collect();
    Ok(pair.live.script(database, &sql)?.lines().map(str::to_owned).collect())
}

/// The tables of a database, and what was written in them.
#[derive(Debug, Default)]
struct Tables {
    known: BTreeMap<u32, Table>,
    /// For those that the log has told of: where in a row the columns of the key are.
    places: BTreeMap<u32, Option<Vec<usize>>>,
    /// Schema and name of those that are not known, because they are not there any more.
    names: BTreeMap<u32, (String, String)>,
    /// Those of them that were written.
    unknown: BTreeSet<(String, String)>,
    /// Their names, in hexadecimal digits.
    gone: Vec<String>,
}

#[derive(Debug)]
struct Table {
    /// In hexadecimal digits.
    name: String,
    /// Nothing if its changes do not tell it.
    key: Option<Key>,
    rows: Rows,
}

#[derive(Debug)]
struct Key {
    /// The columns, and how a row is found by them, both in hexadecimal digits.
    words: [String; 2],
    /// Name and type of each.
    columns: Vec<(String, String)>,
}

#[derive(Debug)]
enum Rows {
    Some(BTreeSet<String>),
    All,
}

impl Tables {
    /// Reads what `keys.sql` prints.
    fn read(text: &str) -> Result<Self, HelperError> {
        let known = text.lines().map(table).collect::<Option<_>>().ok_or_else(unread)?;
        Ok(Self { known, ..Self::default() })
    }

    /// All of it was written, as far as anybody knows.
    fn whole(&mut self) {
        self.known.values_mut().for_each(|table| table.rows = Rows::All);
    }

    /// Takes a message; nothing if it is not understood.
    fn add(&mut self, message: Message<'_>) -> Option<()> {
        match message {
            Message::Other => {}
            Message::Relation(relation) => {
                let key = self.known.get(&relation.table).and_then(|table| table.key.as_ref());
                let places = key.and_then(|key| {
                    let place = |name: &str| relation.columns.iter().position(|it| *it == name);
                    key.columns.iter().map(|(name, _)| place(name)).collect()
                });
                self.places.insert(relation.table, places);
                if !self.known.contains_key(&relation.table) {
                    let name = (relation.schema.to_owned(), relation.name.to_owned());
                    self.names.insert(relation.table, name);
                }
            }
            Message::Truncate(tables) => {
                tables.into_iter().try_for_each(|table| self.all_of(table))?;
            }
            Message::Row { table, old, new } => {
                let places = self.places.get(&table)?;
                let rows = places.as_ref().and_then(|places| {
                    let old = old.as_ref();
                    // What is not written again is in the old row, if there is one.
                    let new = new.map(|new| values(places, &new, old));
                    let old = old.map(|old| values(places, old, None));
                    [old, new].into_iter().flatten().collect::<Option<Vec<_>>>()
                });
                match rows {
                    None => self.all_of(table)?,
                    Some(rows) => self.some_of(table, &rows),
                }
            }
        }
        Some(())
    }

    fn all_of(&mut self, table: u32) -> Option<()> {
        match self.known.get_mut(&table) {
            Some(table) => table.rows = Rows::All,
            None => drop(self.unknown.insert(self.names.get(&table)?.clone())),
        }
        Some(())
    }

    fn some_of(&mut self, table: u32, keys: &[Vec<&str>]) {
        let Some(Table { rows, key: Some(key), .. }) = self.known.get_mut(&table) else { return };
        let Rows::Some(set) = rows else { return };
        for values in keys {
            let values = values.iter().zip(&key.columns);
            let one: Vec<String> =
                values.map(|(value, (_, kind))| format!("{}::{kind}", literal(value))).collect();
            set.insert(one.join(", "));
        }
        if set.len() > MOST {
            *rows = Rows::All;
        }
    }

    /// The lines of each table of this database.
    fn lines(&self, database: &str) -> String {
        let mut text = String::new();
        let there: BTreeSet<&String> = self.known.values().map(|table| &table.name).collect();
        for name in self.gone.iter().filter(|name| !there.contains(name)) {
            let _ = writeln!(text, "{database}\t{name}\twhole");
        }
        for Table { name, key, rows } in self.known.values() {
            match (key, rows) {
                (Some(Key { words: [key, found], .. }), Rows::Some(rows)) => {
                    if !rows.is_empty() {
                        let _ = writeln!(text, "{database}\t{name}\tkeys\t{key}\t{found}");
                    }
                    for row in rows {
                        let _ = writeln!(text, "{database}\t{name}\trow\t{}", hex::encode(row));
                    }
                }
                _ => {
                    let _ = writeln!(text, "{database}\t{name}\twhole");
                }
            }
        }
        text
    }
}

/// The values of the key; nothing if one is not told.
fn values<'a>(places: &[usize], row: &Tuple<'a>, old: Option<&Tuple<'a>>) -> Option<Vec<&'a str>> {
    let text = |row: &Tuple<'a>, at: usize| match row.get(at) {
        Some(Value::Text(text)) => Some(*text),
        _ => None,
    };
    let one = |at: &usize| match row.get(*at) {
        Some(Value::Unchanged) => text(old?, *at),
        _ => text(row, *at),
    };
    places.iter().map(one).collect()
}

/// A line of `keys.sql`.
fn table(line: &str) -> Option<(u32, Table)> {
    let mut words = line.split('\t');
    let (number, name) = (words.next()?.parse().ok()?, words.next()?.to_owned());
    let key = match words.next()? {
        "" => None,
        key => {
            let found = words.next()?.to_owned();
            let columns: Vec<String> = words.map(unhex).collect::<Option<_>>()?;
            let (pairs, []) = columns.as_chunks::<2>() else { return None };
            let columns = pairs.iter().map(|[name, kind]| (name.clone(), kind.clone())).collect();
            Some(Key { words: [key.to_owned(), found], columns })
        }
    };
    Some((number, Table { name, key, rows: Rows::Some(BTreeSet::new()) }))
}

#[cfg(test)]
mod tests {
    use super::Value::{Null, Text, Unchanged};
    use super::*;
    use crate::product::postgresql::standby::pgoutput::Relation;

    /// Of two tables: one with a key of two columns, one that is not fed by its key.
    fn tables() -> Tables {
        let hex = |text: &str| hex::encode(text);
        let key = [hex("t.b, t.a"), hex("found"), hex("b"), hex("text"), hex("a"), hex("integer")];
        let text = format!("7\t{}\t{}\n8\t{}\t\n", hex("s.t"), key.join("\t"), hex("s.log"));
        let mut tables = Tables::read(&text).expect("read");
        for table in [7, 8, 9] {
            let columns = vec!["a", "note", "b"];
            let relation = Relation { table, schema: "s", name: "gone", columns };
            tables.add(Message::Relation(relation)).expect("taken");
        }
        tables
    }

    fn row<'a>(table: u32, old: Option<Tuple<'a>>, new: Option<Tuple<'a>>) -> Message<'a> {
        Message::Row { table, old, new }
    }

    /// The words of each line, read back.
    fn lines(tables: &Tables) -> Vec<String> {
        let word = |word: &str| unhex(word).unwrap_or_else(|| word.to_owned());
        let text = tables.lines("aa");
        text.lines()
            .map(|line| line.split('\t').skip(1).map(word).collect::<Vec<_>>().join("|"))
            .collect()
    }

    #[test]
    fn old_and_new_keys_are_told_once_in_the_order_of_the_key() {
        let mut tables = tables();
        assert_eq!(lines(&tables), ["s.log|whole"]);
        let one = vec![Text("1"), Null, Text("it's\\")];
        tables.add(row(7, None, Some(one.clone()))).expect("taken");
        tables.add(row(7, Some(one), None)).expect("taken");
        // It moves, and what is stored apart is only in what there was.
        let (old, new) = (vec![Text("2"), Null, Text("x")], vec![Text("3"), Null, Unchanged]);
        tables.add(row(7, Some(old), Some(new))).expect("taken");
        assert_eq!(
            lines(&tables),
            [
                "s.t|keys|t.b, t.a|found",
                r"s.t|row|'x'::text, '2'::integer",
                r"s.t|row|'x'::text, '3'::integer",
                r"s.t|row|E'it''s\\'::text, '1'::integer",
                "s.log|whole"
            ]
        );
    }

    #[test]
    fn of_what_is_not_told_by_a_key_all_was_written() {
        let all = ["s.t|whole", "s.log|whole"];
        let mut one = tables();
        one.add(row(7, None, Some(vec![Text("1"), Null, Unchanged]))).expect("taken");
        assert_eq!(lines(&one), all);
        let mut one = tables();
        one.add(Message::Truncate(vec![7])).expect("taken");
        one.add(row(7, None, Some(vec![Text("1"), Null, Text("x")]))).expect("taken");
        assert_eq!(lines(&one), all);
        let mut one = tables();
        for at in 0..=MOST {
            let at = at.to_string();
            one.add(row(7, None, Some(vec![Text(&at), Null, Text("x")]))).expect("taken");
        }
        assert_eq!(lines(&one), all);
        let mut one = tables();
        one.whole();
        assert_eq!(lines(&one), all);
    }

    #[test]
    fn a_table_that_is_not_there_any_more_is_named_if_it_was_written() {
        let mut tables = tables();
        tables.add(row(9, None, Some(vec![Null, Null, Null]))).expect("taken");
        assert_eq!(tables.unknown.iter().collect::<Vec<_>>(), [&("s".into(), "gone".into())]);
        // Another of that name is there.
        tables.gone = vec![hex::encode("s.gone"), hex::encode("s.log")];
        assert_eq!(lines(&tables), ["s.gone|whole", "s.log|whole"]);
        // The log tells of no table before it says what it is like.
        assert!(tables.add(row(10, None, None)).is_none());
        assert!(tables.add(Message::Truncate(vec![10])).is_none());
    }

    #[test]
    fn a_line_that_is_no_message_is_a_fault() {
        let read = |text: &str| each_line(text.as_bytes(), &mut tables());
        assert!(read("4200000000028cc37000030476eb42c1a600000376\n").is_ok());
        assert!(read("5300\n42\n").is_err());
        assert!(Tables::read("x\n").is_err());
    }
}
