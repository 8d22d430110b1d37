//! Which rows a log touched: by the keys of their tables, or whole tables where keys do not do.

mod keys;
mod part;
mod rows;
mod select;
mod shown;
mod since;
mod statement;
mod values;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{BufRead, Write};
use std::rc::Rc;

pub(super) use part::Part;
pub(in crate::product) use select::select;
pub(super) use since::since;

use super::binlog::{Event, Kind, LogFile};
use super::group::table_name;
use super::name::{TableName, in_hex, is_own_schema};
use super::query::Query;
use super::rows::plain;
use super::whole::schema::Schema;
use super::whole::{Touched as Changes, whole_tables};
use crate::product::stream::{HelperError, Streams, next_line};
use keys::Keys;
use part::Xa;
use rows::Values;
use since::Anew;
use statement::Touches;
use values::{KeyColumn, Stored};

/// Prints what the log touched: `mariadb-touched FILE...`. Its input is what `whole.sql` and
/// `touched.sql` printed on the new version. A line is the schema and the table in hexadecimal
/// digits, and `all`, or `key` and the values of the primary key as SQL. Where that cannot be told:
/// `*` and why.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::product) fn touched(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if arguments.is_empty() {
        return Err(HelperError::usage("mariadb-touched FILE..."));
    }
    let mut files = arguments.to_vec();
    files.sort();
    let mut parts: Vec<Part> = files.into_iter().map(Part::all).collect();
    let tables = tables(streams.input)?;
    let mut seen = Seen::default();
    seen.read(&mut parts)?;
    print(&parts, tables, seen, None, streams.output)
}

/// What `whole.sql` and `touched.sql` printed.
fn tables(input: &mut dyn BufRead) -> Result<(Schema, Keys), HelperError> {
    let (mut tables, mut keys, mut line) = (Vec::new(), Keys::default(), Vec::new());
    while next_line(input, &mut line)? {
        let kinds: [&[u8]; 3] = [b"table\t", b"key\t", b"event\t"];
        if kinds.iter().any(|kind| line.starts_with(kind)) {
            tables.extend_from_slice(&line);
            tables.push(b'\n');
        } else {
            keys.line(&line)?;
        }
    }
    Ok((Schema::read(&mut tables.as_slice())?, keys))
}

/// Prints what these parts of the log touched. `anew`: see [`since`].
fn print(
    parts: &[Part],
    (schema, keys): (Schema, Keys),
    seen: Seen,
    anew: Option<Anew>,
    output: &mut dyn Write,
) -> Result<(), HelperError> {
    if let Some(why) = &seen.unknown {
        writeln!(output, "*\t{why}").map_err(HelperError::Output)?;
        return output.flush().map_err(HelperError::Output);
    }
    let mut found = Found {
        whole: seen.whole(&schema, &keys, anew.as_ref()),
        schema,
        keys,
        seen,
        anew,
        printed: HashSet::new(),
        size: 0,
        unknown: None,
    };
    for part in parts {
        let mut names = HashMap::new();
        part.each(|file, event| found.event(file, event, &mut names, output))?;
    }
    found.end(output)
}

/// What stands in the log's statements, and which tables have rows in it.
#[derive(Default)]
struct Seen {
    changes: Changes,
    /// Tables that statements touch, by their names in small letters.
    defined: BTreeSet<TableName>,
    /// The same, with the names as they are.
    named: BTreeSet<TableName>,
    /// Schemas that were dropped.
    dropped: BTreeSet<Vec<u8>>,
    xa: Xa,
    unknown: Option<String>,
}

/// A name may stand in a statement in other letters than in the server's lists.
fn small((schema, table): &TableName) -> TableName {
    let small = |name: &[u8]| String::from_utf8_lossy(name).to_lowercase().into_bytes();
    (small(schema), small(table))
}

impl Seen {
    /// Reads these parts of the log. They end from now on where they end now.
    fn read(&mut self, parts: &mut [Part]) -> Result<(), HelperError> {
        for part in parts {
            let mut names = HashMap::new();
            let ends = part.each(|file, event| {
                self.changes.event(file, event, &mut names)?;
                self.xa.event(event);
                if matches!(event.kind, Kind::Query | Kind::QueryCompressed) {
                    self.statement(&Query::of(event).map_err(|what| file.wrong(&what))?);
                }
                Ok(())
            })?;
            part.until = Some(ends);
        }
        Ok(())
    }

    fn statement(&mut self, query: &Query) {
        match statement::touches(query) {
            Touches::Nothing => {}
            Touches::Tables(names) => {
                self.defined.extend(names.iter().map(small));
                self.named.extend(names);
            }
            Touches::Schema(schema) => {
                self.dropped.insert(small(&(schema, Vec::new())).0);
            }
            Touches::Unknown(why) => drop(self.unknown.get_or_insert(why)),
        }
    }

    fn is_defined(&self, table: &TableName) -> bool {
        let table = small(table);
        self.defined.contains(&table) || self.dropped.contains(&table.0)
    }

    /// Tables that are compared whole, whatever their rows in the log say.
    fn whole(&self, schema: &Schema, keys: &Keys, anew: Option<&Anew>) -> BTreeSet<TableName> {
        let mut whole = whole_tables(schema, &self.changes);
        for table in schema.tables.keys() {
            let told = keys.primary.get(table).is_some_and(|columns| {
                !keys.versioned.contains(table) && columns.iter().all(|column| column.is_told())
            });
            let told = told && anew.is_none_or(|anew| anew.tells(table, keys));
            let touch = self.changes.tables.get(table);
            if self.is_defined(table) && touch.is_some_and(|touch| touch.changed > 0) {
                // Its columns may have been others then.
                with_children(&mut whole, keys, table);
            } else if self.is_defined(table) || (!told && touch.is_some()) {
                whole.insert(table.clone());
            }
        }
        whole
    }
}

/// A table whose rows are read.
struct Table {
    name: TableName,
    columns: Vec<Stored>,
    /// The columns that are read, in rising order: those of the key, and those that others refer
    /// to.
    wanted: Vec<usize>,
}

/// What was found so far.
struct Found {
    schema: Schema,
    keys: Keys,
    seen: Seen,
    whole: BTreeSet<TableName>,
    anew: Option<Anew>,
    /// Lines that were printed lately: rows that are changed again and again are printed once.
    printed: HashSet<Vec<u8>>,
    /// The bytes of these.
    size: usize,
    unknown: Option<String>,
}

/// How many bytes of lines are remembered.
const REMEMBERED: usize = 8 << 20;

type Names = HashMap<u64, Option<Rc<Table>>>;

impl Found {
    fn event(
        &mut self,
        file: &LogFile,
        event: &mut Event,
        names: &mut Names,
        output: &mut dyn Write,
    ) -> Result<(), HelperError> {
        if event.kind == Kind::TableMap {
            let (id, name) =
                table_name(event).ok_or_else(|| file.wrong("a table's name is cut off"))?;
            if names.get(&id).and_then(Option::as_ref).is_none_or(|table| table.name != name) {
                let table = self.table(event, name);
                names.insert(id, table.map(Rc::new));
            }
        } else if event.kind.is_rows()
            && let Some(Some(table)) = names.get(&event.table_id())
        {
            let table = table.clone();
            let rows = plain(std::mem::take(event)).map_err(|what| file.wrong(&what))?;
            self.rows(&rows, &table, output)?;
            *event = rows;
        }
        Ok(())
    }

    /// The table whose rows follow; `None` if they need not be read.
    fn table(&mut self, event: &Event, name: TableName) -> Option<Table> {
        // The lists of accounts and definitions have what matters there.
        if is_own_schema(&name.0) {
            return None;
        }
        let listed = self.schema.tables.contains_key(&name);
        if !listed && !self.seen.is_defined(&name) {
            // A sequence has no rows that are listed.
            if !self.keys.sequences.contains(&name) {
                let why = "rows of a table that the server does not list were written".to_owned();
                self.unknown.get_or_insert(why);
            }
            return None;
        }
        let cascades = self.keys.cascades.contains_key(&name);
        if !listed || (self.whole.contains(&name) && !cascades) {
            return None;
        }
        let refers = self.keys.cascades.get(&name).into_iter().flatten();
        let mut wanted: BTreeSet<usize> = refers.flat_map(|it| it.updates.clone()).collect();
        let primary = self.keys.primary.get(&name).into_iter().flatten();
        wanted.extend(primary.map(|column| column.at));
        let Some(columns) = rows::columns(event) else {
            with_children(&mut self.whole, &self.keys, &name);
            return None;
        };
        Some(Table { name, columns, wanted: wanted.into_iter().collect() })
    }

    fn rows(
        &mut self,
        event: &Event,
        table: &Table,
        output: &mut dyn Write,
    ) -> Result<(), HelperError> {
        let (mut lines, mut children) = (Vec::new(), BTreeSet::new());
        let cascades = self.keys.cascades.get(&table.name).map_or(&[][..], Vec::as_slice);
        let key = self.keys.primary.get(&table.name).map_or(&[][..], Vec::as_slice);
        let is_whole = self.whole.contains(&table.name);
        let anew = self.anew.is_some();
        let read = rows::each(event, &table.columns, &table.wanted, &mut |row| {
            let (was, is) = (row.was.as_ref(), row.is.as_ref());
            for cascade in cascades {
                let changed = |at: &usize| match (was, is, table.wanted.binary_search(at)) {
                    // A column that is not there was not changed.
                    (Some(was), Some(is), Ok(at)) => is[at].is_some() && is[at] != was[at],
                    _ => false,
                };
                let deleted = cascade.deletes && is.is_none();
                if deleted || cascade.updates.iter().any(changed) {
                    children.insert(cascade.child.clone());
                }
            }
            if !is_whole {
                for values in [was, is].into_iter().flatten() {
                    lines.push(line(table, key, values, was, anew)?);
                }
            }
            Some(())
        });
        for child in children {
            with_children(&mut self.whole, &self.keys, &child);
        }
        if read.is_none() {
            // Its columns were others then.
            with_children(&mut self.whole, &self.keys, &table.name);
        }
        lines.iter().try_for_each(|line| self.print(line, output))
    }

    fn print(&mut self, line: &[u8], output: &mut dyn Write) -> Result<(), HelperError> {
        if self.printed.contains(line) {
            return Ok(());
        }
        if self.size > REMEMBERED {
            self.printed.clear();
            self.size = 0;
        }
        self.size += line.len() + 64;
        self.printed.insert(line.to_vec());
        output.write_all(line).map_err(HelperError::Output)
    }

    fn end(mut self, output: &mut dyn Write) -> Result<(), HelperError> {
        let anew = self.anew.take();
        if let Some(anew) = &anew {
            anew.complete(&mut self.whole, &self.seen);
        }
        let more = if anew.is_some() { "\t*" } else { "" };
        if let Some(why) = &self.unknown {
            writeln!(output, "*\t{why}").map_err(HelperError::Output)?;
        }
        for table in &self.whole {
            writeln!(output, "{} all{more}", in_hex(table)).map_err(HelperError::Output)?;
        }
        output.flush().map_err(HelperError::Output)
    }
}

/// A table is compared whole, and so is what may have changed with it.
fn with_children(whole: &mut BTreeSet<TableName>, keys: &Keys, table: &TableName) {
    let mut more = vec![table];
    let mut seen = BTreeSet::new();
    while let Some(table) = more.pop() {
        if seen.insert(table) {
            whole.insert(table.clone());
            more.extend(keys.cascades.get(table).into_iter().flatten().map(|it| &it.child));
        }
    }
}

/// The line of a row. `was`: as the row was, for what is not said of it again. `anew`: with what a
/// list shows of its key. `None`: it cannot be told.
fn line(
    table: &Table,
    key: &[KeyColumn],
    values: &Values<'_>,
    was: Option<&Values<'_>>,
    anew: bool,
) -> Option<Vec<u8>> {
    let (mut line, mut shown) = (format!("{} key ", in_hex(&table.name)), String::new());
    for (nth, column) in key.iter().enumerate() {
        let at = table.wanted.binary_search(&column.at).ok()?;
        let value = values[at].or_else(|| was.and_then(|was| was[at]))?;
        if nth > 0 {
            line.push(',');
            shown.push(',');
        }
        let stored = *table.columns.get(column.at)?;
        line += &column.literal(stored, value)?;
        if anew {
            shown += &column.shown(stored, value, key.len() == 1)?;
        }
    }
    if anew {
        line.push('\t');
        line += &shown;
    }
    line.push('\n');
    Some(line.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::product::tests::{kept, on};

    fn told(log: &str, listed: &[u8]) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/mariadb/tests").join(log);
        let said = on("mariadb-touched", &[&path.display().to_string()], listed).expect("read");
        let text = String::from_utf8(said).expect("text");
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines.sort_unstable();
        lines.concat()
    }

    /// Logs of both versions, compressed, with a key of each type. See `keys.sql`.
    #[test]
    fn s1_what_real_logs_touched_is_told_by_keys_and_whole_tables() {
        let listed = kept("mariadb/tests/keys.listed");
        let wanted = String::from_utf8(kept("mariadb/tests/keys.touched")).expect("text");
        assert_eq!(told("keys.binlog", &listed), wanted);
        assert_eq!(told("keys-of-10.11.binlog", &listed), wanted);
    }

    #[test]
    fn s1_a_log_with_statements_or_tables_that_are_not_known_is_not_told() {
        assert_eq!(told("kinds.binlog", b""), "*\tINSERT was logged as a statement\n");
        let unknown = told("keys.binlog", b"");
        let why = "*\trows of a table that the server does not list were written\n";
        assert_eq!(unknown, why);
    }

    #[test]
    fn arguments_and_lists_are_checked() {
        on("mariadb-touched", &[], b"").expect_err("no file");
        on("mariadb-touched", &["x"], b"primary\tshop\n").expect_err("no such line");
    }
}
