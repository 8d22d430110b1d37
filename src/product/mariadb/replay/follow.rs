//! Follows a log that a server is writing: the feed of a standby.
//!
//! It reads the files, as the replay of a capture does. So it needs no connection to their server,
//! goes on while that server restarts, and takes what it left behind if it is dead. Where it has to
//! go on is what the standby itself says.

use std::io;
use std::time::{Duration, Instant};

use super::super::binlog::LogFile;
use super::super::client::Server;
use super::super::errors::ServerError;
use super::super::group::{Form, Group, Next, next_group};
use super::super::gtid::{Gtid, Position, STANDBY_DOMAIN};
use super::super::standby::{Log, Notes};
use super::carry::Facts;
use super::{Rejects, Replay, Stop};
use crate::product::stream::HelperError;

/// How often the files are looked at while there is nothing new: soon after there was, and later.
const SOON: Duration = Duration::from_millis(2);
const LATER: Duration = Duration::from_millis(20);
/// Until when it is soon.
const BUSY: Duration = Duration::from_secs(1);
/// How long the end of a log may be unreadable: a server may be writing there.
const WRITING: Duration = Duration::from_secs(5);

/// Why a feed ended.
#[derive(Debug)]
pub(in super::super) enum Halt {
    /// It can be tried again.
    Now(HelperError),
    /// It can never catch up.
    Never(String),
}

impl From<HelperError> for Halt {
    fn from(error: HelperError) -> Self {
        Self::Now(error)
    }
}

/// What a feed knows beside a replay.
#[derive(Debug)]
pub(in super::super) struct Feed {
    pub(super) notes: Notes,
    /// What the standby's tables are, as far as it was asked since the last definition.
    pub(super) facts: std::collections::HashMap<super::TableName, Option<Facts>>,
    /// The last transaction that is done: the file's number, and where it ends.
    pub(super) last: Option<(usize, u64)>,
    /// The number of transactions that are done.
    count: u64,
}

impl Feed {
    pub(in super::super) fn new(notes: Notes) -> Self {
        Self { notes, facts: Default::default(), last: None, count: 0 }
    }

    pub(super) fn done(&mut self, file: usize, ends: u64) {
        self.last = Some((file, ends));
        self.count += 1;
    }
}

/// A feed leaves nothing out: it stops.
#[derive(Default)]
struct Refused(Option<String>);

impl Rejects for Refused {
    fn take(&mut self, line: &str) -> Result<bool, HelperError> {
        self.0 = Some(line.replace('\t', ": "));
        Ok(false)
    }
}

/// Where a feed is in the log.
pub(super) struct At {
    pub(super) number: usize,
    pub(super) file: LogFile,
    /// Since when the end of the file cannot be read.
    unread: Option<Instant>,
    /// When something was read last.
    read: Instant,
    /// When it was noted last how far it has come.
    pub(super) noted: Instant,
    /// What is sent is done, and the standby's log says so.
    pub(super) settled: bool,
    /// What the log had of what the standby has, and what came behind.
    seen: Position,
}

/// What comes next.
enum Look {
    Group(Box<Group>),
    /// The position with which the file begins.
    List(Position),
    /// Nothing so far.
    Wait,
    /// Another file, behind the end of this one.
    File(usize),
}

impl<S: Server> Replay<S> {
    /// How many transactions are done.
    pub(in super::super) fn count(&self) -> u64 {
        self.feed.as_ref().map_or(0, |feed| feed.count)
    }

    /// Feeds the server what comes into the log, for ever. `ends`: until its end; its server does
    /// not write any more.
    ///
    /// # Errors
    /// Why it ended, and whether it can be tried again.
    pub(in super::super) fn follow(&mut self, log: &Log, ends: bool) -> Result<(), Halt> {
        let stopped = match self.follows(log, ends) {
            Ok(()) => return Ok(()),
            Err(stopped) => stopped,
        };
        let mut refused = Refused::default();
        let error = match stopped {
            Ahead::Halt(halt) => return Err(halt),
            Ahead::Stop(Stop::Failed(error)) => error,
            Ahead::Stop(Stop::Absent(sent, table)) => {
                match self.leaves_out(&sent.group, &ServerError::no_such(&table), &mut refused) {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                }
            }
            Ahead::Stop(Stop::Ended) => {
                match self.fallen(&|number| log.path(number), &mut refused) {
                    // It failed as it did on the upgraded version.
                    Ok(_) => return self.follow(log, ends),
                    Err(error) => error,
                }
            }
        };
        Err(match refused.0 {
            Some(line) => Halt::Never(format!("the previous version rejects {line}")),
            None => Halt::Now(error),
        })
    }

    fn follows(&mut self, log: &Log, ends: bool) -> Result<(), Ahead> {
        let mut at = self.begin(log)?;
        loop {
            match self.look(log, &mut at)? {
                Look::List(list) => {
                    let list = list.fed();
                    at.seen(list.all());
                    if let Err(HelperError::Failed(why)) = self.begins(&at.file, &list) {
                        return Err(Halt::Never(why).into());
                    }
                }
                Look::Group(group) if group.gtid.domain == STANDBY_DOMAIN => {}
                Look::Group(group) if self.from.has(group.gtid) => {
                    at.seen([group.gtid]);
                    self.had(&group)?;
                }
                Look::Group(group) => {
                    self.note_group(&group)?;
                    self.group(&mut at.file, at.number, &group)?;
                    at.file.seek(group.ends)?;
                    at.settled = false;
                    at.read = Instant::now();
                    self.noted(log, &mut at)?;
                }
                Look::File(number) => at.opens(log, number)?,
                Look::Wait => {
                    self.must_hold(&at)?;
                    if !at.settled {
                        self.settles()?;
                        at.settled = true;
                        self.note_place(log)?;
                    }
                    self.noted(log, &mut at)?;
                    if ends {
                        self.note_place(log)?;
                        return Ok(());
                    }
                    let soon = at.read.elapsed() < BUSY;
                    std::thread::sleep(if soon { SOON } else { LATER });
                }
            }
        }
    }

    /// Asks the standby where it is, once nobody else feeds it, and finds that place.
    fn begin(&mut self, log: &Log) -> Result<At, Ahead> {
        let position = self
            .server_position()?
            .ok_or_else(|| HelperError::Failed("the standby did not say its position".into()))?
            .fed();
        (self.from, self.done, self.reached) =
            (position.clone(), position.clone(), position.clone());
        let mut place = None;
        if let Some(feed) = &self.feed {
            self.idle.extend(feed.notes.idles()?);
            place = feed.notes.place()?;
            for (table, _) in feed.notes.whole.iter().filter(|(_, out)| **out) {
                self.left_out.add(table.clone());
            }
        }
        if let Some(noted) = place {
            let first = log.numbers()?.first().copied();
            let other = match noted.holds(&log.path(noted.file))? {
                Some(same) => !same,
                None => first.is_none_or(|first| first < noted.file),
            };
            if other {
                let path = log.path(noted.file);
                let why = format!(
                    "the upgraded server began its log anew: {path}, which the feed has read, is \
                     gone or another one"
                );
                return Err(Halt::Never(why).into());
            }
        }
        let Some(number) = log.begins(&position)? else {
            let why = format!(
                "the files of the upgraded server's log that follow {position} are gone: they were \
                 purged before the feed had read them"
            );
            return Err(Halt::Never(why).into());
        };
        if let Some(feed) = &self.feed {
            feed.notes.begins(number)?;
        }
        let file = LogFile::open(&log.path(number))?;
        let now = Instant::now();
        Ok(At {
            number,
            file,
            unread: None,
            read: now,
            noted: now,
            settled: false,
            seen: Position::default(),
        })
    }

    /// Looks at what comes next.
    fn look(&mut self, log: &Log, at: &mut At) -> Result<Look, Ahead> {
        let begin = at.file.at();
        let found = next_group(&mut at.file);
        match found {
            Ok(Next::Group(group)) => {
                at.unread = None;
                return Ok(Look::Group(group));
            }
            Ok(Next::List(list)) => return Ok(Look::List(Position::of(list))),
            Ok(Next::End) => {}
            Err(error) => {
                let since = at.unread.get_or_insert_with(Instant::now);
                if since.elapsed() > WRITING {
                    return Err(error.into());
                }
                at.file.again(begin)?;
                return Ok(Look::Wait);
            }
        }
        // What came to the end of this file came before the next one was there.
        let next = log.next(at.number)?;
        at.file.again(begin)?;
        match next_group(&mut at.file) {
            Ok(Next::Group(group)) => return Ok(Look::Group(group)),
            Ok(Next::List(list)) => return Ok(Look::List(Position::of(list))),
            // What a killed server left incomplete was answered to nobody.
            Ok(Next::End) if next.is_some() => return Ok(next.map_or(Look::Wait, Look::File)),
            Ok(Next::End) | Err(_) => at.file.again(begin)?,
        }
        Ok(Look::Wait)
    }

    /// What the standby has came from this log, or from one that it goes on from. So the log has it.
    fn must_hold(&self, at: &At) -> Result<(), Ahead> {
        let lacks = self.from.all().find(|gtid| !at.seen.has(*gtid) && !self.reached_beyond(*gtid));
        let Some(gtid) = lacks else { return Ok(()) };
        let why = format!(
            "the upgraded server began its log anew: it ends at {}, and the standby has {gtid}",
            at.seen
        );
        Err(Halt::Never(why).into())
    }

    /// Whether more was fed of its domain.
    fn reached_beyond(&self, gtid: Gtid) -> bool {
        self.reached.at(gtid.domain).is_some_and(|at| at.number > gtid.number)
    }

    /// A transaction that the standby has.
    fn had(&mut self, group: &Group) -> Result<(), Ahead> {
        self.note(group);
        match self.from.at(group.gtid.domain) {
            Some(at) if at.number == group.gtid.number && at != group.gtid => {
                let why = format!(
                    "the standby has {at}, and the upgraded server's log {}: somebody else wrote \
                     to one of them",
                    group.gtid
                );
                Err(Halt::Never(why).into())
            }
            _ => Ok(()),
        }
    }

    fn note_group(&mut self, group: &Group) -> Result<(), Ahead> {
        self.note(group);
        if let Form::Xa(name) = &group.form
            && self.idle.contains(name)
            && let Some(feed) = &self.feed
        {
            feed.notes.idle(name)?;
        }
        Ok(())
    }
}

impl At {
    fn seen(&mut self, gtids: impl IntoIterator<Item = Gtid>) {
        gtids.into_iter().for_each(|gtid| self.seen.comes_to(gtid));
    }

    /// Goes on with another file, once its server has begun it.
    pub(super) fn opens(&mut self, log: &Log, number: usize) -> Result<(), Ahead> {
        match LogFile::open(&log.path(number)) {
            Ok(file) => {
                (self.number, self.file, self.unread) = (number, file, None);
                Ok(())
            }
            Err(error) => {
                let since = self.unread.get_or_insert_with(Instant::now);
                if since.elapsed() > WRITING {
                    return Err(error.into());
                }
                std::thread::sleep(SOON);
                Ok(())
            }
        }
    }
}

/// Why a feed does not go on.
pub(super) enum Ahead {
    Stop(Stop),
    Halt(Halt),
}

impl From<Stop> for Ahead {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Halt> for Ahead {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<HelperError> for Ahead {
    fn from(error: HelperError) -> Self {
        Self::Stop(Stop::Failed(error))
    }
}

impl From<io::Error> for Ahead {
    fn from(error: io::Error) -> Self {
        Self::Stop(Stop::from(error))
    }
}
