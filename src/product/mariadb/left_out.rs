//! Tables whose rows are not replayed, because they are carried whole.

use std::collections::BTreeSet;
use std::path::Path;

use super::group::{Form, Group};
use super::name::{TableName, in_hex, of_hex, value};
use crate::host::files::stat_optional;
use crate::product::stream::HelperError;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    names: BTreeSet<TableName>,
    /// Tables that are not there any more at the end of the log.
    gone: BTreeSet<TableName>,
    /// Events that are off at the end: some have run for the last time, which no log says.
    ended: BTreeSet<TableName>,
}

/// Behind the name of a table that is gone.
const GONE: &str = " gone";
/// Behind the name of an event that is off.
const ENDED: &str = " event off";

impl LeftOut {
    /// Reads them, if the first argument is `--left-out=FILE`. Returns them and what is behind it.
    /// Without the file's folder nothing was looked for, as the upgraded version was dead: then
    /// nothing is left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn of(arguments: &[String]) -> Result<(Self, &[String]), HelperError> {
        let Some((first, rest)) = arguments.split_first() else {
            return Ok((Self::default(), arguments));
        };
        let Some(path) = first.strip_prefix("--left-out=") else {
            return Ok((Self::default(), arguments));
        };
        if let Some(folder) = Path::new(path).parent() {
            let there = stat_optional(folder).map_err(|error| {
                HelperError::Failed(format!("cannot look at {}: {error}", folder.display()))
            })?;
            if there.is_none() {
                return Ok((Self::default(), rest));
            }
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| HelperError::Failed(format!("cannot read {path}: {error}")))?;
        let name = |line: &str| {
            let (schema, table) = line.split_once(' ')?;
            of_hex(schema, table)
        };
        let mut found = Self::default();
        for line in text.lines() {
            let (line, list) = if let Some(line) = line.strip_suffix(GONE) {
                (line, &mut found.gone)
            } else if let Some(line) = line.strip_suffix(ENDED) {
                (line, &mut found.ended)
            } else {
                (line, &mut found.names)
            };
            let name = name(line).ok_or_else(|| {
                HelperError::Failed(format!("{path} is no list of tables: damaged"))
            })?;
            list.insert(name);
        }
        Ok((found, rest))
    }

    /// The file's text.
    pub(super) fn text(
        names: &BTreeSet<TableName>,
        gone: &BTreeSet<TableName>,
        ended: &BTreeSet<TableName>,
    ) -> String {
        let line = |name: &TableName, end: &str| format!("{}{end}\n", in_hex(name));
        let names = names.iter().map(|name| line(name, ""));
        let gone = gone.iter().map(|name| line(name, GONE));
        let ended = ended.iter().map(|name| line(name, ENDED));
        names.chain(gone).chain(ended).collect()
    }

    /// A transaction was rejected: from now on, rows of its tables that are gone at the end are left
    /// out. Whether there are such.
    pub(super) fn gone_of(&mut self, group: &Group) -> bool {
        let gone: Vec<_> =
            group.tables.keys().filter(|table| self.gone.contains(*table)).cloned().collect();
        for table in &gone {
            self.gone.remove(table);
        }
        self.names.extend(gone.iter().cloned());
        !gone.is_empty()
    }

    /// The statement that turns off what must not run again, if there is any. It is not for the log.
    pub(super) fn ends_events(&self) -> Option<Vec<u8>> {
        // No cast: with PAD_CHAR_TO_FULL_LENGTH, spaces would be in it.
        let named = |(schema, event): &TableName| {
            format!("(db = {} AND name = {})", value(schema), value(event))
        };
        let named: Vec<String> = self.ended.iter().map(named).collect();
        let text = format!(
            "UPDATE mysql.event SET status = 'DISABLED', modified = modified WHERE status = \
             'ENABLED' AND ({})",
            named.join(" OR ")
        );
        (!named.is_empty()).then(|| text.into_bytes())
    }

    /// Takes one more.
    pub(super) fn add(&mut self, table: TableName) {
        self.names.insert(table);
    }

    /// Whether it is one of them.
    pub(super) fn names(&self, table: &TableName) -> bool {
        self.names.contains(table)
    }

    /// Whether rows of this table are left out. Those that a table is made with never are.
    pub(super) fn has(&self, group: &Group, table: Option<&TableName>) -> bool {
        group.form != Form::CreateSelect && table.is_some_and(|table| self.names.contains(table))
    }

    /// Whether nothing of a transaction is left.
    pub(super) fn all_of(&self, group: &Group) -> bool {
        !group.defines
            && !group.tables.is_empty()
            && group.tables.keys().all(|table| self.has(group, Some(table)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_looked_for_nothing_is_left_out() {
        let dir = tempfile::tempdir().expect("temp dir");
        let option = |name: &str| vec![format!("--left-out={}", dir.path().join(name).display())];
        assert!(LeftOut::of(&option("never/left-out")).is_ok_and(|(it, _)| it.names.is_empty()));
        // It was looked for, and the list is gone: a fault.
        assert!(LeftOut::of(&option("left-out")).is_err());
    }
}
