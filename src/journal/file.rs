//! The journal as a file: one record on each line, as `CRC-32 JSON`, appended and flushed before
//! anything else happens.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::Local;

use super::{Action, FORMAT, Line, Record};
use crate::host::files::{folder_of, open_own, sync_dir};

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be opened, read or written.
    #[error("cannot {doing} the journal {}: {source}", .path.display())]
    Io {
        /// `read`, `append to`, ...
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line in the middle is not what was written.
    #[error("line {line} of the journal {} is damaged: {why}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counts from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// It is not a journal of this tool, or a later version wrote it.
    #[error("{} is not a journal this version can read: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    seq: u64,
    /// The file may end with a partial line, so nothing may be appended.
    broken: bool,
}

/// The result of reading a journal.
#[derive(Debug)]
pub struct Reading<A> {
    /// The complete lines.
    pub lines: Vec<Line<A>>,
    /// Length of the complete lines in bytes.
    pub length: u64,
    /// Whether a torn last line was ignored: a crash in the middle of a write.
    pub torn: bool,
}

/// One line as the file holds it.
pub fn encode<A: Action>(line: &Line<A>) -> serde_json::Result<String> {
    let json = serde_json::to_string(line)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
}

/// The lines of a journal's text. Only the last may be torn; it is ignored.
///
/// # Errors
/// [`JournalError::Damaged`] for any other broken line, [`JournalError::Foreign`] if the text does
/// not begin like a journal.
pub fn decode<A: Action>(path: &Path, bytes: &[u8]) -> Result<Reading<A>, JournalError> {
    let mut reading = Reading { lines: Vec::new(), length: 0, torn: false };
    let mut rest = bytes;
    while !rest.is_empty() {
        let number = reading.lines.len() + 1;
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            reading.torn = true;
            break;
        };
        let (text, after) = (&rest[..end], &rest[end + 1..]);
        match decode_line(text) {
            Ok(line) if line.seq == number as u64 => reading.lines.push(line),
            Ok(line) => {
                return Err(damaged(
                    path,
                    number,
                    format!("it has number {}, not {number}", line.seq),
                ));
            }
            Err(Broken::Foreign(why)) => {
                return Err(JournalError::Foreign { path: path.to_owned(), why });
            }
            // A block device may write a torn sector that contains the end of the line.
            Err(Broken::Checksum(_)) if after.is_empty() && number > 1 => {
                reading.torn = true;
                break;
            }
            Err(Broken::Checksum(why)) if number == 1 => {
                return Err(JournalError::Foreign { path: path.to_owned(), why });
            }
            Err(Broken::Checksum(why)) => return Err(damaged(path, number, why)),
        }
        reading.length += end as u64 + 1;
        rest = after;
    }
    match reading.lines.first().map(|line| &line.record) {
        None => Ok(reading),
        Some(Record::Opened(manifest)) if manifest.format == FORMAT => Ok(reading),
        Some(Record::Opened(manifest)) => Err(JournalError::Foreign {
            path: path.to_owned(),
            why: format!(
                "it has format {}, this tool knows format {FORMAT} (written by backout {})",
                manifest.format, manifest.tool
            ),
        }),
        Some(_) => Err(JournalError::Foreign {
            path: path.to_owned(),
            why: "its first line does not open a change".into(),
        }),
    }
}

enum Broken {
    Checksum(String),
    Foreign(String),
}

fn decode_line<A: Action>(text: &[u8]) -> Result<Line<A>, Broken> {
    let text = std::str::from_utf8(text).map_err(|_| Broken::Checksum("it is not text".into()))?;
    let (sum, json) =
        text.split_once(' ').ok_or_else(|| Broken::Checksum("it has no checksum".into()))?;
    let well_formed =
        sum.len() == 8 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let sum = u32::from_str_radix(sum, 16)
        .ok()
        .filter(|_| well_formed)
        .ok_or_else(|| Broken::Checksum("it has no checksum".into()))?;
    if sum != crc32fast::hash(json.as_bytes()) {
        return Err(Broken::Checksum("its checksum does not fit".into()));
    }
    // The checksum is right, so exactly this was written. What we cannot read comes from another
    // version.
    let line: Line<A> = serde_json::from_str(json).map_err(|error| {
        let format = serde_json::from_str::<serde_json::Value>(json)
            .ok()
            .and_then(|value| value.get("format")?.as_u64());
        Broken::Foreign(match format {
            Some(format) if format != u64::from(FORMAT) => {
                format!("it has format {format}, this tool knows format {FORMAT}")
            }
            _ => format!("a record is not known to this version: {error}"),
        })
    })?;
    // A field that we ignore may be the one that forbids something.
    if !is_as_written(&line, json) {
        let why = format!("record {} holds something that this version does not know", line.seq);
        return Err(Broken::Foreign(why));
    }
    Ok(line)
}

/// Whether a line says all that stands in its text. A line that this version wrote is the text to
/// the byte; of another version's, such as one with its fields in another order, the values count.
fn is_as_written<A: Action>(line: &Line<A>, json: &str) -> bool {
    let mut same = Same(json.as_bytes());
    if serde_json::to_writer(&mut same, line).is_ok() && same.0.is_empty() {
        return true;
    }
    let written: Option<serde_json::Value> = serde_json::from_str(json).ok();
    written.is_some() && written == serde_json::to_value(line).ok()
}

/// Takes only the bytes that are expected.
struct Same<'a>(&'a [u8]);

impl Write for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let rest = self.0.strip_prefix(bytes);
        self.0 = rest.ok_or_else(|| std::io::Error::other("not the same"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn damaged(path: &Path, line: usize, why: String) -> JournalError {
    JournalError::Damaged { path: path.to_owned(), line, why }
}

/// Reads a journal without changing it.
///
/// # Errors
/// See [`decode`].
pub fn read<A: Action>(path: &Path) -> Result<Reading<A>, JournalError> {
    let bytes = std::fs::read(path).map_err(|source| JournalError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    decode(path, &bytes)
}

impl Journal {
    /// Creates an empty journal. Its folder must exist.
    ///
    /// # Errors
    /// When it exists already, or cannot be created.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { doing: "create", path: path.to_owned(), source };
        let file = open_own(OpenOptions::new().create_new(true).append(true).read(true), path)
            .map_err(io)?;
        file.sync_all().map_err(io)?;
        sync_dir(folder_of(path)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file, length: 0, seq: 0, broken: false })
    }

    /// Opens a journal to append to it. Removes a torn last line.
    ///
    /// # Errors
    /// See [`decode`].
    pub fn open<A: Action>(path: &Path) -> Result<(Self, Vec<Line<A>>), JournalError> {
        let io = |source| JournalError::Io { doing: "open", path: path.to_owned(), source };
        let mut file = open_own(OpenOptions::new().append(true).read(true), path).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let reading = decode(path, &bytes)?;
        if reading.torn {
            file.set_len(reading.length).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        let seq = reading.lines.len() as u64;
        Ok((
            Self { path: path.to_owned(), file, length: reading.length, seq, broken: false },
            reading.lines,
        ))
    }

    /// Appends a record and flushes it to disk. If that fails, the journal is as before.
    ///
    /// # Errors
    /// [`JournalError::Io`], such as a full disk.
    #[expect(clippy::disallowed_methods, reason = "a record says when it was written, for people")]
    pub fn append<A: Action>(&mut self, record: Record<A>) -> Result<Line<A>, JournalError> {
        let line = Line { seq: self.seq + 1, at: Local::now().fixed_offset(), record };
        let io = |source| JournalError::Io { doing: "append to", path: self.path.clone(), source };
        if self.broken {
            return Err(io(std::io::Error::other(
                "an earlier write to it failed, and could not be taken back",
            )));
        }
        let text = encode(&line).map_err(std::io::Error::from).map_err(io)?;
        let written = self.write(text.as_bytes());
        match written {
            Ok(()) => {
                self.length += text.len() as u64;
                self.seq += 1;
                Ok(line)
            }
            Err(source) => {
                // A part of the line may have been written. Nothing may be appended to it.
                let cut = self
                    .file
                    .set_len(self.length)
                    .and_then(|()| self.file.seek(SeekFrom::End(0)))
                    .and_then(|_| self.file.sync_data());
                self.broken = cut.is_err();
                Err(JournalError::Io { doing: "append to", path: self.path.clone(), source })
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        #[cfg(test)]
        if self.struck(bytes, false)? {
            return Err(std::io::Error::other("struck"));
        }
        #[cfg(feature = "crash-points")]
        if let Err(full) = crate::host::failpoint::full(&what(bytes)) {
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(full);
        }
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        #[cfg(test)]
        self.struck(bytes, true)?;
        Ok(())
    }

    /// A failpoint before, within and after the writing of a line.
    #[cfg(test)]
    fn struck(&mut self, bytes: &[u8], after: bool) -> std::io::Result<bool> {
        use crate::host::failpoint::testing::{Strike, ask, kill, tick};
        let what = what(bytes);
        if after {
            return if tick(&format!("{what} after"), true) {
                Err(std::io::Error::other("struck"))
            } else {
                Ok(false)
            };
        }
        if tick(&format!("{what} before"), true) {
            return Ok(true);
        }
        if let Some(strike) = ask(&format!("{what} torn"), true) {
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            if strike == Strike::Kill {
                kill();
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// The name of a line as a failpoint: the kind of its record and the step. A number would be
/// another place at each attempt.
#[cfg(any(test, feature = "crash-points"))]
fn what(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let value = |key: &str| {
        text.split_once(key)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("", |(value, _)| value)
            .to_owned()
    };
    let step = if text.len() < 1000 { value("\"step\":\"") } else { String::new() };
    format!("journal {} {step}", value("\"record\":\""))
}
