//! Sorting more lines than memory holds: runs that fit are sorted and written, compressed, to files
//! without a name, which are merged. A crash leaves nothing behind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek, Write};
use std::path::Path;

use lz4_flex::frame::{FrameDecoder, FrameEncoder};

use crate::host::disk;

/// How much of a list a run may hold.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Bytes of text. One line that is longer makes a run of its own.
    pub text: usize,
    /// Lines.
    pub lines: usize,
}

/// 24 MiB of text, and 12 MiB of where its lines are. With what is read and written at the same
/// time, a sort stays below 64 MiB.
pub const RUN: Size = Size { text: 24 << 20, lines: (12 << 20) / size_of::<Place>() };

/// How many runs are merged at once: each is an open file, and has 256 KiB of buffers.
const FAN_IN: usize = 48;

/// How much of a line is read at once.
const CHUNK: usize = 64 << 10;

/// Lines, sorted, that were not written to their file yet.
pub struct Sorted {
    /// How many there are.
    pub count: u64,
    lines: Lines,
    runs: Vec<File>,
}

/// Reads the lines of `source` that `keep` wants, and sorts them in the order of their bytes; lines
/// that occur twice are kept twice. Runs are written into the folder `scratch`, if they do not fit
/// one.
///
/// # Errors
/// When something cannot be read or written.
pub fn sorted(
    source: &mut dyn BufRead,
    size: Size,
    scratch: &Path,
    keep: impl Fn(&[u8]) -> bool,
) -> io::Result<Sorted> {
    let mut runs = Runs { scratch, levels: Vec::new() };
    let mut count = 0;
    let mut lines = Lines::new(size);
    loop {
        let more = lines.fill(source, &keep)?;
        count += lines.places.len() as u64;
        lines.sort();
        if more {
            runs.add(&lines)?;
            lines.clear();
            continue;
        }
        if runs.levels.is_empty() {
            return Ok(Sorted { count, lines, runs: Vec::new() });
        }
        if !lines.places.is_empty() {
            runs.add(&lines)?;
        }
        drop(lines);
        let runs = runs.levels.into_iter().flatten().collect();
        return Ok(Sorted { count, lines: Lines::new(Size { text: 0, lines: 0 }), runs });
    }
}

impl Sorted {
    /// The bytes that the runs take on the disk: about what their list takes as well.
    ///
    /// # Errors
    /// When one cannot be looked at.
    pub fn size(&self) -> io::Result<u64> {
        self.runs.iter().try_fold(0, |sum, run| Ok(sum + run.metadata()?.len()))
    }

    /// Hands on the lines in their order.
    ///
    /// # Errors
    /// When one cannot be read, or `put` fails.
    pub fn each(self, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.runs.is_empty() {
            return self.lines.each(&mut put);
        }
        merge(self.runs, put)
    }
}

/// Fails unless this many bytes are free in a folder.
///
/// # Errors
/// When they are not: how many are missing. When that cannot be told.
pub fn room(folder: &Path, needed: u64) -> io::Result<()> {
    let free = disk::space(folder)?.free;
    if free >= needed {
        return Ok(());
    }
    let size = |bytes| humansize::format_size(bytes, humansize::BINARY);
    Err(io::Error::new(
        io::ErrorKind::StorageFull,
        format!(
            "{} needs {} more room: {} are free there, and about {} are needed",
            folder.display(),
            size(needed - free),
            size(free),
            size(needed)
        ),
    ))
}

/// Where a line is in the text, and how its bytes behind the common beginning go on.
#[derive(Clone, Copy)]
struct Place {
    key: u64,
    start: u32,
    length: u32,
}

/// Lines in memory, one behind the other. Neither part grows, but for one long line.
struct Lines {
    size: Size,
    text: Vec<u8>,
    places: Vec<Place>,
}

impl Lines {
    fn new(size: Size) -> Self {
        let text = Vec::with_capacity(size.text.saturating_add(CHUNK));
        Self { size, text, places: Vec::with_capacity(size.lines) }
    }

    fn clear(&mut self) {
        if self.text.capacity() > self.size.text.saturating_add(CHUNK) {
            self.text = Vec::with_capacity(self.size.text.saturating_add(CHUNK));
        }
        self.text.clear();
        self.places.clear();
    }

    /// Reads lines until they take as much memory as a run may. Returns whether there may be more.
    fn fill(&mut self, source: &mut dyn BufRead, keep: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        while self.text.len() < self.size.text && self.places.len() < self.size.lines {
            let start = self.text.len();
            if !self.read(source)? {
                return Ok(false);
            }
            if self.text.ends_with(b"\n") {
                self.text.pop();
            }
            if keep(&self.text[start..]) {
                let length = self.text.len() - start;
                let (Ok(start), Ok(length)) = (u32::try_from(start), u32::try_from(length)) else {
                    let why = "a line of the list is longer than 4 GiB";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                };
                self.places.push(Place { key: 0, start, length });
            } else {
                self.text.truncate(start);
            }
        }
        Ok(true)
    }

    /// Appends a line with its end to the text. Returns whether there was one.
    fn read(&mut self, source: &mut dyn BufRead) -> io::Result<bool> {
        let mut any = false;
        loop {
            if self.text.capacity() - self.text.len() < CHUNK {
                self.text.reserve_exact(CHUNK.max(self.text.len() / 4));
            }
            let read = source.take(CHUNK as u64).read_until(b'\n', &mut self.text)?;
            any |= read > 0;
            if read < CHUNK || self.text.ends_with(b"\n") {
                return Ok(any);
            }
        }
    }

    fn line(&self, place: &Place) -> &[u8] {
        &self.text[place.start as usize..][..place.length as usize]
    }

    /// Most lines of a list begin alike, with a table's name: their order is told by the first
    /// eight bytes that may differ.
    fn sort(&mut self) {
        let Some(first) = self.places.first() else { return };
        let first = self.line(first);
        let mut common = first.len();
        for place in &self.places {
            let line = self.line(place);
            if !line.starts_with(&first[..common]) {
                common = line.iter().zip(&first[..common]).take_while(|(a, b)| a == b).count();
            }
        }
        let text = &self.text;
        let rest = |place: &Place| {
            &text[place.start as usize + common..(place.start as usize + place.length as usize)]
        };
        for place in &mut self.places {
            let mut key = [0; 8];
            let rest = rest(place);
            let bytes = rest.len().min(8);
            key[..bytes].copy_from_slice(&rest[..bytes]);
            place.key = u64::from_be_bytes(key);
        }
        self.places.sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| rest(a).cmp(rest(b))));
    }

    fn each(&self, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.places.iter().try_for_each(|place| put(self.line(place)))
    }
}

/// Sorted runs. Those of a level that is full become one of the next level, so that no line is
/// written more often than there are levels.
struct Runs<'a> {
    scratch: &'a Path,
    levels: Vec<Vec<File>>,
}

impl Runs<'_> {
    fn add(&mut self, lines: &Lines) -> io::Result<()> {
        let mut run = self.write(|file| lines.each(|line| end_with_newline(file, line)))?;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < FAN_IN {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            run = self.write(|file| merge(full, |line| end_with_newline(file, line)))?;
        }
        Ok(())
    }

    fn write(
        &self,
        write: impl FnOnce(&mut FrameEncoder<&mut File>) -> io::Result<()>,
    ) -> io::Result<File> {
        let mut file = tempfile::tempfile_in(self.scratch)?;
        let mut writer = FrameEncoder::new(&mut file);
        write(&mut writer)?;
        writer.finish()?;
        file.rewind()?;
        Ok(file)
    }
}

fn end_with_newline(file: &mut impl Write, line: &[u8]) -> io::Result<()> {
    file.write_all(line)?;
    file.write_all(b"\n")
}

/// Reads the next line, without its end. Returns whether there was one.
pub(super) fn next_line(source: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = source.read_until(b'\n', line)?;
    if line.ends_with(b"\n") {
        line.pop();
    }
    Ok(read > 0)
}

/// Hands on the lines of sorted files in their order.
fn merge(runs: Vec<File>, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut runs: Vec<_> = runs.into_iter().map(FrameDecoder::new).collect();
    let mut heads = BinaryHeap::new();
    for (at, run) in runs.iter_mut().enumerate() {
        let mut line = Vec::new();
        if next_line(run, &mut line)? {
            heads.push(Reverse((line, at)));
        }
    }
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((line, at)) = &mut *head;
        put(line)?;
        if !next_line(&mut runs[*at], line)? {
            PeekMut::pop(head);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sort(text: &[u8], size: Size, keep: impl Fn(&[u8]) -> bool) -> (Vec<Vec<u8>>, u64) {
        let scratch = tempfile::tempdir().expect("temp dir");
        let mut found = Vec::new();
        let put = |line: &[u8]| {
            found.push(line.to_vec());
            Ok(())
        };
        let mut text = text;
        let lines = sorted(&mut text, size, scratch.path(), keep).expect("sorted");
        let count = lines.count;
        lines.each(put).expect("handed on");
        let left = scratch.path().read_dir().expect("folder").count();
        assert_eq!(left, 0, "nothing is left of the runs");
        (found, count)
    }

    const ONE: Size = Size { text: 1, lines: 1 };

    #[test]
    fn a_last_line_without_an_end_is_a_line_and_an_empty_one_is_one_too() {
        for size in [ONE, RUN] {
            let lines = |text: &str| sort(text.as_bytes(), size, |_| true).0;
            assert_eq!(lines(""), Vec::<Vec<u8>>::new());
            assert_eq!(lines("b\n\na"), [b"".to_vec(), b"a".to_vec(), b"b".to_vec()]);
        }
    }

    #[test]
    fn more_runs_than_are_merged_at_once() {
        let lines: Vec<String> =
            (0..FAN_IN * FAN_IN + 5).map(|i| format!("{:05}", i * 7919 % 10_007)).collect();
        let (found, count) = sort(lines.join("\n").as_bytes(), ONE, |_| true);
        assert_eq!(count, lines.len() as u64);
        assert!(found.is_sorted() && found.len() == lines.len());
    }

    #[test]
    fn a_line_that_is_longer_than_a_run_is_kept_whole() {
        let long = "x".repeat(3 * CHUNK + 5);
        let size = Size { text: 10, lines: 10 };
        let (found, _) = sort(format!("{long}\nb\n{long}a").as_bytes(), size, |_| true);
        assert_eq!(found, ["b", &long, &format!("{long}a")].map(|it| it.as_bytes().to_vec()));
    }

    #[test]
    fn room_that_is_missing_is_said() {
        let dir = tempfile::tempdir().expect("temp dir");
        room(dir.path(), 1).expect("there is some");
        let said = room(dir.path(), u64::MAX).unwrap_err().to_string();
        assert!(said.contains("EiB more room: ") && said.contains("are needed"), "{said}");
    }

    proptest! {
        #[test]
        fn in_runs_it_is_the_same_as_in_memory(
            text in "[a-c\n]{0,200}",
            bytes in 1usize..200,
            lines in 1usize..30,
            common in "(aaaaaaaaaaa)?"
        ) {
            let text = text.replace('\n', &format!("\n{common}"));
            let mut expected: Vec<Vec<u8>> =
                text.as_bytes().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            // A text that ends with a line break has no further line.
            if text.is_empty() || text.ends_with('\n') {
                expected.pop();
            }
            expected.retain(|line| !line.starts_with(b"c"));
            expected.sort();
            let size = Size { text: bytes, lines };
            let (found, count) = sort(text.as_bytes(), size, |line| !line.starts_with(b"c"));
            prop_assert_eq!(count, expected.len() as u64);
            prop_assert_eq!(found, expected);
        }
    }
}
