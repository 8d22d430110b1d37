//! Tables whose rows are not replayed, because they are carried whole.

use std::collections::BTreeSet;
use std::path::Path;

use super::group::{Form, Group};
use super::name::TableName;
use crate::host::files::stat_optional;
use crate::product::stream::HelperError;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LeftOut(BTreeSet<TableName>);

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
            Some((hex::decode(schema).ok()?, hex::decode(table).ok()?))
        };
        let names: Option<BTreeSet<TableName>> = text.lines().map(name).collect();
        let names = names
            .ok_or_else(|| HelperError::Failed(format!("{path} is no list of tables: damaged")))?;
        Ok((Self(names), rest))
    }

    /// Takes one more.
    pub(super) fn add(&mut self, table: TableName) {
        self.0.insert(table);
    }

    /// Whether it is one of them.
    pub(super) fn names(&self, table: &TableName) -> bool {
        self.0.contains(table)
    }

    /// Whether rows of this table are left out. Those that a table is made with never are.
    pub(super) fn has(&self, group: &Group, table: Option<&TableName>) -> bool {
        group.form != Form::CreateSelect && table.is_some_and(|table| self.0.contains(table))
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
        assert!(LeftOut::of(&option("never/left-out")).is_ok_and(|(it, _)| it.0.is_empty()));
        // It was looked for, and the list is gone: a fault.
        assert!(LeftOut::of(&option("left-out")).is_err());
    }
}
