//! Makes the statements of a session from its seed.

use super::Connection;

/// Statements, one after the other.
pub struct Generator {
    random: fastrand::Rng,
    without: Vec<u64>,
    made: u64,
}

impl Generator {
    pub fn new(seed: u64, without: &[u64]) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), without: without.to_vec(), made: 0 }
    }

    /// How many were made.
    pub fn statements(&self) -> u64 {
        self.made
    }

    fn connection(&mut self, statements: Vec<String>) -> Connection {
        let mut text = Vec::new();
        for statement in statements {
            if !self.without.contains(&self.made) {
                text.extend_from_slice(statement.as_bytes());
                text.extend_from_slice(b";\n");
            }
            self.made += 1;
        }
        Connection { charset: "utf8mb4", text }
    }

    /// What clients do on the old version.
    pub fn before(&mut self) -> Vec<Connection> {
        let number = self.random.u32(..);
        let statements = vec![
            "CREATE DATABASE s1".to_owned(),
            "CREATE TABLE s1.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100))".to_owned(),
            format!("INSERT INTO s1.t (v) VALUES ('{number}')"),
        ];
        vec![self.connection(statements)]
    }

    /// What they do on the new one.
    pub fn after(&mut self) -> Vec<Connection> {
        let number = self.random.u32(..);
        let statements = vec![
            format!("INSERT INTO s1.t (v) VALUES ('{number}')"),
            "CREATE TABLE s1.u (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100))".to_owned(),
            format!("INSERT INTO s1.u (v) VALUES ('{number}'), ('x')"),
            "UPDATE s1.t SET v = CONCAT(v, '!')".to_owned(),
        ];
        vec![self.connection(statements)]
    }
}
