//! What two lists differ in that were taken while clients wrote. Most of that was written meanwhile:
//! the lists of what was written since decide about it. In a line, all columns but the last say which
//! item it is.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::compare::{Difference, compare};
use super::lines::{self, Lines, NewFile};

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// What was written after this is listed again.
    pub mark: String,
    /// How many items the version that serves had.
    pub items: u64,
    /// What differs, by item: the lines that only one list has.
    by_item: BTreeMap<Vec<u8>, Vec<(Difference, Vec<u8>)>>,
}

/// The item of a line.
fn item(line: &[u8]) -> &[u8] {
    line.iter().rposition(|byte| *byte == b'\t').map_or(line, |at| &line[..at])
}

/// If the line stands for all items that begin like it, and that are listed anew: how they begin.
pub(super) fn covers(line: &[u8]) -> Option<&[u8]> {
    line.strip_suffix(b"*").filter(|begin| begin.last() == Some(&b'\t'))
}

impl Ahead {
    /// The file of what differs in an inventory.
    pub fn file(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.ahead"))
    }

    /// Adds what both lists differ in. Returns how many items the version that serves has.
    pub(super) fn add(&mut self, here: impl Lines, there: impl Lines) -> io::Result<u64> {
        let differs = |what, line: &[u8]| {
            self.by_item.entry(item(line).to_vec()).or_default().push((what, line.to_vec()));
            Ok(())
        };
        Ok(compare(here, there, differs)?.expected)
    }

    /// Forgets the items that this list has: it was taken later.
    pub(super) fn pass_over(&mut self, mut list: impl Lines) -> io::Result<()> {
        let (mut line, mut covered) = (Vec::new(), HashSet::new());
        while list.next(&mut line)? {
            match covers(&line) {
                Some(begin) => drop(covered.insert(begin.to_vec())),
                None => drop(self.by_item.remove(item(&line))),
            }
        }
        self.by_item.retain(|item, _| {
            // The tab before the last column belongs to how a line begins, too.
            let mut ends = item.iter().enumerate().filter(|(_, byte)| **byte == b'\t');
            !covered.contains(&[item, b"\t".as_slice()].concat())
                && !ends.any(|(at, _)| covered.contains(&item[..=at]))
        });
        Ok(())
    }

    /// The lines that only one list has.
    pub(super) fn differing(self) -> Vec<(Difference, Vec<u8>)> {
        self.by_item.into_values().flatten().collect()
    }

    /// Writes it. Returns the SHA-256 of the file.
    ///
    /// # Errors
    /// When that fails.
    pub fn keep(&self, file: &Path) -> Result<String> {
        let write = || {
            let mut new = NewFile::create(file)?;
            new.line(format!("mark\t{}", self.mark).as_bytes())?;
            new.line(format!("items\t{}", self.items).as_bytes())?;
            for (what, line) in self.by_item.values().flatten() {
                new.line(&[what.word().as_bytes(), b"\t".as_slice(), line].concat())?;
            }
            new.finish()
        };
        write().with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads what was written so.
    ///
    /// # Errors
    /// When it is not there, or is something else.
    pub fn read(file: &Path) -> Result<Self> {
        let mut ahead = Self::default();
        let read = |ahead: &mut Self| {
            for line in lines::of(file)?.split(b'\n') {
                let line = line?;
                let at =
                    line.iter().position(|byte| *byte == b'\t').context("a line has no tab")?;
                let (word, rest) = (&line[..at], &line[at + 1..]);
                let what = match word {
                    b"mark" => {
                        ahead.mark = String::from_utf8(rest.to_vec())?;
                        continue;
                    }
                    b"items" => {
                        ahead.items = std::str::from_utf8(rest)?.parse()?;
                        continue;
                    }
                    b"missing" => Difference::Missing,
                    b"unexpected" => Difference::Unexpected,
                    _ => bail!("a line has another word"),
                };
                ahead.by_item.entry(item(rest).to_vec()).or_default().push((what, rest.to_vec()));
            }
            Ok(())
        };
        read(&mut ahead).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(ahead)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::journal::{Proof, Side};
    use crate::proof::inventory;

    fn kept(folder: &Path, side: Side, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let sorted = inventory::read(&mut text.as_bytes(), &[], folder).expect("sorted");
        inventory::keep(&inventory::path(folder, "rows", side), sorted).expect("kept");
    }

    fn both(folder: &Path, here: &[&str], there: &[&str]) {
        for (side, lines) in [(Side::Upgraded, here), (Side::Previous, there)] {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            kept(folder, side, &lines);
        }
    }

    #[test]
    fn what_was_written_since_decides() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path();
        both(
            folder,
            &["t\t1\ta", "t\t2\tb", "t\t3\tc", "u\t1\tx", "v\t1\ty", "plain"],
            &["t\t1\ta", "t\t2\told", "t\t4\td", "u\t1\tz", "u\t2\tz", "v\t1\tother"],
        );
        let mut ahead = inventory::ahead(folder, "rows").expect("compared");
        assert_eq!((ahead.items, ahead.by_item.len()), (6, 7));
        ahead.mark = "0/7".into();
        // 2 was fed meanwhile, 3 was deleted, and all of u was listed anew. 4 is wrong.
        both(
            folder,
            &["t\t2\tb", "t\t3\tgone", "u\t*", "u\t1\tz"],
            &["t\t2\tb", "t\t3\tgone", "u\t*", "u\t1\tq"],
        );
        inventory::again(&mut ahead, folder, "rows").expect("compared");
        let file = Ahead::file(folder, "rows");
        let sha256 = ahead.keep(&file).expect("kept");
        inventory::unchanged(&file, &sha256).expect("as it was written");
        assert_eq!(Ahead::read(&file).expect("read"), ahead);
        assert_eq!(
            std::fs::read_to_string(&file).expect("read"),
            "mark\t0/7\nitems\t6\nmissing\tplain\nunexpected\tt\t4\td\nunexpected\tu\t1\tq\n\
             missing\tu\t1\tz\nunexpected\tv\t1\tother\nmissing\tv\t1\ty\n"
        );
        both(folder, &["plain", "u\t*", "u\t1\tz"], &["plain", "u\t*", "u\t1\tz", "t\t9\tx"]);
        let (proof, shown) =
            inventory::prove(folder, "rows", 9, None, Some(ahead)).expect("compared");
        assert_eq!(proof, Proof { expected: 3, found: 5, missing: 1, unexpected: 3 });
        assert_eq!(
            shown,
            [
                "  missing in rows: v\t1\ty",
                "  unexpected in rows: t\t9\tx",
                "  unexpected in rows: t\t4\td",
                "  unexpected in rows: v\t1\tother"
            ]
        );
    }

    #[test]
    fn a_file_of_something_else_is_not_read() {
        let dir = tempfile::tempdir().expect("temp dir");
        let file = Ahead::file(dir.path(), "rows");
        Ahead::read(&file).expect_err("not there");
        for text in ["mark", "items\tx", "other\tline"] {
            crate::host::files::write_atomic(&file, text.as_bytes()).expect("written");
            Ahead::read(&file).expect_err(text);
        }
    }

    /// Items by name, and which of them is written when.
    type Content = BTreeMap<u8, u8>;

    fn lines_of(content: &Content, only: Option<&BTreeSet<u8>>) -> Vec<String> {
        let line = |name: u8, value: Option<&u8>| {
            let value = value.map_or("gone".to_owned(), ToString::to_string);
            format!("t{}\t{name}\t{value}", name % 3)
        };
        match only {
            None => content.iter().map(|(name, value)| line(*name, Some(value))).collect(),
            Some(only) => only.iter().map(|name| line(*name, content.get(name))).collect(),
        }
    }

    fn write(content: &mut Content, (name, value): (u8, u8)) {
        if value == 0 {
            content.remove(&name)
        } else {
            content.insert(name, value)
        };
    }

    proptest! {
        /// Clients write before, between and after the lists, and the feed brings that late. A
        /// difference that is no matter of time is found, and no other.
        #[test]
        fn s1_a_difference_is_found_whenever_it_came(
            begin in prop::collection::btree_map(0_u8..12, 1_u8..4, 0..8),
            writes in prop::collection::vec((0_u8..12, 0_u8..4), 0..24),
            cuts in prop::collection::vec(0_usize..24, 4),
            late in 0_usize..6,
            wrong in prop::option::of((0_u8..12, 0_u8..4, 0_usize..24)),
        ) {
            let dir = tempfile::tempdir().expect("temp dir");
            let folder = dir.path();
            let mut cuts: Vec<usize> = cuts.iter().map(|at| (*at).min(writes.len())).collect();
            cuts.sort_unstable();
            // After so many writes, here; there, the feed is late, and somebody changes an item.
            let here = |many: usize| {
                let mut content = begin.clone();
                writes[..many].iter().for_each(|one| write(&mut content, *one));
                content
            };
            let there = |many: usize, end: bool| {
                let fed = if end { many } else { many.saturating_sub(late) };
                let mut content = begin.clone();
                let mut all: Vec<(u8, u8)> = writes[..fed].to_vec();
                if let Some((name, value, at)) = wrong.filter(|(_, _, at)| *at <= fed) {
                    all.insert(at, (name, value));
                }
                all.iter().for_each(|one| write(&mut content, *one));
                content
            };
            let since = |mark: usize, to: usize| -> BTreeSet<u8> {
                writes[mark..to].iter().map(|(name, _)| *name).collect()
            };
            let mark = |at: usize| at.saturating_sub(late);
            kept(folder, Side::Upgraded, &lines_of(&here(cuts[1]), None));
            kept(folder, Side::Previous, &lines_of(&there(cuts[1], false), None));
            let mut ahead = inventory::ahead(folder, "rows").expect("compared");
            let touched = since(mark(cuts[0]), cuts[2]);
            kept(folder, Side::Upgraded, &lines_of(&here(cuts[2]), Some(&touched)));
            kept(folder, Side::Previous, &lines_of(&there(cuts[2], false), Some(&touched)));
            inventory::again(&mut ahead, folder, "rows").expect("compared");
            let touched = since(mark(cuts[2]), writes.len());
            let (now, other) = (here(writes.len()), there(writes.len(), true));
            kept(folder, Side::Upgraded, &lines_of(&now, Some(&touched)));
            kept(folder, Side::Previous, &lines_of(&other, Some(&touched)));
            let (proof, _) = inventory::prove(folder, "rows", 9, None, Some(ahead))
                .expect("compared");
            // What is changed behind the lists' back is not seen: nobody but the feed writes there.
            let seen = wrong.is_none_or(|(_, _, at)| at <= mark(cuts[1]));
            if seen {
                prop_assert_eq!(proof.holds(), now == other);
            } else if now == other {
                prop_assert!(proof.holds());
            }
        }
    }
}
