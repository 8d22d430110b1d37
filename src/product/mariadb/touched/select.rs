//! Makes of the statements that list all rows those that list the rows that were touched.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write};

use super::super::name::quoted;
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
/// escaped, behind a comment with the schema, the table and the columns of its key.
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
    let tables = tables(&mut file)?;
    let mut line = Vec::new();
    while next_line(streams.input, &mut line)? {
        let statement = Statement::read(&plain(&line))
            .ok_or_else(|| HelperError::Failed("a statement for a list has no head".into()))?;
        let Some(lines) = tables.get(&statement.table) else { continue };
        file.seek(SeekFrom::Start(lines.from)).map_err(cannot)?;
        statement.of_touched(&mut file, *lines, streams.output)?;
    }
    streams.output.flush().map_err(HelperError::Output)
}

/// The tables of the file: the schema and the table, as they stand there.
fn tables(file: &mut BufReader<File>) -> Result<HashMap<Vec<u8>, Lines>, HelperError> {
    let (mut tables, mut line, mut at) = (HashMap::new(), Vec::new(), 0);
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

    fn of_touched(
        &self,
        file: &mut BufReader<File>,
        lines: Lines,
        output: &mut dyn Write,
    ) -> Result<(), HelperError> {
        let mut put = |parts: &[&[u8]]| {
            parts.iter().try_for_each(|part| output.write_all(part)).map_err(HelperError::Output)
        };
        let most = if self.key.len() > 1 { KEYS / 10 } else { KEYS };
        let (mut at, mut line, mut keys) = (lines.from, Vec::new(), Vec::new());
        let (mut count, mut first) = (0, true);
        while at < lines.until {
            if !next_line(file, &mut line)? {
                break;
            }
            at += line.len() as u64 + 1;
            let said = line.get(self.table.len() + 1..).unwrap_or_default();
            if std::mem::take(&mut first) && (said == b"all" || self.key.is_empty()) {
                return put(&[&self.text, b";\n"]);
            }
            let key = said.strip_prefix(b"key ").and_then(|key| self.condition(key));
            let key = key.ok_or_else(|| {
                HelperError::Failed("a line of what was touched is not as its table".into())
            })?;
            if count > 0 {
                keys.extend_from_slice(if self.key.len() > 1 { b" OR " } else { b"," });
            }
            keys.extend_from_slice(&key);
            count += 1;
            if count == most || keys.len() > BYTES || at >= lines.until {
                let index: &[u8] = b" FORCE INDEX (PRIMARY) WHERE ";
                match self.key.as_slice() {
                    [one] => put(&[&self.text, index, one, b" IN (", &keys, b");\n"])?,
                    _ => put(&[&self.text, index, &keys, b";\n"])?,
                }
                keys.clear();
                count = 0;
            }
        }
        Ok(())
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
