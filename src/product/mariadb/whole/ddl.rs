//! What a statement does to the names of tables, and whether it makes up values.

use super::super::name::TableName;
use super::super::query::Query;

/// What a statement does, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Ddl {
    /// Tables that get another name.
    pub(in super::super) renames: Vec<(TableName, TableName)>,
    /// A table whose rows get values that differ each time, and by what.
    pub(in super::super) made_up: Option<(TableName, String)>,
}

/// Functions that give another value each time, or on another server.
const MADE_UP: &[&str] = &[
    "UUID",
    "UUID_V4",
    "UUID_V7",
    "UUID_SHORT",
    "SYS_GUID",
    "RAND",
    "RANDOM_BYTES",
    "SYSDATE",
    "NEXTVAL",
    "LASTVAL",
    "SETVAL",
    "CONNECTION_ID",
    "USER",
    "SESSION_USER",
    "SYSTEM_USER",
    "VERSION",
    "LAST_INSERT_ID",
    "FOUND_ROWS",
    "ROW_COUNT",
    "LOAD_FILE",
];

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Token {
    /// A word, or a number.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A text in quotes; what is in it does not matter.
    Text,
    /// Anything else.
    Sign(char),
}

impl Token {
    pub(in super::super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(it) if it.eq_ignore_ascii_case(word))
    }
}

/// Reads a statement of the log.
pub(in super::super) fn of(query: &Query) -> Ddl {
    read(&query.text, &query.schema, query.has_ansi_quotes())
}

/// Reads a statement. `schema`: the one in use. `ansi`: double quotes are around names.
fn read(text: &[u8], schema: &[u8], ansi: bool) -> Ddl {
    let head: Vec<u8> = text.iter().take(1 << 20).copied().collect();
    let tokens = tokens(&String::from_utf8_lossy(&head), ansi);
    let mut rest = tokens.as_slice();
    let mut ddl = Ddl::default();
    if skip(&mut rest, "ALTER") {
        for word in ["ONLINE", "OFFLINE", "IGNORE"] {
            skip(&mut rest, word);
        }
        if !skip(&mut rest, "TABLE") {
            return ddl;
        }
        if_exists(&mut rest);
        let Some(table) = name(&mut rest, schema) else { return ddl };
        ddl.made_up = made_up(rest).map(|what| (table.clone(), what));
        if let Some(to) = renamed(rest, schema) {
            ddl.renames.push((table, to));
        }
    } else if skip(&mut rest, "RENAME") && (skip(&mut rest, "TABLE") || skip(&mut rest, "TABLES")) {
        if_exists(&mut rest);
        while let Some(from) = name(&mut rest, schema) {
            // RENAME TABLE a WAIT 5 TO b
            while !rest.is_empty() && !rest[0].is("TO") {
                rest = &rest[1..];
            }
            skip(&mut rest, "TO");
            let Some(to) = name(&mut rest, schema) else { break };
            ddl.renames.push((from, to));
            if rest.first() != Some(&Token::Sign(',')) {
                break;
            }
            rest = &rest[1..];
        }
    }
    ddl
}

/// `RENAME [TO | AS | =] name` among the parts of an ALTER, but no RENAME COLUMN or INDEX.
fn renamed(tokens: &[Token], schema: &[u8]) -> Option<TableName> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            _ if depth == 0 && token.is("RENAME") => {
                let mut rest = &tokens[at + 1..];
                if ["COLUMN", "INDEX", "KEY"]
                    .iter()
                    .any(|it| rest.first().is_some_and(|t| t.is(it)))
                {
                    continue;
                }
                let _ = skip(&mut rest, "TO") || skip(&mut rest, "AS");
                if rest.first() == Some(&Token::Sign('=')) {
                    rest = &rest[1..];
                }
                return name(&mut rest, schema);
            }
            _ => {}
        }
    }
    None
}

/// What in an ALTER makes values up.
fn made_up(tokens: &[Token]) -> Option<String> {
    let adds = tokens.iter().any(|it| it.is("ADD"));
    tokens.iter().enumerate().find_map(|(at, token)| {
        let next = tokens.get(at + 1);
        let Token::Word(word) = token else { return None };
        let upper = word.to_uppercase();
        let called = next == Some(&Token::Sign('('));
        let known = MADE_UP.contains(&upper.as_str()) && called;
        let sequence =
            ["NEXT", "PREVIOUS"].contains(&upper.as_str()) && next.is_some_and(|it| it.is("VALUE"));
        if known || upper == "CURRENT_USER" {
            return Some(format!("{upper}()"));
        }
        if sequence {
            return Some(format!("{upper} VALUE"));
        }
        (upper == "AUTO_INCREMENT" && adds && next != Some(&Token::Sign('='))).then_some(upper)
    })
}

pub(in super::super) fn skip(rest: &mut &[Token], word: &str) -> bool {
    let found = rest.first().is_some_and(|token| token.is(word));
    if found {
        *rest = &rest[1..];
    }
    found
}

fn if_exists(rest: &mut &[Token]) {
    if skip(rest, "IF") {
        skip(rest, "EXISTS");
    }
}

fn word(rest: &mut &[Token]) -> Option<Vec<u8>> {
    let (first, after) = rest.split_first()?;
    let (Token::Word(name) | Token::Name(name)) = first else { return None };
    *rest = after;
    Some(name.clone().into_bytes())
}

/// A table's name, with its schema or without.
pub(in super::super) fn name(rest: &mut &[Token], schema: &[u8]) -> Option<TableName> {
    let first = word(rest)?;
    if rest.first() != Some(&Token::Sign('.')) {
        return Some((schema.to_vec(), first));
    }
    *rest = &rest[1..];
    Some((first, word(rest)?))
}

pub(in super::super) fn tokens(text: &str, ansi: bool) -> Vec<Token> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter.is_whitespace() => {}
            '`' => found.push(Token::Name(quoted(&mut letters, '`', false))),
            '"' if ansi => found.push(Token::Name(quoted(&mut letters, '"', false))),
            '\'' | '"' => {
                quoted(&mut letters, letter, true);
                found.push(Token::Text);
            }
            '#' => line(&mut letters),
            '-' if letters.peek() == Some(&'-') => line(&mut letters),
            '/' if letters.peek() == Some(&'*') => {
                letters.next();
                // What MariaDB carries out is no comment: only its marks are left out.
                if !executed(&mut letters) {
                    comment(&mut letters);
                }
            }
            '*' if letters.peek() == Some(&'/') => drop(letters.next()),
            _ if letter.is_alphanumeric() || matches!(letter, '_' | '$' | '@') => {
                let mut word = letter.to_string();
                while let Some(next) =
                    letters.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '@'))
                {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
            _ => found.push(Token::Sign(letter)),
        }
    }
    found
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn quoted(letters: &mut Letters<'_>, quote: char, escapes: bool) -> String {
    let mut name = String::new();
    while let Some(letter) = letters.next() {
        if letter == quote {
            if letters.next_if_eq(&quote).is_none() {
                break;
            }
        } else if escapes && letter == '\\' {
            letters.next();
        }
        name.push(letter);
    }
    name
}

fn line(letters: &mut Letters<'_>) {
    while letters.next().is_some_and(|letter| letter != '\n') {}
}

fn comment(letters: &mut Letters<'_>) {
    let mut before = ' ';
    for letter in letters.by_ref() {
        if before == '*' && letter == '/' {
            return;
        }
        before = letter;
    }
}

/// `/*!50032` or `/*M!100401`.
fn executed(letters: &mut Letters<'_>) -> bool {
    let mut ahead = letters.clone();
    ahead.next_if_eq(&'M');
    if ahead.next() != Some('!') {
        return false;
    }
    while ahead.next_if(char::is_ascii_digit).is_some() {}
    *letters = ahead;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Vec<String>, Option<String>) {
        let ddl = read(text.as_bytes(), b"shop", false);
        let name = |(schema, table): &TableName| {
            format!("{}.{}", String::from_utf8_lossy(schema), String::from_utf8_lossy(table))
        };
        let renames = ddl.renames.iter().map(|(a, b)| format!("{} {}", name(a), name(b)));
        (renames.collect(), ddl.made_up.map(|(table, what)| format!("{} {what}", name(&table))))
    }

    #[test]
    fn a_default_that_differs_each_time_is_found() {
        for (text, what) in [
            ("ALTER TABLE a ADD u UUID DEFAULT UUID()", Some("shop.a UUID()")),
            ("alter table `x`.`b c` add r double default (rand ( ))", Some("x.b c RAND()")),
            ("ALTER TABLE a ADD id INT AUTO_INCREMENT PRIMARY KEY", Some("shop.a AUTO_INCREMENT")),
            (
                "ALTER TABLE IF EXISTS a ADD n INT DEFAULT NEXT VALUE FOR s",
                Some("shop.a NEXT VALUE"),
            ),
            ("ALTER TABLE a /*!50032 ADD u UUID DEFAULT UUID() */", Some("shop.a UUID()")),
            ("ALTER TABLE a AUTO_INCREMENT=7, ADD x INT", None),
            ("ALTER TABLE a ADD u UUID /* DEFAULT UUID() */", None),
            ("ALTER TABLE a COMMENT 'UUID()', ADD t TIMESTAMP DEFAULT NOW()", None),
            ("CREATE TABLE a (u UUID DEFAULT UUID())", None),
            ("ALTER DATABASE x COMMENT 'UUID()'", None),
        ] {
            assert_eq!(of(text).1.as_deref(), what, "{text}");
        }
    }

    #[test]
    fn a_table_that_gets_another_name_is_followed() {
        for (text, renames) in [
            ("RENAME TABLE a TO b, x.c TO `d``e`", vec!["shop.a shop.b", "x.c shop.d`e"]),
            ("RENAME TABLE IF EXISTS a WAIT 5 TO b", vec!["shop.a shop.b"]),
            ("ALTER TABLE a ADD x INT, RENAME TO y.b", vec!["shop.a y.b"]),
            ("ALTER TABLE a RENAME b", vec!["shop.a shop.b"]),
            ("ALTER TABLE a RENAME COLUMN x TO y, RENAME INDEX i TO j", vec![]),
            ("RENAME USER a TO b", vec![]),
            ("ALTER TABLE a ADD CHECK (rename > 1)", vec![]),
        ] {
            assert_eq!(of(text).0, renames, "{text}");
        }
    }
}
