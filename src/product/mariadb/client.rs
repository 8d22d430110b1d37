//! The client that a replay talks with: statements go in, answers come out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use crate::product::stream::HelperError;

/// The client: statements go in, and it answers in lines.
pub(super) trait Client {
    /// Sends a part of its input.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The next line that it prints, without its end. `None`: the client has ended.
    fn answer(&mut self) -> io::Result<Option<Vec<u8>>>;
}

/// A client that runs as a process of its own, with standard error in its output. When this process
/// ends, so does the connection, and uncommitted work is rolled back.
pub(super) struct Piped {
    input: io::PipeWriter,
    output: BufReader<io::PipeReader>,
}

impl Piped {
    #[expect(
        clippy::disallowed_methods,
        reason = "it talks with the client, which ends with the pipe between them"
    )]
    pub(super) fn start(program: &str, options: &[String]) -> io::Result<(Self, Child)> {
        let ((stdin, input), (output, stdout)) = (io::pipe()?, io::pipe()?);
        let child = std::process::Command::new(program)
            .args(options)
            .stdin(Stdio::from(stdin))
            .stderr(Stdio::from(stdout.try_clone()?))
            .stdout(Stdio::from(stdout))
            .spawn()?;
        Ok((Self { input, output: BufReader::new(output) }, child))
    }

    /// Ends the client's input, and waits for it.
    pub(super) fn end(mut self, mut child: Child) -> Result<(), HelperError> {
        drop(self.input);
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).and_then(|_| child.wait()).map_err(gone)?;
        Ok(())
    }
}

impl Client for Piped {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.write_all(bytes)
    }

    fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.output.read_until(b'\n', &mut line)?;
        line.truncate(line.trim_ascii_end().len());
        Ok((read > 0).then_some(line))
    }
}

pub(super) fn gone(error: io::Error) -> HelperError {
    HelperError::Failed(format!("the client is gone: {error}"))
}
