//! Checks that a capture is complete: each log continues where the previous one ended, up to a
//! position.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use super::events::Events;
use super::log::{Gtid, Kind, Lines};
use crate::product::stream::{HelperError, Streams};

/// Reads what `mariadb-binlog` prints of the snapshot's last log and the captured ones. Fails
/// unless each log begins with the GTIDs with which the previous one ended, and the last one ends
/// with those of the position. `mariadb-binlog` itself detects damage and a file that ends within
/// an event, but not a file that ends between two events or is missing.
pub(in crate::product) fn verify_log(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [position] = arguments else {
        return Err(HelperError::usage("mariadb-verify-log POSITION"));
    };
    let patterns = Patterns::new().map_err(|error| HelperError::Failed(error.to_string()))?;
    let (mut chain, mut lines, mut line) = (Chain::default(), Lines::new(), Vec::new());
    let mut events = Events::new(streams.input)?;
    while events.next(&mut line)? {
        if lines.kind(&line).0 == Kind::Comment {
            chain.comment(&line, &patterns);
        }
    }
    if lines.within_statement() {
        chain.wrong.push("the log ends within a statement".into());
    }
    chain.ends_at(position);
    if chain.wrong.is_empty() { Ok(()) } else { Err(HelperError::Failed(chain.wrong.join("; "))) }
}

struct Patterns {
    /// A transaction.
    event: Regex,
    /// The list with which a file begins.
    list: Regex,
    /// A later line of such a list.
    more: Regex,
    gtid: Regex,
}

impl Patterns {
    fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            event: Regex::new(r"(?-u)^#\d+ +[\d:]+ server id .*\tGTID (\d+-\d+-\d+)")?,
            list: Regex::new(r"(?-u)^#\d+ +[\d:]+ server id .*\tGtid list (.*)$")?,
            more: Regex::new(r"(?-u)^# (\d+-\d+-\d+[\],].*)$")?,
            gtid: Regex::new(r"(?-u)\d+-\d+-\d+")?,
        })
    }
}

/// The last GTID of each domain.
type Position = BTreeMap<String, Gtid>;

fn text(position: &Position) -> String {
    let all: Vec<&str> = position.values().map(|gtid| gtid.text.as_str()).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(",") }
}

/// The logs so far.
#[derive(Debug, Default)]
struct Chain {
    files: u64,
    /// The list that is being read.
    list: Option<Position>,
    /// How far the logs have come.
    last: Position,
    /// What is wrong.
    wrong: Vec<String>,
}

impl Chain {
    fn comment(&mut self, line: &[u8], patterns: &Patterns) {
        let group = |pattern: &Regex| {
            pattern
                .captures(line)
                .and_then(|found| found.get(1))
                .map(|found| found.as_bytes().to_vec())
        };
        if let Some(rest) = group(&patterns.list) {
            self.files += 1;
            self.list = Some(Position::new());
            self.listed(&rest, patterns);
        } else if self.list.is_some()
            && let Some(rest) = group(&patterns.more)
        {
            self.listed(&rest, patterns);
        } else if let Some(found) = group(&patterns.event) {
            take(&found, patterns, &mut self.last);
        }
    }

    /// A part of the list with which a file begins. It is printed over several lines where it is
    /// long.
    fn listed(&mut self, rest: &[u8], patterns: &Patterns) {
        let Some(mut list) = self.list.take() else { return };
        take(rest, patterns, &mut list);
        if !rest.contains(&b']') {
            self.list = Some(list);
            return;
        }
        if self.files > 1 && list != self.last {
            let (begins, ended) = (text(&list), text(&self.last));
            let what = "a binary log does not go on where the one before it ended";
            self.wrong.push(format!("{what}: it begins at {begins}, not at {ended}"));
        }
        self.last = list;
    }

    fn ends_at(&mut self, position: &str) {
        for wanted in position.split(',').map(str::trim).filter(|wanted| !wanted.is_empty()) {
            let domain = wanted.split('-').next().unwrap_or_default();
            match self.last.get(domain) {
                Some(found) if found.text == wanted => {}
                Some(found) => {
                    self.wrong.push(format!("the capture ends at {}, not at {wanted}", found.text))
                }
                None => self.wrong.push(format!(
                    "the capture has nothing of domain {domain}, and must end at {wanted}"
                )),
            }
        }
    }
}

fn take(text: &[u8], patterns: &Patterns, position: &mut Position) {
    for found in patterns.gtid.find_iter(text) {
        if let Some(gtid) = Gtid::parse(&String::from_utf8_lossy(found.as_bytes())) {
            position.insert(gtid.domain.clone(), gtid);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::product::tests::{kept, on};

    fn at(position: &str, log: &str) -> Result<(), String> {
        on("mariadb-verify-log", &[position], log.as_bytes()).map(drop)
    }

    fn verified() -> String {
        String::from_utf8(kept("mariadb/tests/verified.log")).unwrap()
    }

    #[test]
    fn a_real_log_ends_where_it_ends() {
        let log = verified();
        assert_eq!(at("0-1-58", &log), Ok(()));
        assert_eq!(at("0-1-42", &log), Err("the capture ends at 0-1-58, not at 0-1-42".into()));
        assert_eq!(at("0-2-58", &log), Err("the capture ends at 0-1-58, not at 0-2-58".into()));
        let both = Err("the capture has nothing of domain 7, and must end at 7-1-3".into());
        assert_eq!(at("0-1-58,7-1-3", &log), both);
        let written = String::from_utf8(kept("mariadb/tests/written.log")).unwrap();
        assert_eq!(at("0-1-58", &written), Ok(()), "the same of another version");
    }

    /// Every cut of a log that lacks its last transaction, or a part of it, is found.
    #[test]
    fn s2_a_log_that_is_cut_is_found() {
        let log = verified();
        let last = log.find("GTID 0-1-58").unwrap();
        for end in log.match_indices('\n').map(|(at, _)| at).filter(|at| *at < last).step_by(7) {
            assert!(at("0-1-58", &log[..end]).is_err(), "cut at {end}");
        }
        assert!(at("0-1-58", "").is_err());
    }

    #[test]
    fn s2_a_log_that_is_missing_or_began_anew_is_found() {
        let log = verified();
        let begins: Vec<usize> = log.match_indices("DELIMITER /*!*/;").map(|(at, _)| at).collect();
        assert_eq!(begins.len(), 3);
        let hole = format!("{}{}", &log[..begins[1]], &log[begins[2]..]);
        let said = "a binary log does not go on where the one before it ended: it begins at \
            0-1-42, not at 0-1-5";
        assert_eq!(at("0-1-58", &hole), Err(said.into()));
        let anew = log.replace("Gtid list [0-1-42]", "Gtid list []");
        let said = "a binary log does not go on where the one before it ended: it begins at \
            nothing, not at 0-1-42";
        assert_eq!(at("0-1-58", &anew), Err(said.into()));
        assert_eq!(at("0-1-58", &log[begins[1]..]), Ok(()), "the first one follows none");
    }

    #[test]
    fn a_list_over_several_lines_counts_and_what_stands_in_statements_does_not() {
        let head = "#261129  8:00:33 server id 1  end_log_pos 299 CRC32 0x0 \t";
        let log = format!(
            "{head}Gtid list [0-1-5,\n# 1-1-3,\n# 2-9-7]\nINSERT INTO t VALUES ('\n{head}GTID \
                0-1-99\n');\n# 3-1-3,\n"
        );
        assert_eq!(at("0-1-5,1-1-3,2-9-7", &log), Ok(()));
        assert_eq!(at("0-1-99", &log), Err("the capture ends at 0-1-5, not at 0-1-99".into()));
        let next = format!("{log}{head}Gtid list [2-9-7,\n# 0-1-5,\n# 1-1-3]\n");
        assert_eq!(at("0-1-5", &next), Ok(()), "in any order");
        let less = format!("{log}{head}Gtid list [0-1-5,\n# 1-1-3]\n");
        assert!(
            at("0-1-5", &less)
                .unwrap_err()
                .ends_with("it begins at 0-1-5,1-1-3, not at 0-1-5,1-1-3,2-9-7")
        );
    }
}
