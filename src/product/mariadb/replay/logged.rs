//! Carries a transaction out, so that the server logs it under its position, as one.

use std::collections::{BTreeSet, HashMap};

use super::super::alter::without_how;
use super::super::binlog::{Event, Kind, LogFile};
use super::super::client::Server;
use super::super::group::{Form, Group, int_var, rand_seeds, table_name, user_var};
use super::super::name::TableName;
use super::super::query::Query;
use super::super::rows::{Rows, plain};
use super::super::session::as_its_user;
use super::classes::Class;
use super::{Replay, Stop};

impl<S: Server> Replay<S> {
    /// A transaction, or a statement that is one, in the format of its log. In row format, what a
    /// statement changes in a table that cannot roll back would be logged before the transaction, and
    /// would take its position.
    pub(super) fn as_logged(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        classes: &BTreeSet<Class>,
    ) -> Result<(), Stop> {
        if !group.by_statement || group.form != Form::Transaction {
            return self.logged(file, group, classes);
        }
        // Rows are not taken in the format STATEMENT.
        let format = if group.tables.is_empty() { "STATEMENT" } else { "MIXED" };
        self.statement(format!("SET @@session.binlog_format={format}").as_bytes())?;
        self.logged(file, group, classes)?;
        self.statement(b"SET @@session.binlog_format=DEFAULT")
    }

    /// A transaction, or a statement that is one.
    fn logged(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        classes: &BTreeSet<Class>,
    ) -> Result<(), Stop> {
        let best = classes.last().copied().unwrap_or(Class::Transactional);
        if classes.len() > 1 {
            self.log(false)?;
            for class in classes.iter().filter(|class| **class != best) {
                self.events(file, group, |this, event, table| {
                    event.kind.is_rows() && this.has_class(table, *class, classes)
                })?;
            }
            self.log(true)?;
        }
        if best != Class::Transactional {
            return self.last_logged(file, group, best, classes);
        }
        self.position(group.gtid)?;
        match &group.form {
            Form::Transaction => self.statement(b"START TRANSACTION")?,
            Form::Xa(name) => self.statement(format!("XA START {name}").as_bytes())?,
            _ => {}
        }
        self.events(file, group, |this, event, table| {
            !event.kind.is_rows() || this.has_class(table, best, classes)
        })
    }

    /// Rows of tables that cannot roll back: each statement commits, so only the last one is logged.
    fn last_logged(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        best: Class,
        classes: &BTreeSet<Class>,
    ) -> Result<(), Stop> {
        let (mut rows, mut held, mut names) = (Rows::default(), None, HashMap::new());
        let (mut event, mut unlogged) = (Event::default(), false);
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            let table = self.table(&event, &mut names);
            event = plain(event).map_err(|what| file.wrong(&what))?;
            let next = match event.kind {
                Kind::TableMap => rows.take(std::mem::take(&mut event)),
                kind if kind.is_rows() && self.left_out.has(group, table.as_ref()) => {
                    rows.pass_over(&event)
                }
                kind if kind.is_rows() && self.has_class(table.as_ref(), best, classes) => {
                    rows.take(std::mem::take(&mut event))
                }
                _ => rows.rest(),
            };
            if next.is_none() {
                continue;
            }
            let before = std::mem::replace(&mut held, next);
            if before.is_some() && !unlogged {
                self.log(false)?;
                unlogged = true;
            }
            self.rows(before)?;
        }
        if unlogged {
            self.log(true)?;
        }
        self.position(group.gtid)?;
        self.statement(b"START TRANSACTION")?;
        self.rows(held)?;
        self.statement(b"COMMIT")
    }

    fn table(&self, event: &Event, names: &mut HashMap<u64, TableName>) -> Option<TableName> {
        if event.kind == Kind::TableMap {
            let (id, name) = table_name(event)?;
            names.insert(id, name.clone());
            return Some(name);
        }
        event.kind.is_rows().then(|| names.get(&event.table_id()).cloned()).flatten()
    }

    /// Goes through the events of a transaction, and sends those that are `wanted`.
    pub(super) fn events(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        wanted: impl Fn(&Self, &Event, Option<&TableName>) -> bool,
    ) -> Result<(), Stop> {
        let (mut rows, mut names, mut event) = (Rows::default(), HashMap::new(), Event::default());
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            if event.kind == Kind::TableMap {
                self.table(&event, &mut names);
                rows.take(std::mem::take(&mut event));
                continue;
            }
            let table = self.table(&event, &mut names);
            if event.kind.is_rows() && self.left_out.has(group, table.as_ref()) {
                let statement = rows.pass_over(&event);
                self.rows(statement)?;
                continue;
            }
            if !wanted(self, &event, table.as_ref()) {
                continue;
            }
            if event.kind.is_rows() {
                event = plain(event).map_err(|what| file.wrong(&what))?;
                let statement = rows.take(std::mem::take(&mut event));
                self.rows(statement)?;
            } else {
                self.rows(rows.rest())?;
                self.event(file, group, &event)?;
            }
        }
        self.rows(rows.rest())
    }

    /// An event without rows.
    fn event(&mut self, file: &LogFile, group: &Group, event: &Event) -> Result<(), Stop> {
        let unknown = || Stop::Failed(file.wrong("backout does not know the form of this event"));
        match event.kind {
            Kind::Xid => self.statement(b"COMMIT"),
            Kind::XaPrepare => {
                let Form::Xa(name) = &group.form else { return Err(unknown()) };
                let one_phase = event.body().first().is_some_and(|byte| *byte != 0);
                let text = if one_phase {
                    format!("XA COMMIT {name} ONE PHASE")
                } else {
                    format!("XA PREPARE {name}")
                };
                self.statement(text.as_bytes())
            }
            Kind::IntVar => {
                let (which, value) = int_var(event).ok_or_else(unknown)?;
                let name = if which == 1 { "LAST_INSERT_ID" } else { "INSERT_ID" };
                self.statement(format!("SET {name}={value}").as_bytes())
            }
            Kind::Rand => {
                let (one, two) = rand_seeds(event).ok_or_else(unknown)?;
                let text = format!("SET @@session.rand_seed1={one}, @@session.rand_seed2={two}");
                self.statement(text.as_bytes())
            }
            Kind::UserVar => {
                for text in user_var(event).ok_or_else(unknown)? {
                    self.statement(text.as_bytes())?;
                }
                Ok(())
            }
            Kind::Query | Kind::QueryCompressed => {
                let mut query = Query::of(event).map_err(|what| file.wrong(&what))?;
                if query.looks_of_server() {
                    query.is_of_server();
                }
                if !query.ends() {
                    let settings = self.session.set(&query);
                    self.statements(&settings)?;
                }
                self.statement(without_how(&as_its_user(&query)))?;
                if group.defines {
                    self.forget_dropped(&query);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A schema that was dropped is not in use any more.
    fn forget_dropped(&mut self, query: &Query) {
        let begins = query.begins();
        if ["DROP DATABASE", "DROP SCHEMA", "CREATE OR REPLACE"]
            .iter()
            .any(|it| begins.starts_with(it))
        {
            self.session.forget_schema();
        }
    }
}
