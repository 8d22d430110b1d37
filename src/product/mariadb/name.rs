//! Names of schemas, tables and accounts, as SQL.

/// A schema and a table.
pub(super) type TableName = (Vec<u8>, Vec<u8>);

/// A name in back quotes.
pub(super) fn quoted(name: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'`'];
    for byte in name {
        quoted.push(*byte);
        if *byte == b'`' {
            quoted.push(b'`');
        }
    }
    quoted.push(b'`');
    quoted
}

/// A table in back quotes, with its schema.
pub(super) fn quoted_table((schema, table): &TableName) -> Vec<u8> {
    [quoted(schema), quoted(table)].join(&b'.')
}

/// The same as text.
pub(super) fn shown_table(table: &TableName) -> String {
    String::from_utf8_lossy(&quoted_table(table)).into_owned()
}

/// A name as a value, whatever it holds.
pub(super) fn value(name: &[u8]) -> String {
    format!("CONVERT(X'{}' USING utf8mb4)", hex::encode(name))
}
