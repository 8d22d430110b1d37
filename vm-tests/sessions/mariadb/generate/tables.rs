//! Schemas and tables as they are made.

use super::Generator;
use super::types::{Column, Holds};

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// With its schema.
    pub name: String,
    pub columns: Vec<Column>,
    /// The columns of the primary key.
    pub key: Vec<String>,
    pub partitioned: bool,
    pub versioned: bool,
    pub transactional: bool,
}

impl Table {
    /// Those that a client gives values.
    pub fn given(&self) -> Vec<Column> {
        self.columns.iter().filter(|column| !column.generated).cloned().collect()
    }

    /// A client of another character set loses characters of a text's default that it has not got: so
    /// does the statement that the server writes into its log, but not in the same way.
    pub fn is_written_alike(&self, charset: &str) -> bool {
        charset == "utf8mb4" || !self.columns.iter().any(|it| it.declared.contains("TEXT"))
    }

    /// With `explicit_defaults_for_timestamp` off, an ALTER may give a TIMESTAMP a default. Both
    /// versions do so at random, one time in two: a stated limit.
    pub fn may_be_promoted(&self) -> bool {
        self.columns.iter().any(|it| it.holds == Holds::Timestamp && !it.nullable)
    }
}

impl Generator {
    pub fn create_schema(&mut self) -> String {
        let name = self.name("s");
        let charset = self.pick(&[
            "",
            " CHARACTER SET latin1 COLLATE latin1_german1_ci",
            " COLLATE utf8mb4_unicode_ci",
            " COMMENT 'of a client'",
        ]);
        self.schemas.push(name.clone());
        format!("CREATE DATABASE {name}{charset}")
    }

    pub fn change_schema(&mut self) -> Vec<String> {
        if self.one_in(2) {
            return vec![self.create_schema()];
        }
        let schema = self.schema();
        let change = self.pick(&[
            "COLLATE utf8mb4_general_ci",
            "COLLATE latin1_swedish_ci",
            "COMMENT 'changed'",
        ]);
        vec![format!("ALTER DATABASE {schema} {change}")]
    }

    pub fn table(&mut self) -> Option<Table> {
        if self.tables.is_empty() {
            return None;
        }
        Some(self.tables[self.random.usize(..self.tables.len())].clone())
    }

    pub fn replace_table(&mut self, name: &str, table: Table) {
        if let Some(known) = self.tables.iter_mut().find(|table| table.name == name) {
            *known = table;
        }
    }

    pub fn create_table(&mut self) -> Vec<String> {
        let (schema, table) = (self.schema(), self.name("t"));
        let name = format!("{schema}.{table}");
        let count = self.random.usize(2..9);
        let mut columns: Vec<Column> = (0..count).map(|number| self.column(number)).collect();
        let mut lines: Vec<String> = Vec::new();
        let mut key = Vec::new();
        match self.random.u32(..10) {
            0..=4 => {
                let id = Column {
                    name: "id".into(),
                    declared: "INT".into(),
                    holds: Holds::Integer { bits: 24, unsigned: false },
                    generated: true,
                    nullable: false,
                };
                lines.push("id INT AUTO_INCREMENT PRIMARY KEY".into());
                key.push(id.name.clone());
                columns.insert(0, id);
            }
            5 | 6 => {
                let first = columns.iter_mut().find(|column| {
                    !matches!(column.holds, Holds::Geometry | Holds::Json)
                        && !column.declared.contains("TEXT")
                        && !column.declared.contains("BLOB")
                        && !column.declared.contains("COMPRESSED")
                        && !column.declared.contains("(500)")
                });
                if let Some(column) = first {
                    column.nullable = false;
                    key.push(column.name.clone());
                }
            }
            _ => {}
        }
        for column in columns.iter().filter(|column| column.name != "id") {
            let attributes = self.attributes(column);
            let attributes = if key.contains(&column.name) {
                attributes.replace(" INVISIBLE", "")
            } else {
                attributes
            };
            lines.push(format!("{} {}{attributes}", column.name, column.declared));
        }
        if let Some(first) = key.first().filter(|first| *first != "id") {
            lines.push(format!("PRIMARY KEY ({first})"));
        }
        self.generated_column(&mut columns, &mut lines);
        let indexed = columns[self.random.usize(..columns.len())].clone();
        if self.one_in(2) && indexed.name != "id" {
            lines.push(self.index_of(&indexed));
        }
        if self.one_in(8) {
            let parent = self.tables.iter().find(|table| table.key == ["id"]).cloned();
            if let (Some(parent), true) = (parent, key == ["id"]) {
                let action = self.pick(&["CASCADE", "SET NULL", "RESTRICT", "NO ACTION"]);
                lines.push("parent INT".into());
                lines.push(format!(
                    "FOREIGN KEY (parent) REFERENCES {} (id) ON DELETE {action} ON UPDATE CASCADE",
                    parent.name
                ));
                columns.push(Column {
                    name: "parent".into(),
                    declared: "INT".into(),
                    holds: Holds::Integer { bits: 3, unsigned: true },
                    generated: false,
                    nullable: true,
                });
            }
        }
        let engine = match self.random.u32(..16) {
            0 => " ENGINE=MyISAM",
            1 => " ENGINE=Aria TRANSACTIONAL=1",
            2 => " ENGINE=Aria",
            3 => " ENGINE=MEMORY",
            _ => "",
        };
        let transactional = engine.is_empty();
        let options = self.table_options(transactional);
        let versioned = transactional && self.one_in(12);
        let versioning = if versioned { " WITH SYSTEM VERSIONING" } else { "" };
        let number = columns.iter().find(|column| {
            matches!(column.holds, Holds::Integer { .. })
                && (key.is_empty() || key.contains(&column.name))
        });
        let foreign = lines.iter().any(|line| line.starts_with("FOREIGN"));
        let special =
            lines.iter().any(|line| line.contains("FULLTEXT") || line.contains("SPATIAL"));
        let unique = lines.iter().any(|line| line.starts_with("UNIQUE"));
        let geometry = columns.iter().any(|column| matches!(column.holds, Holds::Geometry));
        let mut partitioned = false;
        let mut partitions = String::new();
        if let Some(number) = number.map(|column| column.name.clone())
            && !foreign
            && !special
            && !unique
            && !versioned
            && (!geometry || self.beyond())
            && self.one_in(6)
        {
            partitioned = true;
            partitions = match self.random.u32(..3) {
                0 => format!(" PARTITION BY HASH ({number}) PARTITIONS 3"),
                1 => format!(" PARTITION BY KEY ({number}) PARTITIONS 2"),
                _ => format!(
                    " PARTITION BY RANGE ({number}) (PARTITION p0 VALUES LESS THAN (10), \
                     PARTITION p1 VALUES LESS THAN (1000), PARTITION p2 VALUES LESS THAN MAXVALUE)"
                ),
            };
        }
        self.tables.push(Table {
            name: name.clone(),
            columns,
            key,
            partitioned,
            versioned,
            transactional,
        });
        let verb = if self.one_in(10) { "CREATE OR REPLACE TABLE" } else { "CREATE TABLE" };
        vec![format!(
            "{verb} {name} ({}){engine}{options}{versioning}{partitions}",
            lines.join(", ")
        )]
    }

    fn generated_column(&mut self, columns: &mut Vec<Column>, lines: &mut Vec<String>) {
        if !self.one_in(6) {
            return;
        }
        let base = columns.iter().find(|it| matches!(it.holds, Holds::Integer { bits: ..=32, .. }));
        let Some(base) = base.map(|column| column.name.clone()) else { return };
        if base == "id" {
            // AUTO_INCREMENT cannot be used.
            return;
        }
        let stored = self.one_in(2);
        let kind = if stored { "STORED" } else { "VIRTUAL" };
        lines.push(format!("g BIGINT AS ({base} * 2 + 1) {kind}"));
        if !stored && self.one_in(2) {
            lines.push("KEY (g)".into());
        }
        columns.push(Column {
            name: "g".into(),
            declared: "BIGINT".into(),
            holds: Holds::Integer { bits: 64, unsigned: false },
            generated: true,
            nullable: true,
        });
    }

    fn table_options(&mut self, innodb: bool) -> String {
        let mut all = String::new();
        if self.one_in(4) {
            all.push_str(self.pick(&[
                " COLLATE=utf8mb4_unicode_ci",
                " DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci",
                " COLLATE=utf8mb4_bin",
                " DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci",
            ]));
        }
        if self.one_in(6) {
            all.push_str(" COMMENT='it''s a table'");
        }
        if innodb && self.one_in(5) {
            all.push_str(self.pick(&[
                " ROW_FORMAT=COMPRESSED",
                " ROW_FORMAT=COMPACT",
                " ROW_FORMAT=REDUNDANT",
                " PAGE_COMPRESSED=1",
                " STATS_PERSISTENT=0",
            ]));
        }
        if self.one_in(10) {
            all.push_str(" AUTO_INCREMENT=100");
        }
        all
    }

    pub fn index_of(&mut self, column: &Column) -> String {
        let long = column.declared.contains("TEXT")
            || column.declared.contains("BLOB")
            || column.declared.contains("(500)")
            || column.holds == Holds::Json;
        let name = &column.name;
        match &column.holds {
            Holds::Geometry if !column.nullable => format!("SPATIAL KEY ({name})"),
            Holds::Geometry => format!("KEY ({name}(20))"),
            Holds::Text { .. } if self.one_in(4) => format!("FULLTEXT KEY ({name})"),
            _ if long => format!("KEY ({name}(20))"),
            _ => {
                let kind = self.pick(&["KEY", "KEY", "UNIQUE KEY"]);
                let order = self.pick(&["", "", " DESC"]);
                let ignored = if kind == "KEY" && self.one_in(6) { " IGNORED" } else { "" };
                format!("{kind} ({name}{order}){ignored}")
            }
        }
    }
}
