//! The tables of a server, as `whole.sql` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use super::super::name::TableName;
use crate::product::stream::{HelperError, next_line};

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Table {
    pub(in super::super) engine: String,
    pub(in super::super) bytes: u64,
    /// It has a primary key.
    pub(in super::super) primary: bool,
    /// It has an index that a row is found by.
    pub(in super::super) indexed: bool,
    /// It has generated columns that are stored or indexed.
    pub(in super::super) generated: bool,
    /// It has a unique index over texts of any length.
    pub(in super::super) hashed: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Reference {
    pub(in super::super) child: TableName,
    pub(in super::super) parent: TableName,
    /// What happens to a parent's row happens to the child's.
    pub(in super::super) cascades: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(in super::super) struct Schema {
    pub(in super::super) tables: BTreeMap<TableName, Table>,
    pub(in super::super) references: Vec<Reference>,
    /// Events that are off.
    pub(in super::super) ended: BTreeSet<TableName>,
}

impl Schema {
    /// Reads what the server printed.
    ///
    /// # Errors
    /// When a line is not as it must be.
    pub(in super::super) fn read(input: &mut dyn BufRead) -> Result<Self, HelperError> {
        let (mut schema, mut line) = (Self::default(), Vec::new());
        while next_line(input, &mut line)? {
            let fields: Vec<Vec<u8>> = line.split(|byte| *byte == b'\t').map(plain).collect();
            let wrong = || {
                let text = String::from_utf8_lossy(&line);
                HelperError::Failed(format!(
                    "{text:?} is no line about a table, a foreign key or an event"
                ))
            };
            let yes = |field: &[u8]| field != b"0";
            match fields.as_slice() {
                [kind, schema_name, name, engine, bytes, primary, indexed, generated, hashed]
                    if kind == b"table" =>
                {
                    let bytes = String::from_utf8_lossy(bytes).parse().map_err(|_| wrong())?;
                    let table = Table {
                        engine: String::from_utf8_lossy(engine).into_owned(),
                        bytes,
                        primary: yes(primary),
                        indexed: yes(indexed),
                        generated: yes(generated),
                        hashed: yes(hashed),
                    };
                    schema.tables.insert((schema_name.clone(), name.clone()), table);
                }
                [kind, schema_name, child, other, parent, cascades] if kind == b"key" => {
                    schema.references.push(Reference {
                        child: (schema_name.clone(), child.clone()),
                        parent: (other.clone(), parent.clone()),
                        cascades: yes(cascades),
                    });
                }
                [kind, schema_name, event] if kind == b"event" => {
                    schema.ended.insert((schema_name.clone(), event.clone()));
                }
                _ => return Err(wrong()),
            }
        }
        if schema.tables.is_empty() && !schema.references.is_empty() {
            return Err(HelperError::Failed("the server listed no table".into()));
        }
        Ok(schema)
    }
}

/// A value without the client's escapes.
pub(in super::super) fn plain(field: &[u8]) -> Vec<u8> {
    let (mut value, mut bytes) = (Vec::new(), field.iter().copied());
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    value
}
