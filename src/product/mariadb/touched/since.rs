//! What was written since both servers were compared, while clients write.

use std::collections::{BTreeMap, BTreeSet};

use super::super::name::TableName;
use super::super::whole::schema::Schema;
use super::keys::Keys;
use super::part::Part;
use super::{Seen, print, tables};
use crate::product::stream::{HelperError, Streams};

/// Prints what these parts of a log touched, as `mariadb-touched` does, for lists that say of each
/// item that they have it anew. A line has what a list shows of it behind a tab: of a key, as SQL,
/// and `*` of a table. `earlier`: the parts before these, the last one first. `carried`: tables that
/// the feed does not bring. The log may grow meanwhile, and has all that the tables were when
/// `whole.sql` and `touched.sql` ran.
///
/// # Errors
/// When a file cannot be read.
pub(in super::super) fn since(
    mut parts: Vec<Part>,
    earlier: impl Iterator<Item = Part>,
    carried: BTreeSet<TableName>,
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (schema, keys) = tables(streams.input)?;
    let mut seen = Seen::default();
    seen.read(&mut parts)?;
    match std::mem::take(&mut seen.xa).found(earlier)? {
        Some(mut more) => {
            seen.read(&mut more)?;
            parts.extend(more);
        }
        None => {
            seen.unknown.get_or_insert("an XA transaction was prepared long ago".into());
        }
    }
    if !seen.dropped.is_empty() {
        // Which tables it had stands nowhere.
        seen.unknown.get_or_insert("a schema was dropped".into());
    }
    let anew = Anew::new(&schema, carried);
    print(&parts, (schema, keys), seen, Some(anew), streams.output)
}

/// For a list that says what it has anew.
#[derive(Debug)]
pub(super) struct Anew {
    /// Tables that the feed does not bring.
    carried: BTreeSet<TableName>,
    /// Tables by their names as a list shows them: `a.b.c` may be two.
    shown: BTreeMap<Vec<u8>, Vec<TableName>>,
}

fn shown((schema, table): &TableName) -> Vec<u8> {
    [schema.as_slice(), table].join(&b'.')
}

impl Anew {
    fn new(schema: &Schema, carried: BTreeSet<TableName>) -> Self {
        let mut all: BTreeMap<Vec<u8>, Vec<TableName>> = BTreeMap::new();
        for table in schema.tables.keys() {
            all.entry(shown(table)).or_default().push(table.clone());
        }
        Self { carried, shown: all }
    }

    /// Whether it can be told what a list shows of a table's keys.
    pub(super) fn tells(&self, table: &TableName, keys: &Keys) -> bool {
        let alone = self.shown.get(&shown(table)).is_none_or(|tables| tables.len() == 1);
        let mut columns = keys.primary.get(table).into_iter().flatten();
        alone && columns.all(|column| column.is_shown())
    }

    /// Adds what is listed whole besides: what the feed does not bring, tables that may be gone, and
    /// what a list shows under the same name.
    pub(super) fn complete(&self, whole: &mut BTreeSet<TableName>, seen: &Seen) {
        whole.extend(self.carried.iter().chain(&seen.named).cloned());
        let alike = whole.iter().filter_map(|table| self.shown.get(&shown(table))).flatten();
        let alike: Vec<TableName> = alike.cloned().collect();
        whole.extend(alike);
    }
}
