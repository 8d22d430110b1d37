//! The helpers that replay: their arguments, and what becomes of a transaction that is rejected.

use std::fs::File;
use std::io::Write;

use super::super::client::Program;
use super::super::gtid::Position;
use super::super::left_out::LeftOut;
use super::{Rejects, Replay};
use crate::host::files::open_own;
use crate::product::stream::{HelperError, Streams};

/// Replays log files from a position on: `mariadb-replay POSITION FILE... -- CLIENT [ARGUMENT...]`.
/// Prints the transaction that the server rejects, if it does, and stops there.
pub(in crate::product) fn replay(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || {
        HelperError::usage(
            "mariadb-replay [--left-out=FILE] POSITION FILE... -- CLIENT [ARGUMENT...]",
        )
    };
    let (left_out, arguments) = LeftOut::of(arguments)?;
    let (position, files, words) = split(arguments).ok_or_else(usage)?;
    let mut replay = Replay::new(Program { words }, position);
    replay.left_out = left_out;
    replay.all(files, &mut Stops { output: streams.output })
}

/// The same past rejects: `mariadb-past-rejects REJECTS POSITION FILE... -- CLIENT [ARGUMENT...]`.
/// Appends a line to the file REJECTS for each rejected transaction: its position, the error and
/// the statement.
pub(in crate::product) fn past_rejects(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || {
        HelperError::usage(
            "mariadb-past-rejects [--left-out=FILE] REJECTS POSITION FILE... -- CLIENT [ARGUMENT...]",
        )
    };
    let (left_out, arguments) = LeftOut::of(arguments)?;
    let (path, arguments) = arguments.split_first().ok_or_else(usage)?;
    let (position, files, words) = split(arguments).ok_or_else(usage)?;
    let file = open_own(File::options().append(true).create(true), path.as_ref())
        .map_err(|error| HelperError::Failed(format!("cannot write {path}: {error}")))?;
    let mut replay = Replay::new(Program { words }, position);
    replay.left_out = left_out;
    replay.all(files, &mut Listed { file, path })
}

/// The position, the files, and the client's words.
fn split(arguments: &[String]) -> Option<(Position, &[String], &[String])> {
    let (position, rest) = arguments.split_first()?;
    let at = rest.iter().position(|word| word == "--")?;
    let (files, client) = (&rest[..at], &rest[at + 1..]);
    let position = Position::parse(position)?;
    (!files.is_empty() && !client.is_empty()).then_some((position, files, client))
}

struct Stops<'a> {
    output: &'a mut dyn Write,
}

impl Rejects for Stops<'_> {
    fn take(&mut self, line: &str) -> Result<bool, HelperError> {
        let written = writeln!(self.output, "{line}").and_then(|()| self.output.flush());
        written.map_err(HelperError::Output)?;
        Ok(false)
    }
}

struct Listed<'a> {
    file: File,
    path: &'a str,
}

impl Rejects for Listed<'_> {
    fn take(&mut self, line: &str) -> Result<bool, HelperError> {
        let written =
            self.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.file.sync_all());
        let failed = |error| HelperError::Failed(format!("cannot write {}: {error}", self.path));
        written.map_err(failed)?;
        Ok(true)
    }
}
