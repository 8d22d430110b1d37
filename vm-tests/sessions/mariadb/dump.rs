//! What a server holds, by the old version's `mariadb-dump`: the playbook's lists have no part in
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Result;

use crate::world::{attempt, of_old, run};

/// How often each line occurs.
pub type Dump = BTreeMap<Line, usize>;

/// A line of a dump.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// What it is about: the schema and the table, view, routine or event, in backticks; or
    /// `account` and a name.
    pub about: String,
    text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.text)
    }
}

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
    let mut add = |about: &str, text: String| {
        *dump.entry(Line { about: about.to_owned(), text }).or_default() += 1;
    };
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
        let schema = format!("`{}`", schema.replace('`', "``"));
        for line in errors.lines() {
            add(&schema, line.to_owned());
        }
        let text = String::from_utf8_lossy(&printed);
        let mut about = schema.clone();
        for line in text.lines() {
            if let Some(name) = dropped(line) {
                about = format!("{schema}.{name}");
            }
            // What stands between the objects, and behind the last one, is about none of them.
            let between = line.is_empty() || line.starts_with("USE `") || line.contains("=@OLD_");
            add(if between { &schema } else { &about }, plain(line));
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
            add(&format!("account {name}"), line);
        }
    }
    Ok(dump)
}

/// The name behind `DROP TABLE IF EXISTS` or the like, with which each object begins.
fn dropped(line: &str) -> Option<&str> {
    let bare = line
        .strip_prefix("/*!")
        .map_or(line, |line| line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start());
    let (_, rest) = bare.strip_prefix("DROP ")?.split_once(" IF EXISTS ")?;
    let mut end = 1;
    while let Some(at) = rest.get(end..)?.find('`') {
        end += at + 1;
        if rest[end..].starts_with('`') {
            end += 1;
        } else {
            return Some(&rest[..end]);
        }
    }
    None
}

/// What is left when the server has started again: tables of MEMORY are empty.
pub fn restarted(mut dump: Dump) -> Dump {
    let memory: BTreeSet<String> = dump
        .keys()
        .filter(|line| line.text.starts_with(") ENGINE=MEMORY"))
        .map(|line| line.about.clone())
        .collect();
    dump.retain(|line, _| !memory.contains(&line.about) || !line.text.starts_with("INSERT "));
    dump
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

/// The lines that only one of them has: those that are lost, and those that are new.
#[derive(Debug)]
pub struct Difference {
    lost: Vec<Line>,
    new: Vec<Line>,
}

impl Difference {
    pub fn between(upgraded: &Dump, restored: &Dump) -> Self {
        let lacks = |one: &Dump, other: &Dump| {
            one.iter()
                .filter(|(line, count)| other.get(*line).copied().unwrap_or_default() < **count)
                .map(|(line, _)| line.clone())
                .collect()
        };
        Self { lost: lacks(upgraded, restored), new: lacks(restored, upgraded) }
    }

    pub fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.new.is_empty()
    }

    /// Without rows that hold this, and as many of the same table in their place.
    pub fn but_rows_with(mut self, value: &str) -> Self {
        let (gone, lost) = self.lost.into_iter().partition(|line| line.text.contains(value));
        self.lost = lost;
        let gone: Vec<Line> = gone;
        for line in gone {
            if let Some(at) = self.new.iter().position(|it| it.about == line.about) {
                self.new.remove(at);
            }
        }
        self
    }

    /// Without the lines that are about what `is_named`.
    pub fn but(mut self, is_named: impl Fn(&str) -> bool) -> Self {
        self.lost.retain(|line| !is_named(&line.about));
        self.new.retain(|line| !is_named(&line.about));
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, sign, lines) in [("lost", '-', &self.lost), ("new", '+', &self.new)] {
            writeln!(f, "{} lines are {what}:", lines.len())?;
            for line in lines.iter().take(SHOWN) {
                let text: String = line.to_string().chars().take(LONGEST).collect();
                writeln!(f, "{sign} {text}")?;
            }
        }
        Ok(())
    }
}
