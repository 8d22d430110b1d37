//! The helper that feeds a standby.

use std::time::Duration;

use super::super::client::Program;
use super::super::gtid::Position;
use super::super::standby::{Log, Notes};
use super::{Feed, Halt, Replay};
use crate::product::stream::{HelperError, Streams};

/// How long it waits before it tries again: at first, and at most.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Feeds the log of one server to another one: `mariadb-feed [--to-end] FOLDER BASE CLIENT
/// [ARGUMENT...]`. FOLDER is for its notes, BASE the name of the log's files, without their number,
/// CLIENT connects to the server that is fed. It does not end by itself, unless it can never catch
/// up: FOLDER says why, and a later one does not begin. `--to-end`: the log's server does not run
/// any more, and what it left is fed.
pub(in crate::product) fn feed(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-feed [--to-end] FOLDER BASE CLIENT [ARGUMENT...]");
    let (ends, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "--to-end" => (true, rest),
        _ => (false, arguments),
    };
    let [folder, base, words @ ..] = arguments else { return Err(usage()) };
    if words.is_empty() {
        return Err(usage());
    }
    let log = Log::new(base)?;
    let mut wait = FIRST;
    loop {
        let notes = Notes::open(folder)?;
        if let Some(why) = notes.stopped()? {
            return Err(HelperError::Failed(why));
        }
        let mut replay = Replay::new(Program { words }, Position::default());
        replay.feed = Some(Feed::new(notes));
        let halt = match replay.follow(&log, ends) {
            Ok(()) => return Ok(()),
            Err(halt) => halt,
        };
        let notes = Notes::open(folder)?;
        match halt {
            Halt::Never(why) => {
                notes.stop(&why)?;
                return Err(HelperError::Failed(why));
            }
            Halt::Now(error) if ends => return Err(error),
            Halt::Now(error) => notes.failing(Some(&error.to_string()))?,
        }
        if replay.count() > 0 {
            wait = FIRST;
        }
        // The client that is left is ended first.
        drop(replay);
        std::thread::sleep(wait);
        wait = (wait * 2).min(LONGEST);
    }
}
