//! A server and its client that are played, for the tests of the replay.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;

use super::super::client::{Client, Server};
use super::super::left_out::LeftOut;
use crate::product::stream::HelperError;

/// What a played server got and answers.
#[derive(Default)]
pub(super) struct Played {
    /// Each statement that it carried out.
    pub(super) got: Vec<String>,
    /// Statements that contain the word fail with the error.
    pub(super) errors: Vec<(String, String)>,
    /// Each of these errors comes once.
    pub(super) once: bool,
    /// Tables that are not transactional: their name in hexadecimal, and what they are.
    pub(super) classes: Vec<(String, String)>,
    /// Tables that it does not have: their name in hexadecimal.
    pub(super) missing: Vec<String>,
    /// Its position at the beginning.
    pub(super) begins: String,
    /// Its position, as it is said later.
    pub(super) position: String,
    /// How many clients there were.
    pub(super) clients: usize,
    /// What the helper is told of tables and events.
    pub(super) left_out: Option<LeftOut>,
}

type Shared = Rc<RefCell<Played>>;

pub(super) struct PlayedServer(pub(super) Shared);

pub(super) struct PlayedClient {
    played: Shared,
    delimiter: Option<String>,
    text: Vec<u8>,
    answers: VecDeque<String>,
    failed: Option<String>,
}

impl Server for PlayedServer {
    type Client = PlayedClient;

    fn connect(&mut self) -> Result<PlayedClient, HelperError> {
        self.0.borrow_mut().clients += 1;
        let played = self.0.clone();
        Ok(PlayedClient {
            played,
            delimiter: None,
            text: Vec::new(),
            answers: VecDeque::new(),
            failed: None,
        })
    }
}

impl PlayedClient {
    /// What has come so far may be a whole statement.
    fn sent(&mut self) {
        let Some(delimiter) = self.delimiter.clone() else {
            let text = String::from_utf8(std::mem::take(&mut self.text)).unwrap();
            self.delimiter = Some(text.strip_prefix("DELIMITER ").unwrap().trim().to_owned());
            return;
        };
        if !self.text.ends_with(format!("{delimiter}\n").as_bytes()) {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let text = &text[..text.len() - delimiter.len() - 1];
        let hidden = text.strip_prefix(b"EXECUTE IMMEDIATE X'");
        let shown = match hidden.and_then(|number| number.strip_suffix(b"'")) {
            Some(number) => {
                format!("hidden: {}", String::from_utf8_lossy(&hex::decode(number).unwrap()))
            }
            None => String::from_utf8_lossy(text).into_owned(),
        };
        self.statement(&shown);
    }

    fn statement(&mut self, text: &str) {
        let mut played = self.played.borrow_mut();
        if let Some(at) = played.errors.iter().position(|(word, _)| text.contains(word)) {
            self.failed = Some(played.errors[at].1.clone());
            if played.once {
                played.errors.remove(at);
            }
            return;
        }
        if let Some(question) = text.strip_prefix("SELECT CONCAT('") {
            let word = question.split('\'').next().unwrap();
            let said = if question.contains("@@gtid_binlog_pos") {
                let position = played.position.clone();
                Some(std::mem::replace(&mut played.begins, position))
            } else if question.contains("', 'x') FROM") {
                let there = !played.missing.iter().any(|name| question.contains(name));
                there.then(|| "x".to_owned())
            } else {
                let class = played.classes.iter().find(|(name, _)| question.contains(name));
                Some(class.map_or("t".to_owned(), |(_, class)| class.clone()))
            };
            self.answers.extend(said.map(|said| format!("{word}{said}")));
        } else if let Some(question) = text.strip_prefix("SELECT '") {
            self.answers.push_back(question.trim_end_matches('\'').to_owned());
        } else {
            played.got.push(text.to_owned());
        }
    }
}

impl Write for PlayedClient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.text.extend_from_slice(bytes);
        if bytes.ends_with(b"\n") {
            self.sent();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Client for PlayedClient {
    fn input(&mut self) -> &mut dyn Write {
        self
    }

    fn line(&mut self, _wait: bool) -> Option<String> {
        self.answers.pop_front()
    }

    fn end(self) -> Result<(bool, String), HelperError> {
        Ok((self.failed.is_none(), self.failed.unwrap_or_default()))
    }
}
