//! What an error quotes of a command's output: little, and no data.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// How many lines are quoted.
const LINES: usize = 10;
/// How many characters of a line are quoted.
const CHARACTERS: usize = 200;
/// A line of so many characters without a space that are all letters of base64 is data.
const ENCODED: usize = 60;

/// Where programs quote values in what they say of an error: MariaDB, PostgreSQL. The value is
/// between the two groups.
static VALUES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(Duplicate entry ')[^\n]*(' for key)",
        r"(right syntax to use near ')[^\n]*(' at line)",
        r"((?:value|VALUE|range|valu): ')[^\n]*(' for (?:column|function))",
        r"(Key \([^)]*\)=\()[^\n]*(\) (?:already exists|is not present|is still referenced|conflicts))",
        r"(Failing row contains \()[^\n]*(\))",
        r#"(invalid input [^\n]*: ")[^\n]*(")"#,
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// The last lines of a command's output: at most ten, each of at most 200 characters. Without lines
/// of encoded data, without the statements that MariaDB's client prints with an error, and without
/// values that are known to stand in messages.
pub fn quoted(text: &str) -> String {
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    let mut left_out = 0_usize;
    let mut statement = false;
    for line in text.trim().lines() {
        // The client rules a line before and behind the statement.
        let ruled = !line.is_empty() && line.len() >= 14 && line.bytes().all(|byte| byte == b'-');
        if ruled {
            statement = !statement;
        }
        if ruled || statement || is_encoded(line) {
            left_out += 1;
        } else {
            kept.push(one(line));
        }
    }
    if kept.len() + usize::from(left_out > 0) > LINES {
        let more = kept.len() - (LINES - 1);
        left_out += more;
        kept.drain(..more);
    }
    if left_out > 0 {
        let what = if left_out == 1 { "1 line is" } else { &format!("{left_out} lines are") };
        kept.insert(0, Cow::Owned(format!("[{what} left out; the log has all of it]")));
    }
    kept.join("\n")
}

fn is_encoded(line: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    line.len() >= ENCODED && line.bytes().all(letter)
}

fn one(line: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(line);
    for pattern in VALUES.iter() {
        if pattern.is_match(&line) {
            line = Cow::Owned(pattern.replace_all(&line, "$1…$2").into_owned());
        }
    }
    if line.chars().count() > CHARACTERS {
        line = Cow::Owned(line.chars().take(CHARACTERS - 1).chain(['…']).collect());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_of_200_characters_are_quoted() {
        let text: String = (0..5000).map(|line| format!("{line} {}\n", "x ".repeat(100))).collect();
        let shown = quoted(&text);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[0], "[4991 lines are left out; the log has all of it]");
        assert!(lines[9].starts_with("4999 x ") && lines[9].ends_with('…'));
        assert!(lines.iter().all(|line| line.chars().count() <= 200));
        assert_eq!(quoted("one\n\ntwo\n"), "one\n\ntwo");
        assert_eq!(quoted(""), "");
    }

    #[test]
    fn s9_data_is_not_quoted() {
        let screen = format!(
            "--------------\nBINLOG '\n{}'\n--------------\n\nERROR 2006 (HY000) at line 9: Server \
             has gone away",
            format!("{}\n", "QUJD+/==".repeat(9)).repeat(1000)
        );
        assert_eq!(
            quoted(&screen),
            "[1004 lines are left out; the log has all of it]\n\nERROR 2006 (HY000) at line 9: \
             Server has gone away"
        );
        let base64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg==";
        assert_eq!(quoted(base64), "[1 line is left out; the log has all of it]");
        for (said, shown) in [
            (
                "ERROR 1062 (23000): Duplicate entry 'it's secret' for key 'PRIMARY'",
                "ERROR 1062 (23000): Duplicate entry '…' for key 'PRIMARY'",
            ),
            (
                "ERROR 1366 (22007): Incorrect integer value: 'secret' for column `d`.`t`.`a` at row 1",
                "ERROR 1366 (22007): Incorrect integer value: '…' for column `d`.`t`.`a` at row 1",
            ),
            (
                "DETAIL:  Key (mail)=(a@b.c) already exists.",
                "DETAIL:  Key (mail)=(…) already exists.",
            ),
            (
                "ERROR:  invalid input syntax for type integer: \"secret\"",
                "ERROR:  invalid input syntax for type integer: \"…\"",
            ),
        ] {
            assert_eq!(quoted(said), shown);
        }
    }
}
