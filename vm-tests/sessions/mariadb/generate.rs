//! Makes the statements of a session from its seed.
//!
//! A session knows what it has made, so that most of what it sends is accepted. What the server
//! refuses all the same is no fault: clients err, too.

mod accounts;
mod changes;
mod copies;
mod objects;
mod rows;
mod tables;
mod types;

use super::Connection;
use tables::Table;

/// A day that a TIMESTAMP of the old version has no words for.
pub const TOO_LATE: &str = "2099-01-01";
/// Where events write that they ran.
const RAN: &str = "backout_begin.ran";

/// Makes one kind of statement.
type Make = fn(&mut Generator) -> Vec<String>;

/// Statements, one after the other.
pub struct Generator {
    random: fastrand::Rng,
    without: Vec<u64>,
    made: u64,
    /// The new version's clients use what the old one has no words for: rejects.
    beyond: bool,
    /// Counts names, so that each is new.
    names: u64,
    /// The new version serves: what it alone knows may be used.
    upgraded: bool,
    schemas: Vec<String>,
    tables: Vec<Table>,
    views: Vec<String>,
    routines: Vec<(&'static str, String)>,
    triggers: Vec<String>,
    events: Vec<String>,
    sequences: Vec<String>,
    accounts: Vec<String>,
    roles: Vec<String>,
    /// This client's character set.
    charset: &'static str,
    /// Whether a TIMESTAMP gets a default that nobody gave it.
    promotes: bool,
}

impl Generator {
    pub fn new(seed: u64, without: &[u64]) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            without: without.to_vec(),
            made: 0,
            beyond: seed.is_multiple_of(5),
            names: 0,
            upgraded: false,
            schemas: Vec::new(),
            tables: Vec::new(),
            views: Vec::new(),
            routines: Vec::new(),
            triggers: Vec::new(),
            events: Vec::new(),
            sequences: Vec::new(),
            accounts: Vec::new(),
            roles: Vec::new(),
            charset: "utf8mb4",
            promotes: false,
        }
    }

    /// How many statements were made.
    pub fn statements(&self) -> u64 {
        self.made
    }

    /// Whether the new version may be told what the old one has no words for.
    fn beyond(&self) -> bool {
        self.beyond && self.upgraded
    }

    /// One time in so many.
    fn one_in(&mut self, times: u32) -> bool {
        self.random.u32(..times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.random.usize(..from.len())]
    }

    fn some(&mut self, from: &[String]) -> Option<String> {
        if from.is_empty() { None } else { Some(from[self.random.usize(..from.len())].clone()) }
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        let odd =
            if self.one_in(12) { self.pick(&["Ä", " b", "-", "$", "select", "é"]) } else { "" };
        format!("`{prefix}{}{odd}`", self.names)
    }

    fn schema(&mut self) -> String {
        let schemas = self.schemas.clone();
        self.some(&schemas).unwrap_or_else(|| "test".into())
    }

    /// What clients do on the old version.
    pub fn before(&mut self) -> Vec<Connection> {
        let clients = self.random.usize(2..4);
        let mut all = vec![self.begin()];
        all.extend((0..clients).map(|_| self.client()));
        all
    }

    /// What they do on the new one.
    pub fn after(&mut self) -> Vec<Connection> {
        self.upgraded = true;
        let clients = self.random.usize(3..7);
        (0..clients).map(|_| self.client()).collect()
    }

    /// The first client makes something to begin with.
    fn begin(&mut self) -> Connection {
        self.charset = "utf8mb4";
        self.promotes = false;
        let mut statements = Vec::new();
        for _ in 0..2 {
            statements.push(self.create_schema());
        }
        for _ in 0..4 {
            statements.extend(self.create_table());
            statements.extend(self.insert());
        }
        let mut first = self.connection(statements);
        // The log has a position whatever is left out.
        let begin = format!(
            "CREATE DATABASE backout_begin;\nCREATE TABLE {RAN} (n INT AUTO_INCREMENT PRIMARY KEY, e INT);\n"
        );
        first.text.splice(0..0, begin.into_bytes());
        first
    }

    fn client(&mut self) -> Connection {
        self.charset = self.pick(&["utf8mb4", "utf8mb4", "utf8mb4", "latin1", "utf8mb3", "cp1250"]);
        let mut statements = self.settings();
        let count = self.random.usize(8..40);
        for _ in 0..count {
            statements.extend(self.statement());
        }
        self.connection(statements)
    }

    /// What a client sets when it begins.
    fn settings(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        self.promotes = false;
        if self.one_in(3) {
            let modes = [
                "",
                "ANSI_QUOTES",
                "NO_BACKSLASH_ESCAPES",
                "PIPES_AS_CONCAT",
                "STRICT_ALL_TABLES,NO_ZERO_DATE",
                "ALLOW_INVALID_DATES",
                "NO_AUTO_VALUE_ON_ZERO",
                "PAD_CHAR_TO_FULL_LENGTH",
                "TIME_ROUND_FRACTIONAL",
                "NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO",
            ];
            let mode = self.pick(&modes);
            all.push(format!("SET sql_mode = '{mode}'"));
        }
        if self.one_in(3) {
            let zone = self.pick(&["+05:30", "-11:00", "+00:00", "SYSTEM", "+12:45"]);
            all.push(format!("SET time_zone = '{zone}'"));
        }
        for (times, setting) in [
            (8, "SET foreign_key_checks = 0"),
            (8, "SET unique_checks = 0"),
            (10, "SET autocommit = 0"),
            (10, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
            (8, "SET auto_increment_increment = 3, auto_increment_offset = 2"),
            (10, "SET collation_connection = utf8mb4_unicode_ci"),
            (8, "SET system_versioning_alter_history = KEEP"),
            (10, "SET explicit_defaults_for_timestamp = OFF"),
            (10, "SET timestamp = 1700000000.123456"),
            (12, "SET lc_time_names = 'de_DE'"),
            (12, "SET innodb_strict_mode = OFF"),
            (12, "SET alter_algorithm = 'INPLACE'"),
        ] {
            if self.one_in(times) {
                self.promotes |= setting.starts_with("SET explicit_defaults");
                all.push(setting.to_owned());
            }
        }
        all
    }

    /// One statement, or a few that belong together.
    fn statement(&mut self) -> Vec<String> {
        let kinds: &[(u32, Make)] = &[
            (16, Self::insert),
            (8, Self::update),
            (6, Self::delete),
            (6, Self::transaction),
            (3, Self::load),
            (3, Self::xa),
            (2, Self::prepared),
            (8, Self::create_table),
            (12, Self::alter_table),
            (2, Self::drop_table),
            (3, Self::rename_table),
            (2, Self::truncate),
            (2, Self::create_like),
            (3, Self::index),
            (2, Self::partition),
            (3, Self::view),
            (4, Self::routine),
            (3, Self::trigger),
            (2, Self::event),
            (4, Self::account),
            (3, Self::grant),
            (2, Self::change_schema),
            (2, Self::create_select),
            (1, Self::create_like_temporary),
            (2, Self::temporary),
            (2, Self::sequence),
            (1, Self::administration),
        ];
        let whole: u32 = kinds.iter().map(|(weight, _)| weight).sum();
        let mut at = self.random.u32(..whole);
        for (weight, make) in kinds {
            if at < *weight {
                return make(self);
            }
            at -= weight;
        }
        Vec::new()
    }

    fn connection(&mut self, statements: Vec<String>) -> Connection {
        let mut text = Vec::new();
        for statement in statements {
            if !self.without.contains(&self.made) {
                let compound = statement.contains("BEGIN\n");
                let (open, close) =
                    if compound { ("DELIMITER $$\n", "$$\nDELIMITER ;\n") } else { ("", ";\n") };
                text.extend_from_slice(format!("-- {}\n{open}", self.made).as_bytes());
                text.extend(encoded(&statement, self.charset));
                text.extend_from_slice(close.as_bytes());
            }
            self.made += 1;
        }
        text.extend_from_slice(b"COMMIT;\n");
        Connection { charset: self.charset, text }
    }
}

/// In the client's character set, where it has these characters.
pub fn encoded(text: &str, charset: &str) -> Vec<u8> {
    if charset.starts_with("utf8") {
        return text.as_bytes().to_vec();
    }
    let other = |c: char| match (charset, c) {
        (_, c) if c.is_ascii() => c as u8,
        // The same in both.
        (_, 'é' | 'ß' | 'Ä' | 'ü' | 'Ö') => c as u8,
        ("latin1", c) if (c as u32) < 256 => c as u8,
        ("cp1250", 'č') => 0xe8,
        _ => b'?',
    };
    text.chars().map(other).collect()
}
