//! The files of a log that a server is writing.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::super::binlog::{LogFile, number_of};
use super::super::group::{Next, next_group};
use super::super::gtid::Position;
use crate::host::files::stat_optional;
use crate::product::stream::HelperError;

/// The files of one log: `BASE.000001` and so on.
#[derive(Debug, Clone)]
pub(in super::super) struct Log {
    base: PathBuf,
}

impl Log {
    /// `base`: the files' name, with its folder and without its number.
    ///
    /// # Errors
    /// When it is no such name.
    pub(in super::super) fn new(base: &str) -> Result<Self, HelperError> {
        let base = PathBuf::from(base);
        if base.is_absolute() && base.file_name().is_some() {
            return Ok(Self { base });
        }
        Err(HelperError::Usage(format!("{} is no name of a log's files", base.display())))
    }

    /// The file of a number.
    pub(in super::super) fn path(&self, number: usize) -> String {
        format!("{}.{number:06}", self.base.display())
    }

    /// The numbers of the files that there are, in their order.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(in super::super) fn numbers(&self) -> Result<Vec<usize>, HelperError> {
        let folder = self.base.parent().unwrap_or(&self.base);
        let failed =
            |error| HelperError::Failed(format!("cannot list {}: {error}", folder.display()));
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.with_extension("") == self.base {
                numbers.extend(number_of(&path));
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The next file behind this one.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(in super::super) fn next(&self, number: usize) -> Result<Option<usize>, HelperError> {
        let path = self.path(number + 1);
        let failed = |error| HelperError::Failed(format!("cannot look at {path}: {error}"));
        if stat_optional(path.as_ref()).map_err(failed)?.is_some() {
            return Ok(Some(number + 1));
        }
        Ok(None)
    }

    /// Whether this file is the one of that number still.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub(in super::super) fn is(&self, number: usize, file: &LogFile) -> Result<bool, HelperError> {
        let path = self.path(number);
        let failed = |error| HelperError::Failed(format!("cannot look at {path}: {error}"));
        let there = stat_optional(path.as_ref()).map_err(failed)?;
        let open = file.known()?;
        Ok(there.is_some_and(|it| (it.dev(), it.ino()) == (open.dev(), open.ino())))
    }

    /// Where a server that has come to a position goes on: the last file that begins with nothing
    /// that it lacks. `None`: that file is gone.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub(in super::super) fn begins(&self, at: &Position) -> Result<Option<usize>, HelperError> {
        let numbers = self.numbers()?;
        for number in numbers.iter().rev() {
            // A server that is just beginning a file has not written its list yet.
            let Some(list) = first_list(&self.path(*number))? else { continue };
            if list.fed().all().all(|gtid| at.has(gtid)) {
                return Ok(Some(*number));
            }
        }
        Ok(None)
    }
}

/// The position with which a file begins.
fn first_list(path: &str) -> Result<Option<Position>, HelperError> {
    let Ok(mut file) = LogFile::open(path) else { return Ok(None) };
    Ok(match next_group(&mut file)? {
        Next::List(list) => Some(Position::of(list)),
        Next::Group(_) | Next::End => None,
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;
    use crate::product::tests::kept;

    #[test]
    fn files_are_found_by_their_numbers() {
        let dir = tempfile::tempdir().expect("temp dir");
        for name in ["a.b.000009", "a.b.000010", "a.b.1000000", "a.b.index", "a.000011", "a.b.x9"] {
            std::fs::write(dir.path().join(name), "x").expect("written");
        }
        std::fs::write(dir.path().join("a.b.000012.idx"), "x").expect("written");
        let log = Log::new(&dir.path().join("a.b").display().to_string()).expect("a name");
        assert_eq!(log.numbers().expect("listed"), [9, 10, 1_000_000]);
        assert_eq!(log.next(9).expect("listed"), Some(10));
        assert_eq!(log.next(10).expect("listed"), None);
        assert!(log.path(1_000_000).ends_with("/a.b.1000000"));
        Log::new("relative").expect_err("no folder");
    }

    #[test]
    fn a_feed_goes_on_in_the_last_file_that_holds_nothing_it_lacks() {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = |number: &str| dir.path().join(format!("bin.{number}"));
        std::fs::write(file("000007"), kept("mariadb/tests/kinds.binlog")).expect("written");
        // The server is beginning it.
        std::fs::write(file("000008"), b"\xfebin").expect("written");
        let log = Log::new(&dir.path().join("bin").display().to_string()).expect("a name");
        let list = first_list(&log.path(7)).expect("read").expect("a list");
        assert_eq!(log.begins(&list).expect("read"), Some(7));
        // What came before is gone.
        assert_eq!(log.begins(&Position::default()).expect("read"), None, "{list}");
    }
}
