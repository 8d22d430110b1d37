//! What a session must be told before a statement, and how a statement is written for the client.

use std::borrow::Cow;

use super::name::quoted;
use super::query::{EXPLICIT_TIMESTAMPS, NAMES, Query};

/// Sent before anything else. An XA transaction must not bind the session; no statement may end
/// before its work is done; changes to versioned tables keep their history, as they did.
///
/// One replay at a time: the session of one that was killed may still be at its last statement. What
/// it does counts, so it is waited for before the position is asked.
pub(super) const PREAMBLE: &[&str] = &[
    "SET @@session.pseudo_slave_mode=1, @@session.completion_type=0, @@session.max_statement_time=0, \
     @@session.system_versioning_alter_history=KEEP",
    "DO GET_LOCK('backout-feed', 86400)",
];

/// The settings of the client's session, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Session {
    last: Option<Query>,
    schema: Option<Vec<u8>>,
}

/// What one bit of the options sets, and whether the bit means that it is off.
const OPTIONS: &[(u32, &str, bool)] = &[
    (1 << 26, "foreign_key_checks", true),
    (1 << 14, "sql_auto_is_null", false),
    (1 << 27, "unique_checks", true),
    (1 << 15, "check_constraint_checks", true),
    (1 << 28, "sql_if_exists", false),
    (EXPLICIT_TIMESTAMPS, "explicit_defaults_for_timestamp", false),
    (1 << 30, "system_versioning_insert_history", false),
];

impl Session {
    /// What has to be set before this statement.
    pub(super) fn set(&mut self, query: &Query) -> Vec<Vec<u8>> {
        let mut statements = Vec::new();
        let mut set = Vec::new();
        let last = self.last.take();
        let other = |of: fn(&Query) -> u64| last.as_ref().is_none_or(|last| of(last) != of(query));
        if !query.without_schema
            && !query.schema.is_empty()
            && self.schema.as_ref() != Some(&query.schema)
        {
            if !query.schema.is_ascii() {
                statements.push(format!("SET @@session.character_set_client={NAMES}").into_bytes());
            }
            statements.push([b"use ".as_slice(), &quoted(&query.schema)].concat());
            self.schema = Some(query.schema.clone());
        }
        set.push(match query.time {
            (seconds, 0) => format!("TIMESTAMP={seconds}"),
            (seconds, micros) => format!("TIMESTAMP={seconds}.{micros:06}"),
        });
        if other(|query| query.thread.into()) {
            set.push(format!("@@session.pseudo_thread_id={}", query.thread));
        }
        let before = last.as_ref().and_then(|last| last.options);
        if let Some(options) = query.options {
            for (bit, name, off) in OPTIONS {
                let value = (options & bit != 0) != *off;
                if before.is_none_or(|before| (before ^ options) & bit != 0) {
                    set.push(format!("@@session.{name}={}", u8::from(value)));
                }
            }
        }
        if let Some(mode) = query.sql_mode
            && last.as_ref().and_then(|last| last.sql_mode) != Some(mode)
        {
            set.push(format!("@@session.sql_mode={mode}"));
        }
        let step = |query: &Query| query.auto_increment.unwrap_or((1, 1));
        if last.as_ref().is_none_or(|last| step(last) != step(query)) {
            let (increment, offset) = step(query);
            set.push(format!("@@session.auto_increment_increment={increment}"));
            set.push(format!("@@session.auto_increment_offset={offset}"));
        }
        let collations_before = last.as_ref().and_then(|last| last.collations);
        if let Some([client, connection, server]) = query.collations
            && (collations_before != query.collations || !statements.is_empty())
        {
            set.push(format!("@@session.character_set_client={}", known(client)));
            set.push(format!("@@session.collation_connection={connection}"));
            set.push(format!("@@session.collation_server={server}"));
        }
        if let Some(zone) = &query.time_zone
            && last.as_ref().and_then(|last| last.time_zone.as_ref()) != Some(zone)
        {
            set.push(format!("@@session.time_zone=X'{}'", hex::encode(zone)));
        }
        if other(|query| query.lc_time_names.into()) {
            set.push(format!("@@session.lc_time_names={}", query.lc_time_names));
        }
        if other(|query| query.collation_database.into()) || !statements.is_empty() {
            set.push(match query.collation_database {
                0 => "@@session.collation_database=DEFAULT".to_owned(),
                collation => format!("@@session.collation_database={collation}"),
            });
        }
        statements.push(format!("SET {}", set.join(", ")).into_bytes());
        // Where a statement does not say what a setting is, the one before it holds.
        let mut now = Query {
            text: Vec::new(),
            options: query.options.or(before),
            sql_mode: query.sql_mode.or(last.as_ref().and_then(|last| last.sql_mode)),
            collations: query.collations.or(collations_before),
            ..query.clone()
        };
        now.time_zone = query.time_zone.clone().or(last.and_then(|last| last.time_zone));
        self.last = Some(now);
        statements
    }

    /// The session has no schema in use any more, or another one.
    pub(super) fn forget_schema(&mut self) {
        self.schema = None;
    }
}

/// A collation of the same character set that every version knows. The server uses one of its own
/// that came with 11.4 where it writes statements itself.
fn known(client: u16) -> u16 {
    const UTF8MB3: u16 = 33;
    const UTF8MB4: u16 = 45;
    match client {
        579 => UTF8MB3,
        255..=323 | 611 => UTF8MB4,
        known => known,
    }
}

/// The statement's text, with the account that ran it in the place of `CURRENT_USER` where it names
/// an account: the replay runs as another one, whose password it would change.
pub(super) fn as_its_user(query: &Query) -> Cow<'_, [u8]> {
    const ACCOUNTS: &[&str] = &[
        "ALTER USER",
        "DROP USER",
        "RENAME USER",
        "GRANT ",
        "REVOKE ",
        "SET ",
        "CREATE ROLE",
        "CREATE USER",
    ];
    let begins = query.begins().replace("OR REPLACE ", "").replace("IF EXISTS ", "");
    let Some((user, host)) = query.invoker.as_ref().filter(|(user, _)| !user.is_empty()) else {
        return Cow::Borrowed(&query.text);
    };
    if !ACCOUNTS.iter().any(|word| begins.starts_with(word)) {
        return Cow::Borrowed(&query.text);
    }
    // A role has no host.
    let (word, account) = if host.is_empty() {
        ("CURRENT_ROLE", quoted(user))
    } else {
        ("CURRENT_USER", [quoted(user), quoted(host)].join(&b'@'))
    };
    let (text, mut said, mut at, mut open) = (&query.text, Vec::new(), 0, None);
    while at < text.len() {
        let (byte, rest) = (text[at], &text[at..]);
        let word_before = at > 0 && is_of_word(text[at - 1]);
        let ends = !rest.get(word.len()).copied().is_some_and(is_of_word);
        match open {
            None if !word_before
                && ends
                && rest.len() >= word.len()
                && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes()) =>
            {
                said.extend_from_slice(&account);
                at += word.len();
                let behind = &text[at..];
                let spaces = behind.len() - behind.trim_ascii_start().len();
                let inside = behind[spaces..].strip_prefix(b"(").map(<[u8]>::trim_ascii_start);
                if let Some(after) = inside.and_then(|inside| inside.strip_prefix(b")")) {
                    at = text.len() - after.len();
                }
                continue;
            }
            None if matches!(byte, b'\'' | b'"' | b'`') => open = Some(byte),
            Some(quote) if byte == quote => open = None,
            Some(quote) if byte == b'\\' && quote != b'`' => {
                said.push(byte);
                at += 1;
            }
            _ => {}
        }
        said.extend(text.get(at));
        at += 1;
    }
    Cow::Owned(said)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'@' | 0x80..)
}

/// A longer statement might reach the client in part, if this process is killed while it writes: the
/// pipe takes only so many bytes at once (`PIPE_BUF`). At the end of its input, the client carries
/// out what it has.
pub(super) const WHOLE: usize = 4096;

/// A statement as the client must get it, with the delimiter behind it.
///
/// The client looks for the delimiter, quotes, comments and commands of its own, and does not read
/// all of them as the server does. Where it might stumble, the server gets the statement as a quoted
/// number, which it reads as the same bytes. So it does with a long one: without the last quote, it
/// is no statement.
pub(super) fn for_client(statement: &[u8], delimiter: &str) -> Vec<u8> {
    let short = statement.len() + delimiter.len() < WHOLE;
    let text = if short && is_plain(statement, delimiter.as_bytes()) {
        statement.to_vec()
    } else {
        [b"EXECUTE IMMEDIATE X'", hex::encode(statement).as_bytes(), b"'"].concat()
    };
    [&text, delimiter.as_bytes(), b"\n"].concat()
}

/// Whether client and server read it alike.
fn is_plain(statement: &[u8], delimiter: &[u8]) -> bool {
    let mut open = None;
    for (at, byte) in statement.iter().enumerate() {
        let next = statement.get(at + 1);
        match (open, byte) {
            (_, b'\\' | 0) => return false,
            (None, b'#') => return false,
            (None, b'-') if next == Some(&b'-') => return false,
            (None, b'/') if next == Some(&b'*') => return false,
            (None, b'*') if next == Some(&b'/') => return false,
            (None, b'\'' | b'"' | b'`') => open = Some(*byte),
            (Some(quote), byte) if *byte == quote => open = None,
            _ => {}
        }
    }
    // The client's own command, in any case of its letters.
    let command = statement.windows(9).any(|part| part.eq_ignore_ascii_case(b"delimiter"));
    let delimited = statement.windows(delimiter.len()).any(|part| part == delimiter);
    open.is_none() && !command && !delimited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_the_client_might_read_otherwise_is_sent_as_a_number() {
        let sent = |text: &str| String::from_utf8(for_client(text.as_bytes(), "//")).unwrap();
        for plain in [
            "CREATE TABLE `a;b` (v INT DEFAULT 7)",
            "INSERT INTO t VALUES ('it''s', \"#--/*\", 'ä\n')",
            "CREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\nEND",
        ] {
            assert_eq!(sent(plain), format!("{plain}//\n"));
        }
        for other in [
            "SELECT 'a\\'",
            "SELECT 1 /* /*! */",
            "BEGIN -- it's\n END",
            "SELECT 1 # x",
            "SELECT 'open",
            "SELECT 1 AS Delimiter",
            "SELECT '//'",
            "SELECT 1 /*! + 1 */",
        ] {
            assert_eq!(sent(other), format!("EXECUTE IMMEDIATE X'{}'//\n", hex::encode(other)));
        }
        // Half of a long one must be no statement.
        let long = format!("DROP TABLE {}", "a, ".repeat(2000));
        assert!(sent(&long).starts_with("EXECUTE IMMEDIATE X'"));
    }

    #[test]
    fn s1_an_account_that_names_itself_is_named() {
        let text = |text: &str, user: &str, host: &str| {
            let invoker = Some((user.into(), host.into()));
            let query = Query { text: text.into(), invoker, ..Query::default() };
            String::from_utf8(as_its_user(&query).into_owned()).unwrap()
        };
        assert_eq!(
            text("ALTER USER CURRENT_USER() IDENTIFIED BY 'CURRENT_USER'", "u1", "localhost"),
            "ALTER USER `u1`@`localhost` IDENTIFIED BY 'CURRENT_USER'"
        );
        assert_eq!(
            text("grant SELECT ON `current_user`.* TO current_user ( ), x", "a`b", "%"),
            "grant SELECT ON `current_user`.* TO `a``b`@`%`, x"
        );
        assert_eq!(text("GRANT r TO CURRENT_ROLE", "r2", ""), "GRANT r TO `r2`");
        for other in [
            "CREATE TABLE t (u VARCHAR(90) DEFAULT CURRENT_USER())",
            "GRANT SELECT ON my_current_user.* TO u",
        ] {
            assert_eq!(text(other, "u1", "localhost"), other);
        }
        let query = Query { text: b"DROP USER CURRENT_USER".to_vec(), ..Query::default() };
        assert_eq!(&*as_its_user(&query), b"DROP USER CURRENT_USER");
    }

    fn set(session: &mut Session, query: &Query) -> Vec<String> {
        session.set(query).into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn only_what_changed_is_set() {
        let mut session = Session::default();
        let first = Query {
            schema: b"a`b".to_vec(),
            time: (7, 42),
            options: Some(1 << 26),
            sql_mode: Some(5),
            collations: Some([45, 46, 47]),
            time_zone: Some(b"+05:30".to_vec()),
            ..Query::default()
        };
        let whole = set(&mut session, &first);
        assert_eq!(whole[0], "use `a``b`");
        assert!(
            whole[1].starts_with("SET TIMESTAMP=7.000042, @@session.pseudo_thread_id=0, @@session.foreign_key_checks=0, ")
                && whole[1].contains("@@session.unique_checks=1, ")
                && whole[1].contains("@@session.collation_connection=46, ")
                && whole[1].contains("@@session.time_zone=X'2b30353a3330'"),
            "{whole:?}"
        );
        // Where the time zone does not matter, it is not written.
        let second = Query { time: (8, 0), time_zone: None, ..first.clone() };
        assert_eq!(set(&mut session, &second), ["SET TIMESTAMP=8"]);
        assert_eq!(
            set(&mut session, &Query { time: (8, 0), ..first.clone() }),
            ["SET TIMESTAMP=8"]
        );
        let third = Query { sql_mode: Some(6), options: Some(0), ..first };
        assert_eq!(
            set(&mut session, &third),
            ["SET TIMESTAMP=7.000042, @@session.foreign_key_checks=1, @@session.sql_mode=6"]
        );
    }
}
