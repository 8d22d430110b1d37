//! Writes a table out as statements that any version understands.

use super::super::name::value;
use super::Item;
use crate::product::stream::{HelperError, Streams, next_line};

/// A statement is about so long, or has one row.
const STATEMENT: usize = 1 << 20;

/// Names a table for an SQL program: `mariadb-item ITEM`. Prints a statement that sets `@schema_name`
/// and `@table_name`, and then its input, which is the program.
pub(in crate::product) fn item(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [text] = arguments else { return Err(HelperError::usage("mariadb-item ITEM")) };
    let item = Item::parse(text)
        .ok_or_else(|| HelperError::Usage(format!("{text:?} is no name of a table")))?;
    let (schema, table) = (value(&item.0.0), value(&item.0.1));
    let set = format!("SET @schema_name = {schema}, @table_name = {table};\n");
    streams.output.write_all(set.as_bytes()).map_err(HelperError::Output)?;
    std::io::copy(streams.input, streams.output).map_err(HelperError::Output)?;
    streams.output.flush().map_err(HelperError::Output)
}

/// Makes statements of rows: `mariadb-inserts`. Its input is the beginning of an INSERT, its rows,
/// one `(value, ...)` on each line, and a last line with what follows, or `end`.
pub(in crate::product) fn inserts(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if !arguments.is_empty() {
        return Err(HelperError::usage("mariadb-inserts"));
    }
    let (mut head, mut line) = (Vec::new(), Vec::new());
    let failed = |what: &str| HelperError::Failed(what.to_owned());
    if !next_line(streams.input, &mut head)? || !head.starts_with(b"INSERT ") {
        return Err(failed("the server did not say how rows are inserted: the table is gone"));
    }
    let output = &mut *streams.output;
    let mut put = |bytes: &[u8]| output.write_all(bytes).map_err(HelperError::Output);
    let mut length = 0;
    while next_line(streams.input, &mut line)? {
        if line.starts_with(b"(") && line.ends_with(b")") {
            if length == 0 {
                put(&head)?;
                put(b"\n")?;
            } else {
                put(b",\n")?;
            }
            put(&line)?;
            length += line.len() + 2;
            if length >= STATEMENT {
                put(b";\n")?;
                length = 0;
            }
            continue;
        }
        if length > 0 {
            put(b";\n")?;
        }
        if line.starts_with(b"ALTER ") {
            put(&line)?;
            put(b";\n")?;
        } else if line != b"end" {
            // A row that is longer than the server's limit becomes NULL.
            return Err(failed("a row of the table is too long to be written out"));
        }
        return streams.output.flush().map_err(HelperError::Output);
    }
    Err(failed("the rows of the table end too early"))
}

#[cfg(test)]
mod tests {
    use crate::product::tests::on;

    #[test]
    fn rows_become_statements() {
        let text = "INSERT INTO `t` (`a`) VALUES\n(1)\n(0x61)\nend\n";
        let found = on("mariadb-inserts", &[], text.as_bytes()).expect("read");
        assert_eq!(
            String::from_utf8_lossy(&found),
            "INSERT INTO `t` (`a`) VALUES\n(1),\n(0x61);\n"
        );
        let text = "INSERT INTO `t` (`a`) VALUES\nALTER TABLE `t` AUTO_INCREMENT=7\n";
        let found = on("mariadb-inserts", &[], text.as_bytes()).expect("read");
        assert_eq!(String::from_utf8_lossy(&found), "ALTER TABLE `t` AUTO_INCREMENT=7;\n");
        let long = format!("({})\n", "1".repeat(700_000));
        let text = format!("INSERT INTO `t` (`a`) VALUES\n{long}{long}{long}end\n");
        let found = on("mariadb-inserts", &[], text.as_bytes()).expect("read");
        assert_eq!(String::from_utf8_lossy(&found).matches("INSERT ").count(), 2);
        for wrong in
            ["", "ERROR\n", "INSERT x\n(1)\n", "INSERT x\nNULL\nend\n", "INSERT x\n(1\nend\n"]
        {
            on("mariadb-inserts", &[], wrong.as_bytes()).expect_err(wrong);
        }
    }

    #[test]
    fn s9_a_name_is_no_statement() {
        let found =
            on("mariadb-item", &["shop.`a'; DROP`"], b"SELECT @table_name;\n").expect("read");
        assert_eq!(
            String::from_utf8_lossy(&found),
            "SET @schema_name = CONVERT(X'73686f70' USING utf8mb4), @table_name = \
             CONVERT(X'61273b2044524f50' USING utf8mb4);\nSELECT @table_name;\n"
        );
        on("mariadb-item", &["shop.a; DROP"], b"").expect_err("no name");
    }
}
