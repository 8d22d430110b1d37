//! What becomes of tables: changed, renamed, emptied, dropped.

use super::Generator;
use super::types::{Column, Holds};

impl Generator {
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
}
