//! What a feed has brought over, for the comparison of a switch.

use super::super::binlog::LogFile;
use super::super::touched::{Part, since, touched};
use super::{Log, Notes, Place};
use crate::product::stream::{HelperError, Streams};

/// Prints what `mariadb-touched` does, of the log's files since the feed began: `mariadb-fed FOLDER
/// BASE [MARK]`. FOLDER has the feed's notes, BASE is the name of the log's files. MARK, of
/// `mariadb-feed-mark`: of what was written since then, with what a list is to show of each, and
/// with all tables that are carried whole.
pub(in crate::product) fn fed(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-fed FOLDER BASE [MARK]");
    let (folder, base) = match arguments {
        [folder, base] => (folder, base),
        [folder, base, mark] => {
            let place = Place::parse(mark).ok_or_else(usage)?;
            return since_mark(&Log::new(base)?, &Notes::open(folder)?, place, streams);
        }
        _ => return Err(usage()),
    };
    let (log, notes) = (Log::new(base)?, Notes::open(folder)?);
    let Some(first) = notes.first()? else {
        return Err(HelperError::Failed("the feed has read nothing so far".into()));
    };
    let numbers = log.numbers()?;
    if !numbers.contains(&first) {
        let path = log.path(first);
        return Err(HelperError::Failed(format!("{path}, with which the feed began, is gone")));
    }
    let files: Vec<String> = numbers
        .into_iter()
        .filter(|number| *number >= first)
        .map(|number| log.path(number))
        .collect();
    touched(&files, streams)
}

fn since_mark(
    log: &Log,
    notes: &Notes,
    place: Place,
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let path = log.path(place.file);
    if place.holds(&path)? != Some(true) {
        return writeln!(streams.output, "*\t{path} is gone, or another file")
            .map_err(HelperError::Output);
    }
    let mut parts = Vec::new();
    let numbers = log.numbers()?;
    for number in numbers.iter().copied().filter(|number| *number >= place.file) {
        let path = log.path(number);
        // A server that is just beginning a file has not written anything into it yet.
        if numbers.last() == Some(&number)
            && number > place.file
            && let Err(error) = LogFile::open(&path)
        {
            if std::fs::metadata(&path).is_ok_and(|file| file.len() < BEGINS) {
                break;
            }
            return Err(error);
        }
        let from = (number == place.file).then_some(place.ends);
        parts.push(Part { path, from, until: None });
    }
    let first = notes.first()?.unwrap_or(place.file);
    let earlier = numbers.into_iter().rev().filter(|number| (first..=place.file).contains(number));
    let earlier = earlier.map(|number| {
        let until = (number == place.file).then_some(place.ends);
        Part { path: log.path(number), from: None, until }
    });
    since(parts, earlier, notes.whole.keys().cloned().collect(), streams)
}

/// The first events of a file are longer.
const BEGINS: u64 = 256;
