//! The client that a replay talks with: statements go in, answers come out.
//!
//! It ends at the first error, so that nothing behind a statement that failed is ever carried out,
//! however far ahead it was sent.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::product::stream::HelperError;

/// How much of what a client says about an error is read.
const SAID: u64 = 64 * 1024;

/// A server that clients can be started for.
pub(super) trait Server {
    /// One of its clients.
    type Client: Client;
    /// Starts a client.
    fn connect(&mut self) -> Result<Self::Client, HelperError>;
}

/// A client under way.
pub(super) trait Client {
    /// Where its input is written to. An error of it means that the client has ended.
    fn input(&mut self) -> &mut impl Write;
    /// The next line that it printed. `wait` until there is one. `None`: there is none, or, after
    /// waiting, the client has ended.
    fn line(&mut self, wait: bool) -> Option<String>;
    /// Ends its input, and waits for its end. Whether it succeeded, and what it said.
    fn end(self) -> Result<(bool, String), HelperError>;
}

/// A client that runs as a process of its own. When this process ends, so does the connection, and
/// uncommitted work is rolled back.
pub(super) struct Program<'a> {
    /// The program and its options.
    pub(super) words: &'a [String],
}

impl Server for Program<'_> {
    type Client = Piped;

    #[expect(
        clippy::disallowed_methods,
        reason = "it talks with the client, which ends with the pipe between them"
    )]
    fn connect(&mut self) -> Result<Piped, HelperError> {
        let [program, options @ ..] = self.words else {
            return Err(HelperError::Usage("no client is named".into()));
        };
        let failed =
            |error: io::Error| HelperError::Failed(format!("cannot start {program}: {error}"));
        let said = tempfile::tempfile().map_err(failed)?;
        let mut child = std::process::Command::new(program)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(said.try_clone().map_err(failed)?))
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(HelperError::Failed(format!("cannot talk with {program}")));
        };
        let (sender, lines) = channel();
        // It must be read while more is sent: a full pipe would stop both.
        let reader = std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            loop {
                line.clear();
                let read = output.by_ref().take(SAID).read_until(b'\n', &mut line);
                if !read.is_ok_and(|count| count > 0) {
                    return;
                }
                let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        drop(reader);
        let input = BufWriter::with_capacity(1 << 16, input);
        Ok(Piped { input, lines, child, said })
    }
}

/// See [`Program`].
pub(super) struct Piped {
    input: BufWriter<std::process::ChildStdin>,
    lines: Receiver<String>,
    child: Child,
    said: File,
}

impl Client for Piped {
    fn input(&mut self) -> &mut impl Write {
        &mut self.input
    }

    fn line(&mut self, wait: bool) -> Option<String> {
        if wait {
            return self.lines.recv().ok();
        }
        self.lines.try_recv().ok()
    }

    fn end(self) -> Result<(bool, String), HelperError> {
        let Self { input, lines, mut child, mut said } = self;
        // What is still held back would be written into a pipe that nobody reads.
        let (pipe, _held) = input.into_parts();
        drop(pipe);
        while lines.recv().is_ok() {}
        let gone = |error: io::Error| HelperError::Failed(format!("the client is gone: {error}"));
        let status = child.wait().map_err(gone)?;
        let mut bytes = Vec::new();
        said.seek(SeekFrom::Start(0)).map_err(gone)?;
        said.take(SAID).read_to_end(&mut bytes).map_err(gone)?;
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if !status.success() && text.trim().is_empty() {
            text = format!("the client ended with {status}");
        }
        Ok((status.success(), text))
    }
}
