//! What is said to the client, and what it answers.

use super::super::client::{Client as _, Server};
use super::super::errors::{ServerError, in_one_line};
use super::super::gtid::{Gtid, Position};
use super::super::rows::Statement;
use super::super::session::{PREAMBLE, Session, for_client};
use super::{Replay, Stop};

impl<S: Server> Replay<S> {
    pub(super) fn client(&mut self) -> Result<&mut S::Client, Stop> {
        if self.client.is_none() {
            self.session = Session::default();
            self.server_id = None;
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

    pub(super) fn statement(&mut self, text: &[u8]) -> Result<(), Stop> {
        let sent = for_client(text, &self.delimiter);
        self.send(&sent)
    }

    pub(super) fn statements(&mut self, texts: &[Vec<u8>]) -> Result<(), Stop> {
        texts.iter().try_for_each(|text| self.statement(text))
    }

    pub(super) fn rows(&mut self, rows: Option<Statement>) -> Result<(), Stop> {
        let Some(rows) = rows else { return Ok(()) };
        let delimiter = self.delimiter.clone();
        Ok(rows.write(&delimiter, self.client()?.input())?)
    }

    /// Asks for an answer behind what was sent so far.
    pub(super) fn ask(&mut self) -> Result<(), Stop> {
        self.asked += 1;
        let question = format!("SELECT '{} {}'", self.word, self.asked);
        self.statement(question.as_bytes())
    }

    /// Takes the answers that came, or waits until all have come.
    pub(super) fn answers(&mut self, wait: bool) -> Result<(), Stop> {
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

    pub(super) fn answer(&mut self, line: &str) {
        // A statement may print lines of its own, such as ANALYZE TABLE.
        let Some(rest) = line.strip_prefix(&self.word) else { return };
        if let Some(said) = rest.strip_prefix('=') {
            self.said = Some(said.to_owned());
        } else if let Ok(number) = rest.trim().parse::<u64>() {
            self.answered = number;
            while self.sent.front().is_some_and(|sent| sent.number <= number) {
                let Some(sent) = self.sent.pop_front() else { break };
                self.done.comes_to(sent.group.gtid);
                if let Some(feed) = &mut self.feed {
                    feed.done(sent.file, sent.group.ends);
                }
            }
        }
    }

    /// Asks the server for one value: an expression of SQL, and what it is taken from.
    pub(super) fn value(&mut self, expression: &str, from: &str) -> Result<Option<String>, Stop> {
        self.said = None;
        // A server empties a MEMORY table at its first use, and logs that.
        if self.feed.is_some() {
            self.log(false)?;
        }
        self.statement(format!("SELECT CONCAT('{}=', {expression}){from}", self.word).as_bytes())?;
        if self.feed.is_some() {
            self.log(true)?;
        }
        self.ask()?;
        self.answers(true)?;
        Ok(self.said.take())
    }

    /// How far the server's log has come. `None`: what it says is no position.
    pub(super) fn server_position(&mut self) -> Result<Option<Position>, Stop> {
        Ok(Position::parse(&self.value("@@gtid_binlog_pos", "")?.unwrap_or_default()))
    }

    /// The statement that gives the next transaction its position.
    pub(super) fn position(&mut self, gtid: Gtid) -> Result<(), Stop> {
        let Gtid { domain, server, number } = gtid;
        let set = format!(
            "SET @@session.gtid_domain_id={domain}, @@session.server_id={server}, \
             @@session.gtid_seq_no={number}"
        );
        self.server_id = Some(server);
        self.statement(set.as_bytes())
    }

    pub(super) fn log(&mut self, on: bool) -> Result<(), Stop> {
        self.statement(format!("SET @@session.sql_log_bin={}", u8::from(on)).as_bytes())
    }
}

/// What the client said, in one line and without data, for an error.
pub(super) fn lines(said: &str) -> String {
    match ServerError::first_of(said) {
        Some(error) => error.text,
        None => in_one_line(said),
    }
}
