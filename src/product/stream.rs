//! What all helpers share: streams, lines and errors.

use std::io::{self, BufRead, Read as _, Write};

/// Why a helper failed.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// Its name or its arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// It could not do its work, or its input is not as required.
    #[error("{0}")]
    Failed(String),
    /// Its input cannot be read.
    #[error("cannot read the input: {0}")]
    Input(#[source] io::Error),
    /// Its output cannot be written.
    #[error("cannot write the output, which the next program of the pipe reads: {0}")]
    Output(#[source] io::Error),
}

impl HelperError {
    /// The arguments do not match this usage.
    pub(super) fn usage(of: &str) -> Self {
        Self::Usage(format!("usage: backout helper {of}"))
    }
}

/// What a helper gets and where it prints.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub output: &'a mut dyn Write,
}

/// The longest line that is accepted. The products' own limit for a statement is 1 GiB.
const LONGEST_LINE: u64 = (1 << 30) + (1 << 20);

/// Reads the next line, without its end, into `line`. Returns whether there was one.
pub(super) fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool, HelperError> {
    line.clear();
    let read = input.take(LONGEST_LINE).read_until(b'\n', line).map_err(HelperError::Input)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 == LONGEST_LINE {
        return Err(HelperError::Failed("a line of the input is longer than 1 GiB".into()));
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_and_without_an_end() {
        let mut input: &[u8] = b"one\n\ntwo";
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while next_line(&mut input, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["one", "", "two"]);
    }
}
