//! The keys that a feed has brought over, in a file: a switch compares them. What was not on the
//! disk yet when the power failed is read again from the source.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::super::log::Entry;
use super::super::touched::{keys_in, line, unknown};
use super::growth::Growth;
use super::place::Place;
use crate::host::files::{open_own, write_atomic};
use crate::product::stream::HelperError;

/// How many keys are remembered, so that none of them is written twice.
const REMEMBERED: usize = 1 << 18;

/// The longest line.
const LINE: u64 = 1 << 16;

/// The file, and how much of the source it covers.
pub(super) struct Keys {
    file: File,
    covers: PathBuf,
    place: Place,
    kept: Option<Place>,
    seen: HashSet<u64>,
    lines: Vec<u8>,
}

fn failed(what: &str, path: &Path, error: &io::Error) -> HelperError {
    HelperError::Failed(format!("cannot {what} {}: {error}", path.display()))
}

fn names(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("keys"), folder.join("keys-cover"))
}

/// How long the file is without a line that was cut off.
fn whole(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LINE);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut tail)?;
    let cut = tail.iter().rev().take_while(|byte| **byte != b'\n').count();
    Ok(from + (tail.len() - cut) as u64)
}

/// Up to where the file covers the source; from `begin` on, if nothing is said.
fn covered(folder: &Path, begin: &Place) -> Result<Place, HelperError> {
    let (_, path) = names(folder);
    match fs::read_to_string(&path) {
        Ok(text) => Place::of_value(&text)
            .ok_or_else(|| HelperError::Failed(format!("{} is damaged", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(begin.clone()),
        Err(error) => Err(failed("read", &path, &error)),
    }
}

impl Keys {
    /// Goes on in this folder. `begin` is where the feed began, `place` where it goes on.
    ///
    /// # Errors
    /// When something cannot be read or written.
    pub(super) fn open(
        folder: &Path,
        source: &Path,
        begin: &Place,
        place: &Place,
    ) -> Result<Self, HelperError> {
        let (path, covers) = names(folder);
        let open = || {
            let mut options = File::options();
            let mut file = open_own(options.read(true).append(true).create(true), &path)?;
            let whole = whole(&mut file)?;
            file.set_len(whole)?;
            Ok(file)
        };
        let file = open().map_err(|error| failed("open", &path, &error))?;
        let from = covered(folder, begin)?;
        let (seen, lines) = (HashSet::new(), Vec::new());
        let mut keys = Self { file, covers, place: from.clone(), kept: None, seen, lines };
        if from.file != place.file {
            return Err(HelperError::Failed(format!(
                "the keys are known up to {from}, and the feed goes on at {place}"
            )));
        }
        let mut growth = Growth::open(source, from)?;
        while keys.place.offset < place.offset {
            let part = growth.next(|entry, database| {
                keys.add(entry, database);
                Ok(None)
            })?;
            if part.items == 0 {
                break;
            }
            keys.reached(&part.place)?;
        }
        keys.keep()?;
        Ok(keys)
    }

    /// The keys of a command.
    pub(super) fn add(&mut self, entry: &Entry, database: Option<u64>) {
        lines_of(entry, database, "", &mut self.seen, &mut self.lines);
    }

    /// Writes what was added: it leads to this place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn reached(&mut self, place: &Place) -> Result<(), HelperError> {
        let written = self.file.write_all(&self.lines);
        written.map_err(|error| failed("write", &self.covers.with_file_name("keys"), &error))?;
        self.lines.clear();
        self.place = place.clone();
        Ok(())
    }

    /// What was written is on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&mut self) -> Result<(), HelperError> {
        if self.kept.as_ref() == Some(&self.place) {
            return Ok(());
        }
        let write = || {
            self.file.sync_data()?;
            write_atomic(&self.covers, self.place.value().as_bytes())
        };
        write().map_err(|error| failed("write", &self.covers, &error))?;
        self.kept = Some(self.place.clone());
        Ok(())
    }
}

/// The lines of a command's keys, each behind `before`.
fn lines_of(
    entry: &Entry,
    database: Option<u64>,
    before: &str,
    seen: &mut HashSet<u64>,
    lines: &mut Vec<u8>,
) {
    let mut add = |line: &str| {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        if seen.insert(hasher.finish()) {
            lines.extend_from_slice(line.as_bytes());
        }
    };
    if entry.name() == "select" {
        return;
    }
    let database = database.map(|it| it.to_string()).unwrap_or_default();
    match keys_in(entry) {
        Ok(keys) => {
            keys.into_iter().for_each(|key| add(&format!("{before}{}", line(&database, key))))
        }
        Err(()) => add(&format!("{}\n", unknown(entry))),
    }
}

/// Prints the keys of everything that was written to the source since `begin`.
///
/// # Errors
/// When something cannot be read or written.
pub(super) fn print(
    folder: &Path,
    source: &Path,
    begin: &Place,
    output: &mut dyn Write,
) -> Result<(), HelperError> {
    let (path, _) = names(folder);
    let from = covered(folder, begin)?;
    match File::open(&path) {
        Ok(mut file) => {
            let read = |error: io::Error| failed("read", &path, &error);
            let whole = whole(&mut file).map_err(read)?;
            file.seek(SeekFrom::Start(0)).map_err(read)?;
            io::copy(&mut file.take(whole), output).map_err(HelperError::Output)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("open", &path, &error)),
    }
    rest(source, from, "", output)
}

/// Prints the keys of what was written to the source since this place, each behind a `+`, and a line
/// for the functions: all of this is listed anew.
///
/// # Errors
/// As [`print`].
pub(super) fn since(
    source: &Path,
    place: Place,
    output: &mut dyn Write,
) -> Result<(), HelperError> {
    output.write_all(b"+functions\n").map_err(HelperError::Output)?;
    rest(source, place, "+", output)
}

/// Prints the keys of what follows this place.
fn rest(
    source: &Path,
    from: Place,
    before: &str,
    output: &mut dyn Write,
) -> Result<(), HelperError> {
    let mut growth = Growth::open(source, from)?;
    let (mut seen, mut lines) = (HashSet::new(), Vec::new());
    loop {
        let part = growth.next(|entry, database| {
            lines_of(entry, database, before, &mut seen, &mut lines);
            Ok(None)
        })?;
        output.write_all(&lines).map_err(HelperError::Output)?;
        lines.clear();
        if part.items == 0 {
            return output.flush().map_err(HelperError::Output);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::super::super::client::command;
    use super::*;

    /// Whatever of the file was on the disk when the power failed, and whatever the server had.
    #[test]
    fn s1_no_key_is_missing_after_a_power_cut() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (state, source) = (dir.path().join("state"), dir.path().join("source"));
        fs::create_dir(&state).expect("a folder");
        fs::create_dir(&source).expect("a folder");
        let mut text = command(&[b"SELECT", b"2"]);
        for key in ["a", "b", "c", "a"] {
            text.extend(command(&[b"SET", key.as_bytes(), b"1"]));
        }
        fs::write(source.join("x"), &text).expect("written");
        let begin = Place { file: "x".into(), offset: 0, database: None };
        let end = Place { offset: text.len() as u64, database: Some(2), ..begin.clone() };
        let printed = || {
            let mut output = Vec::new();
            print(&state, &source, &begin, &mut output).expect("printed");
            let text = String::from_utf8(output).expect("text");
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines.dedup();
            lines.join(" ")
        };
        assert_eq!(printed(), "2\ta 2\tb 2\tc");
        Keys::open(&state, &source, &begin, &end).expect("opened");
        let whole = fs::read(state.join("keys")).expect("read");
        for cut in 0..=whole.len() {
            fs::write(state.join("keys"), &whole[..cut]).expect("written");
            let _ = fs::remove_file(state.join("keys-cover"));
            assert_eq!(printed(), "2\ta 2\tb 2\tc", "{cut}");
            Keys::open(&state, &source, &begin, &end).expect("opened");
            assert_eq!(printed(), "2\ta 2\tb 2\tc", "{cut}");
        }
        let mut output = Vec::new();
        since(&source, begin.clone(), &mut output).expect("printed");
        assert_eq!(String::from_utf8(output).expect("text"), "+functions\n+2\ta\n+2\tb\n+2\tc\n");
        // A command whose keys cannot be told.
        text.extend(command(&[b"FLUSHALL"]));
        fs::write(source.join("x"), &text).expect("written");
        assert!(printed().starts_with("*\tFLUSHALL was written"), "{}", printed());
    }
}
