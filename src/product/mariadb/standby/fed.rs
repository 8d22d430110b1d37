//! What a feed has brought over, for the comparison of a switch.

use super::super::touched::touched;
use super::{Log, Notes};
use crate::product::stream::{HelperError, Streams};

/// Prints what `mariadb-touched` does, of the log's files since the feed began: `mariadb-fed FOLDER
/// BASE`. FOLDER has the feed's notes, BASE is the name of the log's files.
pub(in crate::product) fn fed(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder, base] = arguments else {
        return Err(HelperError::usage("mariadb-fed FOLDER BASE"));
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
