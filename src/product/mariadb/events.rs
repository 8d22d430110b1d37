//! Finds where the statements of a log end.
//!
//! `mariadb-binlog` prints a statement as it is, and then its delimiter. What is printed can
//! contain the delimiter too (`ALTER EVENT` keeps it), and then lines that look like the next
//! event. Two things cannot be forged: the position of the event's end and its size, which are
//! printed before the statement. A statement that contains the delimiter gets a random one.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::BufRead;

use regex::bytes::Regex;

use super::log::{Kind, Lines};
use crate::product::stream::{HelperError, next_line};

/// The delimiter that `mariadb-binlog` sets.
const DELIMITER: &[u8] = b"/*!*/;";

/// Bytes of an event that are not its statement, at least: the header, the fixed part, and the end
/// of the schema's name.
const LEAST: u64 = 19 + 13 + 1;

/// The same at most: settings, the schema's name and the checksum as well, with room to spare.
const MOST: u64 = LEAST + 2200;

/// Reads the lines that `mariadb-binlog` prints.
pub(super) struct Events<'a> {
    input: &'a mut dyn BufRead,
    patterns: Patterns,
    lines: Lines,
    /// Lines that were read ahead.
    ahead: VecDeque<Vec<u8>>,
    /// Lines whose meaning is known.
    ready: VecDeque<Vec<u8>>,
    /// Where the event begins.
    begins: u64,
    /// The transaction, for errors.
    gtid: String,
}

struct Patterns {
    at: Regex,
    gtid: Regex,
    statement: Regex,
    setting: Regex,
    /// What can contain several statements.
    compound: Regex,
}

impl Patterns {
    fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            at: Regex::new(r"(?-u)^# at (\d+)$")?,
            gtid: Regex::new(r"(?-u)^#\d+ +[\d:]+ server id .*\tGTID (\d+-\d+-\d+)")?,
            statement: Regex::new(concat!(
                r"(?-u)^#\d+ +[\d:]+ server id \d+  end_log_pos (\d+) ",
                r"(?:CRC32 0x[0-9a-f]+ )?\tQuery(_compressed)?\t"
            ))?,
            setting: Regex::new(
                r"(?-u)^(?:use `|SET TIMESTAMP=[\d.]+/|SET @@session\.\w+=|/\*!\\C \w+ \*//\*!\*/;$)",
            )?,
            compound: Regex::new(
                r"(?is-u)\b(?:CREATE|ALTER)\b.*\b(?:PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE)\b",
            )?,
        })
    }
}

fn number(pattern: &Regex, line: &[u8]) -> Option<u64> {
    let found = pattern.captures(line)?;
    std::str::from_utf8(found.get(1)?.as_bytes()).ok()?.parse().ok()
}

impl<'a> Events<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Result<Self, HelperError> {
        Ok(Self {
            input,
            patterns: Patterns::new().map_err(|error| HelperError::Failed(error.to_string()))?,
            lines: Lines::as_the_client(),
            ahead: VecDeque::new(),
            ready: VecDeque::new(),
            begins: 0,
            gtid: "before the first transaction".into(),
        })
    }

    /// Reads the next line, without its end. Returns whether there was one.
    ///
    /// # Errors
    /// When the input cannot be read, or the end of a statement is not certain.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, HelperError> {
        if let Some(ready) = self.ready.pop_front() {
            *line = ready;
            return Ok(true);
        }
        if !self.read(line)? {
            return Ok(false);
        }
        let in_name = self.lines.within_statement();
        let (kind, _) = self.lines.kind(line);
        if kind != Kind::Comment || in_name {
            return Ok(true);
        }
        if let Some(at) = number(&self.patterns.at, line) {
            self.begins = at;
        } else if let Some(found) = self.patterns.gtid.captures(line) {
            self.gtid = String::from_utf8_lossy(&found[1]).into_owned();
        } else if let Some(found) = self.patterns.statement.captures(line) {
            let compressed = found.get(2).is_some();
            let end = number(&self.patterns.statement, line).unwrap_or_default();
            self.statement(end, compressed)?;
        }
        Ok(true)
    }

    fn read(&mut self, line: &mut Vec<u8>) -> Result<bool, HelperError> {
        if let Some(ahead) = self.ahead.pop_front() {
            *line = ahead;
            return Ok(true);
        }
        next_line(self.input, line)
    }

    /// Takes the settings and the statement behind the header of an event.
    fn statement(&mut self, end: u64, compressed: bool) -> Result<(), HelperError> {
        let mut line = Vec::new();
        // Settings come first.
        loop {
            if !self.read(&mut line)? {
                return Ok(());
            }
            if !self.lines.within_statement() && !self.patterns.setting.is_match(&line) {
                break;
            }
            self.lines.kind(&line);
            self.ready.push_back(line.clone());
        }
        self.ahead.push_front(line);
        // The size is unknown: within a transaction, the position is printed as 0.
        if compressed || end <= self.begins {
            return self.unmeasured();
        }
        self.measured(end)
    }

    /// A statement whose size is not printed. The server writes such statements itself, and quotes
    /// what users named. Another one is refused.
    fn unmeasured(&mut self) -> Result<(), HelperError> {
        let (mut text, mut line) = (Vec::new(), Vec::new());
        loop {
            if !self.read(&mut line)? {
                break;
            }
            let (_, ends) = self.lines.kind(&line);
            text.extend_from_slice(&line);
            text.push(b'\n');
            self.ready.push_back(line.clone());
            if ends || !self.lines.within_statement() {
                break;
            }
        }
        let table =
            text.starts_with(b"CREATE TABLE ") || text.starts_with(b"CREATE OR REPLACE TABLE ");
        if !table && self.patterns.compound.is_match(&text) {
            return Err(self.refused(&text));
        }
        Ok(())
    }

    /// A statement that ends where an event of this size ends.
    fn measured(&mut self, end: u64) -> Result<(), HelperError> {
        let size = end - self.begins;
        let (least, most) = (size.saturating_sub(MOST), size.saturating_sub(LEAST) + 16);
        // The lines so far, their length, and how many of them are the statement at each place
        // where it may end.
        let (mut text, mut length, mut ends) = (Vec::<Vec<u8>>::new(), 0_u64, Vec::new());
        let mut line = Vec::new();
        while self.read(&mut line)? {
            let before = text.len().checked_sub(1).filter(|at| text[*at] == DELIMITER);
            if let Some(delimiter) = before
                && (number(&self.patterns.at, &line) == Some(end) || line == b"DELIMITER ;")
            {
                // Without the delimiter, and the line break before it and behind it.
                let without = length.saturating_sub(DELIMITER.len() as u64 + 2);
                if (least..=most).contains(&without) {
                    ends.push(delimiter);
                }
            }
            length += line.len() as u64 + 1;
            text.push(std::mem::take(&mut line));
            if length > most + DELIMITER.len() as u64 + 2 && text.len() > 1 {
                // One more line says whether the last delimiter was the end.
                if text.last().is_none_or(|last| last != DELIMITER) {
                    break;
                }
            }
        }
        let whole = |lines: &[Vec<u8>]| lines.join(&b'\n');
        let [last] = ends[..] else {
            if ends.is_empty() && length <= most {
                return Err(HelperError::Failed(format!(
                    "{}: the log ends within a statement",
                    self.gtid
                )));
            }
            return Err(self.refused(&whole(&text)));
        };
        for line in text.drain(last + 1..).rev() {
            self.ahead.push_front(line);
        }
        text.truncate(last);
        let statement = whole(&text);
        let held = statement.windows(DELIMITER.len()).any(|part| part == DELIMITER);
        if held {
            let word = random(&statement);
            self.ready.push_back([b"DELIMITER ", word.as_bytes()].concat());
            self.ready.extend(text);
            self.ready.push_back(word.into_bytes());
            self.ready.push_back([b"DELIMITER ", DELIMITER].concat());
        } else {
            self.ready.extend(text);
            self.ready.push_back(DELIMITER.to_vec());
        }
        Ok(())
    }

    fn refused(&self, text: &[u8]) -> HelperError {
        let shown = String::from_utf8_lossy(&text[..text.len().min(800)]).into_owned();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = shown.chars().filter(|c| !c.is_control()).take(120).collect();
        HelperError::Failed(format!(
            "{}: it is not certain where this statement ends, so nothing of it was run: {shown}",
            self.gtid
        ))
    }
}

/// A delimiter that is not in the text and that nobody can guess. The client knows 15 letters.
fn random(text: &[u8]) -> String {
    loop {
        let number = RandomState::new().build_hasher().finish() & ((1 << 60) - 1);
        let word = format!("{number:015x}");
        if !text.windows(word.len()).any(|part| part == word.as_bytes()) {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::product::tests::{kept, on};

    fn replayed(log: &str) -> Result<String, String> {
        on("mariadb-replay", &[], log.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    fn log(name: &str) -> String {
        String::from_utf8(kept(&format!("mariadb/tests/{name}"))).unwrap()
    }

    #[test]
    fn s9_a_statement_that_contains_the_delimiter_gets_another_one() {
        let (log, mut found) = (log("delimiter.log"), replayed(&log("delimiter.log")).unwrap());
        for (begins, ends) in [
            ("ALTER EVENT e3 DO BEGIN SELECT 2/*!*/; DROP", "secret.s/*!*/; END\n"),
            ("ALTER EVENT e3 DO BEGIN\n SELECT 3\n/*!*/;\n", "Gtid list [0-1-900]\nEND\n"),
        ] {
            let begin = found.find(begins).unwrap();
            let end = begin + found[begin..].find(ends).unwrap() + ends.len();
            let before = found[..begin].trim_end().rsplit('\n').next().unwrap().to_owned();
            let word = before.strip_prefix("DELIMITER ").unwrap().to_owned();
            assert_eq!(word.len(), 15, "as many letters as the client knows");
            let behind = format!("{word}\nDELIMITER /*!*/;\n");
            assert!(found[end..].starts_with(&behind), "{found}");
            found.replace_range(end..end + behind.len(), "/*!*/;\n");
            found = found.replace(&format!("{before}\n"), "");
        }
        assert_eq!(found, log, "all else as it was");
    }

    #[test]
    fn s9_where_a_statement_ends_is_certain_or_it_is_refused() {
        let said = replayed(&log("forged-end.log")).unwrap_err();
        assert!(
            said.starts_with(
                "0-1-14: it is not certain where this statement ends, so nothing of it was run: \
                 ALTER EVENT e3 DO BEGIN SELECT 5 "
            ),
            "{said}"
        );
        let verified = on("mariadb-verify-log", &["0-1-15"], log("forged-end.log").as_bytes());
        assert_eq!(verified.unwrap_err(), said);
        // A statement whose size is unknown.
        let log = log("delimiter.log");
        for unknown in [
            log.replace("end_log_pos 747 ", "end_log_pos 0 "),
            log.replace("0xc1fe89f5 \tQuery\t", "0xc1fe89f5 \tQuery_compressed\t"),
        ] {
            assert!(unknown != log && replayed(&unknown).unwrap_err().starts_with("0-1-9: it is"));
        }
        // An end that does not fit the size.
        let far = log.replace("end_log_pos 747 ", "end_log_pos 9747 ");
        assert!(far != log && replayed(&far).is_err());
    }

    #[test]
    fn s9_what_a_statement_contains_is_no_event() {
        let log = log("delimiter.log");
        let verified = |position| on("mariadb-verify-log", &[position], log.as_bytes()).map(drop);
        assert_eq!(verified("0-1-11"), Ok(()));
        assert_eq!(verified("0-1-999"), Err("the capture ends at 0-1-11, not at 0-1-999".into()));
    }
}
