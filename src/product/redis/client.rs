//! A client of a server.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::ask;
use crate::product::stream::HelperError;

/// A server that does not answer within this time does not answer. A script, or a very large
/// collection, may take it minutes.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// The largest part of a reply; a value may have 512 MiB.
const LARGEST: i64 = 1 << 30;

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// A value.
    Bytes(Vec<u8>),
    /// A number.
    Number(i64),
    /// Several replies.
    List(Vec<Reply>),
    /// There is no such thing.
    None,
    /// It refused.
    Error(String),
}

impl Reply {
    /// The value, or the number as a text; empty for anything else.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Number(number) => number.to_string().into_bytes(),
            _ => Vec::new(),
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    pub(super) fn list(&self) -> &[Self] {
        if let Self::List(list) = self { list } else { &[] }
    }

    /// What stands behind this name in a list of names and values.
    pub(super) fn named(&self, name: &str) -> Option<&Self> {
        let mut pairs = self.list().chunks_exact(2);
        pairs.find(|pair| pair[0].bytes() == name.as_bytes()).map(|pair| &pair[1])
    }
}

/// A command as it goes to a server, and as it stands in an append-only file.
pub(super) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        text.extend_from_slice(word);
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// What stands behind this name in a part of `INFO`.
pub(super) fn said<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::trim)
}

/// A connection.
pub(super) struct Client {
    input: BufReader<Box<dyn Read>>,
    output: BufWriter<Box<dyn Write>>,
}

fn gone(error: std::io::Error) -> HelperError {
    HelperError::Failed(format!("the server does not answer: {error}"))
}

impl Client {
    /// Connects, with the password that the environment names, as `redis-cli` does. `socket` is as in
    /// [`Self::open`], or `CONFIGURATION FILE?port=PORT`: the server is reached as that file says,
    /// and the port may be empty.
    ///
    /// # Errors
    /// When the server does not listen there, or refuses the password.
    pub(super) fn connect(socket: &Path, user: Option<&str>) -> Result<Self, HelperError> {
        Self::connect_as(socket, user, std::env::var("REDISCLI_AUTH").ok().as_deref())
    }

    /// The same with this password.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(super) fn connect_as(
        socket: &Path,
        user: Option<&str>,
        password: Option<&str>,
    ) -> Result<Self, HelperError> {
        let parts = socket.to_str().and_then(|text| text.split_once("?port="));
        let mut client = match parts {
            Some((config, port)) => Self::open(&ask::address_in(Path::new(config), port)?)?,
            None => Self::open(socket)?,
        };
        if let Some(password) = password {
            let user = user.filter(|user| !user.is_empty()).unwrap_or("default");
            client.done(&[b"AUTH", user.as_bytes(), password.as_bytes()])?;
        }
        Ok(client)
    }

    /// The same without a password. `socket` is a path, or `HOST:PORT`.
    ///
    /// # Errors
    /// When the server does not listen there.
    pub(super) fn open(socket: &Path) -> Result<Self, HelperError> {
        let connect = || {
            let address = socket.to_str().filter(|it| !it.contains('/') && it.contains(':'));
            if let Some(address) = address {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok::<(Box<dyn Read>, Box<dyn Write>), std::io::Error>((
                    Box::new(stream.try_clone()?),
                    Box::new(stream),
                ));
            }
            let stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok((Box::new(stream.try_clone()?), Box::new(stream)))
        };
        let (input, output) = connect().map_err(|error| {
            HelperError::Failed(format!("cannot connect to {}: {error}", socket.display()))
        })?;
        Ok(Self {
            input: BufReader::with_capacity(1 << 16, input),
            output: BufWriter::with_capacity(1 << 16, output),
        })
    }

    /// Sends a command, whose reply is read later.
    ///
    /// # Errors
    /// When the server is gone.
    pub(super) fn send(&mut self, words: &[&[u8]]) -> Result<(), HelperError> {
        self.output.write_all(&command(words)).map_err(gone)
    }

    /// The next reply, whatever it is.
    ///
    /// # Errors
    /// When the server is gone, or says what no server says.
    pub(super) fn reply(&mut self) -> Result<Reply, HelperError> {
        self.output.flush().map_err(gone)?;
        self.part(0)
    }

    /// A command and its reply.
    ///
    /// # Errors
    /// As [`Client::reply`].
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> Result<Reply, HelperError> {
        self.send(words)?;
        self.reply()
    }

    /// The same for a command that must not be refused.
    ///
    /// # Errors
    /// When it is, and as [`Client::reply`].
    pub(super) fn done(&mut self, words: &[&[u8]]) -> Result<Reply, HelperError> {
        match self.ask(words)? {
            Reply::Error(why) => {
                let name = words.first().map(|it| String::from_utf8_lossy(it).into_owned());
                Err(HelperError::Failed(format!(
                    "the server refuses {}: {why}",
                    name.unwrap_or_default()
                )))
            }
            reply => Ok(reply),
        }
    }

    /// The parts of the next reply, one by one, with memory for one of them. A reply that is no list
    /// is its only part.
    ///
    /// # Errors
    /// As [`Client::reply`], and when `take` fails.
    pub(super) fn parts(
        &mut self,
        mut take: impl FnMut(Reply) -> Result<(), HelperError>,
    ) -> Result<(), HelperError> {
        self.output.flush().map_err(gone)?;
        let (sign, text) = self.line()?;
        if sign != b'*' {
            let only = self.rest(sign, &text, 0)?;
            return take(only);
        }
        for _ in 0..length(&text)?.unwrap_or_default() {
            take(self.part(1)?)?;
        }
        Ok(())
    }

    fn line(&mut self) -> Result<(u8, String), HelperError> {
        let mut line = Vec::new();
        let read = (&mut self.input).take(1 << 20).read_until(b'\n', &mut line).map_err(gone)?;
        if read == 0 || !line.ends_with(b"\r\n") {
            return Err(HelperError::Failed("the server closed the connection".into()));
        }
        line.truncate(read - 2);
        let (sign, text) = line.split_first().ok_or_else(|| unread(0))?;
        Ok((*sign, String::from_utf8_lossy(text).into_owned()))
    }

    fn part(&mut self, depth: usize) -> Result<Reply, HelperError> {
        let (sign, text) = self.line()?;
        self.rest(sign, &text, depth)
    }

    /// What comes behind the first line of a reply.
    fn rest(&mut self, sign: u8, text: &str, depth: usize) -> Result<Reply, HelperError> {
        Ok(match sign {
            b'+' => Reply::Bytes(text.as_bytes().to_vec()),
            b'-' => Reply::Error(text.to_owned()),
            b':' => Reply::Number(text.parse().map_err(|_| unread(sign))?),
            b'$' => {
                let Some(length) = length(text)? else { return Ok(Reply::None) };
                let mut bytes = vec![0; length];
                self.input.read_exact(&mut bytes).map_err(gone)?;
                self.input.read_exact(&mut [0; 2]).map_err(gone)?;
                Reply::Bytes(bytes)
            }
            b'*' if depth < 16 => {
                let Some(length) = length(text)? else { return Ok(Reply::None) };
                let parts = (0..length).map(|_| self.part(depth + 1));
                Reply::List(parts.collect::<Result<_, _>>()?)
            }
            _ => return Err(unread(sign)),
        })
    }
}

fn unread(sign: u8) -> HelperError {
    HelperError::Failed(format!("the server says what no Redis server says ({sign})"))
}

/// The length of a value or of a list; `None` where there is none.
fn length(text: &str) -> Result<Option<usize>, HelperError> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(length) if length <= LARGEST => {
            usize::try_from(length).map(Some).map_err(|_| unread(b'$'))
        }
        _ => Err(unread(b'$')),
    }
}
