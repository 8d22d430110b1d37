//! How far a standby is behind.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::binlog::{Event, Kind, LogFile};
use super::super::client::{Client as _, Program, Server as _};
use super::super::group::Header;
use super::super::gtid::{Position, STANDBY_DOMAIN};
use super::reached::HOW_FAR;
use super::{Log, Notes};
use crate::product::stream::{HelperError, Streams};

/// Prints `SECONDS TRANSACTIONS`: `mariadb-feed-lag FOLDER BASE CLIENT [ARGUMENT...]`. FOLDER has
/// the feed's notes, BASE is the name of the files of the upgraded server's log, CLIENT asks the
/// standby. The seconds are since the first transaction that the standby lacks.
pub(in crate::product) fn lag(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder, base, words @ ..] = arguments else {
        return Err(HelperError::usage("mariadb-feed-lag FOLDER BASE CLIENT [ARGUMENT...]"));
    };
    let (log, notes) = (Log::new(base)?, Notes::open(folder)?);
    let mut client = Program { words }.connect()?;
    let line = client.asked(HOW_FAR);
    let (_, said) = client.end()?;
    let at = line.as_deref().and_then(|line| line.strip_prefix("at=")).and_then(Position::parse);
    let at = at.ok_or_else(|| {
        HelperError::Failed(format!("the standby cannot be asked: {}", said.trim()))
    })?;
    let (since, count) = behind(&log, &notes, &at)?;
    #[expect(clippy::disallowed_methods, reason = "a lag is for people")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let seconds = since.map_or(0, |since| now.saturating_sub(u64::from(since)));
    writeln!(streams.output, "{seconds} {count}").map_err(HelperError::Output)
}

/// When the first transaction began that a standby lacks, and how many there are.
fn behind(log: &Log, notes: &Notes, at: &Position) -> Result<(Option<u32>, u64), HelperError> {
    let mut place = None;
    if let Some(noted) = notes.place()?
        && noted.holds(&log.path(noted.file))? == Some(true)
    {
        place = Some((noted.file, noted.ends));
    }
    let begin = match place {
        Some(place) => Some(place),
        None => log.begins(at)?.map(|file| (file, 0)),
    };
    let gone = || HelperError::Failed("the files of the log that it needs are gone".to_owned());
    let (first, from) = begin.ok_or_else(gone)?;
    let (mut since, mut count, mut event) = (None, 0, Event::default());
    for number in log.numbers()?.into_iter().filter(|number| *number >= first) {
        let Ok(mut file) = LogFile::open(&log.path(number)) else { continue };
        if number == first && from > 0 {
            file.seek(from)?;
        }
        while file.next(&mut event)? {
            let header = (event.kind == Kind::Gtid).then(|| Header::of(&event)).flatten();
            let fed = header.filter(|header| header.gtid.domain != STANDBY_DOMAIN);
            if fed.is_some_and(|header| !at.has(header.gtid)) {
                since.get_or_insert(event.seconds());
                count += 1;
            }
        }
    }
    Ok((since, count))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use crate::product::tests::{kept, on};

    #[test]
    fn a_lag_is_counted_in_the_log() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("bin.000007"), kept("mariadb/tests/kinds.binlog"))
            .expect("written");
        let (folder, base) = (dir.path().join("notes"), dir.path().join("bin"));
        let (folder, base) = (folder.display().to_string(), base.display().to_string());
        let lag = |at: &str| {
            let server = format!("read -r line; echo at={at}; cat >/dev/null");
            let said = on("mariadb-feed-lag", &[&folder, &base, "sh", "-c", &server], b"");
            String::from_utf8(said.expect("read")).expect("text")
        };
        let log = dir.path().join("bin.000007").display().to_string();
        let last = on("mariadb-position", &[&log], b"").expect("read");
        let last = String::from_utf8(last).expect("text");
        assert_eq!(lag(last.trim()), "0 0\n");
        let number: u64 = last.trim().rsplit('-').next().expect("a number").parse().expect("one");
        let before = last.trim().strip_suffix(&number.to_string()).expect("its number").to_owned();
        let said = lag(&format!("{before}{}", number - 3));
        assert!(said.ends_with(" 3\n"), "{said}");
    }
}
