//! A client of the test's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Result, bail};

/// A command: its words.
pub type Words = Vec<Vec<u8>>;

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Bytes(Vec<u8>),
    Number(i64),
    List(Vec<Reply>),
    None,
    Error(String),
}

impl Reply {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Number(number) => number.to_string().into_bytes(),
            _ => Vec::new(),
        }
    }

    pub fn list(&self) -> &[Self] {
        if let Self::List(list) = self { list } else { &[] }
    }

    pub fn named(&self, name: &str) -> Self {
        let mut pairs = self.list().chunks_exact(2);
        let found = pairs.find(|pair| pair[0].bytes() == name.as_bytes());
        found.map_or(Self::None, |pair| pair[1].clone())
    }
}

pub struct Client {
    input: BufReader<UnixStream>,
    output: UnixStream,
}

impl Client {
    pub fn connect(socket: &str) -> Result<Self> {
        let output = UnixStream::connect(socket)?;
        output.set_read_timeout(Some(Duration::from_secs(120)))?;
        output.set_write_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { input: BufReader::new(output.try_clone()?), output })
    }

    fn send(output: &mut impl Write, words: &[Vec<u8>]) -> Result<()> {
        let mut text = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            text.extend_from_slice(word);
            text.extend_from_slice(b"\r\n");
        }
        Ok(output.write_all(&text)?)
    }

    pub fn ask(&mut self, words: &[&str]) -> Result<Reply> {
        let words: Words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.ask_bytes(&words)
    }

    pub fn ask_bytes(&mut self, words: &[Vec<u8>]) -> Result<Reply> {
        Self::send(&mut self.output, words)?;
        self.reply()
    }

    /// Sends them without waiting for the answers. Returns how many were refused.
    pub fn pipeline(mut self, commands: &[Words]) -> Result<u64> {
        let mut output = self.output.try_clone()?;
        std::thread::scope(|scope| {
            let sender = scope.spawn(move || {
                let mut output = std::io::BufWriter::new(&mut output);
                commands.iter().try_for_each(|words| Self::send(&mut output, words))?;
                Ok::<_, anyhow::Error>(output.flush()?)
            });
            let mut refused = 0;
            for _ in commands {
                refused += u64::from(matches!(self.reply()?, Reply::Error(_)));
            }
            sender.join().unwrap()?;
            Ok(refused)
        })
    }

    fn reply(&mut self) -> Result<Reply> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        let Some((sign, text)) = line.strip_suffix(b"\r\n").and_then(|it| it.split_first()) else {
            bail!("the server closed the connection");
        };
        let text = String::from_utf8_lossy(text).into_owned();
        let number = || text.parse::<i64>();
        Ok(match sign {
            b'+' => Reply::Bytes(text.into_bytes()),
            b'-' => Reply::Error(text),
            b':' => Reply::Number(number()?),
            b'$' => match usize::try_from(number()?) {
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.input.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Reply::Bytes(bytes)
                }
                Err(_) => Reply::None,
            },
            b'*' => match usize::try_from(number()?) {
                Ok(length) => {
                    Reply::List((0..length).map(|_| self.reply()).collect::<Result<_>>()?)
                }
                Err(_) => Reply::None,
            },
            sign => bail!("an answer that begins with {sign}"),
        })
    }
}
