//! Columns: types, defaults, and values that fit.

use super::{Generator, TOO_LATE};

/// What a column holds, as far as values are about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Holds {
    Integer { bits: u32, unsigned: bool },
    Decimal { digits: u32, scale: u32 },
    Float,
    Bit(u32),
    Text { longest: usize, unicode: bool },
    Binary { longest: usize },
    Date,
    Time,
    DateTime,
    Timestamp,
    Year,
    Enum(Vec<&'static str>),
    Json,
    Uuid,
    Inet4,
    Inet6,
    Geometry,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    /// The type as it is declared.
    pub declared: String,
    pub holds: Holds,
    /// It gets no values from clients.
    pub generated: bool,
    pub nullable: bool,
}

/// Texts that were trouble somewhere.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "abc",
    "trailing  ",
    "a\\b",
    "quote'd",
    "\"double\"",
    "line\nbreak",
    "tab\tbed",
    "\r\n",
    "%_",
    "/*!*/;",
    "; DROP",
    "-- x",
    "# at 4",
    "DELIMITER",
    "é",
    "Ärger",
    "ß",
    "ü",
    "č",
    "日本",
    "😀",
    "a\u{0}b",
    "\u{1a}",
    "0",
    "NULL",
    "\\N",
    "``",
    "{x}",
    "COMMIT",
    "BEGIN",
];

impl Generator {
    pub fn column(&mut self, number: usize) -> Column {
        let (declared, holds) = self.column_type();
        let name = if self.one_in(15) { format!("`c {number}é`") } else { format!("c{number}") };
        let nullable = !self.one_in(4);
        Column { name, declared, holds, generated: false, nullable }
    }

    fn column_type(&mut self) -> (String, Holds) {
        match self.random.u32(..26) {
            0..=4 => {
                let (name, bits) = [
                    ("TINYINT", 8),
                    ("SMALLINT", 16),
                    ("MEDIUMINT", 24),
                    ("INT", 32),
                    ("BIGINT", 64),
                ][self.random.usize(..5)];
                let unsigned = self.one_in(3);
                let sign = match (unsigned, self.one_in(4)) {
                    (true, true) => "(5) UNSIGNED ZEROFILL",
                    (true, false) => " UNSIGNED",
                    _ => "",
                };
                (format!("{name}{sign}"), Holds::Integer { bits, unsigned })
            }
            5 => {
                let digits = self.random.u32(3..38);
                let scale = self.random.u32(0..digits.min(20));
                (format!("DECIMAL({digits},{scale})"), Holds::Decimal { digits, scale })
            }
            6 => (self.pick(&["FLOAT", "DOUBLE", "FLOAT(7,3)"]).to_owned(), Holds::Float),
            7 => {
                let bits = self.random.u32(1..=64);
                (format!("BIT({bits})"), Holds::Bit(bits))
            }
            8..=12 => self.text_type(),
            13..=15 => {
                let (name, longest) = [
                    ("BINARY(8)", 8),
                    ("VARBINARY(200)", 200),
                    ("TINYBLOB", 255),
                    ("BLOB", 60_000),
                    ("MEDIUMBLOB", 100_000),
                    ("LONGBLOB", 100_000),
                ][self.random.usize(..6)];
                let compressed = if longest > 8 && self.one_in(6) { " COMPRESSED" } else { "" };
                (format!("{name}{compressed}"), Holds::Binary { longest })
            }
            16 => ("DATE".into(), Holds::Date),
            17 => (self.fraction("TIME"), Holds::Time),
            18 => (self.fraction("DATETIME"), Holds::DateTime),
            19 => (self.fraction("TIMESTAMP"), Holds::Timestamp),
            20 => ("YEAR".into(), Holds::Year),
            21 => {
                let words = vec!["red", "GREEN", "blue one", "x'y"];
                let kind = self.pick(&["ENUM", "SET"]);
                let list: Vec<String> = words.iter().map(|word| self.quoted(word)).collect();
                (format!("{kind}({})", list.join(",")), Holds::Enum(words))
            }
            22 => ("JSON".into(), Holds::Json),
            23 => ("UUID".into(), Holds::Uuid),
            24 => {
                if self.one_in(2) {
                    ("INET4".into(), Holds::Inet4)
                } else {
                    ("INET6".into(), Holds::Inet6)
                }
            }
            _ => {
                let kind = self.pick(&["GEOMETRY", "POINT", "GEOMETRY"]);
                (kind.to_owned(), Holds::Geometry)
            }
        }
    }

    fn fraction(&mut self, name: &str) -> String {
        let digits = self.random.u32(0..=6);
        if digits == 0 { name.to_owned() } else { format!("{name}({digits})") }
    }

    fn text_type(&mut self) -> (String, Holds) {
        let (name, longest) = [
            ("CHAR(10)", 10),
            ("VARCHAR(50)", 50),
            ("VARCHAR(500)", 500),
            ("TINYTEXT", 60),
            ("TEXT", 20_000),
            ("MEDIUMTEXT", 50_000),
            ("LONGTEXT", 50_000),
        ][self.random.usize(..7)];
        let (charset, unicode) = [
            ("", true),
            ("", true),
            (" CHARACTER SET latin1", false),
            (" CHARACTER SET utf8mb4", true),
            (" CHARACTER SET utf8mb3", false),
            (" COLLATE utf8mb4_unicode_ci", true),
            (" COLLATE utf8mb4_bin", true),
            (" CHARACTER SET latin2 COLLATE latin2_czech_cs", false),
            (" CHARACTER SET ucs2", false),
            (" CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", true),
            (" CHARACTER SET ascii", false),
        ][self.random.usize(..11)];
        let compressed = if longest > 10 && self.one_in(10) { " COMPRESSED" } else { "" };
        (format!("{name}{compressed}{charset}"), Holds::Text { longest, unicode })
    }

    /// As SQL has it, whatever the session's sql_mode says of backslashes.
    pub fn quoted(&mut self, text: &str) -> String {
        if text.contains(['\\', '\n', '\r', '\u{0}', '\u{1a}']) {
            // Backslashes mean different things in different modes.
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            return format!("_utf8mb4 x'{hex}'");
        }
        format!("'{}'", text.replace('\'', "''"))
    }

    pub fn text(&mut self, longest: usize, unicode: bool) -> String {
        let mut text = (*self.pick(&TEXTS.iter().collect::<Vec<_>>())).to_string();
        if self.one_in(8) {
            let times = self.random.usize(1..=longest.max(2) / 2);
            text = "long é ".chars().cycle().take(times).collect();
        }
        if !unicode {
            text.retain(|c| (c as u32) < 0x80 || matches!(c, 'é' | 'Ä' | 'ß' | 'ü'));
        }
        text.chars().take(longest).collect()
    }

    /// A value for a column, as an expression.
    pub fn value(&mut self, column: &Column) -> String {
        if column.nullable && self.one_in(8) {
            return "NULL".into();
        }
        if self.one_in(25) {
            return "DEFAULT".into();
        }
        self.literal(&column.holds.clone())
    }

    pub fn literal(&mut self, holds: &Holds) -> String {
        match holds {
            Holds::Integer { bits, unsigned } => {
                let most = if *bits == 64 { u64::MAX } else { (1 << bits) - 1 };
                let value = match self.random.u32(..4) {
                    0 => self.random.u64(..100).min(most / 2),
                    1 => most / 2,
                    2 if *unsigned => most,
                    _ => self.random.u64(..=most / 2),
                };
                if !unsigned && self.one_in(3) { format!("-{value}") } else { value.to_string() }
            }
            Holds::Decimal { digits, scale } => {
                let whole = 10_u64.saturating_pow((digits - scale).min(18));
                let part = 10_u64.saturating_pow((*scale).min(18));
                let (whole, part) = (self.random.u64(..whole), self.random.u64(..part));
                format!("{whole}.{part}")
            }
            Holds::Float => match self.random.u32(..4) {
                0 => "0.1".into(),
                1 => format!("{}e-5", self.random.i32(-1000..1000)),
                2 => format!("{}", self.random.f32() * 1000.0),
                _ => format!("{}", self.random.i32(-1000..1000)),
            },
            Holds::Bit(bits) => {
                let most = if *bits == 64 { u64::MAX } else { (1 << bits) - 1 };
                format!("{}", self.random.u64(..=most))
            }
            Holds::Text { longest, unicode } => {
                let text = self.text(*longest, *unicode);
                self.quoted(&text)
            }
            Holds::Binary { longest } => {
                let length = if self.one_in(6) {
                    self.random.usize(..=*longest)
                } else {
                    self.random.usize(..=8.min(*longest))
                };
                let hex: String =
                    (0..length).map(|_| format!("{:02x}", self.random.u8(..))).collect();
                format!("x'{hex}'")
            }
            Holds::Date => format!("'{}'", self.date()),
            Holds::Time => {
                let hours = self.random.i32(-838..838);
                format!(
                    "'{hours}:{:02}:{:02}.{:06}'",
                    self.random.u32(..60),
                    self.random.u32(..60),
                    self.random.u32(..1_000_000)
                )
            }
            Holds::DateTime => {
                if self.one_in(4) {
                    return self
                        .pick(&[
                            "NOW(6)",
                            "SYSDATE()",
                            "'1000-01-01 00:00:00'",
                            "'9999-12-31 23:59:59.999999'",
                        ])
                        .to_owned();
                }
                format!("'{} {}'", self.date(), self.clock())
            }
            Holds::Timestamp => {
                if self.beyond() && self.one_in(12) {
                    return format!("'{TOO_LATE} 12:50:00'");
                }
                if self.one_in(4) {
                    return self
                        .pick(&[
                            "CURRENT_TIMESTAMP(6)",
                            "FROM_UNIXTIME(1)",
                            "'2024-03-31 02:30:00'",
                            "FROM_UNIXTIME(2147480000)",
                        ])
                        .to_owned();
                }
                format!(
                    "'{}-{:02}-{:02} {}'",
                    self.random.u32(1971..2037),
                    self.random.u32(1..13),
                    self.random.u32(1..29),
                    self.clock()
                )
            }
            Holds::Year => self.random.u32(1901..2156).to_string(),
            Holds::Enum(words) => {
                let word = words[self.random.usize(..words.len())];
                self.quoted(word)
            }
            Holds::Json => {
                let text = self
                    .text(20, true)
                    .replace(['\\', '"', '\n', '\r', '\t', '\u{0}', '\u{1a}'], "");
                let json = format!("{{\"a\": [{}, \"{text}\"], \"b\": null}}", self.random.i32(..));
                self.quoted(&json)
            }
            Holds::Uuid => {
                if self.one_in(3) {
                    return "UUID()".into();
                }
                format!("'{:08x}-0000-1000-8000-{:012x}'", self.random.u32(..), self.random.u32(..))
            }
            Holds::Inet4 => format!("'10.{}.{}.1'", self.random.u8(..), self.random.u8(..)),
            Holds::Inet6 => format!("'fe80::{:x}'", self.random.u16(..)),
            Holds::Geometry => format!(
                "ST_GeomFromText('POINT({} {})')",
                self.random.i32(-90..90),
                self.random.i32(-90..90)
            ),
        }
    }

    fn date(&mut self) -> String {
        let year =
            if self.one_in(6) { self.random.u32(1000..9999) } else { self.random.u32(1990..2030) };
        format!("{year}-{:02}-{:02}", self.random.u32(1..13), self.random.u32(1..29))
    }

    fn clock(&mut self) -> String {
        format!(
            "{:02}:{:02}:{:02}.{:06}",
            self.random.u32(..24),
            self.random.u32(..60),
            self.random.u32(..60),
            self.random.u32(..1_000_000)
        )
    }

    /// What follows the type in a column's definition.
    pub fn attributes(&mut self, column: &Column) -> String {
        let mut all = String::new();
        if !column.nullable {
            all.push_str(" NOT NULL");
        }
        if self.one_in(3) {
            let default = self.default(column);
            all.push_str(&default);
        }
        if self.one_in(12) {
            all.push_str(" INVISIBLE");
            if !column.nullable && !all.contains("DEFAULT") {
                all.truncate(all.len() - " INVISIBLE".len());
            }
        }
        if self.one_in(8) {
            let text = self.text(30, false);
            let text = text.replace(['\\', '\n', '\r', '\u{0}', '\u{1a}'], "");
            all.push_str(&format!(" COMMENT '{}'", text.replace('\'', "''")));
        }
        if self.one_in(10) {
            all.push_str(&format!(" CHECK ({0} IS NULL OR LENGTH({0}) < 1000000)", column.name));
        }
        all
    }

    fn default(&mut self, column: &Column) -> String {
        let times = matches!(column.holds, Holds::Timestamp | Holds::DateTime);
        if times && self.one_in(2) {
            let digits = column.declared.find('(').map_or("", |at| &column.declared[at..]);
            let update = if self.one_in(2) {
                format!(" ON UPDATE NOW{}", if digits.is_empty() { "()" } else { digits })
            } else {
                String::new()
            };
            return format!(
                " DEFAULT NOW{}{update}",
                if digits.is_empty() { "()" } else { digits }
            );
        }
        if column.nullable && self.one_in(3) {
            return " DEFAULT NULL".into();
        }
        let blob = column.declared.contains("TEXT") || column.declared.contains("BLOB");
        match &column.holds {
            Holds::Uuid => " DEFAULT UUID()".into(),
            Holds::Integer { .. } if self.one_in(3) => " DEFAULT (1 + 2)".into(),
            Holds::Text { .. } if self.one_in(3) => " DEFAULT (CONCAT('a', 'b'))".into(),
            Holds::Geometry => String::new(),
            holds => {
                let literal = self.literal(holds);
                let random = ["()", "NOW(", "UNIXTIME"].iter().any(|part| literal.contains(part));
                if random || (blob && literal.len() > 100) || literal.starts_with('_') {
                    return String::new();
                }
                format!(" DEFAULT {literal}")
            }
        }
    }
}
