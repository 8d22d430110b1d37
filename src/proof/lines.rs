//! Files of lines: read line by line, and written atomically; plain, or compressed (LZ4, which
//! `lz4cat` reads).

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::sort::next_line;
use crate::host::checksum::Hashing;
use crate::host::failpoint;
use crate::host::files::{beside, folder_of, open_own, sync_dir};

/// The suffix of a compressed file.
pub(super) const PACKED: &str = ".lz4";

/// Lines that come one after the other.
pub trait Lines {
    /// Reads the next one, without its end, into `line`. Returns whether there was one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool>;
}

impl<R: BufRead> Lines for R {
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        next_line(self, line)
    }
}

/// The lines that are wanted of others.
pub(super) struct Filtered<L, K> {
    pub(super) lines: L,
    pub(super) keep: K,
}

impl<L: Lines, K: Fn(&[u8]) -> bool> Lines for Filtered<L, K> {
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        while self.lines.next(line)? {
            if (self.keep)(line) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The lines of a file, which is compressed if its name says so. The last one may lack its end.
///
/// # Errors
/// When it cannot be opened.
pub fn of(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let file = File::open(path)?;
    Ok(if path.as_os_str().as_encoded_bytes().ends_with(PACKED.as_bytes()) {
        Box::new(FrameDecoder::new(file))
    } else {
        Box::new(BufReader::with_capacity(64 << 10, file))
    })
}

/// A file that takes its place only when it is complete. Mode 0600.
pub(super) struct NewFile {
    path: PathBuf,
    work: PathBuf,
    file: Target,
}

type Plain = BufWriter<Hashing<File>>;

enum Target {
    Plain(Plain),
    Packed(Box<FrameEncoder<Plain>>),
}

impl NewFile {
    /// Begins a file. The leftover of an earlier attempt is overwritten.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let work = beside(path, ".new");
        let file = open_own(OpenOptions::new().write(true).create(true).truncate(true), &work)?;
        failpoint::full(&format!("list {}", path.file_name().unwrap_or_default().display()))?;
        let plain = BufWriter::with_capacity(256 << 10, Hashing::new(file));
        let packed = path.as_os_str().as_encoded_bytes().ends_with(PACKED.as_bytes());
        let file = if packed {
            let info = FrameInfo::new().block_size(BlockSize::Max64KB).content_checksum(true);
            Target::Packed(Box::new(FrameEncoder::with_frame_info(info, plain)))
        } else {
            Target::Plain(plain)
        };
        Ok(Self { path: path.to_owned(), work, file })
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let file: &mut dyn Write = match &mut self.file {
            Target::Plain(file) => file,
            Target::Packed(file) => file,
        };
        file.write_all(line)?;
        file.write_all(b"\n")
    }

    /// Flushes it, and puts it into its place. Returns its SHA-256.
    pub(super) fn finish(self) -> io::Result<String> {
        let plain = match self.file {
            Target::Plain(file) => file,
            Target::Packed(file) => file.finish()?,
        };
        let (file, sha256) = plain.into_inner().map_err(io::IntoInnerError::into_error)?.finish();
        file.sync_all()?;
        fs::rename(&self.work, &self.path)?;
        sync_dir(folder_of(&self.path))?;
        Ok(sha256)
    }
}
