//! The lists of what a product holds, one item on each line, sorted and compressed, in a change's
//! folder.

use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::ahead::{self, Ahead};
use super::compare::{Difference, compare};
use super::lines::{self, Filtered, Lines, NewFile, PACKED};
use super::sort::{self, Sorted, sorted};
use crate::host::checksum::sha256_of;
use crate::host::files::{beside, stat_optional};
use crate::journal::{Proof, Side};
use crate::playbook::{Extractor, Pattern};

/// The file of one inventory.
pub fn path(folder: &Path, name: &str, side: Side) -> PathBuf {
    beside(&plain(folder, name, side), PACKED)
}

/// The file that 0.1.0 wrote, which was not compressed.
fn plain(folder: &Path, name: &str, side: Side) -> PathBuf {
    folder.join(format!("{name}.{}", if side == Side::Upgraded { "expected" } else { "found" }))
}

/// The file of one inventory that is there: one of 0.1.0 if there is no other.
pub fn existing(folder: &Path, name: &str, side: Side) -> PathBuf {
    let (packed, plain) = (path(folder, name, side), plain(folder, name, side));
    match (stat_optional(&packed), stat_optional(&plain)) {
        (Ok(None), Ok(Some(_))) => plain,
        _ => packed,
    }
}

/// The file of what a capture touched of an inventory: lines for the product's own command, plain.
pub fn touched(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.touched"))
}

/// What a line says that cannot tell what was touched, and how it begins.
pub const NOT_TOLD: &[u8] = b"*";

/// Writes what a capture touched to its file, each line once. Returns the number of lines and the
/// SHA-256 of the file, or why it cannot be told.
///
/// # Errors
/// When the file cannot be written.
pub fn keep_touched(
    file: &Path,
    lines: Sorted,
) -> Result<std::result::Result<(u64, String), String>> {
    let (mut last, mut count, mut not_told) = (None::<Vec<u8>>, 0_u64, None::<String>);
    let write = || {
        let mut new = NewFile::create(file)?;
        lines.each(|line| {
            if let Some(why) = line.strip_prefix(NOT_TOLD) {
                let why = || String::from_utf8_lossy(why).trim().chars().take(200).collect();
                not_told.get_or_insert_with(why);
            }
            if last.as_deref() == Some(line) {
                return Ok(());
            }
            let slot = last.get_or_insert_default();
            slot.clear();
            slot.extend_from_slice(line);
            count += 1;
            new.line(line)
        })?;
        new.finish()
    };
    let sha256 = write().with_context(|| format!("cannot write {}", file.display()))?;
    Ok(match not_told {
        Some(why) => Err(why),
        None => Ok((count, sha256)),
    })
}

/// Reads and sorts what a product prints of its items. Lines that match one of the patterns in
/// `ignore` are no items. `folder`: where the list will be.
///
/// # Errors
/// When it cannot be read, or there is no room for it.
pub fn read(source: &mut dyn BufRead, ignore: &[Pattern], folder: &Path) -> Result<Sorted> {
    let is_item = |line: &[u8]| {
        if ignore.is_empty() {
            return true;
        }
        let line = String::from_utf8_lossy(line);
        !ignore.iter().any(|pattern| pattern.is_match(&line))
    };
    let lines = sorted(source, sort::RUN, folder, is_item)
        .with_context(|| format!("the list cannot be sorted in {}", folder.display()))?;
    // So much that it fails now, not when most of it is written.
    sort::room(folder, lines.size()?)?;
    Ok(lines)
}

/// Puts a sorted list into its place. Returns the number of items and the SHA-256 of the file.
///
/// # Errors
/// When a file cannot be read or written.
pub fn keep(list: &Path, lines: Sorted) -> Result<(u64, String)> {
    let items = lines.count;
    let write = || {
        let mut file = NewFile::create(list)?;
        lines.each(|line| file.line(line))?;
        file.finish()
    };
    let sha256 = write().with_context(|| format!("cannot write {}", list.display()))?;
    Ok((items, sha256))
}

/// The room that a list needs at most while it is taken, in bytes, if it is like the one of the
/// other side: its runs, and then the list. 0 if there is none yet.
pub fn room_like(other: &Path) -> u64 {
    stat_optional(other).ok().flatten().map_or(0, |found| found.len().saturating_mul(2))
}

/// Checks that a list was not changed since it was kept. A changed list proves nothing.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn unchanged(list: &Path, sha256: &str) -> Result<()> {
    let file = File::open(list).with_context(|| format!("cannot open {}", list.display()))?;
    let (found, _) = sha256_of(file).with_context(|| format!("cannot read {}", list.display()))?;
    ensure!(
        found == sha256,
        "the inventory {} is not as it was written: its SHA-256 is {found}, not {sha256}",
        list.display()
    );
    Ok(())
}

/// Items that end by themselves, and the time at which both lists were complete.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Finds when an item ends, in milliseconds since 1970.
    pub ends: &'a Extractor,
    /// The time: also in milliseconds since 1970.
    pub by: u128,
}

impl<'a> Ended<'a> {
    /// Both lists are complete now. The product ends its items by this clock. If it was set back,
    /// an item too many is reported, never one too few.
    pub fn by_now(ends: &'a Extractor) -> Self {
        Self { ends, by: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis()) }
    }

    /// Whether an item may have ended before both lists were complete, so that one may lack it.
    fn has(&self, item: &[u8]) -> bool {
        let item = String::from_utf8_lossy(item);
        let ends = self.ends.find(&item).and_then(|text| text.parse::<u128>().ok());
        ends.is_some_and(|ends| ends <= self.by)
    }
}

/// The lines of one inventory.
///
/// # Errors
/// When it cannot be opened.
fn opened(folder: &Path, name: &str, side: Side) -> Result<impl Lines + use<>> {
    let path = existing(folder, name, side);
    lines::of(&path).with_context(|| format!("cannot open the inventory {}", path.display()))
}

/// What both lists of an inventory differ in that were taken while clients wrote.
///
/// # Errors
/// When one cannot be read.
pub fn ahead(folder: &Path, name: &str) -> Result<Ahead> {
    let mut ahead = Ahead::default();
    ahead.items = add(&mut ahead, folder, name)?;
    Ok(ahead)
}

/// Both lists are of what was written since: they decide about these items.
///
/// # Errors
/// When one cannot be read.
pub fn again(ahead: &mut Ahead, folder: &Path, name: &str) -> Result<()> {
    let passed = ahead.pass_over(opened(folder, name, Side::Upgraded)?);
    passed.with_context(|| format!("cannot read the list of {name}"))?;
    add(ahead, folder, name).map(drop)
}

fn add(ahead: &mut Ahead, folder: &Path, name: &str) -> Result<u64> {
    let (here, there) =
        (opened(folder, name, Side::Upgraded)?, opened(folder, name, Side::Previous)?);
    let added = ahead.add(here, there);
    added.with_context(|| format!("the lists of {name} could not be compared"))
}

/// Compares the two lists of an inventory. All items that differ stand in `NAME.missing` and
/// `NAME.unexpected` then; the first of each, `shown` at most, are returned for a person. What
/// ended by itself meanwhile is in neither list. `ahead`: what differed when both were compared
/// before, if these lists are of what was written since.
///
/// # Errors
/// When a file cannot be read or written.
pub fn prove(
    folder: &Path,
    name: &str,
    shown: usize,
    ended: Option<Ended<'_>>,
    ahead: Option<Ahead>,
) -> Result<(Proof, Vec<String>)> {
    let is_ahead = ahead.is_some();
    let counts = move |item: &[u8]| {
        let stands_for_others = is_ahead && ahead::covers(item).is_some();
        !stands_for_others && !ended.is_some_and(|ended| ended.has(item))
    };
    let open = |side| anyhow::Ok(Filtered { lines: opened(folder, name, side)?, keep: counts });
    let left = match ahead {
        Some(mut ahead) => {
            ahead.pass_over(opened(folder, name, Side::Upgraded)?)?;
            ahead.differing()
        }
        None => Vec::new(),
    };
    let (expected, found) = (open(Side::Upgraded)?, open(Side::Previous)?);
    let mut kinds = [Difference::Missing, Difference::Unexpected].map(|what| (what, Vec::new()));
    let write = || {
        let all =
            |what: Difference| NewFile::create(&folder.join(format!("{name}.{}", what.word())));
        let (mut missing, mut unexpected) =
            (all(Difference::Missing)?, all(Difference::Unexpected)?);
        let mut differs = |what: Difference, item: &[u8]| {
            for (_, first) in
                kinds.iter_mut().filter(|(kind, first)| *kind == what && first.len() < shown)
            {
                let item = String::from_utf8_lossy(item);
                first.push(format!("  {} in {name}: {item}", what.word()));
            }
            if what == Difference::Missing { &mut missing } else { &mut unexpected }.line(item)
        };
        let mut proof = compare(expected, found, &mut differs)?;
        for (what, item) in left.iter().filter(|(_, item)| counts(item)) {
            proof.add(Some(*what));
            differs(*what, item)?;
        }
        missing.finish()?;
        unexpected.finish()?;
        Ok::<_, std::io::Error>(proof)
    };
    let proof = write().with_context(|| format!("the lists of {name} could not be compared"))?;
    Ok((proof, kinds.into_iter().flat_map(|(_, first)| first).collect()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use super::*;

    fn kept(folder: &Path, side: Side, mut text: &[u8]) -> (u64, String) {
        let ignore = ["^#".to_owned().try_into().expect("a pattern")];
        let lines = read(&mut text, &ignore, folder).expect("sorted");
        keep(&path(folder, "rows", side), lines).expect("kept")
    }

    #[test]
    fn lists_are_kept_sorted_and_compared() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path();
        let (items, sha256) = kept(folder, Side::Upgraded, b"b\n# 3 rows\na\n\xff\nb\n");
        assert_eq!(items, 4);
        let list = path(folder, "rows", Side::Upgraded);
        let mut text = Vec::new();
        lines::of(&list).expect("opened").read_to_end(&mut text).expect("read");
        assert_eq!(text, b"a\nb\nb\n\xff\n");
        unchanged(&list, &sha256).expect("unchanged");
        unchanged(&list, "0").expect_err("another checksum");
        kept(folder, Side::Previous, b"c\na\nb");
        let (proof, shown) = prove(folder, "rows", 1, None, None).expect("compared");
        assert_eq!(proof, Proof { expected: 4, found: 3, missing: 2, unexpected: 1 });
        assert_eq!(shown, ["  missing in rows: b", "  unexpected in rows: c"]);
        assert_eq!(fs::read(folder.join("rows.missing")).expect("read"), b"b\n\xff\n");
        assert_eq!(fs::read(folder.join("rows.unexpected")).expect("read"), b"c\n");
        let mut names: Vec<_> =
            folder.read_dir().expect("folder").map(|it| it.expect("entry").file_name()).collect();
        names.sort();
        let expected = ["rows.expected.lz4", "rows.found.lz4", "rows.missing", "rows.unexpected"];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_was_touched_is_kept_once_or_cannot_be_told() {
        let dir = tempfile::tempdir().expect("temp dir");
        let keep = |mut text: &[u8]| {
            let lines = read(&mut text, &[], dir.path()).expect("sorted");
            keep_touched(&touched(dir.path(), "rows"), lines).expect("kept")
        };
        let (count, sha256) = keep(b"b\na\nb\n").expect("told");
        let file = touched(dir.path(), "rows");
        assert_eq!((count, fs::read(&file).expect("read")), (2, b"a\nb\n".to_vec()));
        unchanged(&file, &sha256).expect("as it was written");
        assert_eq!(keep(b"b\n*\tFLUSHALL\n"), Err("FLUSHALL".to_owned()));
        assert_eq!(keep(b"").map(|(count, _)| count), Ok(0));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn a_list_of_0_1_0_is_compared_with_a_compressed_one() {
        let dir = tempfile::tempdir().expect("temp dir");
        fs::write(plain(dir.path(), "rows", Side::Upgraded), "a\nb\n").expect("written");
        kept(dir.path(), Side::Previous, b"c\na\n");
        let (proof, _) = prove(dir.path(), "rows", 1, None, None).expect("compared");
        assert_eq!(proof, Proof { expected: 2, found: 2, missing: 1, unexpected: 1 });
    }

    #[test]
    fn what_ended_by_itself_before_both_lists_were_complete_is_in_neither() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path();
        kept(folder, Side::Upgraded, b"gone\t1000\nstays\t3000\nlost\t3000\nplain\n");
        kept(folder, Side::Previous, b"stays\t3000\nplain\nlate\t2000\n");
        let ends = r"\t(\d+)$".to_owned().try_into().expect("a pattern");
        let ended = Ended { ends: &ends, by: 2000 };
        let (proof, shown) = prove(folder, "rows", 5, Some(ended), None).expect("compared");
        assert_eq!(proof, Proof { expected: 3, found: 2, missing: 1, unexpected: 0 });
        assert_eq!(shown, ["  missing in rows: lost\t3000"]);
    }
}
