//! SQL as text: where a statement ends.

/// The statements of a dump, without comments and without commands of psql, each with its end.
/// Commands that reconnect are left to the caller: they never stand within a statement.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return found;
        }
        if rest.starts_with("--") || rest.starts_with('\\') {
            rest = rest.split_once('\n').map_or("", |(_, more)| more);
            continue;
        }
        let end = end_of(rest);
        found.push(rest[..end].trim().to_owned());
        rest = &rest[end..];
    }
}

/// Behind the `;` that ends the first statement, or the end of the text.
fn end_of(text: &str) -> usize {
    let mut at = 0;
    while let Some((length, ends)) = token(&text[at..]) {
        at += length;
        if ends {
            return at;
        }
    }
    text.len()
}

/// The length of the next piece: one that is quoted, a comment, or a character; and whether it is
/// the `;`.
pub(super) fn token(text: &str) -> Option<(usize, bool)> {
    let first = text.chars().next()?;
    let length = match first {
        '\'' => quoted(text, '\'', false),
        '"' => quoted(text, '"', false),
        'E' | 'e' if text[1..].starts_with('\'') => 1 + quoted(&text[1..], '\'', true),
        '$' => dollars(text).unwrap_or(1),
        '-' if text.starts_with("--") => text.find('\n').unwrap_or(text.len()),
        '/' if text.starts_with("/*") => comment(text),
        first if is_word(first) => {
            text.find(|c: char| !is_word(c) && c != '$').unwrap_or(text.len())
        }
        first => first.len_utf8(),
    };
    Some((length, first == ';'))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return at + c.len_utf8(),
            }
        }
    }
    text.len()
}

fn dollars(text: &str) -> Option<usize> {
    let end = text[1..].find('$')? + 2;
    let tag = &text[..end];
    if !tag[1..end - 1].chars().all(is_word) || tag[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(text[end..].find(tag).map_or(text.len(), |at| end + at + tag.len()))
}

fn comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if text[at..].starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_where_the_server_says() {
        let text = "-- a comment; with one\n\\restrict key\nSET a = 'x;''y';\nCOMMENT ON ROLE \"a;\"\"b\" \
            IS E'it\\';s';\nCREATE FUNCTION f() AS $_$ ; $$ ; $_$ LANGUAGE sql; SELECT $1 /* ; /* ; */ ; */ \
            + 1;\n\nSELECT nome'x;';";
        assert_eq!(
            statements(text),
            [
                "SET a = 'x;''y';",
                "COMMENT ON ROLE \"a;\"\"b\" IS E'it\\';s';",
                "CREATE FUNCTION f() AS $_$ ; $$ ; $_$ LANGUAGE sql;",
                "SELECT $1 /* ; /* ; */ ; */ + 1;",
                "SELECT nome'x;';",
            ]
        );
        assert_eq!(
            statements("COMMENT ON ROLE a IS 'not closed; "),
            ["COMMENT ON ROLE a IS 'not closed;"]
        );
    }
}
