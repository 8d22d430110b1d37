//! Plays the primary of a server: what comes over this link is carried out as it is when a server
//! loads its own file. Nothing expires on its own, nothing is evicted, no client has a say.
//!
//! The server goes on from the data that it has: it is asked to follow itself, as a primary that
//! becomes a replica does, so that nothing is transferred but what is sent here.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::super::client::{Client, Reply, command, said};
use crate::product::stream::HelperError;

/// The server connects at once.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take for what it has read already.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Only root may listen there: nobody else can take this place when the feed is gone.
const PORTS: std::ops::Range<u16> = 600..1024;
/// The longest word that a replica says.
const WORD: usize = 1 << 16;

/// The link to the server.
pub(super) struct Link {
    stream: TcpStream,
    /// How much was sent, as the server counts it.
    sent: u64,
    carried_out: Receiver<u64>,
}

fn gone(error: &std::io::Error) -> HelperError {
    HelperError::Failed(format!("the link to the fed server is broken: {error}"))
}

impl Link {
    /// Has the server of this client follow this process.
    ///
    /// # Errors
    /// When the server refuses, or does not connect.
    pub(super) fn establish(client: &mut Client) -> Result<Self, HelperError> {
        let listener = listen()?;
        let port = listener.local_addr().map_err(|error| gone(&error))?.port().to_string();
        // As one: in between, keys would expire.
        client.done(&[b"MULTI"])?;
        client.done(&[b"REPLICAOF", b"NO", b"ONE"])?;
        client.done(&[b"REPLICAOF", b"127.0.0.1", port.as_bytes()])?;
        client.done(&[b"INFO", b"replication"])?;
        let replies = client.done(&[b"EXEC"])?;
        let refused = replies.list().iter().find_map(|reply| match reply {
            Reply::Error(why) => Some(why.clone()),
            _ => None,
        });
        if let Some(why) = refused {
            return Err(HelperError::Failed(format!("the server refuses to be fed: {why}")));
        }
        let info = replies.list().last().map(Reply::text).unwrap_or_default();
        let id = said(&info, "master_replid").unwrap_or_default();
        let begin = Instant::now();
        listener.set_nonblocking(true).map_err(|error| gone(&error))?;
        while begin.elapsed() < PATIENCE {
            match listener.accept() {
                Ok((stream, _)) => {
                    if let Some(link) = Self::greet(stream, id) {
                        return Ok(link);
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(HelperError::Failed("the server that is to be fed does not connect".into()))
    }

    /// Answers a replica until it follows; `None` if it is not the one with this id.
    fn greet(stream: TcpStream, id: &str) -> Option<Self> {
        stream.set_nonblocking(false).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        stream.set_write_timeout(Some(LONGEST)).ok()?;
        let mut input = BufReader::new(stream.try_clone().ok()?);
        let mut output = stream.try_clone().ok()?;
        loop {
            let words = words(&mut input)?;
            let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
            match word(0).to_ascii_uppercase().as_str() {
                "PING" => output.write_all(b"+PONG\r\n").ok()?,
                "AUTH" | "REPLCONF" => output.write_all(b"+OK\r\n").ok()?,
                "PSYNC" if word(1) == id && !id.is_empty() => {
                    let next: u64 = word(2).parse().ok()?;
                    output.write_all(b"+CONTINUE\r\n").ok()?;
                    let (report, carried_out) = mpsc::channel();
                    std::thread::spawn(move || {
                        let _ = stream.set_read_timeout(None);
                        while let Some(words) = self::words(&mut input) {
                            let word = |at: usize| words.get(at).map(String::as_str);
                            let acknowledged = word(1)
                                .filter(|it| it.eq_ignore_ascii_case("ack"))
                                .and_then(|_| word(2)?.parse().ok());
                            if acknowledged.is_some_and(|offset| report.send(offset).is_err()) {
                                break;
                            }
                        }
                    });
                    return Some(Self {
                        stream: output,
                        sent: next.saturating_sub(1),
                        carried_out,
                    });
                }
                _ => {
                    let _ = output.write_all(b"-NOMASTERLINK not here\r\n");
                    return None;
                }
            }
        }
    }

    /// Sends bytes of the stream. Returns how much the server will have carried out then.
    ///
    /// # Errors
    /// When the link is broken.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<u64, HelperError> {
        self.stream.write_all(bytes).map_err(|error| gone(&error))?;
        self.sent += bytes.len() as u64;
        Ok(self.sent)
    }

    /// Has `write` write to the stream; it returns how many bytes it wrote.
    ///
    /// # Errors
    /// Those of `write`.
    pub(super) fn send_with(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> Result<u64, HelperError>,
    ) -> Result<(), HelperError> {
        self.sent += write(&mut self.stream)?;
        Ok(())
    }

    /// Asks the server how much it has carried out.
    ///
    /// # Errors
    /// When the link is broken.
    pub(super) fn ask(&mut self) -> Result<(), HelperError> {
        self.send(&command(&[b"REPLCONF", b"GETACK", b"*"])).map(drop)
    }

    /// How much the server has carried out, when it says so within this time.
    ///
    /// # Errors
    /// When the link is broken.
    pub(super) fn carried_out(&mut self, within: Duration) -> Result<Option<u64>, HelperError> {
        match self.carried_out.recv_timeout(within) {
            Ok(offset) => Ok(Some(offset)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(HelperError::Failed("the fed server closed the link".into()))
            }
        }
    }
}

fn listen() -> Result<TcpListener, HelperError> {
    for port in PORTS.rev() {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(HelperError::Failed(format!(
                    "cannot listen at 127.0.0.1:{port} for the server that is to be fed: {error}"
                )));
            }
            Ok(listener) => return Ok(listener),
        }
    }
    Err(HelperError::Failed(format!("no port of {PORTS:?} is free on 127.0.0.1")))
}

/// A command of a replica; `None` where the link ends, or says something else.
fn words(input: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut line = || {
        let mut line = Vec::new();
        let read = (&mut *input).take(WORD as u64).read_until(b'\n', &mut line).ok()?;
        (read > 0 && line.ends_with(b"\n"))
            .then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    };
    let first = line()?;
    let Some(count) = first.strip_prefix('*') else {
        return Some(first.split_whitespace().map(str::to_owned).collect());
    };
    let count: usize = count.parse().ok().filter(|count| *count < 100)?;
    let mut all = Vec::new();
    for _ in 0..count {
        let length: usize = line()?.strip_prefix('$')?.parse().ok().filter(|it| *it < WORD)?;
        let word = line()?;
        if word.len() != length {
            return None;
        }
        all.push(word);
    }
    Some(all)
}
