//! What a server holds, by the old version's `mariadb-dump`: the playbook's lists have no part in
//! it.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::world::{attempt, of_old, run};

/// How often each line occurs, by its schema.
pub type Dump = BTreeMap<String, usize>;

/// How many lines of a difference are shown, and how long each.
const SHOWN: usize = 12;
const LONGEST: usize = 400;

fn ask(socket: &str, sql: &str) -> Result<Vec<String>> {
    let mut client = of_old("mariadb");
    client.args(super::LOGIN).args(["--batch", "--skip-column-names"]);
    client.args(["--default-character-set=utf8mb4", &format!("--socket={socket}")]);
    let printed = run(&mut client, sql.as_bytes())?;
    Ok(String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect())
}

/// Everything, but what only counts or names versions.
pub fn take(socket: &str) -> Result<Dump> {
    let mut dump = Dump::new();
    let mut add = |line: String| *dump.entry(line).or_default() += 1;
    for schema in ask(socket, "SHOW DATABASES")? {
        if matches!(schema.as_str(), "mysql" | "information_schema" | "performance_schema" | "sys")
        {
            continue;
        }
        let mut command = of_old("mariadb-dump");
        command.args(super::LOGIN);
        command.arg(format!("--socket={socket}")).args([
            "--databases",
            &schema,
            "--routines",
            "--events",
            "--triggers",
            "--hex-blob",
            "--skip-extended-insert",
            "--skip-comments",
            "--skip-lock-tables",
            "--complete-insert",
            "--force",
            "--tz-utc",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
        ]);
        // It fails where a view names what is gone. That is the same on both sides.
        let (printed, _, errors) = attempt(&mut command, b"")?;
        for line in errors.lines() {
            add(format!("{schema}: {line}"));
        }
        let text = String::from_utf8_lossy(&printed);
        for line in text.lines() {
            add(format!("{schema}: {}", plain(line)));
        }
    }
    for account in ask(
        socket,
        "SELECT CONCAT(QUOTE(User), IF(is_role = 'Y', '', CONCAT('@', QUOTE(Host)))), is_role \
         FROM mysql.user",
    )? {
        let (name, role) = account.split_once('\t').unwrap_or((&account, ""));
        let mut sql = format!("SHOW GRANTS FOR {name};");
        if role != "Y" {
            sql.insert_str(0, &format!("SHOW CREATE USER {name};"));
        }
        for line in ask(socket, &sql)? {
            // The versions quote differently, and 11.3 has one privilege more: who had all of
            // 10.11's has not all of them there.
            let mut line = line.replace(", SHOW CREATE ROUTINE", "").replace('`', "'");
            if let Some((all, on)) = line.split_once(" ON *.* ")
                && all.matches(", ").count() > 30
            {
                line = format!("GRANT ALL PRIVILEGES ON *.* {on}");
            }
            add(format!("account {name}: {line}"));
        }
    }
    Ok(dump)
}

/// Tables that are damaged, an index of them for one.
pub fn damaged(socket: &str) -> Result<Vec<String>> {
    let mut check = of_old("mariadb-check");
    check.args(super::LOGIN).args(["--all-databases", "--extended"]);
    let (printed, _, errors) = attempt(check.arg(format!("--socket={socket}")), b"")?;
    let text = String::from_utf8_lossy(&printed).into_owned() + &errors;
    let fine = |line: &&str| {
        line.ends_with(" OK")
            || line.ends_with("Table is already up to date")
            || is_about_a_view(line)
    };
    let mut lines = text.lines().filter(|line| !fine(line)).map(str::to_owned).collect::<Vec<_>>();
    // The names stand on the line before what is said of them.
    lines
        .retain(|line| line.contains("orrupt") || line.contains("error") || line.contains("Error"));
    Ok(lines)
}

fn is_about_a_view(line: &str) -> bool {
    line.contains("View ") && line.contains("references invalid")
}

/// Without what a way back does not promise: the counters of AUTO_INCREMENT and sequences.
fn plain(line: &str) -> String {
    let mut plain = line.to_owned();
    if let Some(at) = plain.find(" AUTO_INCREMENT=") {
        let rest = &plain[at + " AUTO_INCREMENT=".len()..];
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        plain = format!("{}{}", &plain[..at], &rest[digits..]);
    }
    // 11.8 prints it behind the default.
    plain = plain.replacen(" INVISIBLE", "", 1);
    // 10.11 shows the bytes of a binary default as text, with losses, and quotes no options.
    if plain.contains("binary(")
        && let Some(at) = plain.find(" DEFAULT x'").or_else(|| plain.find(" DEFAULT '"))
    {
        plain.truncate(at);
    }
    // 11.8 writes a tab in a default as \t.
    if plain.contains(" DEFAULT '") {
        plain = plain.replace("\\t", "\t");
    }
    if plain.starts_with(") ENGINE=") {
        plain = plain.replace('\'', "");
    }
    if plain.starts_with("DO SETVAL(") || plain.starts_with("SELECT SETVAL(") {
        plain.truncate(plain.find(',').unwrap_or(plain.len()));
    }
    plain
}

/// The lines that only one of them has, if any.
pub fn difference(upgraded: &Dump, restored: &Dump) -> Option<String> {
    let lacks = |one: &Dump, other: &Dump, sign: &str| {
        one.iter()
            .filter(|(line, count)| other.get(*line).copied().unwrap_or_default() < **count)
            .map(|(line, _)| format!("{sign} {}", line.chars().take(LONGEST).collect::<String>()))
            .collect::<Vec<_>>()
    };
    let (lost, more) = (lacks(upgraded, restored, "-"), lacks(restored, upgraded, "+"));
    if lost.is_empty() && more.is_empty() {
        return None;
    }
    let shown = |lines: &[String]| lines.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    Some(format!(
        "{} lines are lost:\n{}\n{} lines are new:\n{}",
        lost.len(),
        shown(&lost),
        more.len(),
        shown(&more)
    ))
}
