//! Makes of the statements that list all rows those that list the rows that were touched.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write};

use super::super::name::{TableName, of_hex, quoted, value};
use super::super::whole::schema::plain;
use crate::product::stream::{HelperError, Streams, next_line};

/// How many keys one statement asks for, and about how many bytes they may take. Of a key with more
/// columns, fewer: the server plans each of them.
const KEYS: usize = 1000;
const BYTES: usize = 256 << 10;

/// Where the lines of a table are in the file of what was touched.
#[derive(Debug, Clone, Copy)]
struct Lines {
    from: u64,
    until: u64,
}

/// Prints the statements for what was touched: `mariadb-touched-rows FILE`. The file has the lines
/// of `mariadb-touched`, sorted. The input is what `rows.sql` printed: a statement on each line,
/// escaped, behind a comment with the schema, the table and the columns of its key. Where a line of
/// the file has what a list shows of its item, a statement prints that, with `*` in the last column,
/// be the item there or not.
///
/// # Errors
/// When something cannot be read, or is not as it must be.
pub(in crate::product) fn select(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [path] = arguments else {
        return Err(HelperError::usage("mariadb-touched-rows FILE"));
    };
    let cannot = |error| HelperError::Failed(format!("cannot read {path}: {error}"));
    let mut file = BufReader::new(File::open(path).map_err(cannot)?);
    let mut tables = tables(&mut file)?;
    let mut line = Vec::new();
    while next_line(streams.input, &mut line)? {
        let statement = Statement::read(&plain(&line))
            .ok_or_else(|| HelperError::Failed("a statement for a list has no head".into()))?;
        let Some(lines) = tables.remove(&statement.table) else { continue };
        file.seek(SeekFrom::Start(lines.from)).map_err(cannot)?;
        of_touched(&statement.table, Some(&statement), &mut file, lines, streams.output)?;
    }
    // Those that are gone.
    for (table, lines) in tables {
        file.seek(SeekFrom::Start(lines.from)).map_err(cannot)?;
        of_touched(&table, None, &mut file, lines, streams.output)?;
    }
    streams.output.flush().map_err(HelperError::Output)
}

/// The tables of the file: the schema and the table, as they stand there.
fn tables(file: &mut BufReader<File>) -> Result<BTreeMap<Vec<u8>, Lines>, HelperError> {
    let (mut tables, mut line, mut at) = (BTreeMap::new(), Vec::new(), 0);
    let mut last: Option<(Vec<u8>, Lines)> = None;
    loop {
        line.clear();
        let read = file.read_until(b'\n', &mut line).map_err(HelperError::Input)? as u64;
        let is_more = read > 0
            && last.as_ref().is_some_and(|(name, _)| {
                line.strip_prefix(name.as_slice()).is_some_and(|rest| rest.starts_with(b" "))
            });
        if !is_more {
            tables.extend(last.take());
        }
        if read == 0 {
            return Ok(tables);
        }
        if let Some((_, lines)) = &mut last {
            lines.until = at + read;
        } else {
            let mut words = line.splitn(3, |byte| *byte == b' ');
            let (Some(schema), Some(table), Some(_)) = (words.next(), words.next(), words.next())
            else {
                return Err(HelperError::Failed("a line of what was touched is cut off".into()));
            };
            let name = [schema, table].join(&b' ');
            last = Some((name, Lines { from: at, until: at + read }));
        }
        at += read;
    }
}

/// A statement that lists all rows of a table.
#[derive(Debug, PartialEq, Eq)]
struct Statement {
    /// The schema and the table, in hexadecimal digits.
    table: Vec<u8>,
    /// The columns of its key, in back quotes.
    key: Vec<Vec<u8>>,
    /// Without its end.
    text: Vec<u8>,
}

impl Statement {
    /// `/*SCHEMA TABLE COLUMN,COLUMN*/SELECT ...;`
    fn read(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"/*")?;
        let end = rest.windows(2).position(|part| part == b"*/")?;
        let (head, text) = (rest[..end].to_ascii_lowercase(), &rest[end + 2..]);
        let mut words = head.split(|byte| *byte == b' ');
        let (schema, table, columns) = (words.next()?, words.next()?, words.next()?);
        let columns = columns.split(|byte| *byte == b',').filter(|column| !column.is_empty());
        let key = columns.map(|column| hex::decode(column).ok().map(|name| quoted(&name)));
        Some(Self {
            table: [schema, table].join(&b' '),
            key: key.collect::<Option<_>>()?,
            text: text.strip_suffix(b";")?.to_vec(),
        })
    }

    /// The condition for a key; of a key with one column, its value only.
    fn condition(&self, key: &[u8]) -> Option<Vec<u8>> {
        if self.key.len() == 1 {
            return Some(key.to_vec());
        }
        let values: Vec<&[u8]> = key.split(|byte| *byte == b',').collect();
        if values.len() != self.key.len() {
            return None;
        }
        let each = self.key.iter().zip(values).map(|(column, value)| [column, value].join(&b'='));
        let each: Vec<Vec<u8>> = each.collect();
        Some([b"(".as_slice(), &each.join(b" AND ".as_slice()), b")"].concat())
    }
}

/// The name that a list shows of a table, as SQL.
fn name_of(table: &[u8]) -> Result<String, HelperError> {
    let text = String::from_utf8_lossy(table);
    let found = text.split_once(' ').and_then(|(schema, table)| of_hex(schema, table));
    let shown = |(schema, table): TableName| value(&[schema, table].join(&b'.'));
    found
        .map(shown)
        .ok_or_else(|| HelperError::Failed("a line of what was touched is of no table".into()))
}

/// Prints the statements for the lines of a table. `statement`: lists all of it, if it is there.
fn of_touched(
    table: &[u8],
    statement: Option<&Statement>,
    file: &mut BufReader<File>,
    lines: Lines,
    output: &mut dyn Write,
) -> Result<(), HelperError> {
    let mut put = |parts: &[&[u8]]| {
        parts.iter().try_for_each(|part| output.write_all(part)).map_err(HelperError::Output)
    };
    let name = name_of(table)?;
    let key = statement.map_or(&[][..], |it| it.key.as_slice());
    let most = if key.len() > 1 { KEYS / 10 } else { KEYS };
    let (mut at, mut line, mut keys, mut anew) = (lines.from, Vec::new(), Vec::new(), Vec::new());
    let (mut count, mut whole) = (0, false);
    while at < lines.until {
        if !next_line(file, &mut line)? {
            break;
        }
        let is_first = at == lines.from;
        at += line.len() as u64 + 1;
        let said = line.get(table.len() + 1..).unwrap_or_default();
        let (said, shown) = match said.iter().position(|byte| *byte == b'\t') {
            Some(tab) => (&said[..tab], Some(&said[tab + 1..])),
            None => (said, None),
        };
        if is_first && said == b"all" {
            if shown.is_some() {
                put(&[b"SELECT ", name.as_bytes(), b",'*';\n"])?;
            }
            return statement.map_or(Ok(()), |it| put(&[&it.text, b";\n"]));
        }
        let values = said.strip_prefix(b"key ").unwrap_or_default();
        if let Some(statement) = statement.filter(|it| !it.key.is_empty() && !whole) {
            match statement.condition(values) {
                Some(condition) if !values.is_empty() => {
                    if count > 0 {
                        keys.extend_from_slice(if key.len() > 1 { b" OR " } else { b"," });
                    }
                    keys.extend_from_slice(&condition);
                }
                // It has another key since, and will be touched as a whole.
                _ if shown.is_some() => {
                    whole = true;
                    keys.clear();
                }
                _ => {
                    let what = "a line of what was touched is not as its table";
                    return Err(HelperError::Failed(what.into()));
                }
            }
        } else {
            whole = true;
        }
        if let Some(shown) = shown {
            let row = [b"(", name.as_bytes(), b",CONCAT_WS(',',", shown, b"),'*')"].concat();
            anew.extend_from_slice(if anew.is_empty() { b"VALUES " } else { b"," });
            anew.extend_from_slice(&row);
        }
        count += 1;
        if count == most || keys.len() + anew.len() > BYTES || at >= lines.until {
            if !anew.is_empty() {
                put(&[&anew, b";\n"])?;
            }
            let index: &[u8] = b" FORCE INDEX (PRIMARY) WHERE ";
            match (statement, key) {
                (Some(it), [one]) if !whole => {
                    put(&[&it.text, index, one, b" IN (", &keys, b");\n"])?;
                }
                (Some(it), _) if !whole => put(&[&it.text, index, &keys, b";\n"])?,
                _ => {}
            }
            keys.clear();
            anew.clear();
            count = 0;
        }
    }
    match statement {
        Some(it) if whole => put(&[&it.text, b";\n"]),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::product::tests::on;

    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn selected(touched: &str, statements: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), touched).unwrap();
        let path = file.path().display().to_string();
        let found = on("mariadb-touched-rows", &[&path], statements.as_bytes())?;
        Ok(String::from_utf8(found).unwrap())
    }

    fn statements() -> String {
        let hex = |name: &str| hex::encode_upper(name);
        [("a", "id"), ("ab", "x,y`z"), ("b", ""), ("c", "id")]
            .map(|(table, key)| {
                let columns: Vec<String> =
                    key.split(',').filter(|it| !it.is_empty()).map(hex).collect();
                let head = format!("/*{} {} {}*/", hex("s"), hex(table), columns.join(","));
                format!("{head}SELECT 'a\\\\b' FROM `s`.`{table}`;\n")
            })
            .concat()
    }

    #[test]
    fn the_rows_of_keys_and_whole_tables_are_asked_for() {
        let touched = "73 61 key 1\n73 61 key 2\n73 6162 key 1,X'00'\n73 6162 key 2,X'01'\n\
                       73 62 all\n73 62 key 5\n73 64 all\n";
        assert_eq!(
            selected(touched, &statements()).unwrap(),
            "SELECT 'a\\b' FROM `s`.`a` FORCE INDEX (PRIMARY) WHERE `id` IN (1,2);\n\
             SELECT 'a\\b' FROM `s`.`ab` FORCE INDEX (PRIMARY) WHERE (`x`=1 AND `y``z`=X'00') OR \
             (`x`=2 AND `y``z`=X'01');\n\
             SELECT 'a\\b' FROM `s`.`b`;\n"
        );
        assert_eq!(selected("", &statements()).unwrap(), "");
    }

    /// A table of another name is gone, and one has lost its key.
    #[test]
    fn what_is_listed_anew_says_so() {
        let touched = "73 61 key 1\t1\n73 61 key X'02'\tHEX(X'02')\n73 6162 all\t*\n\
                       73 6162 key 2,3\t2,3\n73 62 key 5\t5\n73 63 key 5,6\t5,6\n\
                       73 64 all\t*\n73 65 key 5\t5\n";
        assert_eq!(
            selected(touched, &statements()).unwrap(),
            "VALUES (CONVERT(X'732e61' USING utf8mb4),CONCAT_WS(',',1),'*'),\
             (CONVERT(X'732e61' USING utf8mb4),CONCAT_WS(',',HEX(X'02')),'*');\n\
             SELECT 'a\\b' FROM `s`.`a` FORCE INDEX (PRIMARY) WHERE `id` IN (1,X'02');\n\
             SELECT CONVERT(X'732e6162' USING utf8mb4),'*';\nSELECT 'a\\b' FROM `s`.`ab`;\n\
             VALUES (CONVERT(X'732e62' USING utf8mb4),CONCAT_WS(',',5),'*');\n\
             SELECT 'a\\b' FROM `s`.`b`;\n\
             VALUES (CONVERT(X'732e63' USING utf8mb4),CONCAT_WS(',',5,6),'*');\n\
             SELECT 'a\\b' FROM `s`.`c` FORCE INDEX (PRIMARY) WHERE `id` IN (5,6);\n\
             SELECT CONVERT(X'732e64' USING utf8mb4),'*';\n\
             VALUES (CONVERT(X'732e65' USING utf8mb4),CONCAT_WS(',',5),'*');\n"
        );
    }

    #[test]
    fn many_keys_become_several_statements() {
        let keys: String = (1000..3500).map(|key| format!("73 61 key {key}\n")).collect();
        let found = selected(&keys, &statements()).unwrap();
        assert_eq!(found.lines().count(), 3);
        assert!(found.ends_with(",3499);\n") && found.contains("(1000,1001,"), "{found}");
    }

    #[test]
    fn what_is_not_as_it_must_be_is_an_error() {
        selected("73 6162 key 1\n", &statements()).unwrap_err();
        selected("73 61\n", &statements()).unwrap_err();
        selected("", "SELECT 1;\n").unwrap_err();
    }
}
