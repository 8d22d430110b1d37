//! Keys of each type with random values: what the log has of them, and what a list shows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{
    DATADIR, LOG, LOGIN, OPTION_FILE, SETTINGS, SOCKET, Unlike, ahead, client, start, stop,
};
use crate::world::{self, run};

/// The columns of a key, and whether it is told by its values.
const KEYS: &[(&str, bool)] = &[
    ("a TINYINT", true),
    ("a SMALLINT UNSIGNED", true),
    ("a MEDIUMINT", true),
    ("a INT", true),
    ("a BIGINT", true),
    ("a BIGINT UNSIGNED", true),
    ("a INT ZEROFILL", false),
    ("a DOUBLE", false),
    ("a DECIMAL(20,4)", true),
    ("a DECIMAL(3,3)", true),
    ("a DECIMAL(65,30)", true),
    ("a DECIMAL(12) UNSIGNED", true),
    ("a BIT(1)", true),
    ("a BIT(11)", true),
    ("a BIT(64)", true),
    ("a YEAR", true),
    ("a DATE", true),
    ("a DATETIME", true),
    ("a DATETIME(1)", true),
    ("a DATETIME(6)", true),
    ("a TIMESTAMP", true),
    ("a TIMESTAMP(3)", true),
    ("a TIME", true),
    ("a TIME(2)", true),
    ("a TIME(5)", true),
    ("a CHAR(9) CHARACTER SET latin1", true),
    ("a CHAR(9) CHARACTER SET latin1 COLLATE latin1_bin", true),
    ("a CHAR(5) CHARACTER SET utf8mb4", true),
    ("a CHAR(5) CHARACTER SET utf16", true),
    ("a CHAR(5) CHARACTER SET utf32 COLLATE utf32_nopad_bin", true),
    ("a VARCHAR(9) CHARACTER SET utf8mb3", true),
    ("a VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", true),
    ("a VARCHAR(9) CHARACTER SET utf16le", true),
    ("a VARCHAR(9) CHARACTER SET ucs2", false),
    ("a VARCHAR(9) CHARACTER SET cp1250", false),
    ("a VARCHAR(9) CHARACTER SET sjis", false),
    ("a VARCHAR(9) CHARACTER SET ascii", false),
    ("a BINARY(4)", true),
    ("a VARBINARY(9)", true),
    ("a TEXT CHARACTER SET latin1", true),
    ("a LONGBLOB", true),
    ("a ENUM('x', 'y')", false),
    ("a SET('p', 'q')", false),
    ("a UUID", true),
    ("a INET6", true),
    ("a INET4", true),
    ("a INT, b VARCHAR(9) CHARACTER SET utf8mb4", false),
    ("a DATE, b BIT(7), c DECIMAL(5,2)", true),
];

fn tables() -> String {
    let mut text = "DROP DATABASE IF EXISTS k; CREATE DATABASE k; USE k;\n".to_owned();
    for (nth, (columns, _)) in KEYS.iter().enumerate() {
        let names = columns.split(", ").filter_map(|column| column.split(' ').next());
        let names = names.filter(|name| name.len() == 1).collect::<Vec<_>>().join(", ");
        let length = if columns.contains("TEXT") || columns.contains("BLOB") { "(9)" } else { "" };
        let _ = writeln!(
            text,
            "CREATE TABLE t{nth} ({columns}, v INT, PRIMARY KEY ({names}{length})) ENGINE=InnoDB;"
        );
    }
    text
}

fn hex_of(random: &mut fastrand::Rng, length: usize) -> String {
    let mut byte = || [0, 0x20, 0x2c, random.u8(..)][random.usize(..4)];
    (0..length).map(|_| format!("{:02x}", byte())).collect()
}

/// A value for a column of this type.
fn value(column: &str, random: &mut fastrand::Rng) -> String {
    let kind = column.split([' ', '(']).nth(1).unwrap_or_default();
    match kind {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "BIT" | "DOUBLE" => {
            let shift = random.u32(1..64);
            (random.i64(..) >> shift).to_string()
        }
        "DECIMAL" => format!("{}.{}", random.i64(..) >> random.u32(..64), random.u32(..)),
        "YEAR" => random.choice(["0", "1901", "2155", "2024", "1970"]).unwrap_or("0").to_owned(),
        "DATE" | "DATETIME" | "TIMESTAMP" => {
            let years = if kind == "TIMESTAMP" { 1971..2037 } else { 0..9999 };
            match random.u8(..8) {
                0 => "'0000-00-00 00:00:00'".to_owned(),
                _ => format!(
                    "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
                    random.u32(years),
                    random.u32(1..13),
                    random.u32(1..29),
                    random.u32(..24),
                    random.u32(..60),
                    random.u32(..60),
                    random.u32(..1_000_000)
                ),
            }
        }
        "TIME" => format!(
            "'{}{}:{:02}:{:02}.{:06}'",
            random.choice(["", "-"]).unwrap_or(""),
            random.u32(..838),
            random.u32(..60),
            random.u32(..60),
            random.choice([0, 1, 500_000, 999_999]).unwrap_or(0)
        ),
        "CHAR" | "VARCHAR" | "TEXT" => {
            let letters: Vec<char> = "aAßé€ ,?'\\\t\n\0Zž漢𝄞*".chars().collect();
            let text: String =
                (0..random.usize(..6)).filter_map(|_| random.choice(&letters)).collect();
            let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("_utf8mb4 X'{digits}'")
        }
        "BINARY" => format!("X'{}'", hex_of(random, 4)),
        "VARBINARY" | "LONGBLOB" => {
            let length = random.usize(..9);
            format!("X'{}'", hex_of(random, length))
        }
        "ENUM" | "SET" => random.u8(1..3).to_string(),
        "UUID" => format!("CAST(X'{}' AS UUID)", hex_of(random, 16)),
        "INET6" => format!("CAST(X'{}' AS INET6)", hex_of(random, 16)),
        _ => format!("CAST(X'{}' AS INET4)", hex_of(random, 4)),
    }
}

fn statements(random: &mut fastrand::Rng, count: usize) -> String {
    let mut text = "SET sql_mode = '', time_zone = '+05:30'; USE k;\n".to_owned();
    for (nth, (columns, _)) in KEYS.iter().enumerate() {
        for _ in 0..count {
            let columns =
                columns.replace("(5,2)", "(5)").replace("'x', 'y'", "x").replace("'p', 'q'", "p");
            let values: Vec<String> =
                columns.split(", ").map(|column| value(column, random)).collect();
            let all = values.join(", ");
            let _ = match random.u8(..6) {
                0 => writeln!(text, "DELETE FROM t{nth} ORDER BY RAND() LIMIT 1;"),
                1 => {
                    writeln!(text, "UPDATE IGNORE t{nth} SET a = {} ORDER BY v LIMIT 1;", values[0])
                }
                2 => writeln!(text, "UPDATE t{nth} SET v = v + 1 ORDER BY RAND() LIMIT 1;"),
                3 => writeln!(text, "REPLACE INTO t{nth} VALUES ({all}, 1);"),
                _ => writeln!(text, "INSERT IGNORE INTO t{nth} VALUES ({all}, {});", random.u8(..)),
            };
        }
    }
    text
}

/// Both versions list anew what the log says, under the names that the lists have.
pub fn session(seed: u64, _without: &[u64]) -> Result<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    fs::write("/srv/etc/mysql/my.cnf", SETTINGS)?;
    fs::write(OPTION_FILE, "[client]\n")?;
    world::copy_content(&Path::new(world::OLD_ROOT).join("var/lib/mysql"), Path::new(DATADIR))?;
    let mut said = Vec::new();
    for version in ["old", "new"] {
        fs::write("/srv/version", format!("{version}\n"))?;
        start(&Unlike::default())?;
        if version == "new" {
            let mut upgrade = Command::new("mariadb-upgrade");
            upgrade.args(LOGIN).arg("--silent");
            run(upgrade.arg(format!("--socket={SOCKET}")), b"")?;
        }
        let sql = |text: &str| {
            // What a type cannot hold is refused.
            let options = ["--force", "--default-character-set=utf8mb4"];
            let said = world::attempt(&mut client(&options), text.as_bytes())?.2;
            anyhow::Ok(said.matches("ERROR ").count())
        };
        ensure!(sql(&tables())? == 0, "not all tables were made");
        let mut refused = sql(&statements(&mut random, 12))?;
        let mark = ahead::mark(SOCKET, LOG, &ahead::nobody(SOCKET)?)?;
        let before = ahead::list(SOCKET, false)?;
        refused += sql(&statements(&mut random, 12))?;
        let looked = ahead::look(SOCKET, LOG, &mark, &before)?;
        let whole: Vec<&str> = (0..KEYS.len())
            .filter(|nth| ahead::is_whole(&format!("k.t{nth}")) && KEYS[*nth].1)
            .map(|nth| KEYS[nth].0)
            .collect();
        ensure!(whole.is_empty(), "not told by their keys: {whole:#?}");
        said.push(format!("{version}: {looked}, {refused} refused"));
        stop()?;
    }
    Ok(said.join("; "))
}
