//! Sorting more lines than memory holds: runs that fit are sorted and written to files without a
//! name, which are merged. A crash leaves nothing behind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::ops::Range;
use std::path::Path;

/// How much memory a run takes at most, in bytes; one line that is longer makes a run of its own.
pub const RUN: usize = 32 << 20;

/// How many runs are merged at once: each is an open file.
const FAN_IN: usize = 64;

/// Hands on the lines of `source` that `keep` wants, in the order of their bytes; lines that occur
/// twice twice. Returns how many there are. `run` is the size of a run in bytes ([`RUN`]); runs are
/// written into the folder `scratch`, which needs room for all lines if they do not fit one.
///
/// # Errors
/// When something cannot be read or written, or `put` fails.
pub fn sorted(
    mut source: impl BufRead,
    run: usize,
    scratch: &Path,
    keep: impl Fn(&[u8]) -> bool,
    mut put: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut runs = Runs { scratch, levels: Vec::new() };
    let mut count = 0;
    loop {
        let mut lines = Lines::default();
        let more = lines.fill(&mut source, run, &keep)?;
        count += lines.places.len() as u64;
        lines.sort();
        if !more && runs.levels.is_empty() {
            lines.each(&mut put)?;
            return Ok(count);
        }
        runs.add(&lines)?;
        if !more {
            let all = runs.levels.into_iter().flatten().collect();
            merge(all, put)?;
            return Ok(count);
        }
    }
}

/// Lines in memory, one behind the other.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Lines {
    /// Reads lines until they take as much memory as a run may. Returns whether there may be more.
    fn fill(
        &mut self,
        source: &mut impl BufRead,
        run: usize,
        keep: impl Fn(&[u8]) -> bool,
    ) -> io::Result<bool> {
        while self.text.len() + self.places.len() * size_of::<Range<usize>>() < run {
            let start = self.text.len();
            if source.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(false);
            }
            if self.text.ends_with(b"\n") {
                self.text.pop();
            }
            let place = start..self.text.len();
            if keep(&self.text[place.clone()]) {
                self.places.push(place);
            } else {
                self.text.truncate(start);
            }
        }
        Ok(true)
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.places.sort_unstable_by(|a, b| text[a.clone()].cmp(&text[b.clone()]));
    }

    fn each(&self, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.places.iter().try_for_each(|place| put(&self.text[place.clone()]))
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
        write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    ) -> io::Result<File> {
        let mut file = tempfile::tempfile_in(self.scratch)?;
        let mut writer = BufWriter::new(&mut file);
        write(&mut writer)?;
        writer.flush()?;
        drop(writer);
        file.rewind()?;
        Ok(file)
    }
}

fn end_with_newline(file: &mut impl Write, line: &[u8]) -> io::Result<()> {
    file.write_all(line)?;
    file.write_all(b"\n")
}

/// Hands on the lines of sorted files in their order.
fn merge(runs: Vec<File>, mut put: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut runs: Vec<_> = runs.into_iter().map(|run| BufReader::new(run).split(b'\n')).collect();
    let mut heads = BinaryHeap::new();
    for (at, run) in runs.iter_mut().enumerate() {
        heads.extend(run.next().transpose()?.map(|line| Reverse((line, at))));
    }
    while let Some(Reverse((line, at))) = heads.pop() {
        put(&line)?;
        heads.extend(runs[at].next().transpose()?.map(|line| Reverse((line, at))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sort(text: &[u8], run: usize, keep: impl Fn(&[u8]) -> bool) -> (Vec<Vec<u8>>, u64) {
        let scratch = tempfile::tempdir().expect("temp dir");
        let mut found = Vec::new();
        let put = |line: &[u8]| {
            found.push(line.to_vec());
            Ok(())
        };
        let count = sorted(text, run, scratch.path(), keep, put).expect("sorted");
        let left = scratch.path().read_dir().expect("folder").count();
        assert_eq!(left, 0, "nothing is left of the runs");
        (found, count)
    }

    #[test]
    fn a_last_line_without_an_end_is_a_line_and_an_empty_one_is_one_too() {
        for run in [1, RUN] {
            let lines = |text: &str| sort(text.as_bytes(), run, |_| true).0;
            assert_eq!(lines(""), Vec::<Vec<u8>>::new());
            assert_eq!(lines("b\n\na"), [b"".to_vec(), b"a".to_vec(), b"b".to_vec()]);
        }
    }

    #[test]
    fn more_runs_than_are_merged_at_once() {
        let lines: Vec<String> =
            (0..FAN_IN * FAN_IN + 5).map(|i| format!("{:05}", i * 7919 % 10_007)).collect();
        let (found, count) = sort(lines.join("\n").as_bytes(), 1, |_| true);
        assert_eq!(count, lines.len() as u64);
        assert!(found.is_sorted() && found.len() == lines.len());
    }

    proptest! {
        #[test]
        fn in_runs_it_is_the_same_as_in_memory(text in "[a-c\n]{0,200}", run in 1usize..200) {
            let mut expected: Vec<Vec<u8>> = text.as_bytes().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            // A text that ends with a line break has no further line.
            if text.is_empty() || text.ends_with('\n') {
                expected.pop();
            }
            expected.retain(|line| !line.starts_with(b"c"));
            expected.sort();
            let (found, count) = sort(text.as_bytes(), run, |line| !line.starts_with(b"c"));
            prop_assert_eq!(count, expected.len() as u64);
            prop_assert_eq!(found, expected);
        }
    }
}
