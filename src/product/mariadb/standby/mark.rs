//! Marks in a log: what was committed before one is on the standby, and everybody sees it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::super::binlog::number_of;
use super::super::gtid::Position;
use super::reached::reach;
use super::{Log, Place};
use crate::product::stream::{HelperError, Streams, next_line};

/// Prints a mark: `mariadb-feed-mark BASE SECONDS CLIENT [ARGUMENT...]`. BASE is the name of the
/// log's files, CLIENT asks the standby, which is waited for. The input is what the log's server
/// prints at `SHOW GLOBAL STATUS LIKE 'binlog_snapshot%'; SELECT @@gtid_binlog_pos`: behind which
/// place in the log nothing is in its tables, and a position that has all before that place. The
/// log has a transaction before its tables have it, and the feed may have brought it by then.
pub(in crate::product) fn mark(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-feed-mark BASE SECONDS CLIENT [ARGUMENT...]");
    let [base, seconds, words @ ..] = arguments else { return Err(usage()) };
    let seconds: u64 = seconds.parse().map_err(|_| usage())?;
    let log = Log::new(base)?;
    let wrong = || HelperError::Failed("the server did not say how far its log is".into());
    let (mut number, mut ends, mut position, mut line) = (None, None, None, Vec::new());
    while next_line(streams.input, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        match text.split_once('\t') {
            Some(("Binlog_snapshot_file", name)) => {
                let found = number_of(Path::new(name)).ok_or_else(wrong)?;
                if Path::new(&log.path(found)).file_name() != Some(name.as_ref()) {
                    return Err(HelperError::Failed(format!("{name} is no file of {base}")));
                }
                number = Some(found);
            }
            Some(("Binlog_snapshot_position", at)) => ends = at.parse().ok(),
            _ => position = Some(Position::parse(&text).ok_or_else(wrong)?),
        }
    }
    let (Some(number), Some(ends), Some(position)) = (number, ends, position) else {
        return Err(wrong());
    };
    reach(&position.fed(), Duration::from_secs(seconds), words)?;
    let place = Place::new(number, ends, &log.path(number))?;
    writeln!(streams.output, "{place}").map_err(HelperError::Output)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.ends, self.mark)
    }
}

impl Place {
    /// Reads what is printed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(':');
        let file = words.next()?.parse().ok()?;
        let (ends, mark) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        words.next().is_none().then_some(Self { file, ends, mark })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;
    use crate::product::tests::{kept, on};

    #[test]
    fn a_mark_is_where_the_tables_are_once_the_standby_is_there() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("bin.000007"), kept("mariadb/tests/kinds.binlog"))
            .expect("written");
        let base = dir.path().join("bin").display().to_string();
        let mark = |said: &str, at: &str| {
            let server = format!("while read -r line; do echo at={at}; done");
            on("mariadb-feed-mark", &[&base, "0", "sh", "-c", &server], said.as_bytes())
        };
        let said = "Binlog_snapshot_file\tbin.000007\nBinlog_snapshot_position\t4711\n0-1-8\n";
        let text = String::from_utf8(mark(said, "0-1-9").expect("made")).expect("text");
        let place = Place::parse(text.trim_end()).expect("a place");
        assert_eq!((place.file, place.ends), (7, 4711));
        assert_eq!(place.holds(&format!("{base}.000007")).expect("read"), Some(true));
        mark(said, "0-1-7").expect_err("the standby is not there");
        mark(&said.replace("bin.", "other."), "0-1-9").expect_err("another log");
        mark("0-1-8\n", "0-1-9").expect_err("no place");
        assert_eq!((Place::parse("1:2"), Place::parse("1:2:3:4")), (None, None));
    }
}
