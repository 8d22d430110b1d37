//! Tables that are made of others.

use super::Generator;

impl Generator {
    pub fn create_like(&mut self) -> Vec<String> {
        let Some(mut table) = self.table() else { return Vec::new() };
        let (schema, new) = (self.schema(), self.name("t"));
        let old = std::mem::replace(&mut table.name, format!("{schema}.{new}"));
        let new = table.name.clone();
        self.tables.push(table);
        vec![
            format!("CREATE TABLE {new} LIKE {old}"),
            format!("INSERT INTO {new} SELECT * FROM {old}"),
        ]
    }

    /// A table like a temporary one: the server writes it into the log itself, without its default
    /// collation. So it has that of its schema, and what it is made of has its own.
    pub fn create_like_temporary(&mut self) -> Vec<String> {
        let Some(mut table) = self.table() else { return Vec::new() };
        if !table.is_written_alike(self.charset) {
            return Vec::new();
        }
        let (schema, new, temporary) = (self.schema(), self.name("t"), self.name("tmp"));
        let old = std::mem::replace(&mut table.name, format!("{schema}.{new}"));
        let new = table.name.clone();
        (table.key, table.partitioned, table.versioned) = (Vec::new(), false, false);
        self.tables.push(table);
        vec![
            format!("CREATE TEMPORARY TABLE {schema}.{temporary} AS SELECT * FROM {old} LIMIT 3"),
            format!("CREATE TABLE {new} LIKE {schema}.{temporary}"),
            format!("DROP TEMPORARY TABLE {schema}.{temporary}"),
        ]
    }

    pub fn create_select(&mut self) -> Vec<String> {
        let Some(mut table) = self.table() else { return Vec::new() };
        if !table.is_written_alike(self.charset) {
            return Vec::new();
        }
        let (schema, new) = (self.schema(), self.name("t"));
        let old = std::mem::replace(&mut table.name, format!("{schema}.{new}"));
        (table.key, table.partitioned, table.versioned) = (Vec::new(), false, false);
        let new = table.name.clone();
        self.tables.push(table);
        vec![format!("CREATE TABLE {new} AS SELECT * FROM {old}")]
    }
}
