//! The client that a replay talks with: statements go in, answers come out.
//!
//! It ends at the first error, so that nothing behind a statement that failed is ever carried out,
//! however far ahead it was sent.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::session::WHOLE;
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
    fn input(&mut self) -> &mut dyn Write;
    /// The next line that it printed. `wait` until there is one. `None`: there is none, or, after
    /// waiting, the client has ended.
    fn line(&mut self, wait: bool) -> Option<String>;
    /// Sends a text, and waits for the line that it prints. `None`: the client has ended.
    fn asked(&mut self, text: &[u8]) -> Option<String> {
        let sent = self.input().write_all(text).and_then(|()| self.input().flush());
        sent.ok().and_then(|()| self.line(true))
    }
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
        let input = Some(BufWriter::with_capacity(WHOLE, input));
        Ok(Piped { input, lines, child, said, none: io::empty() })
    }
}

/// See [`Program`].
pub(super) struct Piped {
    /// What is written to it in one piece and is not longer than [`WHOLE`] reaches the pipe whole, or
    /// not at all.
    input: Option<BufWriter<ChildStdin>>,
    lines: Receiver<String>,
    child: Child,
    said: File,
    none: io::Empty,
}

/// A replay that fails leaves no client behind that goes on with what it was sent.
impl Drop for Piped {
    fn drop(&mut self) {
        if let Some(input) = self.input.take() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            // Without what is still held back.
            let _ = input.into_parts();
        }
    }
}

impl Client for Piped {
    fn input(&mut self) -> &mut dyn Write {
        match &mut self.input {
            Some(input) => input,
            None => &mut self.none,
        }
    }

    fn line(&mut self, wait: bool) -> Option<String> {
        if wait {
            return self.lines.recv().ok();
        }
        self.lines.try_recv().ok()
    }

    fn end(mut self) -> Result<(bool, String), HelperError> {
        // What is still held back would be written into a pipe that nobody reads.
        drop(self.input.take().map(BufWriter::into_parts));
        while self.lines.recv().is_ok() {}
        let gone = |error: io::Error| HelperError::Failed(format!("the client is gone: {error}"));
        let status = self.child.wait().map_err(gone)?;
        let mut bytes = Vec::new();
        self.said.seek(SeekFrom::Start(0)).map_err(gone)?;
        (&self.said).take(SAID).read_to_end(&mut bytes).map_err(gone)?;
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if !status.success() && text.trim().is_empty() {
            text = format!("the client ended with {status}");
        }
        Ok((status.success(), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what a pipe would, and remembers each piece.
    #[derive(Debug)]
    struct Pieces(Vec<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A process that is killed between two pieces has sent no part of a short statement.
    #[test]
    fn s8_a_statement_reaches_the_client_whole_or_not_at_all() {
        let mut whole = BufWriter::with_capacity(WHOLE, Pieces(Vec::new()));
        let statements: Vec<String> =
            (0..50).map(|n| format!("TRUNCATE t{n}{}//\n", " ".repeat(n * 40))).collect();
        for statement in &statements {
            whole.write_all(statement.as_bytes()).unwrap();
        }
        whole.write_all(&[b'x'; 10_000]).unwrap();
        let pieces = whole.into_inner().unwrap().0;
        assert!(pieces.len() > 5);
        for piece in &pieces {
            assert!(piece.ends_with(b"//\n") || piece.iter().all(|byte| *byte == b'x'));
            assert!(piece.len() <= WHOLE || piece.len() == 10_000);
        }
        let all: Vec<u8> = pieces.concat();
        assert_eq!(all, [statements.concat().into_bytes(), vec![b'x'; 10_000]].concat());
    }

    #[test]
    fn a_client_that_is_given_up_is_ended() {
        let words: Vec<String> =
            ["sh", "-c", "echo $$; cat >/dev/null; sleep 60"].map(str::to_owned).to_vec();
        let mut client = Program { words: &words }.connect().unwrap();
        let id: i32 = client.line(true).unwrap().parse().unwrap();
        client.input().write_all(b"SELECT 1;\n").unwrap();
        drop(client);
        assert!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), None).is_err());
    }
}
