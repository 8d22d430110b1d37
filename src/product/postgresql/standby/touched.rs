//! What was written while a standby was fed, so that a switch compares only that.

use std::fs;
use std::sync::Mutex;

use super::super::at_once::at_once;
use super::super::client::{Client, USAGE, literal, unhex};
use super::super::each::lists;
use super::super::failed;
use super::copy::{FROM, complete};
use super::pair::{Pair, unread};
use crate::product::stream::{HelperError, Streams};

const SETTINGS: &str = include_str!("sql/settings.sql");
const KEYED: &str = include_str!("sql/keyed.sql");
const TOUCHED: &str = include_str!("sql/touched.sql");
/// Of a table with more rows that were written, all are listed.
pub(super) const MOST: usize = 100_000;
/// So many rows are asked for at once.
const AT_ONCE: usize = 500;

/// Prints a line for each table of each database: both in hexadecimal digits, then `all`; or `key`
/// and the columns of its key, and lines with `row` and a key that was written.
pub(super) fn find(pair: &Pair, streams: &mut Streams<'_>) -> Result<(), HelperError> {
    let from = pair.get(FROM)?.and_then(|text| text.trim().parse::<u64>().ok());
    let (Some(from), Some(fed)) = (from, complete(pair)?) else {
        return writeln!(streams.output, "*\tthe feed does not say where it began")
            .map_err(HelperError::Output);
    };
    for (database, _) in pair.live.databases()? {
        // What others are made from is not fed.
        let from = if fed.contains(&database) { from } else { 0 };
        let text = pair
            .live
            .script(&database, &format!("\\set from {from}\n{SETTINGS}{KEYED}{TOUCHED}"))?;
        let name = hex::encode(&database);
        for line in shortened(&text) {
            writeln!(streams.output, "{name}\t{line}").map_err(HelperError::Output)?;
        }
    }
    Ok(())
}

/// The lines of each table; where they are too many, one that stands for all of it.
fn shortened(text: &str) -> Vec<String> {
    fn table(line: &str) -> &str {
        line.split('\t').next().unwrap_or_default()
    }
    let lines: Vec<&str> = text.lines().collect();
    let of = |lines: &[&str]| match lines {
        [first, ..] if lines.len() > MOST => vec![format!("{}\tall", table(first))],
        lines => lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    lines.chunk_by(|one, next| table(one) == table(next)).flat_map(of).collect()
}

/// A table of the list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    database: String,
    name: String,
    which: Which,
    rows: Vec<String>,
}

/// Which of its rows are listed.
#[derive(Debug, Default, PartialEq, Eq)]
enum Which {
    /// All, behind a line that says so.
    Whole,
    /// All.
    #[default]
    All,
    /// Those with one of these keys, in these columns, and how many there are in all.
    Key(String),
    /// Whether there is a row, for each of these keys: the columns, and how a row is found by them.
    Keys(String, String),
}

/// Reads what [`find`] and [`super::since::find`] print, sorted.
fn read(text: &str) -> Option<Vec<Table>> {
    let mut all: Vec<Table> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [database, name, kind, rest @ ..] = words.as_slice() else { return None };
        let (database, name) = (unhex(database)?, unhex(name)?);
        if all.last().is_none_or(|last| (&last.database, &last.name) != (&database, &name)) {
            all.push(Table { database, name, ..Table::default() });
        }
        let table = all.last_mut()?;
        match (*kind, rest) {
            ("all", []) => {}
            ("whole", []) => table.which = Which::Whole,
            ("key", [columns]) => table.which = Which::Key(unhex(columns)?),
            ("keys", [columns, found]) => {
                table.which = Which::Keys(unhex(columns)?, unhex(found)?);
            }
            ("row", [values]) => table.rows.push(unhex(values)?),
            _ => return None,
        }
    }
    Some(all)
}

/// The statements that list it. `usual` lists all of it, if the table is there.
fn statements(table: &Table, usual: Option<&str>) -> Option<Vec<String>> {
    let marker = || {
        let (database, name) = (literal(&table.database), literal(&unquoted(&table.name)));
        format!("COPY (SELECT {database}, {name}, '*') TO STDOUT")
    };
    let Some(usual) = usual else {
        // What is not listed is missed, as its number of rows is.
        return Some(if table.which == Which::Whole { vec![marker()] } else { Vec::new() });
    };
    let end = format!(" FROM ONLY {} t) TO STDOUT", table.name);
    Some(match &table.which {
        Which::Whole => vec![marker(), usual.to_owned()],
        Which::All => vec![usual.to_owned()],
        Which::Key(key) => {
            let begin = usual.strip_suffix(&end)?;
            // The database and the table, as literals.
            let named = &begin[..begin.find(", ROW(")?];
            let some = |rows: String| {
                let from = format!("{begin} FROM ONLY {} t WHERE ({key})", table.name);
                format!("{from} IN (VALUES {rows})) TO STDOUT")
            };
            let count = format!("{named}, 'rows', count(*){end}");
            std::iter::once(count).chain(values(&table.rows).map(some)).collect()
        }
        Which::Keys(key, found) => {
            let (named, hash) =
                usual.strip_suffix(&end)?.split_once(&format!("ROW({key})::text, "))?;
            // Two values can be equal, and be told from each other all the same.
            let one = |rows: String| {
                format!(
                    "{named}ROW(k.*)::text, CASE WHEN ROW({key})::text = ROW(k.*)::text THEN \
                     {hash} ELSE 'gone' END FROM (VALUES {rows}) k LEFT JOIN ONLY {} t ON {found}) \
                     TO STDOUT",
                    table.name
                )
            };
            let asked = values(&table.rows).map(one);
            [BY_INDEX.to_owned()].into_iter().chain(asked).chain([AS_USUAL.to_owned()]).collect()
        }
    })
}

/// Each row is looked up, even if nothing is known of how many there are.
const BY_INDEX: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; \
    SET enable_mergejoin = off; SET jit = off";
const AS_USUAL: &str = "RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin; \
    RESET jit";

/// What follows VALUES, for some of the rows at a time.
fn values(rows: &[String]) -> impl Iterator<Item = String> {
    rows.chunks(AT_ONCE)
        .map(|rows| rows.iter().map(|values| format!("({values})")).collect::<Vec<_>>().join(", "))
}

/// A name of a table as it is said, not as SQL writes it.
fn unquoted(name: &str) -> String {
    let (mut text, mut within) = (String::new(), false);
    let mut all = name.chars().peekable();
    while let Some(one) = all.next() {
        match one {
            '"' if within && all.peek() == Some(&'"') => {
                all.next();
                text.push('"');
            }
            '"' => within = !within,
            _ => text.push(one),
        }
    }
    text
}

/// `postgresql-touched-rows SERVER ROWS.SQL FILE`: prints of the list what stands in the file. With
/// the rows that were written since the copy, also how many the table has; of those since a mark,
/// `gone` for one that is not there.
pub(in crate::product) fn rows(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (client, rest) = Client::parse(arguments)?;
    let [sql, touched] = rest else {
        let usage = format!("postgresql-touched-rows {USAGE} ROWS.SQL FILE");
        return Err(HelperError::usage(&usage));
    };
    let client = client.quietly()?;
    let text = |path: &str| fs::read_to_string(path).map_err(|error| failed(path, error));
    let (sql, touched) = (text(sql)?, read(&text(touched)?).ok_or_else(unread)?);
    let settings: Vec<&str> = sql.lines().filter(|line| line.starts_with("SET ")).collect();
    let databases: Vec<&[Table]> =
        touched.chunk_by(|one, next| one.database == next.database).collect();
    let scripts = Mutex::new(Vec::new());
    at_once(&databases, |one| {
        let Some(Table { database, .. }) = one.first() else { return Ok(()) };
        let usual = client.script(database, &format!("\\set listed 1\n{sql}"))?;
        let usual: Vec<String> = usual.lines().filter_map(unhex).collect();
        let mut script = settings.join("\n");
        for table in *one {
            let ends = [" t) TO STDOUT", " t GROUP BY 5) TO STDOUT"]
                .map(|end| format!(" FROM ONLY {}{end}", table.name));
            let usual = usual.iter().find(|it| ends.iter().any(|end| it.ends_with(end)));
            let usual = usual.map(String::as_str);
            for statement in statements(table, usual).ok_or_else(unread)? {
                script.push('\n');
                script.push_str(&statement);
                script.push(';');
            }
        }
        script.push('\n');
        scripts.lock().map_err(|_| unread())?.push((database.clone(), script));
        Ok(())
    })?;
    lists(&client, &scripts.into_inner().map_err(|_| unread())?, streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_that_were_written_are_asked_for_and_how_many_there_are() {
        let hex = |text: &str| hex::encode(text);
        let (shop, orders, log) = (hex("shop"), hex("s.\"Orders\""), hex("s.log"));
        let text = format!(
            "{shop}\t{log}\tall\n{shop}\t{orders}\tkey\t{}\n{shop}\t{orders}\trow\t{}\n",
            hex("t.id"),
            hex("'5'::bigint")
        );
        let all = read(&text).expect("read");
        assert_eq!(all.len(), 2);
        let usual = "COPY (SELECT 'shop', 's.Orders', ROW(t.id)::text, x FROM ONLY s.\"Orders\" t) \
            TO STDOUT";
        let [count, rows] = &statements(&all[1], Some(usual)).expect("made")[..] else { panic!() };
        assert_eq!(
            count,
            "COPY (SELECT 'shop', 's.Orders', 'rows', count(*) FROM ONLY s.\"Orders\" t) TO STDOUT"
        );
        assert_eq!(
            rows,
            "COPY (SELECT 'shop', 's.Orders', ROW(t.id)::text, x FROM ONLY s.\"Orders\" t WHERE \
             (t.id) IN (VALUES ('5'::bigint))) TO STDOUT"
        );
        assert_eq!(statements(&all[0], Some("whole")), Some(vec!["whole".to_owned()]));
        assert!(read("zz\t00\tall\n").is_none());
        // What is gone on the other server, or has no key any more.
        assert_eq!(statements(&all[1], Some("COPY (SELECT 1) TO STDOUT")), None);
    }

    #[test]
    fn each_row_since_a_mark_is_looked_up_and_a_table_may_be_whole() {
        let hex = |text: &str| hex::encode(text);
        let (shop, orders, log) = (hex("it's"), hex(r#"s."Or""ders""#), hex("s.log"));
        let mut text = format!(
            "{shop}\t{orders}\tkeys\t{}\t{}\n",
            hex("t.id"),
            hex("t.id OPERATOR(pg_catalog.=) k.column1")
        );
        for at in 0..=AT_ONCE {
            text.push_str(&format!("{shop}\t{orders}\trow\t{}\n", hex(&format!("'{at}'::bigint"))));
        }
        text.push_str(&format!("{shop}\t{log}\twhole\n"));
        let [orders, log] = &read(&text).expect("read")[..] else { panic!() };
        let begin = r#"COPY (SELECT 'it''s', 's.Or"ders', "#;
        let usual = format!(r#"{begin}ROW(t.id)::text, x FROM ONLY s."Or""ders" t) TO STDOUT"#);
        let looked_up = r#"CASE WHEN ROW(t.id)::text = ROW(k.*)::text THEN x ELSE 'gone' END FROM
            (VALUES ('500'::bigint)) k LEFT JOIN ONLY s."Or""ders" t ON t.id
            OPERATOR(pg_catalog.=) k.column1) TO STDOUT"#;
        let looked_up = looked_up.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = statements(orders, Some(&usual)).expect("made");
        assert_eq!(all.len(), 4);
        assert_eq!((all[0].as_str(), all[3].as_str()), (BY_INDEX, AS_USUAL));
        assert_eq!(all[2], format!("{begin}ROW(k.*)::text, {looked_up}"));
        let marker = "COPY (SELECT 'it''s', 's.log', '*') TO STDOUT".to_owned();
        assert_eq!(statements(log, Some("usual")), Some(vec![marker.clone(), "usual".to_owned()]));
        // The table is not there.
        assert_eq!(statements(log, None), Some(vec![marker]));
        assert_eq!(statements(orders, None), Some(Vec::new()));
        // It has no key there.
        assert_eq!(statements(orders, Some("COPY (SELECT 1) TO STDOUT")), None);
    }

    #[test]
    fn of_a_table_with_too_many_rows_all_are_listed() {
        let many: String = (0..=MOST).map(|at| format!("aa\trow\t{at}\n")).collect();
        let found = shortened(&format!("{many}bb\tkey\tff\n"));
        assert_eq!(found, ["aa\tall", "bb\tkey\tff"]);
    }
}
