//! Rows: what clients mostly do.

use super::Generator;
use super::tables::Table;
use super::types::{Column, Holds};

impl Generator {
    fn values(&mut self, columns: &[Column]) -> String {
        let values: Vec<String> = columns.iter().map(|column| self.value(column)).collect();
        format!("({})", values.join(", "))
    }

    fn names(columns: &[Column]) -> String {
        columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>().join(", ")
    }

    pub fn insert(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        vec![self.insert_into(&table)]
    }

    fn insert_into(&mut self, table: &Table) -> String {
        let columns = table.given();
        let name = &table.name;
        if self.one_in(40)
            && let Some(column) = columns.iter().find(|it| it.declared.starts_with("LONGBLOB"))
        {
            let megabytes = self.random.u32(1..30);
            return format!(
                "INSERT INTO {name} ({}) VALUES (REPEAT('x', {megabytes}000000))",
                column.name
            );
        }
        match self.random.u32(..12) {
            0 => format!(
                "INSERT INTO {name} ({}) SELECT {} FROM {name} LIMIT 20",
                Self::names(&columns),
                Self::names(&columns)
            ),
            1 => {
                let set: Vec<String> = columns
                    .iter()
                    .map(|column| format!("{} = {}", column.name, self.value(column)))
                    .collect();
                format!("INSERT INTO {name} SET {}", set.join(", "))
            }
            2 => format!(
                "REPLACE INTO {name} ({}) VALUES {}",
                Self::names(&columns),
                self.values(&columns)
            ),
            3 => {
                let one = columns[self.random.usize(..columns.len())].clone();
                format!(
                    "INSERT INTO {name} ({}) VALUES {} ON DUPLICATE KEY UPDATE {} = VALUES({})",
                    Self::names(&columns),
                    self.values(&columns),
                    one.name,
                    one.name
                )
            }
            4 => format!(
                "INSERT IGNORE INTO {name} ({}) VALUES {}",
                Self::names(&columns),
                self.values(&columns)
            ),
            5 => format!(
                "INSERT INTO {name} ({}) VALUES {} RETURNING 1",
                Self::names(&columns),
                self.values(&columns)
            ),
            6 => format!("INSERT INTO {name} () VALUES ()"),
            7 => {
                // Many rows from few words.
                let values: Vec<String> = columns
                    .iter()
                    .map(|column| match column.holds {
                        Holds::Integer { bits, .. } if bits >= 16 => "seq".to_owned(),
                        _ => self.value(column).replace("DEFAULT", "NULL"),
                    })
                    .collect();
                format!(
                    "INSERT IGNORE INTO {name} ({}) SELECT {} FROM seq_1_to_{}",
                    Self::names(&columns),
                    values.join(", "),
                    self.random.u32(10..300)
                )
            }
            _ => {
                let count = self.random.usize(1..6);
                let rows: Vec<String> = (0..count).map(|_| self.values(&columns)).collect();
                format!("INSERT INTO {name} ({}) VALUES {}", Self::names(&columns), rows.join(", "))
            }
        }
    }

    fn condition(&mut self, table: &Table) -> String {
        let column = &table.columns[self.random.usize(..table.columns.len())];
        match self.random.u32(..5) {
            0 => format!(" WHERE {} IS NULL", column.name),
            1 if table.key == ["id"] => format!(" WHERE id % 3 = {}", self.random.u32(..3)),
            2 if table.key == ["id"] => {
                format!(" WHERE id BETWEEN {0} AND {0} + 5", self.random.u32(1..30))
            }
            3 if !matches!(column.holds, Holds::Geometry) && !column.generated => {
                let value = self.literal(&column.holds.clone());
                format!(" WHERE {} <= {value}", column.name)
            }
            _ => format!(" WHERE {} IS NOT NULL", column.name),
        }
    }

    pub fn update(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        vec![self.update_of(&table)]
    }

    fn update_of(&mut self, table: &Table) -> String {
        let columns = table.given();
        let column = columns[self.random.usize(..columns.len())].clone();
        let name = &table.name;
        let value = match &column.holds {
            Holds::Integer { .. } if self.one_in(2) => format!("{} + 1", column.name),
            Holds::Text { .. } if self.one_in(3) => format!("CONCAT({}, '+')", column.name),
            Holds::Json if self.one_in(2) => {
                format!("JSON_SET({}, '$.n', {})", column.name, self.random.u8(..))
            }
            Holds::Float if self.one_in(3) => "RAND()".into(),
            _ => self.value(&column),
        };
        let condition = self.condition(table);
        match self.random.u32(..8) {
            0 => format!(
                "UPDATE {name} SET {} = {value} ORDER BY {} LIMIT 3",
                column.name, column.name
            ),
            1 if table.key == ["id"] => {
                let Some(other) =
                    self.tables.iter().find(|it| it.key == ["id"] && it.name != *name).cloned()
                else {
                    return format!("UPDATE {name} SET {} = {value}", column.name);
                };
                format!(
                    "UPDATE {name} AS a JOIN {} AS b ON a.id = b.id SET a.{} = {}",
                    other.name,
                    column.name,
                    if value.contains(&column.name) { "DEFAULT".into() } else { value }
                )
            }
            2 => format!("UPDATE IGNORE {name} SET {} = {value}{condition}", column.name),
            _ => format!("UPDATE {name} SET {} = {value}{condition}", column.name),
        }
    }

    pub fn delete(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        let name = &table.name;
        let condition = self.condition(&table);
        vec![match self.random.u32(..6) {
            0 => format!("DELETE FROM {name}{condition} LIMIT 2"),
            1 if table.key == ["id"] => {
                let Some(other) =
                    self.tables.iter().find(|it| it.key == ["id"] && it.name != *name).cloned()
                else {
                    return Vec::new();
                };
                format!(
                    "DELETE a, b FROM {name} AS a JOIN {} AS b ON a.id = b.id WHERE a.id % 4 = 1",
                    other.name
                )
            }
            2 if !table.versioned => {
                format!("DELETE FROM {name} ORDER BY {} LIMIT 1", table.columns[0].name)
            }
            3 if self.one_in(4) => format!("DELETE FROM {name}"),
            4 if table.versioned => {
                format!("DELETE HISTORY FROM {name} BEFORE SYSTEM_TIME '2038-01-01'")
            }
            _ => format!("DELETE FROM {name}{condition} LIMIT 5"),
        }]
    }

    fn row(&mut self, table: &Table) -> String {
        match self.random.u32(..3) {
            0 => self.update_of(table),
            _ => self.insert_into(table),
        }
    }

    pub fn transaction(&mut self) -> Vec<String> {
        let mut all = vec![
            self.pick(&[
                "START TRANSACTION",
                "BEGIN",
                "START TRANSACTION WITH CONSISTENT SNAPSHOT",
            ])
            .to_owned(),
        ];
        for number in 0..self.random.usize(1..5) {
            let Some(table) = self.table() else { return Vec::new() };
            if self.one_in(3) {
                all.push(format!("SAVEPOINT `s {number}`"));
            }
            all.push(self.row(&table));
            if self.one_in(5) {
                all.push("ROLLBACK TO SAVEPOINT `s 0`".into());
            }
        }
        all.push(self.pick(&["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]).to_owned());
        all
    }

    pub fn xa(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        self.names += 1;
        let id = format!("'x{}','b',7", self.names);
        let (first, second) = (self.row(&table), self.row(&table));
        let mut all = vec![
            "COMMIT".to_owned(),
            format!("XA START {id}"),
            first,
            second,
            format!("XA END {id}"),
        ];
        if self.one_in(3) {
            all.push(format!("XA COMMIT {id} ONE PHASE"));
        } else {
            all.push(format!("XA PREPARE {id}"));
            all.push(format!("XA {} {id}", self.pick(&["COMMIT", "COMMIT", "ROLLBACK"])));
        }
        all
    }

    pub fn prepared(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        let columns = table.given();
        let column = columns[self.random.usize(..columns.len())].clone();
        let value = self.literal(&column.holds.clone());
        vec![
            format!("SET @v = {value}"),
            format!("PREPARE p FROM 'INSERT INTO {} ({}) VALUES (?)'", table.name, column.name),
            "EXECUTE p USING @v".into(),
            "DEALLOCATE PREPARE p".into(),
        ]
    }

    /// A file that the server reads.
    pub fn load(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        let columns = table.given();
        self.names += 1;
        let file = format!("/srv/log/load{}", self.names);
        let names = Self::names(&columns);
        vec![
            format!(
                "SELECT {names} INTO OUTFILE '{file}' CHARACTER SET binary FROM {} LIMIT 50",
                table.name
            ),
            format!(
                "LOAD DATA INFILE '{file}' {} INTO TABLE {} CHARACTER SET binary ({names})",
                self.pick(&["IGNORE", "REPLACE", "IGNORE"]),
                table.name
            ),
        ]
    }

    pub fn temporary(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        let schema = self.schema();
        let name = format!("{schema}.{}", self.name("tmp"));
        let columns = table.given();
        let names = Self::names(&columns);
        vec![
            format!("CREATE TEMPORARY TABLE {name} AS SELECT {names} FROM {} LIMIT 10", table.name),
            format!("INSERT IGNORE INTO {} ({names}) SELECT {names} FROM {name}", table.name),
            format!("DROP TEMPORARY TABLE {name}"),
        ]
    }
}
