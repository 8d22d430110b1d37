//! Replays a log into the previous version, transaction by transaction.
//!
//! Each transaction keeps its position (GTID), so that the server's position says how far the
//! replay came, and an interrupted one goes on there. The statements are sent ahead, without
//! waiting for answers. The client ends at the first error; behind each transaction it prints a
//! word, so it is known which one it was.
//!
//! A transaction that the server rejects stops the replay, or, once a person has accepted that, is
//! named in a file and left out completely: an event that changes nothing takes its position. Later
//! ones that depend on it are rejected in their turn.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use super::alter::without_how;
use super::binlog::{Event, Kind, LogFile};
use super::client::{Client, Program, Server};
use super::errors::ServerError;
use super::group::{
    Form, Group, Next, TableName, int_var, next_group, rand_seeds, table_name, user_var,
};
use super::gtid::{Gtid, Position};
use super::left_out::LeftOut;
use super::query::Query;
use super::rows::{Rows, Statement, plain};
use super::session::{NAMES, PREAMBLE, Session, as_its_user, for_client, quoted};
use crate::product::stream::{HelperError, Streams};

/// Changes nothing, and takes a position in the log.
const NOTHING: &str = "DROP TABLE IF EXISTS mysql.backout_rejected";
/// ER_UNKNOWN_ERROR. Elsewhere it is a trouble.
const UNKNOWN_ERROR: u32 = 1105;
/// Holds the rows of a table that is made with its rows.
const ROWS: &str = "mysql.backout_rows";

/// Replays log files from a position on: `mariadb-replay POSITION FILE... -- CLIENT [ARGUMENT...]`.
/// Prints the transaction that the server rejects, if it does, and stops there.
pub(in crate::product) fn replay(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || {
        HelperError::usage(
            "mariadb-replay [--left-out=FILE] POSITION FILE... -- CLIENT [ARGUMENT...]",
        )
    };
    let (left_out, arguments) = LeftOut::of(arguments)?;
    let (position, files, words) = split(arguments).ok_or_else(usage)?;
    let mut replay = Replay::new(Program { words }, position);
    replay.left_out = left_out;
    replay.all(files, &mut Stops { output: streams.output })
}

/// The same past rejects: `mariadb-past-rejects REJECTS POSITION FILE... -- CLIENT [ARGUMENT...]`.
/// Appends a line to the file REJECTS for each rejected transaction: its position, the error and
/// the statement.
pub(in crate::product) fn past_rejects(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || {
        HelperError::usage(
            "mariadb-past-rejects [--left-out=FILE] REJECTS POSITION FILE... -- CLIENT [ARGUMENT...]",
        )
    };
    let (left_out, arguments) = LeftOut::of(arguments)?;
    let (path, arguments) = arguments.split_first().ok_or_else(usage)?;
    let (position, files, words) = split(arguments).ok_or_else(usage)?;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
        .map_err(|error| HelperError::Failed(format!("cannot write {path}: {error}")))?;
    let mut replay = Replay::new(Program { words }, position);
    replay.left_out = left_out;
    replay.all(files, &mut Listed { file, path })
}

/// The position, the files, and the client's words.
fn split(arguments: &[String]) -> Option<(Position, &[String], &[String])> {
    let (position, rest) = arguments.split_first()?;
    let at = rest.iter().position(|word| word == "--")?;
    let (files, client) = (&rest[..at], &rest[at + 1..]);
    let position = Position::parse(position)?;
    (!files.is_empty() && !client.is_empty()).then_some((position, files, client))
}

/// What becomes of a rejected transaction.
pub(super) trait Rejects {
    /// Takes its line, before the transaction is left out. Whether it is to be left out.
    fn take(&mut self, line: &str) -> Result<bool, HelperError>;
}

struct Stops<'a> {
    output: &'a mut dyn Write,
}

impl Rejects for Stops<'_> {
    fn take(&mut self, line: &str) -> Result<bool, HelperError> {
        let written = writeln!(self.output, "{line}").and_then(|()| self.output.flush());
        written.map_err(HelperError::Output)?;
        Ok(false)
    }
}

struct Listed<'a> {
    file: File,
    path: &'a str,
}

impl Rejects for Listed<'_> {
    fn take(&mut self, line: &str) -> Result<bool, HelperError> {
        let written =
            self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_all());
        let failed = |error| HelperError::Failed(format!("cannot write {}: {error}", self.path));
        written.map_err(failed)?;
        Ok(true)
    }
}

/// Why the sending stopped.
enum Stop {
    Failed(HelperError),
    /// The client has ended.
    Ended,
    /// A transaction cannot be carried out: a table of it is not there. It was not sent.
    Absent(Box<Sent>, String),
}

impl From<HelperError> for Stop {
    fn from(error: HelperError) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// What a table can do, the least first. Rows of a table that cannot roll back get a transaction of
/// their own in the server's log, as soon as a statement ends. What the log holds as one transaction
/// would become several, and the next one would be refused. So only rows of the best kind are
/// logged under its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Sequence,
    Plain,
    Transactional,
}

/// A transaction that was sent, and not answered so far.
struct Sent {
    number: u64,
    file: usize,
    group: Group,
}

/// The replay under way.
pub(super) struct Replay<S: Server> {
    server: S,
    client: Option<S::Client>,
    delimiter: String,
    /// Begins each answer.
    word: String,
    session: Session,
    /// The file whose format this client knows.
    format: Option<usize>,
    classes: HashMap<TableName, Class>,
    sent: VecDeque<Sent>,
    /// How many answers were asked for.
    asked: u64,
    /// How many came.
    answered: u64,
    /// The last transaction of each domain that is done.
    done: Position,
    /// The last one of each domain that was sent.
    reached: Position,
    /// A position before all others that a server may have.
    from: Position,
    /// An answer that is not only a number.
    said: Option<String>,
    /// Tables that the server did not have when it was told to change rows of them.
    missed: HashSet<TableName>,
    /// XA transactions that change nothing. The server takes them for rolled back.
    idle: HashSet<String>,
    /// Tables whose rows are not replayed: they are carried whole.
    left_out: LeftOut,
}

fn random() -> String {
    let number = RandomState::new().build_hasher().finish() & ((1 << 60) - 1);
    format!("{number:015x}")
}

impl<S: Server> Replay<S> {
    pub(super) fn new(server: S, from: Position) -> Self {
        Self {
            server,
            client: None,
            // The client knows 15 letters of it.
            delimiter: random(),
            word: random(),
            session: Session::default(),
            format: None,
            classes: HashMap::new(),
            sent: VecDeque::new(),
            asked: 0,
            answered: 0,
            done: from.clone(),
            reached: from.clone(),
            from,
            said: None,
            missed: HashSet::new(),
            idle: HashSet::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Replays all files.
    ///
    /// # Errors
    /// At the first transaction that fails and is not to be left out.
    pub(super) fn all(
        &mut self,
        files: &[String],
        rejects: &mut dyn Rejects,
    ) -> Result<(), HelperError> {
        let mut from = (0, None);
        loop {
            match self.pass(files, from) {
                Ok(()) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::Ended) => from = self.fallen(files, rejects)?,
                Err(Stop::Absent(sent, table)) => {
                    let text = format!("ERROR 1146 (42S02): Table {table} doesn't exist");
                    self.left_out(&sent.group, &ServerError { number: 1146, text }, rejects)?;
                    from = (sent.file, Some(sent.group.ends));
                }
            }
        }
    }

    /// Sends everything from a place on.
    fn pass(&mut self, files: &[String], from: (usize, Option<u64>)) -> Result<(), Stop> {
        for (index, path) in files.iter().enumerate().skip(from.0) {
            let mut file = LogFile::open(path)?;
            if let Some(at) = from.1.filter(|_| index == from.0) {
                file.seek(at)?;
            }
            loop {
                match next_group(&mut file)? {
                    Next::End => break,
                    Next::List(list) => self.begins(&file, &Position::of(list))?,
                    Next::Group(group) if self.from.has(group.gtid) => self.note(&group),
                    Next::Group(group) => {
                        self.note(&group);
                        self.group(&mut file, index, &group)?;
                        file.seek(group.ends)?;
                    }
                }
            }
        }
        self.arrives()
    }

    fn note(&mut self, group: &Group) {
        if let Form::Xa(name) = &group.form
            && (group.what.is_empty() || self.left_out.all_of(group))
        {
            self.idle.insert(name.clone());
        }
    }

    /// Whether a transaction changes nothing, and is the end of one that does not.
    fn is_idle(&self, group: &Group) -> bool {
        let ends = ["XA COMMIT ", "XA ROLLBACK "];
        match &group.form {
            Form::AlterPhase => true,
            Form::Transaction if self.left_out.all_of(group) => true,
            Form::Xa(name) => self.idle.contains(name),
            Form::Alone => ends.iter().any(|word| {
                group.what.strip_prefix(word).is_some_and(|name| self.idle.contains(name))
            }),
            _ => false,
        }
    }

    /// A file must go on where the one before it ended.
    fn begins(&self, file: &LogFile, list: &Position) -> Result<(), HelperError> {
        match list.all().find(|gtid| !self.reached.has(*gtid)) {
            None => Ok(()),
            Some(gtid) => Err(HelperError::Failed(format!(
                "{} begins at {list}, and the replay came to {} only: the transactions up to {gtid} \
                 are missing",
                file.path(),
                self.reached
            ))),
        }
    }

    fn client(&mut self) -> Result<&mut S::Client, Stop> {
        if self.client.is_none() {
            self.session = Session::default();
            self.format = None;
            self.client = Some(self.server.connect()?);
            let delimiter = format!("DELIMITER {}\n", self.delimiter);
            self.send(delimiter.as_bytes())?;
            for statement in PREAMBLE {
                self.statement(statement.as_bytes())?;
            }
        }
        self.client.as_mut().ok_or(Stop::Ended)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        Ok(self.client()?.input().write_all(bytes)?)
    }

    fn statement(&mut self, text: &[u8]) -> Result<(), Stop> {
        let sent = for_client(text, &self.delimiter);
        self.send(&sent)
    }

    fn statements(&mut self, texts: &[Vec<u8>]) -> Result<(), Stop> {
        texts.iter().try_for_each(|text| self.statement(text))
    }

    fn rows(&mut self, rows: Option<Statement>) -> Result<(), Stop> {
        let Some(rows) = rows else { return Ok(()) };
        let delimiter = self.delimiter.clone();
        Ok(rows.write(&delimiter, self.client()?.input())?)
    }

    /// Asks for an answer behind what was sent so far.
    fn ask(&mut self) -> Result<(), Stop> {
        self.asked += 1;
        let question = format!("SELECT '{} {}'", self.word, self.asked);
        self.statement(question.as_bytes())
    }

    /// Takes the answers that came, or waits until all have come.
    fn answers(&mut self, wait: bool) -> Result<(), Stop> {
        if wait {
            self.client()?.input().flush()?;
        }
        while self.answered < self.asked {
            let Some(client) = self.client.as_mut() else { return Err(Stop::Ended) };
            let Some(line) = client.line(wait) else {
                return if wait { Err(Stop::Ended) } else { Ok(()) };
            };
            self.answer(&line);
        }
        Ok(())
    }

    fn answer(&mut self, line: &str) {
        // A statement may print lines of its own, such as ANALYZE TABLE.
        let Some(rest) = line.strip_prefix(&self.word) else { return };
        if let Some(said) = rest.strip_prefix('=') {
            self.said = Some(said.to_owned());
        } else if let Ok(number) = rest.trim().parse::<u64>() {
            self.answered = number;
            while self.sent.front().is_some_and(|sent| sent.number <= number) {
                self.sent
                    .pop_front()
                    .into_iter()
                    .for_each(|sent| self.done.comes_to(sent.group.gtid));
            }
        }
    }

    /// Asks the server for one value: an expression of SQL, and what it is taken from.
    fn value(&mut self, expression: &str, from: &str) -> Result<Option<String>, Stop> {
        self.said = None;
        self.statement(format!("SELECT CONCAT('{}=', {expression}){from}", self.word).as_bytes())?;
        self.ask()?;
        self.answers(true)?;
        Ok(self.said.take())
    }

    /// Sends a transaction.
    fn group(&mut self, file: &mut LogFile, index: usize, group: &Group) -> Result<(), Stop> {
        self.client()?;
        if let Some(table) = self.absent(group)? {
            let sent = Sent { number: 0, file: index, group: group.clone() };
            return Err(Stop::Absent(Box::new(sent), table));
        }
        let classes = self.classes_of(group)?;
        self.sent.push_back(Sent { number: u64::MAX, file: index, group: group.clone() });
        self.reached.comes_to(group.gtid);
        if !group.tables.is_empty() && self.format != Some(index) {
            self.format = Some(index);
            self.rows(Some(Statement::format(file.format())))?;
        }
        if self.is_idle(group) {
            self.position(group.gtid)?;
            self.statement(NOTHING.as_bytes())?;
        } else if group.form == Form::CreateSelect {
            self.create_select(file, group)?;
        } else {
            self.logged(file, group, &classes)?;
        }
        if group.defines {
            self.classes.clear();
        }
        self.ask()?;
        if let Some(sent) = self.sent.back_mut() {
            sent.number = self.asked;
        }
        self.answers(false)
    }

    /// The statement that gives the next transaction its position.
    fn position(&mut self, gtid: Gtid) -> Result<(), Stop> {
        let Gtid { domain, server, number } = gtid;
        let set = format!(
            "SET @@session.gtid_domain_id={domain}, @@session.server_id={server}, \
             @@session.gtid_seq_no={number}"
        );
        self.statement(set.as_bytes())
    }

    fn log(&mut self, on: bool) -> Result<(), Stop> {
        self.statement(format!("SET @@session.sql_log_bin={}", u8::from(on)).as_bytes())
    }

    /// Which kinds of tables a transaction changes. One event with rows needs no look.
    fn classes_of(&mut self, group: &Group) -> Result<BTreeSet<Class>, Stop> {
        if group.form == Form::CreateSelect || group.tables.values().sum::<u64>() < 2 {
            return Ok(BTreeSet::from([Class::Transactional]));
        }
        group.tables.keys().map(|table| self.class(table)).collect()
    }

    /// A table of this transaction that is not there, of those that were missed before: the server
    /// would end the client with an error, and a new client takes longer than a question.
    fn absent(&mut self, group: &Group) -> Result<Option<String>, Stop> {
        if group.form == Form::CreateSelect {
            return Ok(None);
        }
        for table in group
            .tables
            .keys()
            .filter(|table| self.missed.contains(*table))
            .cloned()
            .collect::<Vec<_>>()
        {
            let from = format!(" FROM information_schema.TABLES t WHERE {}", named(&table));
            if self.value("'x'", &from)?.is_none() {
                let [schema, table] = [&table.0, &table.1].map(|name| super::errors::quoted(name));
                return Ok(Some(format!("{schema}.{table}")));
            }
        }
        Ok(None)
    }

    fn class(&mut self, table: &TableName) -> Result<Class, Stop> {
        if let Some(class) = self.classes.get(table) {
            return Ok(*class);
        }
        let from = format!(
            " FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = \
             t.ENGINE WHERE {}",
            named(table)
        );
        let expression = "IF(t.TABLE_TYPE = 'SEQUENCE', 's', IF(e.TRANSACTIONS = 'YES', 't', 'p'))";
        let class = match self.value(expression, &from)?.as_deref() {
            Some("s") => Class::Sequence,
            Some("p") => Class::Plain,
            _ => Class::Transactional,
        };
        self.classes.insert(table.clone(), class);
        Ok(class)
    }

    fn has_class(
        &self,
        table: Option<&TableName>,
        class: Class,
        classes: &BTreeSet<Class>,
    ) -> bool {
        classes.len() < 2 || table.and_then(|table| self.classes.get(table)) == Some(&class)
    }

    /// A transaction, or a statement that is one.
    fn logged(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        classes: &BTreeSet<Class>,
    ) -> Result<(), Stop> {
        let best = classes.last().copied().unwrap_or(Class::Transactional);
        if classes.len() > 1 {
            self.log(false)?;
            for class in classes.iter().filter(|class| **class != best) {
                self.events(file, group, |this, event, table| {
                    let is = this.has_class(table, *class, classes);
                    Ok(if event.kind.is_rows() && is { Do::Rows } else { Do::Nothing })
                })?;
            }
            self.log(true)?;
        }
        if best != Class::Transactional {
            return self.last_logged(file, group, best, classes);
        }
        self.position(group.gtid)?;
        match &group.form {
            Form::Transaction => self.statement(b"START TRANSACTION")?,
            Form::Xa(name) => self.statement(format!("XA START {name}").as_bytes())?,
            _ => {}
        }
        self.events(file, group, |this, event, table| {
            let rows = event.kind.is_rows() && this.has_class(table, best, classes);
            Ok(if rows || !event.kind.is_rows() { Do::All } else { Do::Nothing })
        })
    }

    /// Rows of tables that cannot roll back: each statement commits, so only the last one is logged.
    fn last_logged(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        best: Class,
        classes: &BTreeSet<Class>,
    ) -> Result<(), Stop> {
        let (mut rows, mut held, mut names) = (Rows::default(), None, HashMap::new());
        let (mut event, mut unlogged) = (Event::default(), false);
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            let table = self.table(&event, &mut names);
            event = plain(event).map_err(|what| file.wrong(&what))?;
            let next = match event.kind {
                Kind::TableMap => rows.take(std::mem::take(&mut event)),
                kind if kind.is_rows() && self.left_out.has(group, table.as_ref()) => {
                    rows.pass_over(&event)
                }
                kind if kind.is_rows() && self.has_class(table.as_ref(), best, classes) => {
                    rows.take(std::mem::take(&mut event))
                }
                _ => rows.rest(),
            };
            if next.is_none() {
                continue;
            }
            let before = std::mem::replace(&mut held, next);
            if before.is_some() && !unlogged {
                self.log(false)?;
                unlogged = true;
            }
            self.rows(before)?;
        }
        if unlogged {
            self.log(true)?;
        }
        self.position(group.gtid)?;
        self.statement(b"START TRANSACTION")?;
        self.rows(held)?;
        self.statement(b"COMMIT")
    }

    fn table(&self, event: &Event, names: &mut HashMap<u64, TableName>) -> Option<TableName> {
        if event.kind == Kind::TableMap {
            let (id, name) = table_name(event)?;
            names.insert(id, name.clone());
            return Some(name);
        }
        event.kind.is_rows().then(|| names.get(&event.table_id()).cloned()).flatten()
    }

    /// Goes through the events of a transaction.
    fn events(
        &mut self,
        file: &mut LogFile,
        group: &Group,
        mut decide: impl FnMut(&mut Self, &Event, Option<&TableName>) -> Result<Do, Stop>,
    ) -> Result<(), Stop> {
        let (mut rows, mut names, mut event) = (Rows::default(), HashMap::new(), Event::default());
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            if event.kind == Kind::TableMap {
                self.table(&event, &mut names);
                rows.take(std::mem::take(&mut event));
                continue;
            }
            let table = self.table(&event, &mut names);
            if event.kind.is_rows() && self.left_out.has(group, table.as_ref()) {
                let statement = rows.pass_over(&event);
                self.rows(statement)?;
                continue;
            }
            match (decide(self, &event, table.as_ref())?, event.kind) {
                (Do::Nothing, _) => {}
                (_, kind) if kind.is_rows() => {
                    event = plain(event).map_err(|what| file.wrong(&what))?;
                    let statement = rows.take(std::mem::take(&mut event));
                    self.rows(statement)?;
                }
                (Do::Rows, _) => {}
                (Do::All, _) => {
                    self.rows(rows.rest())?;
                    self.event(file, group, &event)?;
                }
            }
        }
        self.rows(rows.rest())
    }

    /// An event without rows.
    fn event(&mut self, file: &LogFile, group: &Group, event: &Event) -> Result<(), Stop> {
        let unknown = || Stop::Failed(file.wrong("backout does not know the form of this event"));
        match event.kind {
            Kind::Xid => self.statement(b"COMMIT"),
            Kind::XaPrepare => {
                let Form::Xa(name) = &group.form else { return Err(unknown()) };
                let one_phase = event.body().first().is_some_and(|byte| *byte != 0);
                let text = if one_phase {
                    format!("XA COMMIT {name} ONE PHASE")
                } else {
                    format!("XA PREPARE {name}")
                };
                self.statement(text.as_bytes())
            }
            Kind::IntVar => {
                let (which, value) = int_var(event).ok_or_else(unknown)?;
                let name = if which == 1 { "LAST_INSERT_ID" } else { "INSERT_ID" };
                self.statement(format!("SET {name}={value}").as_bytes())
            }
            Kind::Rand => {
                let (one, two) = rand_seeds(event).ok_or_else(unknown)?;
                let text = format!("SET @@session.rand_seed1={one}, @@session.rand_seed2={two}");
                self.statement(text.as_bytes())
            }
            Kind::UserVar => {
                for text in user_var(event).ok_or_else(unknown)? {
                    self.statement(text.as_bytes())?;
                }
                Ok(())
            }
            Kind::Query | Kind::QueryCompressed => {
                let query = Query::of(event).map_err(|what| file.wrong(&what))?;
                if !query.ends() {
                    let settings = self.session.set(&query);
                    self.statements(&settings)?;
                }
                self.statement(without_how(&as_its_user(&query)))?;
                if group.defines {
                    self.forget_dropped(&query);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A schema that was dropped is not in use any more.
    fn forget_dropped(&mut self, query: &Query) {
        let begins = query.begins();
        if ["DROP DATABASE", "DROP SCHEMA", "CREATE OR REPLACE"]
            .iter()
            .any(|it| begins.starts_with(it))
        {
            self.session.forget_schema();
        }
    }

    /// `CREATE TABLE ... SELECT` is one transaction in the log: a statement, and rows. Sent as two,
    /// the statement would commit, and take the position of the rows. So the table is made outside
    /// of the log, filled, and copied to where the server makes it again, with its rows, as it did.
    fn create_select(&mut self, file: &mut LogFile, group: &Group) -> Result<(), Stop> {
        let (mut event, mut create) = (Event::default(), None);
        file.seek(group.begins)?;
        while file.at() < group.ends && file.next(&mut event)? {
            if matches!(event.kind, Kind::Query | Kind::QueryCompressed) {
                let query = Query::of(&event).map_err(|what| file.wrong(&what))?;
                create = create.or(Some(query));
            }
        }
        let Some(mut create) = create else { return Ok(()) };
        // The server wrote this statement itself, in its own character set, whatever the client's.
        if let Some([client, ..]) = &mut create.collations {
            *client = NAMES;
        }
        let settings = self.session.set(&create);
        self.statements(&settings)?;
        if group.tables.is_empty() {
            self.position(group.gtid)?;
            return self.statement(&create.text);
        }
        let unlogged = match create.text.strip_prefix(b"CREATE TABLE ") {
            Some(rest) => [b"CREATE OR REPLACE TABLE ", rest].concat(),
            None => create.text.clone(),
        };
        self.log(false)?;
        self.statement(&unlogged)?;
        let name = made(&create.text).filter(|_| can_be_copied(&create.text));
        let Some(name) = name else {
            self.log(true)?;
            self.position(group.gtid)?;
            self.statement(b"START TRANSACTION")?;
            self.events(file, group, |_, event, _| {
                Ok(if event.kind.is_rows() { Do::Rows } else { Do::Nothing })
            })?;
            return self.statement(b"COMMIT");
        };
        self.statement(b"START TRANSACTION")?;
        self.events(file, group, |_, event, _| {
            Ok(if event.kind.is_rows() { Do::Rows } else { Do::Nothing })
        })?;
        self.statement(b"COMMIT")?;
        let copy =
            format!("CREATE OR REPLACE TEMPORARY TABLE {ROWS} ENGINE=Aria AS SELECT * FROM ");
        self.statement(&[copy.as_bytes(), name].concat())?;
        self.statement(&[b"DROP TABLE ", name].concat())?;
        self.log(true)?;
        // What the rows hold is kept as it is: zeros, dates, and what is computed.
        const STRICT: u64 = 1 << 21 | 1 << 22 | 1 << 23 | 1 << 24 | 1 << 26;
        const ZERO: u64 = 1 << 19;
        let mode = create.sql_mode.unwrap_or_default();
        self.statement(format!("SET @@session.sql_mode={}", mode & !STRICT | ZERO).as_bytes())?;
        self.position(group.gtid)?;
        let select = format!(" SELECT * FROM {ROWS}");
        self.statement(&[&create.text, select.as_bytes()].concat())?;
        self.statement(format!("SET @@session.sql_mode={mode}").as_bytes())?;
        self.log(false)?;
        self.statement(format!("DROP TEMPORARY TABLE {ROWS}").as_bytes())?;
        self.log(true)
    }

    /// Ends the client. Where the last transactions left nothing in the server's log (they dropped
    /// a temporary table that was never made there, say), an empty one takes their position.
    fn arrives(&mut self) -> Result<(), Stop> {
        self.client()?;
        self.ask()?;
        self.answers(true)?;
        let position = self.value("@@gtid_binlog_pos", "")?.unwrap_or_default();
        let position = Position::parse(&position).unwrap_or_default();
        let missing: Vec<Gtid> = self.done.all().filter(|gtid| !position.has(*gtid)).collect();
        for gtid in missing {
            self.position(gtid)?;
            self.statement(NOTHING.as_bytes())?;
        }
        self.ask()?;
        self.answers(true)?;
        let Some(client) = self.client.take() else { return Err(Stop::Ended) };
        match client.end()? {
            (true, _) => Ok(()),
            (false, said) => {
                Err(HelperError::Failed(format!("the client failed: {}", lines(&said))).into())
            }
        }
    }

    /// The client has ended: with which transaction, and why. Where it is to be left out, it is; the
    /// replay goes on at the place that is returned.
    fn fallen(
        &mut self,
        files: &[String],
        rejects: &mut dyn Rejects,
    ) -> Result<(usize, Option<u64>), HelperError> {
        let said = match self.client.take() {
            None => String::new(),
            Some(mut client) => {
                while let Some(line) = client.line(true) {
                    self.answer(&line);
                }
                client.end()?.1
            }
        };
        self.asked = self.answered;
        let sent = std::mem::take(&mut self.sent).into_iter().next();
        let error = ServerError::first_of(&said);
        let (Some(sent), Some(error)) = (sent, error) else {
            return Err(HelperError::Failed(format!("the client ended: {}", lines(&said))));
        };
        let Group { gtid, what, .. } = &sent.group;
        // For rows that the table cannot take as it is here, it may say nothing but this.
        let of_rows = error.number == UNKNOWN_ERROR && what.starts_with("rows of ");
        if !error.is_reject() && !of_rows {
            let at = files.get(sent.file).map_or("", String::as_str);
            return Err(HelperError::Failed(format!(
                "{} at {gtid} ({what}), in {at} from {} on",
                error.text, sent.group.begins
            )));
        }
        const NO_SUCH_TABLE: u32 = 1146;
        if error.number == NO_SUCH_TABLE {
            self.missed.extend(sent.group.tables.keys().cloned());
        }
        self.left_out(&sent.group, &error, rejects)?;
        Ok((sent.file, Some(sent.group.ends)))
    }

    fn left_out(
        &mut self,
        group: &Group,
        error: &ServerError,
        rejects: &mut dyn Rejects,
    ) -> Result<(), HelperError> {
        match self.leave_out(group, error, rejects) {
            Ok(()) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Ended | Stop::Absent(..)) => {
                let said = self.client.take().map(Client::end).transpose()?.unwrap_or_default().1;
                let gtid = group.gtid;
                Err(HelperError::Failed(format!("{gtid} cannot be left out: {}", lines(&said))))
            }
        }
    }

    fn leave_out(
        &mut self,
        group: &Group,
        error: &ServerError,
        rejects: &mut dyn Rejects,
    ) -> Result<(), Stop> {
        let position = self.value("@@gtid_binlog_pos", "")?.unwrap_or_default();
        // Rows of tables that cannot roll back.
        let part = Position::parse(&position).is_some_and(|position| position.has(group.gtid));
        let part = if part { "done in part: " } else { "" };
        let line = format!("{}\t{}\t{part}{}", group.gtid, error.text, group.what);
        if !rejects.take(&line)? {
            let what = format!("the previous version rejects {}", line.replace('\t', ": "));
            return Err(HelperError::Failed(what).into());
        }
        if group.form == Form::CreateSelect
            && let Some(table) = group.tables.keys().next()
        {
            self.log(false)?;
            let name = [quoted(&table.0), quoted(&table.1)].join(&b'.');
            self.statement(&[b"DROP TABLE IF EXISTS ", name.as_slice()].concat())?;
            self.log(true)?;
        }
        if part.is_empty() {
            self.position(group.gtid)?;
            self.statement(NOTHING.as_bytes())?;
        }
        self.ask()?;
        self.answers(true)?;
        self.done.comes_to(group.gtid);
        self.reached.comes_to(group.gtid);
        Ok(())
    }
}

/// The condition that an entry of `information_schema.TABLES t` is of this table.
fn named(table: &TableName) -> String {
    let name = |part: &[u8]| format!("CONVERT(X'{}' USING utf8mb4)", hex::encode(part));
    let (schema, table) = (name(&table.0), name(&table.1));
    format!(
        "t.TABLE_SCHEMA = {schema} AND t.TABLE_NAME = {table} AND \
         CAST(t.TABLE_NAME AS BINARY) = CAST({table} AS BINARY)"
    )
}

/// What is done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Do {
    Nothing,
    /// Rows are sent, all else is not.
    Rows,
    All,
}

/// The name behind `CREATE TABLE`, as it is quoted there.
fn made(create: &[u8]) -> Option<&[u8]> {
    let name = create
        .strip_prefix(b"CREATE TABLE ")
        .or_else(|| create.strip_prefix(b"CREATE OR REPLACE TABLE "))?;
    let (mut open, mut at) = (None, 0);
    while let Some(byte) = name.get(at) {
        match (open, byte) {
            (None, b'`' | b'"') => open = Some(*byte),
            (Some(quote), byte) if *byte == quote => open = None,
            (None, b'.') => {}
            (None, _) => break,
            _ => {}
        }
        at += 1;
    }
    (at > 2).then(|| &name[..at])
}

/// Whether the rows of a table can be given to `CREATE TABLE ... SELECT *` as they are.
fn can_be_copied(create: &[u8]) -> bool {
    let text = String::from_utf8_lossy(create).to_uppercase();
    ![" INVISIBLE", " ROW START", "SYSTEM VERSIONING", "PERIOD FOR "]
        .iter()
        .any(|word| text.contains(word))
}

/// At most ten lines, without data, for an error.
fn lines(said: &str) -> String {
    match ServerError::first_of(said) {
        Some(error) => error.text,
        None => super::errors::in_one_line(said),
    }
}
