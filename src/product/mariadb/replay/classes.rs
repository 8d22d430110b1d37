//! Which kinds of tables a transaction changes, and which of them are not there.

use std::collections::BTreeSet;

use super::super::client::Server;
use super::super::group::{Form, Group};
use super::super::name::{self, TableName, shown_table};
use super::{Replay, Stop};

/// What a table can do, the least first. Rows of a table that cannot roll back get a transaction of
/// their own in the server's log, as soon as a statement ends. What the log holds as one transaction
/// would become several, and the next one would be refused. So only rows of the best kind are
/// logged under its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Sequence,
    Plain,
    Transactional,
}

impl<S: Server> Replay<S> {
    /// Which kinds of tables a transaction changes. One event with rows needs no look.
    pub(super) fn classes_of(&mut self, group: &Group) -> Result<BTreeSet<Class>, Stop> {
        if group.form == Form::CreateSelect || group.tables.values().sum::<u64>() < 2 {
            return Ok(BTreeSet::from([Class::Transactional]));
        }
        group.tables.keys().map(|table| self.class(table)).collect()
    }

    /// A table of this transaction that is not there, of those that were missed before: the server
    /// would end the client with an error, and a new client takes longer than a question.
    pub(super) fn absent(&mut self, group: &Group) -> Result<Option<String>, Stop> {
        if group.form == Form::CreateSelect {
            return Ok(None);
        }
        for table in group
            .tables
            .keys()
            .filter(|table| self.missed.contains(*table))
            .cloned()
            .collect::<Vec<_>>()
        {
            let from = format!(" FROM information_schema.TABLES t WHERE {}", named(&table));
            if self.value("'x'", &from)?.is_none() {
                return Ok(Some(shown_table(&table)));
            }
        }
        Ok(None)
    }

    fn class(&mut self, table: &TableName) -> Result<Class, Stop> {
        if let Some(class) = self.classes.get(table) {
            return Ok(*class);
        }
        let from = format!(
            " FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = \
             t.ENGINE WHERE {}",
            named(table)
        );
        let expression = "IF(t.TABLE_TYPE = 'SEQUENCE', 's', IF(e.TRANSACTIONS = 'YES', 't', 'p'))";
        let class = match self.value(expression, &from)?.as_deref() {
            Some("s") => Class::Sequence,
            Some("p") => Class::Plain,
            _ => Class::Transactional,
        };
        self.classes.insert(table.clone(), class);
        Ok(class)
    }

    pub(super) fn has_class(
        &self,
        table: Option<&TableName>,
        class: Class,
        classes: &BTreeSet<Class>,
    ) -> bool {
        classes.len() < 2 || table.and_then(|table| self.classes.get(table)) == Some(&class)
    }
}

/// The condition that an entry of `information_schema.TABLES t` is of this table.
fn named(table: &TableName) -> String {
    let (schema, table) = (name::value(&table.0), name::value(&table.1));
    format!(
        "t.TABLE_SCHEMA = {schema} AND t.TABLE_NAME = {table} AND \
         CAST(t.TABLE_NAME AS BINARY) = CAST({table} AS BINARY)"
    )
}
