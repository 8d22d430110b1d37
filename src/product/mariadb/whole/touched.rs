//! Which tables a log changes, and how.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::binlog::{Event, Kind, LogFile};
use super::super::group::table_name;
use super::super::name::TableName;
use super::super::query::Query;
use super::ddl;
use crate::product::stream::HelperError;

/// How a table was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Touch {
    /// Bytes of rows that were inserted.
    pub(in super::super) inserted: u64,
    /// Bytes of rows that were changed or deleted.
    pub(in super::super) changed: u64,
    /// What in a statement gave its rows values that differ each time.
    pub(in super::super) made_up: Option<String>,
}

/// What a log does to tables, by the names that they had then.
#[derive(Debug, Default)]
pub(in super::super) struct Touched {
    pub(in super::super) tables: BTreeMap<TableName, Touch>,
    /// Names that one table had one after the other.
    renames: Vec<(TableName, TableName)>,
}

impl Touched {
    /// Reads the files of a log.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(in super::super) fn read(files: &[String]) -> Result<Self, HelperError> {
        let (mut found, mut event) = (Self::default(), Event::default());
        for path in files {
            let (mut file, mut names) = (LogFile::open(path)?, HashMap::new());
            while file.next(&mut event)? {
                found.event(&file, &event, &mut names)?;
            }
        }
        Ok(found)
    }

    /// Takes an event. `names`: the tables of this file so far.
    ///
    /// # Errors
    /// When it is cut off.
    pub(in super::super) fn event(
        &mut self,
        file: &LogFile,
        event: &Event,
        names: &mut HashMap<u64, TableName>,
    ) -> Result<(), HelperError> {
        match event.kind {
            Kind::TableMap => {
                let (id, name) =
                    table_name(event).ok_or_else(|| file.wrong("a table's name is cut off"))?;
                names.insert(id, name);
            }
            Kind::Write | Kind::Update | Kind::Delete => {
                if let Some(name) = names.get(&event.table_id()) {
                    let touch = self.tables.entry(name.clone()).or_default();
                    let bytes = event.bytes.len() as u64;
                    if event.kind == Kind::Write {
                        touch.inserted += bytes;
                    } else {
                        touch.changed += bytes;
                    }
                }
            }
            Kind::Query | Kind::QueryCompressed => {
                let query = Query::of(event).map_err(|what| file.wrong(&what))?;
                let found = ddl::of(&query);
                self.renames.extend(found.renames);
                if let Some((table, what)) = found.made_up {
                    self.tables.entry(table).or_default().made_up.get_or_insert(what);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// All names that a table may have had, its own among them. Those of other tables are there,
    /// too, where a name was given to one after the other.
    pub(in super::super) fn names(&self, table: &TableName) -> BTreeSet<TableName> {
        let mut all = BTreeSet::from([table.clone()]);
        loop {
            let before = all.len();
            for (from, to) in &self.renames {
                if all.contains(from) || all.contains(to) {
                    all.extend([from.clone(), to.clone()]);
                }
            }
            if all.len() == before {
                return all;
            }
        }
    }

    /// What was done to a table under any of its names.
    pub(in super::super) fn of(&self, table: &TableName) -> Option<Touch> {
        let names = self.names(table);
        let mut touches = names.iter().filter_map(|name| self.tables.get(name));
        let first = touches.next()?.clone();
        Some(touches.fold(first, |sum, other| Touch {
            inserted: sum.inserted + other.inserted,
            changed: sum.changed + other.changed,
            made_up: sum.made_up.or_else(|| other.made_up.clone()),
        }))
    }
}
