//! The definitions of a server, as the playbook lists them: what changes there while a standby runs
//! does not come over.

use std::collections::BTreeSet;

use super::super::client::Client;
use super::pair::{Fed, NAME, fed};
use crate::product::stream::HelperError;

const SCHEMA: &str = include_str!("../../../../playbooks/postgresql/schema.sql");
const GRANTS: &str = include_str!("../../../../playbooks/postgresql/grants.sql");
const GLOBALS: &str = include_str!("../../../../playbooks/postgresql/globals.sql");
const TABLES: &str = include_str!("sql/tables.sql");

/// So many differences are named.
const NAMED: usize = 5;

/// All lines, in order, of the databases that are fed.
pub(super) fn list(live: &Client) -> Result<String, HelperError> {
    let fed = fed(live)?;
    of(live, fed.iter().map(|Fed { name, .. }| name.as_str()), &[SCHEMA, GRANTS])
}

/// The same of all databases, with what tells a table that was made anew.
pub(super) fn all(server: &Client) -> Result<String, HelperError> {
    let all = server.databases()?;
    of(server, all.iter().map(|(name, _)| name.as_str()), &[SCHEMA, GRANTS, TABLES])
}

fn of<'a>(
    server: &Client,
    databases: impl Iterator<Item = &'a str>,
    parts: &[&str],
) -> Result<String, HelperError> {
    let mut lines = BTreeSet::new();
    // Large objects are carried, and what is there for a standby goes.
    let own = |line: &&str| !line.starts_with("large object\t") && !line.contains(NAME);
    let mut add = |text: String| lines.extend(text.lines().filter(own).map(str::to_owned));
    add(server.script("template1", GLOBALS)?);
    for name in databases {
        for part in parts {
            add(server.script(name, part)?);
        }
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

/// What differs between two such lists, in words; nothing if they are the same.
pub(super) fn differing(before: &str, now: &str) -> Option<String> {
    let set = |text: &'_ str| -> BTreeSet<String> {
        // Kind, database and name; not the definition itself, which may hold data.
        text.lines().map(str::to_owned).collect()
    };
    let (before, now) = (set(before), set(now));
    let changed: BTreeSet<String> = before.symmetric_difference(&now).map(|it| name(it)).collect();
    if changed.is_empty() {
        return None;
    }
    let mut named: Vec<&str> = changed.iter().map(String::as_str).take(NAMED).collect();
    let more = format!("{} more", changed.len().saturating_sub(NAMED));
    if changed.len() > NAMED {
        named.push(&more);
    }
    Some(named.join(", "))
}

/// What a line is about.
fn name(line: &str) -> String {
    line.split('\t').take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_named_without_its_text() {
        let before = "column\tshop\torders.id\t1; bigint\ntable\tshop\torders\towner shop\n";
        assert_eq!(differing(before, before), None);
        let now = "column\tshop\torders.id\t1; bigint\ncolumn\tshop\torders.note\t2; text\n\
            table\tshop\torders\towner shop\n";
        assert_eq!(differing(before, now).as_deref(), Some("column shop orders.note"));
        let many: String = (0..9).map(|at| format!("view\tshop\tv{at}\tx\n")).collect();
        let said = differing("", &many).expect("differs");
        assert!(said.ends_with("view shop v4, 4 more"), "{said}");
    }
}
