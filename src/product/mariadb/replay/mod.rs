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

mod after_error;
mod carry;
mod classes;
mod create_select;
mod feed;
mod follow;
mod helpers;
mod logged;
mod noted;
mod talk;

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;

use super::binlog::LogFile;
use super::client::{Client, Server};
use super::errors::ServerError;
use super::group::{Form, Group, Next, next_group};
use super::gtid::{Gtid, Position};
use super::left_out::LeftOut;
use super::name::TableName;
use super::rows::Statement;
use super::session::Session;
use crate::product::stream::HelperError;
use classes::Class;
pub(in crate::product) use feed::feed;
pub(super) use follow::{Feed, Halt};
pub(in crate::product) use helpers::{past_rejects, replay};
use talk::lines;

/// Changes nothing, and takes a position in the log.
const NOTHING: &str = "DROP TABLE IF EXISTS mysql.backout_rejected";

/// Opens each MEMORY table. At its first use behind a start, the server empties it, and writes that
/// into its log, if there is one: at the position of a transaction that needs it.
const EMPTIES: &str =
    "DO (SELECT SUM(DATA_LENGTH) FROM information_schema.TABLES WHERE ENGINE = 'MEMORY')";

/// What becomes of a rejected transaction.
pub(super) trait Rejects {
    /// Takes its line, before the transaction is left out. Whether it is to be left out.
    fn take(&mut self, line: &str) -> Result<bool, HelperError>;
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
    /// The server's id that the session was told last.
    server_id: Option<u32>,
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
    pub(super) left_out: LeftOut,
    /// It follows a log that grows.
    feed: Option<Feed>,
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
            server_id: None,
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
            feed: None,
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
                Err(Stop::Ended) => {
                    let path = |index| files.get(index).cloned().unwrap_or_default();
                    from = self.fallen(&path, rejects)?;
                }
                Err(Stop::Absent(sent, table)) => {
                    self.leaves_out(&sent.group, &ServerError::no_such(&table), rejects)?;
                    from = (sent.file, Some(sent.group.ends));
                }
            }
        }
    }

    /// Sends everything from a place on.
    fn pass(&mut self, files: &[String], from: (usize, Option<u64>)) -> Result<(), Stop> {
        if from == (0, None) {
            self.goes_on()?;
        }
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

    /// A client that another replay left may have come further than was said.
    fn goes_on(&mut self) -> Result<(), Stop> {
        self.ends_events()?;
        self.log(false)?;
        self.statement(EMPTIES.as_bytes())?;
        self.log(true)?;
        for gtid in self.server_position()?.unwrap_or_default().all() {
            self.from.comes_to(gtid);
            self.done.comes_to(gtid);
            self.reached.comes_to(gtid);
        }
        Ok(())
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

    /// Sends a transaction.
    fn group(&mut self, file: &mut LogFile, index: usize, group: &Group) -> Result<(), Stop> {
        self.client()?;
        if let Some(table) = self.absent(group)? {
            let sent = Sent { number: 0, file: index, group: group.clone() };
            return Err(Stop::Absent(Box::new(sent), table));
        }
        self.carry(file, group)?;
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
            self.as_logged(file, group, &classes)?;
        }
        if group.defines {
            self.forget_tables();
        }
        self.ask()?;
        if let Some(sent) = self.sent.back_mut() {
            sent.number = self.asked;
        }
        self.answers(false)
    }

    /// Turns off what has run for the last time on the new version.
    fn ends_events(&mut self) -> Result<(), Stop> {
        let Some(statement) = self.left_out.ends_events() else { return Ok(()) };
        self.log(false)?;
        self.statement(&statement)?;
        self.log(true)
    }

    /// Waits until all is done. Where the last transactions left nothing in the server's log (they
    /// dropped a temporary table that was never made there, say), an empty one takes their position.
    fn settles(&mut self) -> Result<(), Stop> {
        self.client()?;
        self.ends_events()?;
        self.ask()?;
        self.answers(true)?;
        let position = self.server_position()?.unwrap_or_default();
        let missing: Vec<Gtid> = self.done.all().filter(|gtid| !position.has(*gtid)).collect();
        for gtid in missing {
            self.position(gtid)?;
            self.statement(NOTHING.as_bytes())?;
        }
        self.ask()?;
        self.answers(true)
    }

    /// Ends the client.
    fn arrives(&mut self) -> Result<(), Stop> {
        self.settles()?;
        let Some(client) = self.client.take() else { return Err(Stop::Ended) };
        match client.end()? {
            (true, _) => Ok(()),
            (false, said) => {
                Err(HelperError::Failed(format!("the client failed: {}", lines(&said))).into())
            }
        }
    }
}
