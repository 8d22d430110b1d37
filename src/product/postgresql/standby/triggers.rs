//! Triggers of the standby that fire in a replication, too: they fired on the upgraded server already.

use std::collections::BTreeMap;

use super::super::client::unhex;
use super::pair::{Fed, Pair, unread};
use crate::product::stream::HelperError;

const TRIGGERS: &str = include_str!("sql/triggers.sql");
/// The file that has them: database, the statement that holds one, the statement that takes this back,
/// each in hexadecimal digits.
const FILE: &str = "triggers";

/// Notes those that the copy brought.
pub(super) fn note(pair: &Pair, databases: &[Fed]) -> Result<(), HelperError> {
    let mut all = String::new();
    for one in databases {
        for line in pair.standby.script(&one.name, TRIGGERS)?.lines() {
            all.push_str(&format!("{}\t{line}\n", hex::encode(&one.name)));
        }
    }
    pair.put(FILE, &all)
}

/// Holds them, or takes that back, in all databases or in one.
pub(super) fn hold(pair: &Pair, held: bool, only: Option<&str>) -> Result<(), HelperError> {
    let mut by_database: BTreeMap<String, String> = BTreeMap::new();
    for line in pair.get(FILE)?.unwrap_or_default().lines() {
        let words: Option<Vec<String>> = line.split('\t').map(unhex).collect();
        let Some([database, hold, back]) = words.as_deref() else { return Err(unread()) };
        if only.is_none_or(|only| only == database) {
            let sql = by_database.entry(database.clone()).or_default();
            sql.push_str(if held { hold } else { back });
            sql.push_str(";\n");
        }
    }
    for (database, sql) in by_database {
        // Triggers on definitions are not to see this.
        pair.standby
            .script(&database, &format!("SET session_replication_role = replica;\n{sql}"))?;
    }
    Ok(())
}
