//! Tables: made, changed, renamed, dropped.

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
    fn is_written_alike(&self, charset: &str) -> bool {
        charset == "utf8mb4" || !self.columns.iter().any(|it| it.declared.contains("TEXT"))
    }

    /// With `explicit_defaults_for_timestamp` off, an ALTER may give a TIMESTAMP a default. Both
    /// versions do so at random, one time in two: a stated limit.
    fn may_be_promoted(&self) -> bool {
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

    fn replace_table(&mut self, name: &str, table: Table) {
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

    fn index_of(&mut self, column: &Column) -> String {
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

    pub fn index(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        if self.promotes && table.may_be_promoted() {
            return Vec::new();
        }
        let column = table.columns[self.random.usize(..table.columns.len())].clone();
        let index = self.name("i");
        let long = if column.declared.contains("TEXT")
            || column.declared.contains("BLOB")
            || column.holds == Holds::Json
        {
            "(10)"
        } else {
            ""
        };
        let make = format!("CREATE INDEX {index} ON {} ({}{long})", table.name, column.name);
        if self.one_in(3) {
            vec![make, format!("DROP INDEX {index} ON {}", table.name)]
        } else {
            vec![make]
        }
    }

    pub fn alter_table(&mut self) -> Vec<String> {
        let Some(mut table) = self.table() else { return Vec::new() };
        if self.promotes && table.may_be_promoted() {
            return Vec::new();
        }
        let name = table.name.clone();
        let at = self.random.usize(..table.columns.len());
        let column = table.columns[at].clone();
        let plain = !column.generated && !table.key.contains(&column.name);
        let fresh = self.names as usize + 100;
        let change = match self.random.u32(..22) {
            0..=4 => {
                let mut new = self.column(fresh);
                if table.partitioned && matches!(new.holds, Holds::Geometry) && !self.beyond() {
                    return Vec::new();
                }
                if table.versioned {
                    new.nullable = true;
                }
                let attributes = self.attributes(&new);
                let place = self.pick(&["", " FIRST", ""]);
                let place = if self.one_in(4) {
                    format!(" AFTER {}", column.name)
                } else {
                    place.to_owned()
                };
                let line = format!("ADD COLUMN {} {}{attributes}{place}", new.name, new.declared);
                table.columns.push(new);
                self.names += 1;
                line
            }
            5 | 6 if plain && table.columns.len() > 2 => {
                table.columns.remove(at);
                format!("DROP COLUMN {}", column.name)
            }
            7 | 8 if plain => {
                let wider = match &column.holds {
                    Holds::Integer { unsigned: false, .. } => "BIGINT",
                    Holds::Text { .. } => "LONGTEXT",
                    Holds::Binary { .. } => "LONGBLOB",
                    Holds::Date => "DATETIME",
                    Holds::Uuid => "VARCHAR(50)",
                    _ => column.declared.as_str(),
                };
                let wider = wider.to_owned();
                let attributes = if column.nullable { "" } else { " NOT NULL" };
                format!("MODIFY COLUMN {} {wider}{attributes}", column.name)
            }
            9 if plain => {
                table.columns[at].name = format!("r{fresh}");
                self.names += 1;
                let attributes = if column.nullable { "" } else { " NOT NULL" };
                format!("CHANGE COLUMN {} r{fresh} {}{attributes}", column.name, column.declared)
            }
            10 if plain => {
                table.columns[at].name = format!("r{fresh}");
                self.names += 1;
                format!("RENAME COLUMN {} TO r{fresh}", column.name)
            }
            11 => {
                let index = self.index_of(&column);
                format!("ADD {index}")
            }
            12 => {
                let check = self.name("k");
                format!("ADD CONSTRAINT {check} CHECK ({} IS NOT NULL OR 1 = 1)", column.name)
            }
            13 => {
                let charset = self.pick(&[
                    "utf8mb4 COLLATE utf8mb4_unicode_ci",
                    "utf8mb4 COLLATE utf8mb4_bin",
                    "utf8mb3 COLLATE utf8mb3_general_ci",
                ]);
                format!("CONVERT TO CHARACTER SET {charset}")
            }
            14 => {
                let engine = self.pick(&["InnoDB", "InnoDB", "Aria", "MyISAM"]);
                table.transactional = engine == "InnoDB";
                format!("ENGINE={engine}")
            }
            15 if self.beyond() && self.one_in(2) => {
                self.names += 1;
                format!("ADD COLUMN v{fresh} VECTOR(3)")
            }
            15 => "FORCE".to_owned(),
            16 => "COMMENT='changed'".to_owned(),
            17 => format!("AUTO_INCREMENT={}", self.random.u32(1000..2000)),
            18 if !table.partitioned && !table.versioned => {
                table.versioned = true;
                "ADD SYSTEM VERSIONING".to_owned()
            }
            19 if plain && !matches!(column.holds, Holds::Timestamp | Holds::Geometry) => {
                let literal = self.literal(&column.holds.clone());
                if literal.contains("()") || literal.contains("NOW(") || literal.starts_with('_') {
                    return Vec::new();
                }
                format!("ALTER COLUMN {} SET DEFAULT {literal}", column.name)
            }
            20 => format!("ROW_FORMAT={}", self.pick(&["DYNAMIC", "COMPACT"])),
            _ => {
                let first = self.column(fresh);
                let second = self.column(fresh + 1);
                self.names += 2;
                let line = format!(
                    "ADD COLUMN IF NOT EXISTS ({} {}, {} {}), COMMENT='two'",
                    first.name, first.declared, second.name, second.declared
                );
                let nullable = |mut column: Column| {
                    column.nullable = true;
                    column
                };
                table.columns.extend([nullable(first), nullable(second)]);
                line
            }
        };
        let algorithm = if self.one_in(5) {
            self.pick(&[", ALGORITHM=COPY", ", LOCK=NONE", ", ALGORITHM=INPLACE"])
        } else {
            ""
        };
        self.replace_table(&name, table);
        vec![format!("ALTER TABLE {name} {change}{algorithm}")]
    }

    pub fn drop_table(&mut self) -> Vec<String> {
        if self.tables.len() < 4 {
            return Vec::new();
        }
        let at = self.random.usize(..self.tables.len());
        let table = self.tables.remove(at);
        vec![format!("DROP TABLE IF EXISTS {}", table.name)]
    }

    pub fn rename_table(&mut self) -> Vec<String> {
        let Some(mut table) = self.table() else { return Vec::new() };
        let (schema, new) = (self.schema(), self.name("t"));
        let old = std::mem::replace(&mut table.name, format!("{schema}.{new}"));
        let new = table.name.clone();
        self.replace_table(&old, table);
        vec![match self.random.u32(..3) {
            0 => format!("ALTER TABLE {old} RENAME TO {new}"),
            _ => format!("RENAME TABLE {old} TO {new}"),
        }]
    }

    pub fn truncate(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        vec![format!("TRUNCATE TABLE {}", table.name)]
    }

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

    pub fn partition(&mut self) -> Vec<String> {
        let Some(table) = self.tables.iter().find(|table| table.partitioned).cloned() else {
            return Vec::new();
        };
        let change = self.pick(&[
            "ADD PARTITION PARTITIONS 2", "COALESCE PARTITION 1", "TRUNCATE PARTITION p0",
            "DROP PARTITION p1", "REMOVE PARTITIONING", "OPTIMIZE PARTITION ALL",
            "REORGANIZE PARTITION p0 INTO (PARTITION a VALUES LESS THAN (5), PARTITION b VALUES LESS THAN (10))",
        ]);
        vec![format!("ALTER TABLE {} {change}", table.name)]
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
