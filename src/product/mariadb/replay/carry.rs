//! Tables that a feed cannot carry faithfully: they are noted before their first change, and carried
//! whole at the switch.

use std::collections::{BTreeSet, VecDeque};

use super::super::binlog::{Event, Kind, LogFile};
use super::super::client::Server;
use super::super::group::{Form, Group};
use super::super::name::{TableName, is_own_schema, of_hex, value};
use super::super::query::Query;
use super::super::whole::{Table, Touch, read_ddl, reason};
use super::{Replay, Stop};

/// What a table of the standby is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    table: Table,
    /// A foreign key binds it.
    bound: bool,
}

impl<S: Server> Replay<S> {
    /// Notes the tables of a transaction that have to be carried whole.
    pub(super) fn carry(&mut self, file: &mut LogFile, group: &Group) -> Result<(), Stop> {
        if self.feed.is_none() {
            return Ok(());
        }
        if group.defines {
            self.carry_defined(file, group)?;
        }
        if group.form == Form::CreateSelect {
            return Ok(());
        }
        let known = |this: &Self, table: &TableName| this.left_out.names(table);
        let tables: Vec<TableName> = group
            .tables
            .keys()
            .filter(|table| !is_own_schema(&table.0) && !known(self, table))
            .cloned()
            .collect();
        for table in tables {
            let Some(facts) = self.facts(&table)? else { continue };
            let changed = u64::from(group.changed.contains(&table));
            let touch = Touch { inserted: 1, changed, made_up: None };
            if let Some((why, must)) = reason(&facts.table, &touch) {
                self.carried(&table, must || !facts.bound, &why)?;
            }
        }
        Ok(())
    }

    /// A table with another name is carried as the one that it was; a table may get values that
    /// differ each time.
    fn carry_defined(&mut self, file: &mut LogFile, group: &Group) -> Result<(), Stop> {
        let mut event = Event::default();
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            if !matches!(event.kind, Kind::Query | Kind::QueryCompressed) {
                continue;
            }
            let query = Query::of(&event).map_err(|what| file.wrong(&what))?;
            let found = read_ddl(&query);
            if let Some((table, what)) = found.made_up {
                self.carried(&table, false, &format!("{what} gave other values"))?;
            }
            for (from, to) in found.renames {
                let known =
                    self.feed.as_ref().and_then(|feed| feed.notes.whole.get(&from).copied());
                if let Some(out) = known {
                    self.carried(&to, out, "it had the name of a table that is carried whole")?;
                }
            }
        }
        Ok(())
    }

    /// Notes it. Rows that are not replayed must not keep others from being replayed: what foreign
    /// keys bind to their table is carried whole, too.
    fn carried(&mut self, table: &TableName, out: bool, why: &str) -> Result<(), Stop> {
        let Some(feed) = &mut self.feed else { return Ok(()) };
        feed.notes.whole(table, out, why)?;
        if !out || self.left_out.names(table) {
            return Ok(());
        }
        self.left_out.add(table.clone());
        let (mut seen, mut rest) =
            (BTreeSet::from([table.clone()]), VecDeque::from([table.clone()]));
        while let Some(table) = rest.pop_front() {
            for other in self.bound_to(&table)? {
                if seen.insert(other.clone()) {
                    if let Some(feed) = &mut self.feed {
                        let why = "a foreign key binds it to a table that is";
                        feed.notes.whole(&other, true, why)?;
                    }
                    self.left_out.add(other.clone());
                    rest.push_back(other);
                }
            }
        }
        Ok(())
    }

    /// Asks the standby what a table is. `None`: there is none.
    fn facts(&mut self, table: &TableName) -> Result<Option<Facts>, Stop> {
        if let Some(known) = self.feed.as_ref().and_then(|feed| feed.facts.get(table)) {
            return Ok(known.clone());
        }
        let of = |schema: &str, name: &str| {
            format!("{schema} = {} AND {name} = {}", value(&table.0), value(&table.1))
        };
        let here = of("TABLE_SCHEMA", "TABLE_NAME");
        let index = |what: &str| {
            format!("(SELECT COUNT(*) FROM information_schema.STATISTICS WHERE {here} AND {what})")
        };
        let generated = "IS_GENERATED = 'ALWAYS' AND IFNULL(GENERATION_EXPRESSION, '') NOT IN \
                         ('ROW START', 'ROW END')";
        let columns = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE";
        let indexed = format!(
            "(SELECT COUNT(*) FROM information_schema.STATISTICS s JOIN information_schema.COLUMNS \
             c ON c.COLUMN_NAME = s.COLUMN_NAME WHERE {} AND {} AND c.{generated})",
            of("s.TABLE_SCHEMA", "s.TABLE_NAME"),
            of("c.TABLE_SCHEMA", "c.TABLE_NAME"),
        );
        let keys = "SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE";
        let expression = [
            "IFNULL(t.ENGINE, '-')".to_owned(),
            index("INDEX_NAME = 'PRIMARY'"),
            index("INDEX_TYPE = 'BTREE'"),
            index("INDEX_TYPE = 'HASH'"),
            format!("({columns} {here} AND {generated} AND EXTRA LIKE '%STORED%')"),
            indexed,
            format!("({keys} {})", of("CONSTRAINT_SCHEMA", "TABLE_NAME")),
            format!("({keys} {})", of("UNIQUE_CONSTRAINT_SCHEMA", "REFERENCED_TABLE_NAME")),
        ]
        .join(", ");
        let from = format!(
            " FROM information_schema.TABLES t WHERE {}",
            of("t.TABLE_SCHEMA", "t.TABLE_NAME")
        );
        let said = self.value(&format!("CONCAT_WS(' ', {expression})"), &from)?;
        let facts = said.as_deref().and_then(Facts::of);
        if let Some(feed) = &mut self.feed {
            feed.facts.insert(table.clone(), facts.clone());
        }
        Ok(facts)
    }

    /// The tables that foreign keys bind to one.
    fn bound_to(&mut self, table: &TableName) -> Result<Vec<TableName>, Stop> {
        let (schema, name) = (value(&table.0), value(&table.1));
        let list = |schema: &str, name: &str| {
            format!("GROUP_CONCAT(CONCAT(HEX({schema}), '.', HEX({name})) SEPARATOR ' ')")
        };
        let mut found = Vec::new();
        for (mine, my_name, other, other_name) in [
            (
                "CONSTRAINT_SCHEMA",
                "TABLE_NAME",
                "UNIQUE_CONSTRAINT_SCHEMA",
                "REFERENCED_TABLE_NAME",
            ),
            (
                "UNIQUE_CONSTRAINT_SCHEMA",
                "REFERENCED_TABLE_NAME",
                "CONSTRAINT_SCHEMA",
                "TABLE_NAME",
            ),
        ] {
            let from = format!(
                " FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE {mine} = {schema} AND \
                 {my_name} = {name}"
            );
            self.statement(b"SET @@session.group_concat_max_len=60000")?;
            let said = self.value(&list(other, other_name), &from)?.unwrap_or_default();
            found.extend(said.split_whitespace().filter_map(|word| {
                let (schema, name) = word.split_once('.')?;
                of_hex(schema, name)
            }));
        }
        Ok(found)
    }

    /// What tables are may be another thing from now on.
    pub(super) fn forget_tables(&mut self) {
        self.classes.clear();
        if let Some(feed) = &mut self.feed {
            feed.facts.clear();
        }
    }
}

impl Facts {
    /// Reads what the server printed.
    fn of(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let engine = words.next()?.to_owned();
        let mut some = || Some(words.next()?.parse::<u64>().ok()? > 0);
        let (primary, indexed, hashed) = (some()?, some()?, some()?);
        let generated = some()? | some()?;
        let bound = some()? | some()?;
        let table = Table { engine, bytes: 0, primary, indexed, generated, hashed };
        Some(Self { table, bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_a_table() {
        let facts = Facts::of("InnoDB 1 2 0 0 1 0 1").expect("complete");
        assert!(facts.bound && facts.table.generated && facts.table.primary);
        assert!(!facts.table.hashed);
        assert_eq!(Facts::of("InnoDB 1 2 0"), None);
    }
}
