//! Files of lines: read line by line, and written atomically.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::host::failpoint;
use crate::host::files::{open_own, sync_dir};

/// The lines of a file, without their ends. The last one may lack its end.
///
/// # Errors
/// When it cannot be opened. An item is an error when it cannot be read.
pub fn of(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Vec<u8>>> + use<>> {
    Ok(BufReader::new(File::open(path)?).split(b'\n'))
}

/// The same name with a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// A file that takes its place only when it is complete. Mode 0600.
pub(super) struct NewFile {
    path: PathBuf,
    work: PathBuf,
    file: BufWriter<File>,
}

impl NewFile {
    /// Begins a file. The leftover of an earlier attempt is overwritten.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let work = beside(path, ".new");
        let file = open_own(OpenOptions::new().write(true).create(true).truncate(true), &work)?;
        failpoint::full(&format!("list {}", path.file_name().unwrap_or_default().display()))?;
        Ok(Self { path: path.to_owned(), work, file: BufWriter::new(file) })
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.file.write_all(b"\n")
    }

    /// Flushes it, and puts it into its place.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.work, &self.path)?;
        sync_dir(self.path.parent().unwrap_or(Path::new(".")))
    }
}
