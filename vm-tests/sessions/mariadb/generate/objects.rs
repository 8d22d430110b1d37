//! Views, routines, triggers, events, sequences, administration.

use super::{Generator, RAN};

impl Generator {
    fn body(&mut self) -> String {
        (*self.pick(&[
            "BEGIN\n  -- a comment\n  SET @x = 1; /* another; one */\nEND",
            "BEGIN\n  DECLARE i INT DEFAULT 0;\n  WHILE i < 3 DO SET i = i + 1; END WHILE;\n  SET @y = i;\nEND",
            "BEGIN\n  DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SET @e = 1;\n  SET @z = 'TEXT\\t''quoted';\nEND",
            "BEGIN\n  IF @q THEN SET @q = 0; ELSEIF @r THEN SET @r = NULL; END IF;\nEND",
        ]))
        .replace("TEXT", "é")
    }

    pub fn view(&mut self) -> Vec<String> {
        let schema = self.schema();
        let views = self.views.clone();
        if let Some(view) = self.some(&views) {
            match self.random.u32(..4) {
                0 => {
                    self.views.retain(|known| *known != view);
                    return vec![format!("DROP VIEW {view}")];
                }
                1 => {
                    return vec![format!(
                        "ALTER SQL SECURITY INVOKER VIEW {view} AS SELECT 2 AS two"
                    )];
                }
                _ => {}
            }
        }
        let Some(table) = self.table() else { return Vec::new() };
        let view = format!("{schema}.{}", self.name("v"));
        let column = table.columns[self.random.usize(..table.columns.len())].name.clone();
        self.views.push(view.clone());
        let algorithm = self.pick(&["", "ALGORITHM=MERGE ", "ALGORITHM=TEMPTABLE "]);
        let check =
            if algorithm.is_empty() && self.one_in(3) { " WITH CASCADED CHECK OPTION" } else { "" };
        vec![match self.random.u32(..3) {
            0 => format!(
                "CREATE {algorithm}VIEW {view} AS SELECT * FROM {} WHERE {column} IS NOT NULL{check}",
                table.name
            ),
            1 => format!(
                "CREATE OR REPLACE VIEW {view} AS SELECT COUNT(*) AS n, MAX({column}) AS m FROM {}",
                table.name
            ),
            _ => format!(
                "CREATE VIEW {view} AS WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n, 'x' AS x FROM r"
            ),
        }]
    }

    pub fn routine(&mut self) -> Vec<String> {
        let schema = self.schema();
        if !self.routines.is_empty() && self.one_in(3) {
            let at = self.random.usize(..self.routines.len());
            let (kind, name) = self.routines[at].clone();
            if self.one_in(2) {
                return vec![format!("ALTER {kind} {name} COMMENT 'changed' SQL SECURITY INVOKER")];
            }
            self.routines.remove(at);
            return vec![format!("DROP {kind} {name}")];
        }
        let name = format!("{schema}.{}", self.name("r"));
        if self.one_in(2) {
            self.routines.push(("FUNCTION", name.clone()));
            let body = self.pick(&[
                "DETERMINISTIC RETURN a + 1",
                "NO SQL RETURN UUID()",
                "DETERMINISTIC COMMENT 'it''s' RETURN CONCAT(a, ';')",
            ]);
            return vec![format!(
                "CREATE FUNCTION {name} (a INT) RETURNS VARCHAR(100) CHARSET latin1 COLLATE latin1_swedish_ci {body}"
            )];
        }
        self.routines.push(("PROCEDURE", name.clone()));
        let Some(table) = self.table().filter(|_| self.names.is_multiple_of(2)) else {
            let body = self.body();
            return vec![format!(
                "CREATE PROCEDURE {name} (IN a INT, OUT b VARCHAR(20), INOUT c DECIMAL(5,2)) MODIFIES SQL DATA {body}"
            )];
        };
        let columns = table.given();
        let column = columns[self.random.usize(..columns.len())].clone();
        let value = self.value(&column);
        let body = format!(
            "BEGIN\n  INSERT IGNORE INTO {} ({}) VALUES ({value});\nEND",
            table.name, column.name
        );
        vec![format!("CREATE PROCEDURE {name} () {body}"), format!("CALL {name}()")]
    }

    pub fn trigger(&mut self) -> Vec<String> {
        let triggers = self.triggers.clone();
        if let Some(trigger) = self.some(&triggers).filter(|_| self.names.is_multiple_of(3)) {
            self.triggers.retain(|known| *known != trigger);
            return vec![format!("DROP TRIGGER {trigger}")];
        }
        let (Some(table), Some(other)) = (self.table(), self.table()) else { return Vec::new() };
        let schema = table.name.split_once('.').map_or("test", |(schema, _)| schema).to_owned();
        let trigger = format!("{schema}.{}", self.name("g"));
        self.triggers.push(trigger.clone());
        let time = self.pick(&["BEFORE", "AFTER"]);
        let event = self.pick(&["INSERT", "UPDATE", "DELETE"]);
        let columns = other.given();
        let column = columns[self.random.usize(..columns.len())].clone();
        let value = self.value(&column);
        let body = if other.name == table.name || self.one_in(3) {
            "SET @rows = IFNULL(@rows, 0) + 1".to_owned()
        } else {
            format!(
                "BEGIN\n  INSERT IGNORE INTO {} ({}) VALUES ({value});\nEND",
                other.name, column.name
            )
        };
        vec![format!(
            "CREATE TRIGGER {trigger} {time} {event} ON {} FOR EACH ROW {body}",
            table.name
        )]
    }

    /// Recurring events, and such that run once: some of them soon.
    pub fn event(&mut self) -> Vec<String> {
        const SOON: &str = "AT CURRENT_TIMESTAMP + INTERVAL 1 SECOND";
        let events = self.events.clone();
        if let Some(event) = self.some(&events).filter(|_| !self.names.is_multiple_of(3)) {
            return vec![match self.random.u32(..8) {
                0 => {
                    self.events.retain(|known| *known != event);
                    format!("DROP EVENT {event}")
                }
                1 => format!("ALTER EVENT {event} DISABLE"),
                2 => format!("ALTER EVENT {event} ENABLE"),
                3 => format!("ALTER EVENT {event} COMMENT 'changed' DO SET @e = 2"),
                4 => format!("ALTER EVENT {event} ON SCHEDULE {SOON}"),
                5 => format!("ALTER EVENT {event} ON SCHEDULE AT '2036-01-01 00:00:00'"),
                6 => {
                    let kept = self.pick(&["PRESERVE", "NOT PRESERVE"]);
                    format!("ALTER EVENT {event} ON COMPLETION {kept}")
                }
                _ => {
                    let schema = event.split_once('.').map_or("test", |(schema, _)| schema);
                    let new = format!("{schema}.{}", self.name("e"));
                    self.events.retain(|known| *known != event);
                    self.events.push(new.clone());
                    format!("ALTER EVENT {event} RENAME TO {new}")
                }
            }];
        }
        let schema = self.schema();
        let event = format!("{schema}.{}", self.name("e"));
        self.events.push(event.clone());
        let schedule = match self.random.u32(..6) {
            0 => "EVERY 1 DAY STARTS '2035-01-01 03:00:00'",
            1 => "EVERY '1:30' HOUR_MINUTE STARTS '2035-01-01 03:00:00' ENDS '2036-01-01 00:00:00'",
            2 => "AT '2035-06-01 12:00:00' ON COMPLETION PRESERVE",
            3 => "AT '2035-06-01 12:00:00'",
            4 => SOON,
            _ => "AT CURRENT_TIMESTAMP + INTERVAL 1 SECOND ON COMPLETION PRESERVE",
        };
        let body = if self.one_in(3) {
            self.body()
        } else {
            format!("INSERT INTO {RAN} (e) VALUES ({})", self.names)
        };
        let disabled = if self.one_in(8) { " DISABLE" } else { "" };
        vec![format!("CREATE EVENT {event} ON SCHEDULE {schedule}{disabled} DO {body}")]
    }

    pub fn sequence(&mut self) -> Vec<String> {
        let schema = self.schema();
        let sequences = self.sequences.clone();
        if let Some(sequence) = self.some(&sequences).filter(|_| self.names.is_multiple_of(2)) {
            return vec![match self.random.u32(..5) {
                0 => format!("ALTER SEQUENCE {sequence} RESTART 1000"),
                1 => format!("DO SETVAL({sequence}, {})", self.random.u32(100..500)),
                _ => format!("SELECT NEXTVAL({sequence})"),
            }];
        }
        let sequence = format!("{schema}.{}", self.name("q"));
        self.sequences.push(sequence.clone());
        let options =
            self.pick(&["", " START WITH 100 INCREMENT BY 10", " MAXVALUE 50 CYCLE NOCACHE"]);
        let table = format!("{schema}.{}", self.name("t"));
        vec![
            format!("CREATE SEQUENCE {sequence}{options}"),
            format!(
                "CREATE TABLE {table} (id BIGINT DEFAULT NEXTVAL({sequence}) PRIMARY KEY, v INT)"
            ),
            format!("INSERT INTO {table} (v) VALUES (1), (2)"),
        ]
    }

    pub fn administration(&mut self) -> Vec<String> {
        let Some(table) = self.table() else { return Vec::new() };
        let verb = self.pick(&["ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "ANALYZE"]);
        let all = [
            format!("{verb} TABLE {}", table.name),
            "FLUSH BINARY LOGS".to_owned(),
            "FLUSH TABLES".to_owned(),
            format!("LOCK TABLES {} WRITE", table.name),
            "UNLOCK TABLES".to_owned(),
            "FLUSH PRIVILEGES".to_owned(),
        ];
        let at = self.random.usize(..all.len());
        let mut statements = vec![all[at].clone()];
        if statements[0].starts_with("LOCK") {
            statements.extend(self.insert());
            statements.push("UNLOCK TABLES".into());
        }
        statements
    }
}
