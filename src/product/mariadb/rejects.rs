//! Replays a log transaction by transaction, without those that the server rejects.
//!
//! A rejected transaction is rolled back completely and named in a file. An empty event takes its
//! GTID, so that the position stays correct and the replay can continue from there. Later
//! transactions that depend on it are rejected too, and so is a statement after a rejected setting.
//! The replay stops at an error that the transaction did not cause (a full disk, a server that goes
//! down), and if a rejected transaction was carried out in part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use regex::bytes::{Regex, RegexSet};

use super::client::{Client, Piped, gone};
use super::events::Events;
use super::log::{Gtid, Kind, Lines, table_map};
use super::replay::Filter;
use crate::product::stream::{HelperError, Streams};

/// How many characters of a rejected statement are shown.
const NAMED: usize = 200;

/// Reads the output of `mariadb-binlog`, replays it into a client, and appends a line to the file
/// for each rejected transaction: its GTID, the error and the statement.
pub(in crate::product) fn past_rejects(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [file, client @ ..] = arguments else {
        return Err(HelperError::usage("mariadb-past-rejects FILE CLIENT [ARGUMENT...]"));
    };
    let [program, options @ ..] = client else {
        return Err(HelperError::usage("mariadb-past-rejects FILE CLIENT [ARGUMENT...]"));
    };
    let cannot = |error| HelperError::Failed(format!("cannot write {file}: {error}"));
    let rejects = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(file)
        .map_err(cannot)?;
    let (client, child) = Piped::start(program, options)
        .map_err(|error| HelperError::Failed(format!("cannot start {program}: {error}")))?;
    let mut replay = Replay::new(client, Rejects { file: rejects, path: file.clone() })?;
    replay.all(streams)?;
    replay.client.end(child)
}

/// Where rejected transactions are named.
trait Names {
    /// Writes a line, and flushes it to the disk.
    fn name(&mut self, line: &str) -> Result<(), HelperError>;
}

struct Rejects {
    file: File,
    path: String,
}

impl Names for Rejects {
    fn name(&mut self, line: &str) -> Result<(), HelperError> {
        let written =
            self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| HelperError::Failed(format!("cannot write {}: {error}", self.path)))
    }
}

fn joined(said: &[String]) -> String {
    said.join("; ")
}

/// The patterns that the replay goes by.
struct Patterns {
    /// The header of a transaction.
    gtid: Regex,
    /// A statement that only sets a variable for the statements after it.
    setting: Regex,
    /// What it sets.
    key: Regex,
    /// A statement that is not worth showing: rows, and the end of a transaction.
    row: Regex,
    /// Turns the binary log on or off for what follows.
    logged: Regex,
    /// A table that was made outside of the binary log.
    made: Regex,
    /// An error that the transaction did not cause.
    grave: RegexSet,
    /// Statements that can contain a secret.
    secret: Regex,
    /// A place in the statement.
    at_line: Regex,
}

impl Patterns {
    fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            gtid: Regex::new(r"(?-u)^#\d+ +[\d:]+ server id .*\tGTID (\d+-\d+-\d+)")?,
            setting: Regex::new(
                r"(?i-u)^(?:/\*[M!]*\d*\s*)?(?:SET\s+(?:@|TIMESTAMP\s*=|(?:LAST_)?INSERT_ID\s*=)|\\C\b)",
            )?,
            key: Regex::new(r"(?-u)(@?@?[\w.`]+:?)=|(\\C)")?,
            row: Regex::new(
                r"(?i-u)^(?:BINLOG|START TRANSACTION|BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b",
            )?,
            logged: Regex::new(r"(?-u)sql_log_bin=([01])")?,
            made: Regex::new(
                r"(?-u)^CREATE OR REPLACE TABLE (`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)?)",
            )?,
            // A server that goes down, a full disk, a lock.
            grave: RegexSet::new([
                r"(?-u)^ERROR (?:2\d\d\d|10(?:21|26|28|37|38|40|41|43|45|53|80)|1114|1135|1152|115[3-9]|116[01]) ",
                r"(?-u)^ERROR (?:118[01]|119[45]|120[3567]|1213|1226|1290|1317|1637|1698|1792|1836|1927|1950|1969) ",
                r#"(?-u)\b(?:errno:|error) "?(?:5|12|24|28|30|122)\b"#,
            ])?,
            secret: Regex::new(r"(?is-u)\b(IDENTIFIED|PASSWORD)\b.*")?,
            at_line: Regex::new(r"(?-u) at line \d+:")?,
        })
    }
}

/// The replay under way.
struct Replay<C, N> {
    client: C,
    names: N,
    patterns: Patterns,
    lines: Lines,
    /// Counts the queries to the client.
    asked: u64,
    /// The transaction under way; `None` before the first.
    gtid: Option<Gtid>,
    /// Why it is rejected, if it is.
    why: Option<String>,
    /// The first statement that shows what it does.
    sql: Option<String>,
    /// The tables whose rows it changes.
    tables: BTreeSet<String>,
    /// The table that it made outside of the binary log.
    made: Option<String>,
    /// Settings that were rejected, and how.
    unset: BTreeMap<String, String>,
    /// Whether the following statements stay out of the binary log.
    unlogged: bool,
    /// The statement so far.
    text: Vec<u8>,
    /// How the lines of the current statement are handled.
    taken: Taken,
}

/// How the lines of a statement are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Kept until it is complete.
    Whole,
    /// Sent on line by line: what changes many rows would not fit into memory.
    Sent,
    /// Left out.
    Skipped,
}

impl<C: Client, N: Names> Replay<C, N> {
    fn new(client: C, names: N) -> Result<Self, HelperError> {
        Ok(Self {
            client,
            names,
            patterns: Patterns::new().map_err(|error| HelperError::Failed(error.to_string()))?,
            lines: Lines::as_the_client(),
            asked: 0,
            gtid: None,
            why: None,
            sql: None,
            tables: BTreeSet::new(),
            made: None,
            unset: BTreeMap::new(),
            unlogged: false,
            text: Vec::new(),
            taken: Taken::Whole,
        })
    }

    fn all(&mut self, streams: &mut Streams<'_>) -> Result<(), HelperError> {
        let (mut filter, mut line) = (Filter::new(), Vec::new());
        let mut events = Events::new(streams.input)?;
        while events.next(&mut line)? {
            filter.line(&line, &mut |line: &[u8]| self.line(line))?;
        }
        filter.end(&mut |line: &[u8]| self.line(line))?;
        if self.lines.within_statement() {
            return Err(HelperError::Failed("the log ends within a statement".into()));
        }
        self.finish()
    }

    fn line(&mut self, line: &[u8]) -> Result<(), HelperError> {
        let (kind, ends) = self.lines.kind(line);
        match kind {
            Kind::Delimiter(word) => {
                // The end of a log. Within one, a statement may have a delimiter of its own.
                if word == b";" {
                    self.finish()?;
                    (self.gtid, self.why) = (None, None);
                }
                return self.send(&[line, b"\n"].concat());
            }
            Kind::Comment => return self.comment(line),
            Kind::Begin => self.taken = self.how(line),
            Kind::More => {}
        }
        match self.taken {
            Taken::Whole => self.text.extend_from_slice(&[line, b"\n"].concat()),
            Taken::Sent => self.send(&[line, b"\n"].concat())?,
            Taken::Skipped => {}
        }
        if !ends {
            return Ok(());
        }
        match self.taken {
            Taken::Whole => {
                let text = std::mem::take(&mut self.text);
                self.statement(&text)
            }
            Taken::Sent => {
                let said = self.answers()?;
                self.answered(b"BINLOG", &said)
            }
            Taken::Skipped => Ok(()),
        }
    }

    fn comment(&mut self, line: &[u8]) -> Result<(), HelperError> {
        let found = self.patterns.gtid.captures(line).and_then(|found| found.get(1));
        let found = found.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
        if let Some(gtid) = found.as_deref().and_then(Gtid::parse) {
            self.finish()?;
            (self.gtid, self.why, self.sql, self.made) = (Some(gtid), None, None, None);
            self.tables.clear();
        } else if let Some(name) = table_map(line) {
            let name = String::from_utf8_lossy(name);
            let name = name.rsplit_once(" mapped to number").map_or(&*name, |(name, _)| name);
            self.tables.insert(name.to_owned());
        }
        Ok(())
    }

    /// Decides by its first line how a statement is handled. Only statements that hold rows are
    /// long.
    fn how(&self, line: &[u8]) -> Taken {
        match &self.gtid {
            _ if !line.starts_with(b"BINLOG ") => Taken::Whole,
            Some(_) if self.why.is_some() => Taken::Skipped,
            _ => Taken::Sent,
        }
    }

    /// A complete statement.
    fn statement(&mut self, text: &[u8]) -> Result<(), HelperError> {
        let (setting, row) =
            (self.patterns.setting.is_match(text), self.patterns.row.is_match(text));
        if self.gtid.is_some() && !setting && !is_use(text) {
            if !row && self.sql.is_none() {
                let whole = text.trim_ascii_end();
                let whole = whole.strip_suffix(self.lines.delimiter()).unwrap_or(whole);
                self.sql = Some(self.shown(whole));
            }
            if !row && let Some(why) = self.unset.values().next().cloned() {
                self.reject(&why);
            }
            if self.why.is_some() {
                return Ok(());
            }
        }
        let said = self.ask(text)?;
        self.answered(text, &said)
    }

    /// What the answer to a statement means.
    fn answered(&mut self, text: &[u8], said: &[String]) -> Result<(), HelperError> {
        let key = self.patterns.setting.is_match(text).then(|| self.key(text));
        if let Some(key) = &key {
            self.unset.remove(key);
        }
        if let Some(logged) = self.patterns.logged.captures(text) {
            self.unlogged = &logged[1] == b"0";
        }
        let Some(first) = said.first() else {
            if self.unlogged
                && let Some(made) = self.patterns.made.captures(text)
            {
                self.made = Some(String::from_utf8_lossy(&made[1]).into_owned());
            }
            return Ok(());
        };
        let of = match &self.gtid {
            None => return Err(HelperError::Failed(format!("the server said: {}", joined(said)))),
            Some(gtid) => &gtid.text,
        };
        if said.iter().any(|line| self.patterns.grave.is_match(line.as_bytes())) {
            return Err(HelperError::Failed(format!(
                "within {of} the server said: {}",
                joined(said)
            )));
        }
        self.reject(first);
        if let Some(key) = key {
            self.unset.insert(key, first.clone());
        }
        // Names without a schema must not be resolved in the previous one.
        if is_use(text) && !self.ask_for("use information_schema")?.is_empty() {
            return Err(HelperError::Failed("no schema can be left".into()));
        }
        Ok(())
    }

    /// The name of what a setting sets. A later setting of the same name replaces it.
    fn key(&self, text: &[u8]) -> String {
        let found = self.patterns.key.captures_iter(text);
        let names = found
            .filter_map(|found| found.get(1).or(found.get(2)).map(|name| name.as_bytes().to_vec()));
        String::from_utf8_lossy(&names.collect::<Vec<_>>().join(&b' ')).into_owned()
    }

    /// The transaction is rejected: the first reason counts.
    fn reject(&mut self, why: &str) {
        let why = || {
            String::from_utf8_lossy(&self.patterns.at_line.replace(why.as_bytes(), b":"))
                .into_owned()
        };
        if self.why.is_none() {
            self.why = Some(why());
        }
    }

    /// The end of a transaction. A rejected one is named, and an empty event takes its GTID.
    fn finish(&mut self) -> Result<(), HelperError> {
        let (Some(gtid), Some(why)) = (self.gtid.clone(), self.why.clone()) else { return Ok(()) };
        let failed = |what: &str, said: &[String]| {
            Err(HelperError::Failed(format!("{} {what}: {}", gtid.text, joined(said))))
        };
        let mut said = self.ask_for("ROLLBACK")?;
        if let Some(made) = self.made.clone() {
            let end = String::from_utf8_lossy(self.lines.delimiter()).into_owned();
            said.extend(self.ask_for(&format!(
                "SET @@session.sql_log_bin=0{end}\nDROP TABLE IF EXISTS \
                    {made}{end}\nSET @@session.sql_log_bin=1"
            ))?);
        }
        if !said.is_empty() {
            return failed("cannot be taken back", &said);
        }
        let Gtid { domain, server, number, .. } = &gtid;
        let said = self.ask_for(&format!(
            "SET @@session.gtid_domain_id={domain}, \
                @@session.server_id={server}, @@session.gtid_seq_no={number}"
        ))?;
        // Its GTID is in the log already.
        let part = said.iter().any(|line| line.starts_with("ERROR 1950 "));
        if !said.is_empty() && !part {
            return failed("cannot be passed over", &said);
        }
        let what = self.what();
        let line =
            format!("{}\t{why}\t{}{what}", gtid.text, if part { "done in part: " } else { "" });
        self.names.name(&in_one_line(&line))?;
        if part {
            return failed("was rejected, and a part of it was done, which stays", &[why]);
        }
        let said = self.ask_for("DROP TABLE IF EXISTS mysql.backout_rejected")?;
        if !said.is_empty() {
            return failed("cannot be passed over", &said);
        }
        Ok(())
    }

    /// The statement of the rejected transaction, without secrets.
    fn what(&self) -> String {
        let whole = if self.tables.is_empty() {
            self.sql.clone().unwrap_or_default()
        } else {
            format!(
                "rows of {}",
                self.tables.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            )
        };
        let end = String::from_utf8_lossy(self.lines.delimiter()).into_owned();
        let whole = whole.trim_end();
        let whole = whole.strip_suffix(&end).unwrap_or(whole).trim_end();
        let shown = self.patterns.secret.replace(whole.as_bytes(), b"$1 ...".as_slice());
        String::from_utf8_lossy(&shown).chars().take(NAMED).collect()
    }

    /// A statement on one line, cut to what is shown. Secrets are looked for in all of it.
    fn shown(&self, text: &[u8]) -> String {
        const SOUGHT: usize = 64 * 1024;
        let part = String::from_utf8_lossy(&text[..text.len().min(SOUGHT)]).into_owned();
        part.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), HelperError> {
        let Err(error) = self.client.send(bytes) else { return Ok(()) };
        // The client printed the reason before it ended.
        let mut said = vec![gone(error).to_string()];
        while let Ok(Some(line)) = self.client.answer() {
            said.push(String::from_utf8_lossy(&line).into_owned());
        }
        Err(HelperError::Failed(joined(&said)))
    }

    /// Sends a statement without its delimiter, and returns its errors.
    fn ask_for(&mut self, statement: &str) -> Result<Vec<String>, HelperError> {
        let text = [statement.as_bytes(), self.lines.delimiter(), b"\n"].concat();
        self.ask(&text)
    }

    /// Sends a statement, and returns its errors.
    fn ask(&mut self, text: &[u8]) -> Result<Vec<String>, HelperError> {
        self.send(text)?;
        self.answers()
    }

    /// The errors that the client has printed so far. A marker that the client is told to print
    /// ends them.
    fn answers(&mut self) -> Result<Vec<String>, HelperError> {
        self.asked += 1;
        let word = format!("backout {}", self.asked);
        let question =
            [format!("SELECT '{word}'").as_bytes(), self.lines.delimiter(), b"\n"].concat();
        self.send(&question)?;
        let mut said = Vec::new();
        while let Some(line) = self.client.answer().map_err(gone)? {
            if line == word.as_bytes() {
                return Ok(said);
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let rest = line.strip_prefix("ERROR");
            if rest.is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            }) {
                said.push(line);
            }
        }
        said.insert(0, "the client is gone".into());
        Err(HelperError::Failed(joined(&said)))
    }
}

fn is_use(text: &[u8]) -> bool {
    text.len() >= 4 && text[..4].eq_ignore_ascii_case(b"use ")
}

/// Replaces control characters by spaces, except the tabs between fields.
fn in_one_line(line: &str) -> String {
    let control = |c: char| c.is_control() && c != '\t';
    let (mut one, mut before) = (String::with_capacity(line.len()), false);
    for c in line.chars() {
        if !control(c) {
            one.push(c);
        } else if !before {
            one.push(' ');
        }
        before = control(c);
    }
    one
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use std::io;

    use super::*;
    use crate::product::tests::kept;

    /// Gives prepared answers, and records what it was sent.
    #[derive(Default)]
    struct Told {
        sent: Vec<u8>,
        answers: VecDeque<Vec<u8>>,
    }

    impl Client for Told {
        fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.sent.extend_from_slice(bytes);
            Ok(())
        }
        fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
            Ok(self.answers.pop_front())
        }
    }

    impl Names for Vec<String> {
        fn name(&mut self, line: &str) -> Result<(), HelperError> {
            self.push(line.to_owned());
            Ok(())
        }
    }

    /// Replays a log into a client that gives these answers.
    fn replay(log: &[u8], answers: &[u8]) -> (Result<(), String>, String, Vec<String>) {
        let answers = answers
            .split(|byte| *byte == b'\n')
            .map(|line| line.trim_ascii_end().to_vec())
            .collect();
        let mut replay = Replay::new(Told { sent: Vec::new(), answers }, Vec::new()).unwrap();
        let (mut input, mut output) = (log, Vec::new());
        let ended = replay.all(&mut Streams { input: &mut input, output: &mut output });
        let sent = String::from_utf8(replay.client.sent).unwrap();
        (ended.map_err(|error| error.to_string()), sent, replay.names)
    }

    /// The same with an error for each statement that has one of these words in it.
    fn rejecting(log: &str, errors: &[(&str, &str)]) -> (Result<(), String>, String, Vec<String>) {
        struct Rejecting<'a> {
            errors: &'a [(&'a str, &'a str)],
            told: Told,
            since: usize,
        }
        impl Client for Rejecting<'_> {
            fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
                self.told.send(bytes)?;
                let text = String::from_utf8_lossy(&self.told.sent[self.since..]).into_owned();
                if let Some((_, word)) = text.rsplit_once("SELECT '") {
                    let error = self.errors.iter().find(|(word, _)| text.contains(word));
                    self.told.answers.extend(error.map(|(_, error)| error.as_bytes().to_vec()));
                    let word = word.split('\'').next().unwrap_or_default();
                    self.told.answers.push_back(word.as_bytes().to_vec());
                    self.since = self.told.sent.len();
                }
                Ok(())
            }
            fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
                self.told.answer()
            }
        }
        let client = Rejecting { errors, told: Told::default(), since: 0 };
        let mut replay = Replay::new(client, Vec::new()).unwrap();
        let (mut input, mut output) = (log.as_bytes(), Vec::new());
        let ended = replay.all(&mut Streams { input: &mut input, output: &mut output });
        let sent = String::from_utf8(replay.client.told.sent).unwrap();
        (ended.map_err(|error| error.to_string()), sent, replay.names)
    }

    fn transaction(number: u32, statements: &str) -> String {
        format!(
            "# at 4\n#261129  8:00:33 server id 1  end_log_pos 9 CRC32 0x0 \tGTID 0-1-{number} trans\n\
             SET @@session.gtid_seq_no={number}/*!*/;\n{statements}"
        )
    }

    #[test]
    fn a_real_log_goes_past_what_a_real_server_rejected() {
        let text = |path| String::from_utf8(kept(path)).unwrap();
        let (ended, sent, names) =
            replay(&kept("mariadb/tests/written.log"), &kept("mariadb/tests/written.answers"));
        assert_eq!(ended, Ok(()));
        assert!(sent == text("mariadb/tests/written.sent"), "{sent}");
        assert_eq!(names.join("\n") + "\n", text("mariadb/tests/written.rejects"));
    }

    #[test]
    fn s1_a_rejected_transaction_is_named_before_it_is_passed_over_and_the_next_one_is_done() {
        let log = format!(
            "DELIMITER /*!*/;\n{}{}",
            transaction(
                7,
                "START TRANSACTION\n/*!*/;\nINSERT good\n/*!*/;\nINSERT bad IDENTIFIED BY \
                    'x'\n/*!*/;\nCOMMIT/*!*/;\n"
            ),
            transaction(8, "INSERT better\n/*!*/;\n")
        );
        let (ended, sent, names) =
            rejecting(&log, &[("INSERT bad", "ERROR 1064 (42000) at line 9: no")]);
        assert_eq!(
            (ended, names.as_slice()),
            (Ok(()), ["0-1-7\tERROR 1064 (42000): no\tINSERT good".to_owned()].as_slice())
        );
        let order = [
            "INSERT good",
            "ROLLBACK",
            "gtid_seq_no=7/*!*/;",
            "backout_rejected",
            "gtid_seq_no=8",
            "INSERT better",
        ];
        let mut from = 0;
        for word in order {
            from +=
                sent[from..].find(word).unwrap_or_else(|| panic!("no {word} in its place: {sent}"));
        }
        assert!(!sent.contains("COMMIT"), "{sent}");
    }

    #[test]
    fn what_stands_behind_a_rejected_setting_is_rejected_until_it_is_set() {
        let set = "SET TIMESTAMP=2524608000/*!*/;\n";
        let log = format!(
            "DELIMITER /*!*/;\n{}{}{}",
            transaction(7, &format!("{set}CREATE one\n/*!*/;\n")),
            transaction(8, "CREATE two PASSWORD 'secret'\n/*!*/;\n"),
            transaction(9, "SET TIMESTAMP=1/*!*/;\nCREATE three\n/*!*/;\n")
        );
        let (ended, sent, names) = rejecting(&log, &[("=2524608000", "ERROR 1231 (42000): no")]);
        let wanted = [
            "0-1-7\tERROR 1231 (42000): no\tCREATE one",
            "0-1-8\tERROR 1231 (42000): no\tCREATE two PASSWORD ...",
        ];
        assert_eq!((ended, names), (Ok(()), wanted.map(str::to_owned).to_vec()));
        assert!(sent.contains("CREATE three") && !sent.contains("CREATE two"), "{sent}");
    }

    #[test]
    fn s8_an_error_that_is_not_the_log_s_fault_stops_it_and_names_nothing() {
        for error in [
            "ERROR 1021 (HY000): Disk full",
            "ERROR 2013 (HY000): Lost connection",
            "ERROR 1030 (HY000): Got error 28",
        ] {
            let log = format!(
                "DELIMITER /*!*/;\n{}",
                transaction(7, "INSERT x\n/*!*/;\nINSERT y\n/*!*/;\n")
            );
            let (ended, sent, names) = rejecting(&log, &[("INSERT x", error)]);
            assert_eq!(ended, Err(format!("within 0-1-7 the server said: {error}")));
            assert!(names.is_empty() && !sent.contains("INSERT y"), "{sent}");
        }
        let (ended, ..) =
            rejecting("DELIMITER /*!*/;\nSET x/*!*/;\n", &[("SET x", "ERROR 1193 (HY000): no")]);
        assert_eq!(
            ended,
            Err("the server said: ERROR 1193 (HY000): no".into()),
            "before the first transaction"
        );
    }

    #[test]
    fn one_whose_part_was_done_stops_it_and_is_named() {
        let log = format!("DELIMITER /*!*/;\n{}", transaction(7, "INSERT x\n/*!*/;\n"));
        let out_of_order =
            ("server_id=1, @@session.gtid_seq_no=7", "ERROR 1950 (HY000): out-of-order");
        let (ended, _, names) =
            rejecting(&log, &[("INSERT x", "ERROR 1062 (23000): twice"), out_of_order]);
        assert_eq!(
            ended,
            Err("0-1-7 was rejected, and a part of it was done, which stays: ERROR \
            1062 (23000): twice"
                .into())
        );
        assert_eq!(names, ["0-1-7\tERROR 1062 (23000): twice\tdone in part: INSERT x"]);
    }

    #[test]
    fn rows_are_not_kept_in_memory() {
        let rows = "x".repeat(76) + "\n";
        let log = format!(
            "DELIMITER /*!*/;\n{}",
            transaction(7, &format!("BINLOG '\n{}'/*!*/;\n", rows.repeat(1000)))
        );
        let mut replay = Replay::new(Told::default(), Vec::new()).unwrap();
        let mut filter = Filter::new();
        for line in log.lines() {
            // The client does not answer; the recorded statements are checked.
            let _ = filter.line(line.as_bytes(), &mut |line: &[u8]| replay.line(line));
            assert!(replay.text.len() < 200, "{}", replay.text.len());
        }
        assert!(replay.client.sent.len() > 76_000);
    }

    #[test]
    fn a_client_that_ends_and_a_log_that_is_cut_are_said() {
        let log = format!("DELIMITER /*!*/;\n{}", transaction(7, "INSERT x\n/*!*/;\n"));
        let (ended, ..) = replay(log.as_bytes(), b"ERROR 2002 (HY000): cannot connect");
        assert_eq!(ended, Err("the client is gone; ERROR 2002 (HY000): cannot connect".into()));
        let (ended, ..) = rejecting(&format!("{log}INSERT y"), &[]);
        assert_eq!(ended, Err("the log ends within a statement".into()));
    }

    #[test]
    fn s9_a_delimiter_in_a_quoted_name_is_a_part_of_the_statement() {
        let log = String::from_utf8(kept("mariadb/tests/line-break.log")).unwrap();
        let (ended, sent, names) = rejecting(&log, &[]);
        assert_eq!((ended, names.len()), (Ok(()), 0));
        let whole = "CREATE TABLE `x\nCREATE DATABASE smuggled/*!*/;\n# at 4` (id INT PRIMARY \
            KEY) ENGINE=InnoDB\n";
        let (before, behind) = sent.split_once(whole).unwrap();
        let word = before.trim_end().rsplit("DELIMITER ").next().unwrap();
        let ends = format!("{word}\nSELECT 'backout 19'{word}\nDELIMITER /*!*/;\n");
        assert!(behind.starts_with(&ends) && sent.matches("smuggled").count() == 1, "{sent}");
    }

    #[test]
    fn s9_a_delimiter_in_an_event_s_body_is_a_part_of_the_statement() {
        let log = String::from_utf8(kept("mariadb/tests/delimiter.log")).unwrap();
        let (ended, sent, names) = rejecting(&log, &[("SELECT 2", "ERROR 1064 (42000): no")]);
        let named = "0-1-9\tERROR 1064 (42000): no\t\
                     ALTER EVENT e3 DO BEGIN SELECT 2/*!*/; DROP TABLE secret.s/*!*/; END";
        assert_eq!((ended, names), (Ok(()), vec![named.to_owned()]));
        let sent: Vec<&str> = sent.lines().filter(|line| line.contains("gtid_seq_no=")).collect();
        let numbers = ["=8*", "=9*", "=9/", "=10*", "=11*"];
        assert!(
            sent.len() == numbers.len()
                && sent.iter().zip(numbers).all(|(line, number)| line.contains(number)),
            "{sent:?}"
        );
    }

    #[test]
    fn a_line_for_people_has_no_line_breaks_in_it() {
        assert_eq!(in_one_line("a\tb\r\n\u{1b}c"), "a\tb c");
    }
}
