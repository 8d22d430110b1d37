//! Which tables a statement in the log touches.

use super::super::name::TableName;
use super::super::query::Query;
use super::super::whole::ddl::{Token, name, skip, tokens};

/// What a statement touches, beside what the lists of definitions have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touches {
    /// No rows of tables.
    Nothing,
    /// Any rows of these tables.
    Tables(Vec<TableName>),
    /// All tables of a schema, which is gone with it.
    Schema(Vec<u8>),
    /// It cannot be told. In words, without data.
    Unknown(String),
}

/// Statements that change no rows, or that all lists of definitions show.
const QUIET: &[&str] = &[
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "XA",
    "ANALYZE",
    "OPTIMIZE",
    "FLUSH",
    "GRANT",
    "REVOKE",
    "INSTALL",
    "UNINSTALL",
];

/// What CREATE, ALTER and DROP are about.
const OBJECTS: &[&str] = &[
    "TABLE",
    "TABLES",
    "INDEX",
    "DATABASE",
    "SCHEMA",
    "VIEW",
    "TRIGGER",
    "PROCEDURE",
    "FUNCTION",
    "PACKAGE",
    "EVENT",
    "USER",
    "ROLE",
    "SEQUENCE",
    "SERVER",
    "INSTANCE",
    "CATALOG",
];

/// Reads a statement.
pub(super) fn touches(query: &Query) -> Touches {
    const HEAD: usize = 1 << 20;
    let head = &query.text[..query.text.len().min(HEAD)];
    let tokens = tokens(&String::from_utf8_lossy(head), query.has_ansi_quotes());
    let found = of(&tokens, &query.schema);
    // Outside of quotes, other letters are parts of names.
    let odd = |token: &Token| matches!(token, Token::Sign(sign) if !sign.is_ascii());
    match &found {
        Touches::Tables(_) if tokens.iter().any(odd) => {
            Touches::Unknown("a table has an unusual name without quotes".into())
        }
        Touches::Tables(names) if !names.iter().all(|name| is_read(name, query)) => {
            Touches::Unknown("a table has a name in another character set".into())
        }
        // The list of the tables may go on.
        Touches::Tables(_) if query.text.len() > HEAD => {
            Touches::Unknown("a statement about tables is too long".into())
        }
        _ => found,
    }
}

/// Whether the letters of a name are what they seem.
fn is_read((schema, table): &TableName, query: &Query) -> bool {
    // Names in an event are in UTF-8; those in a text are in the client's character set.
    let table_is = std::str::from_utf8(table).is_ok_and(|name| !name.contains('\u{fffd}'));
    let ascii = table.is_ascii() && (schema.is_ascii() || *schema == query.schema);
    let utf8 = query.collations.is_some_and(|[client, ..]| {
        matches!(client, 33 | 45 | 46 | 76 | 83 | 192..=247 | 255..=323 | 576..=579 | 611 | 2048..=2559)
    });
    table_is && (ascii || utf8)
}

fn of(tokens: &[Token], schema: &[u8]) -> Touches {
    let mut rest = tokens;
    let Some(first) = tokens.first() else { return Touches::Nothing };
    let Token::Word(first) = first else { return unknown("a statement") };
    let first = first.to_uppercase();
    rest = &rest[1..];
    match first.as_str() {
        word if QUIET.contains(&word) => Touches::Nothing,
        // What a sequence has given is not listed.
        "SELECT" if matches!(rest, [Token::Word(word), Token::Sign('('), ..] if is_of_sequence(word)) => {
            Touches::Nothing
        }
        "SET" if ["PASSWORD", "DEFAULT", "ROLE"].iter().any(|word| skip(&mut rest, word)) => {
            Touches::Nothing
        }
        "RENAME" if skip(&mut rest, "USER") => Touches::Nothing,
        "RENAME" if skip(&mut rest, "TABLE") || skip(&mut rest, "TABLES") => renamed(rest, schema),
        "TRUNCATE" => {
            skip(&mut rest, "TABLE");
            list(rest, schema)
        }
        "REPAIR" => {
            for word in ["NO_WRITE_TO_BINLOG", "LOCAL", "TABLE", "TABLES"] {
                skip(&mut rest, word);
            }
            list(rest, schema)
        }
        "CREATE" | "ALTER" | "DROP" => object(&first, rest, schema),
        // The log is in row format, and a session may leave that.
        _ => unknown(&first),
    }
}

fn is_of_sequence(word: &str) -> bool {
    ["NEXTVAL", "SETVAL", "LASTVAL"].iter().any(|it| word.eq_ignore_ascii_case(it))
}

fn unknown(word: &str) -> Touches {
    let word: String = word.chars().filter(|c| c.is_ascii_alphabetic()).take(20).collect();
    Touches::Unknown(format!("{} was logged as a statement", word.trim()))
}

/// `CREATE`, `ALTER` or `DROP`, and what it is about.
fn object(verb: &str, tokens: &[Token], schema: &[u8]) -> Touches {
    let at = tokens.iter().position(|token| OBJECTS.iter().any(|word| token.is(word)));
    let Some(at) = at else { return unknown(verb) };
    let mut rest = &tokens[at + 1..];
    let is = |word: &str| tokens[at].is(word);
    if is("TABLE") || is("TABLES") {
        if verb == "ALTER" {
            return altered(rest, schema);
        }
        return if verb == "DROP" { list(rest, schema) } else { one(rest, schema) };
    }
    if is("INDEX") && verb == "DROP" {
        // The primary key can be dropped so.
        let on = rest.iter().position(|token| token.is("ON"));
        return on.map_or(unknown(verb), |on| one(&rest[on + 1..], schema));
    }
    // CREATE OR REPLACE drops it, too.
    let drops = verb == "DROP" || tokens[..at].iter().any(|token| token.is("REPLACE"));
    if (is("DATABASE") || is("SCHEMA")) && drops {
        if_exists(&mut rest);
        return match name(&mut rest, b"") {
            Some((_, schema)) => Touches::Schema(schema),
            None => unknown(verb),
        };
    }
    Touches::Nothing
}

fn if_exists(rest: &mut &[Token]) {
    if skip(rest, "IF") {
        skip(rest, "NOT");
        skip(rest, "EXISTS");
    }
}

fn one(mut rest: &[Token], schema: &[u8]) -> Touches {
    if_exists(&mut rest);
    name(&mut rest, schema).map_or(unknown("a statement"), |name| Touches::Tables(vec![name]))
}

fn list(mut rest: &[Token], schema: &[u8]) -> Touches {
    if_exists(&mut rest);
    let mut names = Vec::new();
    while let Some(found) = name(&mut rest, schema) {
        names.push(found);
        match rest.split_first() {
            Some((Token::Sign(','), after)) => rest = after,
            _ => return Touches::Tables(names),
        }
    }
    unknown("a statement")
}

/// The table, its new name, and tables that it takes partitions from or gives them to.
fn altered(mut rest: &[Token], schema: &[u8]) -> Touches {
    if_exists(&mut rest);
    let Some(first) = name(&mut rest, schema) else { return unknown("ALTER") };
    let mut names = vec![first];
    for at in 0..rest.len() {
        let mut after = &rest[at + 1..];
        if rest[at].is("TABLE") {
            names.extend(name(&mut after, schema));
        } else if rest[at].is("RENAME") {
            let _ = skip(&mut after, "TO") || skip(&mut after, "AS");
            if after.first() == Some(&Token::Sign('=')) {
                after = &after[1..];
            }
            // Of RENAME COLUMN and the like, a table too many.
            names.extend(name(&mut after, schema));
        }
    }
    Touches::Tables(names)
}

fn renamed(mut rest: &[Token], schema: &[u8]) -> Touches {
    if_exists(&mut rest);
    let mut names = Vec::new();
    loop {
        let Some(from) = name(&mut rest, schema) else { return unknown("RENAME") };
        // RENAME TABLE a WAIT 5 TO b
        let to = rest.iter().position(|token| token.is("TO"));
        let Some(to) = to else { return unknown("RENAME") };
        rest = &rest[to + 1..];
        let Some(to) = name(&mut rest, schema) else { return unknown("RENAME") };
        names.extend([from, to]);
        match rest.split_first() {
            Some((Token::Sign(','), after)) => rest = after,
            _ => return Touches::Tables(names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Touches {
        touches(&Query {
            text: text.into(),
            schema: b"shop".to_vec(),
            collations: Some([45, 45, 45]),
            ..Query::default()
        })
    }

    fn tables(names: &[&str]) -> Touches {
        let name = |name: &&str| match name.split_once('.') {
            Some((schema, table)) => (schema.into(), table.into()),
            None => (b"shop".to_vec(), name.as_bytes().to_vec()),
        };
        Touches::Tables(names.iter().map(name).collect())
    }

    #[test]
    fn the_tables_of_a_statement_are_read() {
        for (text, names) in [
            ("CREATE TABLE a (id INT)", &["a"][..]),
            ("create or replace table if not exists `x`.`a b` as select 1", &["x.a b"]),
            ("DROP TABLE IF EXISTS a, b.c /* generated by server */", &["a", "b.c"]),
            ("DROP TEMPORARY TABLE `t`", &["t"]),
            ("DROP INDEX `PRIMARY` ON a", &["a"]),
            ("TRUNCATE a", &["a"]),
            ("TRUNCATE TABLE x.a WAIT 3", &["x.a"]),
            ("REPAIR TABLE a, b", &["a", "b"]),
            ("RENAME TABLE a WAIT 5 TO b, c TO x.d", &["a", "b", "c", "x.d"]),
            ("ALTER TABLE a ADD b INT", &["a"]),
            ("ALTER ONLINE IGNORE TABLE IF EXISTS a RENAME TO x.b", &["a", "x.b"]),
            ("ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b", &["a", "b"]),
            ("ALTER TABLE a CONVERT PARTITION p TO TABLE x.b", &["a", "x.b"]),
            ("CREATE TABLE ä (id INT)", &["ä"]),
        ] {
            assert_eq!(read(text), tables(names), "{text}");
        }
        for text in ["DROP DATABASE IF EXISTS old", "CREATE OR REPLACE DATABASE old"] {
            assert_eq!(read(text), Touches::Schema(b"old".to_vec()), "{text}");
        }
    }

    #[test]
    fn what_other_lists_show_is_none_of_them() {
        for text in [
            "BEGIN",
            "XA START X'78',X'',1",
            "CREATE DATABASE x",
            "CREATE INDEX i ON a (b)",
            "CREATE DEFINER=`table`@`%` TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1",
            "CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`l` SQL SECURITY DEFINER VIEW v AS SELECT 1",
            "CREATE SEQUENCE s",
            "SELECT SETVAL(`shop`.`s`, 5000)",
            "SET PASSWORD FOR a = 'x'",
            "RENAME USER a TO b",
            "DROP USER a",
            "# Dum",
            "",
        ] {
            assert_eq!(read(text), Touches::Nothing, "{text}");
        }
    }

    #[test]
    fn s1_what_a_statement_touches_is_not_guessed() {
        for text in [
            "INSERT INTO a VALUES (1)",
            "UPDATE a SET b = 1",
            "LOAD DATA INFILE 'x' INTO TABLE a",
            "WITH x AS (SELECT 1) DELETE FROM a",
            "SET STATEMENT max_statement_time = 1 FOR INSERT INTO a VALUES (1)",
            "SELECT `shop`.`f`(1)",
            "CALL p()",
            "CREATE",
            "TRUNCATE 'x'",
            "(SELECT 1)",
        ] {
            assert!(matches!(read(text), Touches::Unknown(_)), "{text}: {:?}", read(text));
        }
        let latin1 = Query {
            text: b"DROP TABLE caf\xe9".to_vec(),
            collations: Some([8, 8, 8]),
            ..Query::default()
        };
        assert!(matches!(touches(&latin1), Touches::Unknown(_)));
        let utf8_by_chance = Query { text: "DROP TABLE é".into(), ..latin1 };
        assert!(matches!(touches(&utf8_by_chance), Touches::Unknown(_)));
    }
}
