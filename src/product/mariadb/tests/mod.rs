//! The replay of real logs, with a server that is played.
#![expect(clippy::disallowed_methods, reason = "files of a test")]

mod played;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

use super::gtid::Position;
use super::left_out::LeftOut;
use super::replay::{Rejects, Replay};
use crate::product::stream::HelperError;
use crate::product::tests::{kept, on};
use played::{Played, PlayedServer};

/// Rejected transactions.
#[derive(Default)]
struct Named {
    lines: Vec<String>,
    accepted: bool,
}

impl Rejects for Named {
    fn take(&mut self, line: &str) -> Result<bool, HelperError> {
        self.lines.push(line.to_owned());
        Ok(self.accepted)
    }
}

fn path(name: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/mariadb/tests");
    tests.join(name).display().to_string()
}

/// Replays logs; what the server got, with rows shown by their length.
fn replay(
    files: &[&str],
    from: &str,
    played: Played,
    named: &mut Named,
) -> (Result<(), String>, String, usize) {
    let begins = if played.begins.is_empty() { from.to_owned() } else { played.begins.clone() };
    let played = Rc::new(RefCell::new(Played { begins, ..played }));
    let mut replay = Replay::new(PlayedServer(played.clone()), Position::parse(from).unwrap());
    replay.left_out = played.borrow_mut().left_out.take().unwrap_or_default();
    let files: Vec<String> = files.iter().map(|name| path(name)).collect();
    let ended = replay.all(&files, named).map_err(|error| error.to_string());
    let played = played.borrow();
    let mut text = String::new();
    for statement in &played.got {
        match statement.strip_prefix("BINLOG '") {
            Some(rows) => writeln!(text, "BINLOG ({} letters);", rows.len() - 1).unwrap(),
            None => writeln!(text, "{statement};").unwrap(),
        }
    }
    (ended, text, played.clients)
}

fn played(classes: &[(&str, &str)]) -> Played {
    let hex = |(name, class): &(&str, &str)| (hex::encode(name), (*class).to_owned());
    Played {
        classes: classes.iter().map(hex).collect(),
        position: "0-1-999".to_owned(),
        ..Played::default()
    }
}

/// Compares with what is kept. What is kept was carried out by a server 10.11, and gave what the
/// server 11.8 had.
fn compare(name: &str, found: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(name), found).unwrap();
    }
    let wanted = String::from_utf8(kept(&format!("mariadb/tests/{name}"))).unwrap();
    assert!(found == wanted, "{name} differs (UPDATE=1 writes it):\n{found}");
}

#[test]
fn s1_real_logs_become_what_the_previous_version_must_be_told() {
    for (name, from) in
        [("clients", "0-1-100"), ("kinds", "0-1-48"), ("written", "0-1-11"), ("of-10.11", "0-1-11")]
    {
        let (ended, got, clients) = replay(
            &[&format!("{name}.binlog")],
            from,
            played(&[("s", "s"), ("m", "p")]),
            &mut Named::default(),
        );
        assert_eq!((ended, clients), (Ok(()), 1), "{name}");
        compare(&format!("{name}.sent"), &got);
    }
}

/// Its rows are held in a temporary table, which belongs to a server's id. That of the standby is
/// another one than the log's.
#[test]
fn a_table_that_is_made_with_its_rows_may_be_the_first_of_a_session() {
    let (ended, got, _) =
        replay(&["kinds.binlog"], "0-1-51", played(&[("m", "p")]), &mut Named::default());
    assert_eq!(ended, Ok(()));
    let at = |text: &str| got.find(text).unwrap_or_else(|| panic!("{text}: {got}"));
    assert!(at("server_id=1") < at("CREATE OR REPLACE TEMPORARY TABLE mysql.backout_rows"));
}

/// The client of a replay that was killed went on for a while.
#[test]
fn s8_what_another_client_has_done_since_is_not_done_again() {
    let ahead = Played { begins: "0-1-99".into(), ..played(&[("s", "s"), ("m", "p")]) };
    let (ended, got, _) = replay(&["kinds.binlog"], "0-1-48", ahead, &mut Named::default());
    assert_eq!(ended, Ok(()));
    assert!(got.contains("GET_LOCK"));
    assert_eq!(got.matches("gtid_seq_no=").count(), 1, "{got}");
    assert!(got.contains("gtid_seq_no=100;"), "{got}");
}

fn left_out(names: &[&str], gone: &[&str], ended: &[&str]) -> Option<LeftOut> {
    let set = |names: &[&str]| {
        names.iter().map(|name| (b"kinds".to_vec(), name.as_bytes().to_vec())).collect()
    };
    let text = LeftOut::text(&set(names), &set(gone), &set(ended));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("left-out");
    std::fs::write(&path, text).unwrap();
    let option = [format!("--left-out={}", path.display())];
    LeftOut::of(&option).ok().map(|(it, _)| it)
}

/// What a table had that is not there any more at the end matters to nobody.
#[test]
fn rows_of_a_table_that_is_gone_at_the_end_are_no_reject() {
    let lost = "ERROR 1032 (HY000) at line 9: Can't find record in 'src'";
    let with = |position: &str| {
        let mut played = errors(&[("gtid_seq_no=51", lost)]);
        (played.once, played.position) = (true, position.to_owned());
        played.left_out = left_out(&[], &["src"], &[]);
        let mut named = Named::default();
        let (ended, got, clients) = replay(&["kinds.binlog"], "0-1-48", played, &mut named);
        assert_eq!((ended, clients, named.lines.len()), (Ok(()), 2, 0));
        got.matches("gtid_seq_no=51;\nDROP TABLE IF EXISTS mysql.backout_rejected").count()
    };
    assert_eq!(with("0-1-50"), 1);
    // It could not roll back, so the server has logged what it did of it.
    assert_eq!(with("0-1-51"), 0);
}

/// `REVOKE ALL PRIVILEGES` with a routine of a capital letter that is not ASCII: does a part.
#[test]
fn a_statement_that_failed_on_the_new_version_may_fail_alike() {
    let with = |number: &str, position: &str| {
        let error = format!("ERROR {number} (42000) at line 9: There is no such grant");
        let mut played = errors(&[("REVOKE ALL", &error)]);
        position.clone_into(&mut played.position);
        let mut named = Named::default();
        let (ended, got, _) = replay(&["failed.binlog"], "0-1-1", played, &mut named);
        (ended.is_ok(), got.matches("gtid_seq_no=5;\nDROP TABLE").count(), named.lines.len())
    };
    // The server has logged it, too, or not.
    assert_eq!(with("1403", "0-1-5"), (true, 0, 0));
    assert_eq!(with("1403", "0-1-4"), (true, 1, 0));
    assert_eq!(with("1146", "0-1-4"), (false, 0, 1));
}

#[test]
fn an_event_that_has_run_for_the_last_time_does_not_run_again() {
    let left_out = left_out(&[], &[], &["once"]);
    let ended = Played { left_out, ..played(&[("s", "s"), ("m", "p")]) };
    let (_, got, _) = replay(&["kinds.binlog"], "0-1-48", ended, &mut Named::default());
    let off = "SET @@session.sql_log_bin=0;\nUPDATE mysql.event SET status = 'DISABLED'";
    // Before the first transaction, and behind the last one.
    assert_eq!(got.matches(off).count(), 2, "{got}");
}

#[test]
fn s9_what_stands_in_names_and_bodies_is_not_run() {
    let all = ["line-break.binlog", "delimiter.binlog"];
    let (ended, got, _) = replay(&all, "0-1-115", played(&[]), &mut Named::default());
    assert_eq!(ended, Ok(()));
    compare("delimiter.sent", &got);
}

fn errors(errors: &[(&str, &str)]) -> Played {
    let errors = errors.iter().map(|(word, error)| ((*word).to_owned(), (*error).to_owned()));
    Played { errors: errors.collect(), position: "0-1-125".into(), ..Played::default() }
}

const UNKNOWN: &str = "ERROR 4161 (HY000) at line 9: Unknown data type: 'VECTOR'";

#[test]
fn s1_a_rejected_transaction_stops_the_replay_or_is_left_out_by_name() {
    let line = "0-1-125\tERROR 4161 (HY000): Unknown data type: 'VECTOR'\t\
                CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3) NOT NULL) ENGINE=InnoDB";
    let mut named = Named::default();
    let mut rejecting = errors(&[("VECTOR(3)", UNKNOWN)]);
    rejecting.position = "0-1-124".into();
    let (ended, _, _) = replay(&["rejected.binlog"], "0-1-124", rejecting, &mut named);
    let said = line.replace('\t', ": ");
    assert_eq!(ended, Err(format!("the previous version rejects {said}")));
    assert_eq!(named.lines, [line]);

    let mut named = Named { accepted: true, ..Named::default() };
    let mut rejecting = errors(&[("VECTOR(3)", UNKNOWN)]);
    rejecting.position = "0-1-124".into();
    let (ended, got, clients) = replay(&["rejected.binlog"], "0-1-124", rejecting, &mut named);
    assert_eq!((ended, clients), (Ok(()), 2));
    assert_eq!(named.lines, [line]);
    let skipped =
        got.find("gtid_seq_no=125;\nDROP TABLE IF EXISTS mysql.backout_rejected;").unwrap();
    assert!(got[skipped..].contains("gtid_seq_no=126;\nSTART TRANSACTION;\nBINLOG"), "{got}");
    assert!(got[..skipped].contains("gtid_seq_no=125;\n") && !got.contains("VECTOR(3)"), "{got}");
}

/// A new client for each of thousands of rejects would take an hour.
#[test]
fn transactions_on_a_table_that_was_missed_are_left_out_without_a_new_client() {
    let mut named = Named { accepted: true, ..Named::default() };
    let server = Played {
        errors: vec![("gtid_seq_no=126".into(), "ERROR 1146 (42S02) at line 1: no".into())],
        missing: vec![hex::encode("vectors")],
        position: "0-1-124".into(),
        once: true,
        ..Played::default()
    };
    let (ended, got, clients) = replay(&["rejected.binlog"], "0-1-124", server, &mut named);
    assert_eq!((ended, clients), (Ok(()), 2));
    let numbers: Vec<&str> = named.lines.iter().map(|l| l.split('\t').next().unwrap()).collect();
    assert_eq!(numbers, ["0-1-126", "0-1-127"]);
    assert!(named.lines[1].starts_with(
        "0-1-127\tERROR 1146 (42S02): Table `shop`.`vectors` doesn't exist\trows of "
    ));
    assert!(
        got.contains("gtid_seq_no=127;\nDROP TABLE IF EXISTS mysql.backout_rejected;"),
        "{got}"
    );
}

#[test]
fn one_that_was_done_in_part_is_named_so_and_takes_no_other_position() {
    let mut named = Named { accepted: true, ..Named::default() };
    let rejecting = errors(&[("VECTOR(3)", UNKNOWN)]);
    let (ended, got, _) = replay(&["rejected.binlog"], "0-1-124", rejecting, &mut named);
    assert_eq!(ended, Ok(()));
    assert!(named.lines[0].contains("\tdone in part: CREATE TABLE vectors"), "{:?}", named.lines);
    assert!(!got.contains("gtid_seq_no=125;\nDROP TABLE IF EXISTS mysql."), "{got}");
}

#[test]
fn s8_a_trouble_stops_it_and_names_nothing() {
    for error in [
        "ERROR 1021 (HY000) at line 3: Disk full (/tmp)",
        "ERROR 2013 (HY000) at line 3: Lost connection",
        "ERROR 1205 (HY000) at line 3: Lock wait timeout exceeded",
    ] {
        let mut named = Named { accepted: true, ..Named::default() };
        let rejecting = errors(&[("VECTOR(3)", error)]);
        let (ended, got, _) = replay(&["rejected.binlog"], "0-1-124", rejecting, &mut named);
        let said = ended.unwrap_err();
        assert!(
            said.starts_with(&error.replace(" at line 3", ""))
                && said.contains(" at 0-1-125 (CREATE TABLE vectors "),
            "{said}"
        );
        assert!(named.lines.is_empty() && !got.contains("gtid_seq_no=126"), "{got}");
    }
}

#[test]
fn a_client_that_cannot_connect_is_a_trouble() {
    let rejecting = errors(&[("pseudo_slave_mode", "ERROR 2002 (HY000): Can't connect to x")]);
    let mut named = Named { accepted: true, ..Named::default() };
    let (ended, ..) = replay(&["rejected.binlog"], "0-1-124", rejecting, &mut named);
    let said = ended.unwrap_err();
    assert_eq!(said, "the client ended: ERROR 2002 (HY000): Can't connect to x");
    assert!(named.lines.is_empty());
}

#[test]
fn a_log_that_is_missing_between_the_position_and_the_files_is_found() {
    let (ended, ..) = replay(&["kinds.binlog"], "0-1-11", played(&[]), &mut Named::default());
    let said = ended.unwrap_err();
    assert!(
        said.ends_with(
            "kinds.binlog begins at 0-1-48, and the replay came to 0-1-11 only: the transactions up \
             to 0-1-48 are missing"
        ),
        "{said}"
    );
}

/// The last transactions may leave nothing in the server's log.
#[test]
fn the_position_is_reached_even_if_the_last_transaction_logs_nothing() {
    let mut server = played(&[]);
    server.position = "0-1-99".into();
    let (ended, got, _) = replay(&["kinds.binlog"], "0-1-48", server, &mut Named::default());
    assert_eq!(ended, Ok(()));
    assert!(
        got.ends_with("gtid_seq_no=100;\nDROP TABLE IF EXISTS mysql.backout_rejected;\n"),
        "{got}"
    );
}

#[test]
fn arguments_are_checked() {
    for arguments in [&[][..], &["0-1-1"], &["0-1-1", "x"], &["x", "y", "--", "z"]] {
        let said = on("mariadb-replay", arguments, b"").unwrap_err();
        assert!(said.starts_with("usage: backout helper mariadb-replay "), "{said}");
    }
}
