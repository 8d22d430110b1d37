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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use crate::product::tests::{kept, on};

    fn verify(position: &str, files: &[String]) -> Result<(), String> {
        let mut arguments = vec![position];
        arguments.extend(files.iter().map(String::as_str));
        on("mariadb-verify-log", &arguments, b"").map(drop)
    }

    fn logs() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/mariadb/tests");
        ["before", "written", "kinds", "clients", "line-break", "delimiter", "rejected"]
            .map(|name| format!("{folder}/{name}.binlog"))
            .to_vec()
    }

    #[test]
    fn s2_logs_that_go_on_from_each_other_up_to_the_position_are_complete() {
        assert_eq!(verify("0-1-140", &logs()), Ok(()));
        assert_eq!(
            verify("0-1-141", &logs()),
            Err("the capture ends at 0-1-140, not at 0-1-141".into())
        );
        let other = Err("the capture has nothing of domain 7, and must end at 7-1-3".into());
        assert_eq!(verify("0-1-140,7-1-3", &logs()), other);
        let mut hole = logs();
        hole.remove(2);
        let said = verify("0-1-140", &hole).unwrap_err();
        assert!(
            said.contains("clients.binlog does not go on where the log before it ended"),
            "{said}"
        );
        assert_eq!(verify("0-1-140", &logs()[3..]), Ok(()), "the first one follows none");
    }

    /// Every log that breaks off, between two events or within one, is found, and so is a changed
    /// byte.
    #[test]
    fn s2_a_log_that_is_cut_or_damaged_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log").display().to_string();
        let whole = kept("mariadb/tests/kinds.binlog");
        std::fs::write(&file, &whole).unwrap();
        let last = "0-1-100";
        assert_eq!(verify(last, std::slice::from_ref(&file)), Ok(()));
        // Behind the last transaction, only the rotation follows.
        let end = whole.len() - 48;
        for cut in (0..end).step_by(97) {
            std::fs::write(&file, &whole[..cut]).unwrap();
            assert!(verify(last, std::slice::from_ref(&file)).is_err(), "cut at {cut}");
        }
        for at in (4..end).step_by(101) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&file, &bytes).unwrap();
            assert!(verify(last, std::slice::from_ref(&file)).is_err(), "changed at {at}");
        }
        std::fs::write(&file, b"\xfd\x01\x00\x00rest").unwrap();
        assert!(verify(last, std::slice::from_ref(&file)).unwrap_err().ends_with("is encrypted"));
    }

    /// A server that was killed leaves the last transaction of its log incomplete, and does not
    /// count it.
    #[test]
    fn s8_what_a_killed_server_left_incomplete_was_told_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log").display().to_string();
        let torn = kept("mariadb/tests/written.binlog");
        // Cut within the last transaction, and behind its first event.
        let rotate = 48;
        for cut in [torn.len() - rotate - 10, torn.len() - rotate - 40] {
            std::fs::write(&file, &torn[..cut]).unwrap();
            let said = verify("0-1-48", std::slice::from_ref(&file)).unwrap_err();
            assert!(said.starts_with("the capture ends at 0-1-47, not at 0-1-48"), "{said}");
            assert_eq!(verify("0-1-47", std::slice::from_ref(&file)), Ok(()));
        }
    }
}
