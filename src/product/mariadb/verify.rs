//! Checks that a capture is complete and can be replayed: each log continues where the previous one
//! ended, up to a position.

use super::binlog::LogFile;
use super::group::{Next, next_group};
use super::gtid::Position;
use crate::product::stream::{HelperError, Streams};

/// Reads the snapshot's last log and the captured ones, each event with its checksum:
/// `mariadb-verify-log POSITION FILE...`. Fails unless each log begins with the positions with which
/// the one before it ended, and the last one ends with those of POSITION.
pub(in crate::product) fn verify_log(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-verify-log POSITION FILE...");
    let [position, files @ ..] = arguments else { return Err(usage()) };
    let wanted = Position::parse(position).ok_or_else(usage)?;
    let (mut last, mut wrong) = (None::<Position>, Vec::new());
    let mut torn = None;
    for path in files {
        let mut file = LogFile::open(path)?;
        loop {
            match next_group(&mut file)? {
                Next::End => break,
                Next::Group(group) => last.get_or_insert_default().comes_to(group.gtid),
                Next::List(list) => {
                    let list = Position::of(list);
                    if let Some(last) = last.as_ref().filter(|last| **last != list) {
                        wrong.push(format!(
                            "{path} does not go on where the log before it ended: it begins at \
                             {list}, not at {last}"
                        ));
                    }
                    last = Some(list);
                }
            }
        }
        torn = file.torn().map(|at| format!("{path} breaks off at {at}"));
    }
    let last = last.unwrap_or_default();
    for gtid in wanted.all() {
        match last.at(gtid.domain) {
            Some(found) if found == gtid => {}
            Some(found) => wrong.push(format!("the capture ends at {found}, not at {gtid}")),
            None => wrong.push(format!(
                "the capture has nothing of domain {}, and must end at {gtid}",
                gtid.domain
            )),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.extend(torn);
    Err(HelperError::Failed(wrong.join("; ")))
}
