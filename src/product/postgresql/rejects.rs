//! What a server answers to what it does not take: an item that it rejects, or a fault of the host.

use super::list;

/// The beginnings of errors that the item did not cause.
const FAULTS: &[&str] = &[
    "could not extend file",
    "could not write",
    "could not create file",
    "could not open file",
    "could not read",
    "could not fsync",
    "could not resize shared memory",
    "out of memory",
    "out of shared memory",
    "terminating connection",
    "server closed the connection",
    "canceling statement",
    "deadlock detected",
    "the database system is",
    "remaining connection slots",
    "sorry, too many clients",
    "connection to server",
    "no connection to the server",
    "lost connection",
    "could not send data",
    "could not receive data",
    "disk full",
    "invalid page",
];

/// What was not taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// Items, with the reason.
    pub(super) items: Vec<String>,
    /// What ended or spoilt the restore.
    pub(super) faults: Vec<String>,
}

impl Refused {
    pub(super) fn extend(&mut self, other: Self) {
        self.items.extend(other.items);
        self.faults.extend(other.faults);
    }

    fn add(&mut self, item: &str, error: &str) {
        let reason = reason(error);
        let fault = FAULTS.iter().any(|fault| reason.starts_with(fault));
        if fault || item.is_empty() {
            self.faults.push(format!("{item}: {reason}").trim_start_matches(": ").to_owned());
        } else if !self.items.iter().any(|other| begins_with(other, item)) {
            // What also fails for it, such as its owner, says nothing new.
            self.items.push(format!("{item}: {reason}"));
        }
    }
}

fn begins_with(other: &str, item: &str) -> bool {
    other.strip_prefix(item).is_some_and(|rest| rest.starts_with(": "))
}

/// The server's reason, without values: what an error quotes behind a colon is data.
fn reason(error: &str) -> String {
    let text = error.trim();
    let text = text.split_once(" syntax for type ").map_or(text, |(_, rest)| {
        let kind = rest.split(':').next().unwrap_or_default();
        &text[..text.len() - rest.len() + kind.len()]
    });
    text.to_owned()
}

/// The one setting that the newer `pg_restore` makes and an older server does not know.
const KNOWN: &str = "unrecognized configuration parameter \"transaction_timeout\"";

/// Whether `pg_restore` complained of nothing else. Several connections write at the same time, so
/// that lines are not whole: only the beginnings of errors are counted.
pub(super) fn is_clean(said: &str) -> bool {
    let known = said.matches(KNOWN).count();
    said.matches("error: ").count() == known && said.matches("ERROR:  ").count() == known
}

/// What `pg_restore --verbose` said about a database, over one connection.
pub(super) fn of_restore(database: &str, said: &str) -> Refused {
    let mut refused = Refused::default();
    let mut entry = String::new();
    for line in said.lines() {
        let Some(text) = line.strip_prefix("pg_restore: ") else { continue };
        if let Some(rest) = text.strip_prefix("from TOC entry ") {
            entry = list::entry(rest).unwrap_or_default().to_owned();
            continue;
        }
        let Some(error) = text.strip_prefix("error: ") else { continue };
        if error.contains(KNOWN) {
            continue;
        }
        let (item, reason) = match error.split_once("ERROR:  ") {
            Some((_, reason)) => (format!("database {database:?}: {entry}"), reason),
            None => (String::new(), error),
        };
        refused.add(&item, reason);
    }
    refused
}

/// The line that stands before a statement's errors; see [`of_statements`].
pub(super) const MARK: &str = "@backout ";

/// What `psql` said to statements, each behind a line with its number.
pub(super) fn of_statements(labels: &[String], said: &str) -> Refused {
    let mut refused = Refused::default();
    let mut label = "";
    for line in said.lines() {
        if let Some(number) = line.strip_prefix(MARK) {
            label = number
                .trim()
                .parse::<usize>()
                .ok()
                .and_then(|at| labels.get(at))
                .map_or("", String::as_str);
        } else if let Some((_, reason)) = line.split_once("ERROR:  ") {
            refused.add(label, reason);
        } else if let Some((_, reason)) = line.split_once("FATAL:  ") {
            refused.faults.push(reason.to_owned());
        } else if line.starts_with("psql: error: ") {
            refused.faults.push(line.to_owned());
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_that_was_refused_is_named_without_data() {
        let said = "pg_restore: while INITIALIZING:\n\
            pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter \
            \"transaction_timeout\"\nCommand was: SET transaction_timeout = 0;\n\n\
            pg_restore: while PROCESSING TOC:\n\
            pg_restore: from TOC entry 221; 1259 16402 VIEW v postgres\n\
            pg_restore: error: could not execute query: ERROR:  syntax error at or near \"COLUMNS\"\n\
            LINE 3:    FROM JSON_TABLE(\nCommand was: CREATE VIEW public.v AS SELECT 1;\n\n\
            pg_restore: error: could not execute query: ERROR:  relation \"v\" does not exist\n\
            pg_restore: from TOC entry 3340; 0 16389 TABLE DATA iv postgres\n\
            pg_restore: error: COPY failed for table \"iv\": ERROR:  invalid input syntax for type \
            interval: \"infinity\"\nCONTEXT:  COPY iv, line 1, column i: \"infinity\"\n\
            pg_restore: from TOC entry 3341; 0 16390 TABLE DATA big postgres\n\
            pg_restore: error: COPY failed for table \"big\": ERROR:  could not extend file \
            \"base/5/1\": No space left on device\n\
            pg_restore: warning: errors ignored on restore: 4\n";
        let refused = of_restore("shop", said);
        assert_eq!(
            refused.items,
            [
                "database \"shop\": VIEW v postgres: syntax error at or near \"COLUMNS\"",
                "database \"shop\": TABLE DATA iv postgres: invalid input syntax for type interval",
            ]
        );
        assert_eq!(refused.faults.len(), 1);
        assert!(!is_clean(said));
        let two =
            format!("pg_restore: pg_restore: error: error: x ERROR:  {KNOWN}y ERROR:  {KNOWN}");
        assert!(is_clean(&two) && is_clean(""));
        let lost = of_restore("x", "pg_restore: error: could not open input file \"/x\": gone\n");
        assert_eq!((lost.items.len(), lost.faults.len()), (0, 1));
    }

    #[test]
    fn a_statement_that_was_refused_is_named_by_its_label() {
        let labels = ["CREATE ROLE a".to_owned(), "GRANT pg_maintain TO a".to_owned()];
        let said =
            "@backout 0\n@backout 1\npsql:<stdin>:5: ERROR:  role \"pg_maintain\" does not exist\n";
        let refused = of_statements(&labels, said);
        assert_eq!(refused.items, ["GRANT pg_maintain TO a: role \"pg_maintain\" does not exist"]);
    }
}
