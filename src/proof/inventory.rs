//! The lists of what a product holds, one item on each line, in a change's folder.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::compare::{Difference, compare};
use super::lines::{self, NewFile, beside};
use super::sort::{self, sorted};
use crate::host::checksum::sha256_of;
use crate::journal::{Proof, Side};
use crate::playbook::{Extractor, Pattern};

/// The file of one inventory.
pub fn path(folder: &Path, name: &str, side: Side) -> PathBuf {
    folder.join(format!("{name}.{}", if side == Side::Upgraded { "expected" } else { "found" }))
}

/// The file that a product's own list is written to, before [`keep`] sorts it.
pub fn raw(list: &Path) -> PathBuf {
    beside(list, ".raw")
}

/// Puts a sorted list into its place, made of the product's own ([`raw`]), which is removed. Lines
/// that match one of the patterns in `ignore` are no items. Returns the number of items and the
/// SHA-256 of the file.
///
/// # Errors
/// When a file cannot be read or written.
pub fn keep(list: &Path, ignore: &[Pattern]) -> Result<(u64, String)> {
    let raw = raw(list);
    let source =
        File::open(&raw).with_context(|| format!("cannot open the inventory {}", raw.display()))?;
    let folder = list.parent().context("an inventory stands in a folder")?;
    let write = || {
        let mut file = NewFile::create(list)?;
        let is_item = |line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            !ignore.iter().any(|pattern| pattern.is_match(&line))
        };
        let items =
            sorted(BufReader::new(source), sort::RUN, folder, is_item, |line| file.line(line))?;
        file.finish()?;
        fs::remove_file(&raw)?;
        Ok::<_, std::io::Error>(items)
    };
    let items = write().with_context(|| format!("cannot write {}", list.display()))?;
    Ok((items, checksum(list)?))
}

/// The SHA-256 of a list's file.
///
/// # Errors
/// When it cannot be read.
pub fn checksum(list: &Path) -> Result<String> {
    let file = File::open(list).with_context(|| format!("cannot open {}", list.display()))?;
    let (sha256, _) = sha256_of(file).with_context(|| format!("cannot read {}", list.display()))?;
    Ok(sha256)
}

/// Checks that a list was not changed since it was kept. A changed list proves nothing.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn unchanged(list: &Path, sha256: &str) -> Result<()> {
    let found = checksum(list)?;
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

impl Ended<'_> {
    /// Whether an item may have ended before both lists were complete, so that one may lack it.
    fn has(&self, item: &[u8]) -> bool {
        let item = String::from_utf8_lossy(item);
        let ends = self.ends.find(&item).and_then(|text| text.parse::<u128>().ok());
        ends.is_some_and(|ends| ends <= self.by)
    }
}

/// Compares the two lists of an inventory. All items that differ stand in `NAME.missing` and
/// `NAME.unexpected` then; the first of each, `shown` at most, are returned for a person. What
/// ended by itself meanwhile is in neither list.
///
/// # Errors
/// When a file cannot be read or written.
pub fn prove(
    folder: &Path,
    name: &str,
    shown: usize,
    ended: Option<Ended<'_>>,
) -> Result<(Proof, Vec<String>)> {
    let open = |side| {
        let path = path(folder, name, side);
        let items = lines::of(&path)
            .with_context(|| format!("cannot open the inventory {}", path.display()))?;
        anyhow::Ok(items.filter(move |item| {
            !item.as_ref().is_ok_and(|item| ended.is_some_and(|ended| ended.has(item)))
        }))
    };
    let (expected, found) = (open(Side::Upgraded)?, open(Side::Previous)?);
    let mut kinds = [Difference::Missing, Difference::Unexpected].map(|what| (what, Vec::new()));
    let write = || {
        let all =
            |what: Difference| NewFile::create(&folder.join(format!("{name}.{}", what.word())));
        let (mut missing, mut unexpected) =
            (all(Difference::Missing)?, all(Difference::Unexpected)?);
        let proof = compare(expected, found, |what, item| {
            for (_, first) in
                kinds.iter_mut().filter(|(kind, first)| *kind == what && first.len() < shown)
            {
                let item = String::from_utf8_lossy(item);
                first.push(format!("  {} in {name}: {item}", what.word()));
            }
            if what == Difference::Missing { &mut missing } else { &mut unexpected }.line(item)
        })?;
        missing.finish()?;
        unexpected.finish()?;
        Ok::<_, std::io::Error>(proof)
    };
    let proof = write().with_context(|| format!("the lists of {name} could not be compared"))?;
    Ok((proof, kinds.into_iter().flat_map(|(_, first)| first).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn kept(folder: &Path, side: Side, text: &[u8]) -> (u64, String) {
        let list = path(folder, "rows", side);
        fs::write(raw(&list), text).expect("written");
        keep(&list, &["^#".to_owned().try_into().expect("a pattern")]).expect("kept")
    }

    #[test]
    fn lists_are_kept_sorted_and_compared() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path();
        let (items, sha256) = kept(folder, Side::Upgraded, b"b\n# 3 rows\na\n\xff\nb\n");
        assert_eq!(items, 4);
        let list = path(folder, "rows", Side::Upgraded);
        assert_eq!(fs::read(&list).expect("read"), b"a\nb\nb\n\xff\n");
        unchanged(&list, &sha256).expect("unchanged");
        unchanged(&list, "0").expect_err("another checksum");
        kept(folder, Side::Previous, b"c\na\nb");
        let (proof, shown) = prove(folder, "rows", 1, None).expect("compared");
        assert_eq!(proof, Proof { expected: 4, found: 3, missing: 2, unexpected: 1 });
        assert_eq!(shown, ["  missing in rows: b", "  unexpected in rows: c"]);
        assert_eq!(fs::read(folder.join("rows.missing")).expect("read"), b"b\n\xff\n");
        assert_eq!(fs::read(folder.join("rows.unexpected")).expect("read"), b"c\n");
        let mut names: Vec<_> =
            folder.read_dir().expect("folder").map(|it| it.expect("entry").file_name()).collect();
        names.sort();
        assert_eq!(names, ["rows.expected", "rows.found", "rows.missing", "rows.unexpected"]);
    }

    #[test]
    fn what_ended_by_itself_before_both_lists_were_complete_is_in_neither() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path();
        kept(folder, Side::Upgraded, b"gone\t1000\nstays\t3000\nlost\t3000\nplain\n");
        kept(folder, Side::Previous, b"stays\t3000\nplain\nlate\t2000\n");
        let ends = r"\t(\d+)$".to_owned().try_into().expect("a pattern");
        let ended = Ended { ends: &ends, by: 2000 };
        let (proof, shown) = prove(folder, "rows", 5, Some(ended)).expect("compared");
        assert_eq!(proof, Proof { expected: 3, found: 2, missing: 1, unexpected: 0 });
        assert_eq!(shown, ["  missing in rows: lost\t3000"]);
    }
}
