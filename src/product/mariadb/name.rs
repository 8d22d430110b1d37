//! Names of schemas, tables and accounts, as SQL.

/// A schema and a table.
pub(super) type TableName = (Vec<u8>, Vec<u8>);

/// Whether a schema is the server's own: accounts and definitions stand in it.
pub(super) fn is_own_schema(schema: &[u8]) -> bool {
    let own: [&[u8]; 4] = [b"mysql", b"sys", b"information_schema", b"performance_schema"];
    own.contains(&schema)
}

/// Schema and table in hexadecimal digits, with a space between.
pub(super) fn in_hex((schema, table): &TableName) -> String {
    format!("{} {}", hex::encode(schema), hex::encode(table))
}

/// The table of which these are the digits.
pub(super) fn of_hex(schema: &str, table: &str) -> Option<TableName> {
    Some((hex::decode(schema).ok()?, hex::decode(table).ok()?))
}

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
