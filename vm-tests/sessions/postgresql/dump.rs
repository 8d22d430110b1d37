//! What a server holds, by the new version's `pg_dumpall`: the playbook's lists have no part in it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use regex::Regex;

use super::{client, client_at};
use crate::outcome::shown;
use crate::world::run;

/// How often each line occurs, with what it is a part of.
pub type Dump = BTreeMap<String, usize>;

/// How many lines of a difference are shown, and how long each.
const SHOWN: usize = 16;
const LONGEST: usize = 300;

/// Everything that the server with this socket has, but what names versions.
pub fn take(socket: &str) -> Result<Dump> {
    let mut all = client_at(socket, "17", "pg_dumpall", "");
    all.arg("--restrict-key=x");
    let printed = run(&mut all, b"")?;
    let qualified = Regex::new(r#"("([^"]|"")+"|[\p{L}_][\w$]*)\."#)?;
    let (mut dump, mut part) = (Dump::new(), String::new());
    for line in String::from_utf8_lossy(&printed).lines() {
        let begins = ["-- Name: ", "-- Data for Name: ", "-- Database"];
        if begins.iter().any(|begin| line.starts_with(begin)) {
            line.clone_into(&mut part);
        }
        let skip = [
            "-- Dumped ",
            "SET transaction_timeout",
            "-- Name: ",
            "-- Data",
            // Before the first object that may need them, whichever that is.
            "SET default_tablespace = '';",
            "SET default_table_access_method = heap;",
        ];
        if skip.iter().any(|begin| line.starts_with(begin)) || line.trim_matches('-').is_empty() {
            continue;
        }
        // What only the new version has, and what depends on it, has this in its name.
        if line.contains("new17") || part.contains("new17") {
            continue;
        }
        let mut line = plain(line);
        if part.contains("Type: VIEW") || part.contains("Type: MATERIALIZED VIEW;") {
            // 15 writes the table before each column, 17 only where there are several tables.
            line = qualified.replace_all(&line, "").into_owned();
        }
        *dump.entry(format!("{}: {line}", part.trim_start_matches("-- "))).or_default() += 1;
    }
    Ok(dump)
}

/// Without the words that only the new version has.
fn plain(line: &str) -> String {
    let mut line = line.to_owned();
    if line.contains(" ON TABLE") || line.contains(" ON TABLES") {
        // An owner without one of the privileges has MAINTAIN in 17's list, and all of 15's are
        // not all of 17's.
        line = line.replace(",MAINTAIN", "").replace("MAINTAIN,", "");
        line = line.replace("SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE", "ALL");
    }
    if line.starts_with("GRANT ") && !line.contains(" ON ") {
        for word in
            [" WITH INHERIT TRUE", " WITH INHERIT FALSE", ", INHERIT TRUE", ", INHERIT FALSE"]
        {
            line = line.replace(word, "");
        }
        let end = line.find(" GRANTED BY ").unwrap_or(line.len());
        line.truncate(end);
        line = format!("{};", line.trim_end_matches(';'));
    }
    line
}

/// Looks into every index of the server, as its clients would.
pub fn damaged() -> Result<String> {
    let list = client("17", "psql", "template1")
        .args(["-XAtc", "SELECT datname FROM pg_database WHERE datname <> 'template0'"])
        .output_text()?;
    let mut found = String::new();
    for database in list.lines() {
        let sql = "SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS amcheck; \
            SELECT count(bt_index_parent_check(i.indexrelid, true)) FROM pg_index i \
            JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam \
            WHERE a.amname = 'btree' AND c.relpersistence <> 't' AND c.relkind = 'i' AND i.indisvalid; \
            DROP EXTENSION amcheck";
        let (_, status, errors) = crate::world::attempt(
            client("17", "psql", database).args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]),
            b"",
        )?;
        if !status.success() {
            found.push_str(&format!("{database}: {errors}"));
        }
    }
    Ok(found)
}

trait Text {
    fn output_text(&mut self) -> Result<String>;
}

impl Text for std::process::Command {
    fn output_text(&mut self) -> Result<String> {
        String::from_utf8(run(self, b"")?).context("it is no text")
    }
}

/// The first differences.
pub fn difference(upgraded: &Dump, restored: &Dump) -> Option<String> {
    let all: std::collections::BTreeSet<&String> = upgraded.keys().chain(restored.keys()).collect();
    let count = |dump: &Dump, line: &String| dump.get(line).copied().unwrap_or_default();
    let lines: Vec<String> = all
        .into_iter()
        .map(|line| (line, count(upgraded, line), count(restored, line)))
        .filter(|(_, was, is)| was != is)
        .map(|(line, was, is)| {
            format!(
                "{was} on the new version, {is} came back: {}",
                line.chars().take(LONGEST).collect::<String>()
            )
        })
        .collect();
    shown(lines, SHOWN)
}
