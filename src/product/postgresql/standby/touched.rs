//! What was written while a standby was fed, so that a switch compares only that.

use std::fs;
use std::io::Write as _;

use super::super::client::{Client, USAGE, unhex};
use super::super::each::list;
use super::super::failed;
use super::copy::{FROM, complete};
use super::pair::{Pair, unread};
use crate::product::stream::{HelperError, Streams};

const TOUCHED: &str = include_str!("sql/touched.sql");
/// Of a table with more rows that were written, all are listed.
const MOST: usize = 100_000;
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
        let text = pair.live.script(&database, &format!("\\set from {from}\n{TOUCHED}"))?;
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
    /// The columns of its key; nothing if all of it is listed.
    key: Option<String>,
    rows: Vec<String>,
}

/// Reads what [`find`] printed, sorted.
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
            ("key", [columns]) => table.key = Some(unhex(columns)?),
            ("row", [values]) => table.rows.push(unhex(values)?),
            _ => return None,
        }
    }
    Some(all)
}

/// The statements that list it. `usual` lists all of it.
fn statements(table: &Table, usual: &str) -> Option<Vec<String>> {
    let Some(key) = &table.key else { return Some(vec![usual.to_owned()]) };
    let end = format!(" FROM ONLY {} t) TO STDOUT", table.name);
    let begin = usual.strip_suffix(&end)?;
    // The database and the table, as literals.
    let named = &begin[..begin.find(", ROW(")?];
    let mut all = vec![format!("{named}, 'rows', count(*){end}")];
    for rows in table.rows.chunks(AT_ONCE) {
        let rows: Vec<String> = rows.iter().map(|values| format!("({values})")).collect();
        all.push(format!(
            "{begin} FROM ONLY {} t WHERE ({key}) IN (VALUES {})) TO STDOUT",
            table.name,
            rows.join(", ")
        ));
    }
    Some(all)
}

/// `postgresql-touched-rows SERVER ROWS.SQL FILE`: prints of the list what stands in the file, and
/// how many rows each table has that is not listed whole.
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
    for one in touched.chunk_by(|one, next| one.database == next.database) {
        let Some(Table { database, .. }) = one.first() else { continue };
        let usual = client.script(database, &format!("\\set listed 1\n{sql}"))?;
        let usual: Vec<String> = usual.lines().filter_map(unhex).collect();
        let mut script = settings.join("\n");
        for table in one {
            let ends = [" t) TO STDOUT", " t GROUP BY 5) TO STDOUT"]
                .map(|end| format!(" FROM ONLY {}{end}", table.name));
            let usual = usual.iter().find(|it| ends.iter().any(|end| it.ends_with(end)));
            // A table that is not there is left out: its number of rows is missed.
            let Some(usual) = usual else { continue };
            for statement in statements(table, usual).ok_or_else(unread)? {
                script.push('\n');
                script.push_str(&statement);
                script.push(';');
            }
        }
        script.push('\n');
        let cannot = |error: std::io::Error| failed("cannot make a temporary file", error);
        let mut file = tempfile::NamedTempFile::new().map_err(cannot)?;
        file.write_all(script.as_bytes()).map_err(cannot)?;
        list(&client, database, &file.path().display().to_string(), streams)?;
    }
    Ok(())
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
        let [count, rows] = &statements(&all[1], usual).expect("made")[..] else { panic!() };
        assert_eq!(
            count,
            "COPY (SELECT 'shop', 's.Orders', 'rows', count(*) FROM ONLY s.\"Orders\" t) TO STDOUT"
        );
        assert_eq!(
            rows,
            "COPY (SELECT 'shop', 's.Orders', ROW(t.id)::text, x FROM ONLY s.\"Orders\" t WHERE \
             (t.id) IN (VALUES ('5'::bigint))) TO STDOUT"
        );
        assert_eq!(statements(&all[0], "whole"), Some(vec!["whole".to_owned()]));
        assert!(read("zz\t00\tall\n").is_none());
        // What is gone on the other server, or has no key any more.
        assert_eq!(statements(&all[1], "COPY (SELECT 1) TO STDOUT"), None);
    }

    #[test]
    fn of_a_table_with_too_many_rows_all_are_listed() {
        let many: String = (0..=MOST).map(|at| format!("aa\trow\t{at}\n")).collect();
        let found = shortened(&format!("{many}bb\tkey\tff\n"));
        assert_eq!(found, ["aa\tall", "bb\tkey\tff"]);
    }
}
