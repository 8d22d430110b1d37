//! The keys of a server's tables, as `touched.sql` lists them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::name::TableName;
use super::super::whole::schema::plain;
use super::values::KeyColumn;
use crate::product::stream::HelperError;

/// What happens to rows of another table with those of this one. The log does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cascade {
    pub(super) child: TableName,
    /// When a row is deleted.
    pub(super) deletes: bool,
    /// When these columns of it are changed.
    pub(super) updates: BTreeSet<usize>,
}

/// The tables of a server.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The columns of each primary key, in its order.
    pub(super) primary: BTreeMap<TableName, Vec<KeyColumn>>,
    /// Tables that keep their history.
    pub(super) versioned: BTreeSet<TableName>,
    pub(super) sequences: BTreeSet<TableName>,
    pub(super) cascades: BTreeMap<TableName, Vec<Cascade>>,
}

impl Keys {
    /// Takes a line of the server.
    ///
    /// # Errors
    /// When it is not as it must be.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), HelperError> {
        let wrong = || {
            let text = String::from_utf8_lossy(line);
            HelperError::Failed(format!("{text:?} is no line about a table or a key"))
        };
        let fields: Vec<Vec<u8>> = line.split(|byte| *byte == b'\t').map(plain).collect();
        let number =
            |field: &[u8]| String::from_utf8_lossy(field).parse::<usize>().map_err(|_| wrong());
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        match fields.as_slice() {
            [what, schema, table, at, kind, unsigned, charset, bytes, padded]
                if what == b"primary" =>
            {
                let column = KeyColumn {
                    at: number(at)?.checked_sub(1).ok_or_else(wrong)?,
                    kind: text(kind),
                    unsigned: unsigned == b"1",
                    charset: text(charset),
                    bytes: number(bytes)?,
                    padded: padded == b"1",
                };
                let name = (schema.clone(), table.clone());
                self.primary.entry(name).or_default().push(column);
            }
            [what, schema, table] if what == b"versioned" => {
                self.versioned.insert((schema.clone(), table.clone()));
            }
            [what, schema, table] if what == b"sequence" => {
                self.sequences.insert((schema.clone(), table.clone()));
            }
            [what, schema, table, other, child, deletes, updates, at] if what == b"cascade" => {
                let column = number(at)?.checked_sub(1).ok_or_else(wrong)?;
                let name = (schema.clone(), table.clone());
                self.cascades.entry(name).or_default().push(Cascade {
                    child: (other.clone(), child.clone()),
                    deletes: deletes == b"1",
                    updates: (updates == b"1").then_some(column).into_iter().collect(),
                });
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}
