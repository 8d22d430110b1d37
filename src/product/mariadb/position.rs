//! How far logs have come, read from the files: for a server that does not start any more.

use super::binlog::LogFile;
use super::group::{Next, next_group};
use super::gtid::Position;
use crate::product::stream::{HelperError, Streams};

/// Prints where the last of these logs ends, as the server prints `@@gtid_binlog_pos`:
/// `mariadb-position FILE...`. A transaction that the end of a log cuts off was never answered to
/// its client, and does not count.
pub(in crate::product) fn position(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if arguments.is_empty() {
        return Err(HelperError::usage("mariadb-position FILE..."));
    }
    let mut last = Position::default();
    for path in arguments {
        let mut file = LogFile::open(path)?;
        loop {
            match next_group(&mut file)? {
                Next::End => break,
                Next::Group(group) => last.comes_to(group.gtid),
                Next::List(list) => last = Position::of(list),
            }
        }
    }
    if last.all().next().is_none() {
        return Err(HelperError::Failed("the logs hold no transaction".to_owned()));
    }
    let failed = |error| HelperError::Failed(format!("cannot write: {error}"));
    writeln!(streams.output, "{last}").map_err(failed)
}
