//! Checks that what was written since the snapshot begins where the snapshot ends, without a gap.
//!
//! The snapshot holds the logs as they were when it was taken. The logs of now must continue them.
//! If a log was purged, reset or rewritten since, nothing can bring its content back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::content::{Depth, begins_with, same_at};
use super::snapshot::{Then, files};
use crate::host::files::stat_optional;

/// Which files show that nothing is missing, as glob patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Files that are only appended to.
    pub grown: Vec<String>,
    /// Files of a numbered series: each is only appended to, and the next one has the next number.
    pub numbered: Vec<String>,
    /// Files that must be as they were.
    pub unchanged: Vec<String>,
    /// Of a numbered series: a stopped server never writes to its last file again, it begins the
    /// next one. So the snapshot's last file may be gone.
    pub new_at_start: bool,
}

impl Rule {
    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.grown.is_empty() && self.numbered.is_empty() && self.unchanged.is_empty()
    }
}

/// A gap between the end of the snapshot and the files of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The file that it is about.
    pub file: PathBuf,
    /// What is wrong with it, in one line.
    pub why: String,
}

impl Then<'_> {
    /// The last file of each numbered series in the snapshot, sorted.
    ///
    /// # Errors
    /// As [`Self::of_file`].
    pub fn ends(&self, rule: &Rule) -> Result<Vec<PathBuf>> {
        let mut found = BTreeSet::new();
        for pattern in &rule.numbered {
            for series in self.series(pattern)?.into_values() {
                found.extend(series.then.last_key_value().map(|(_, (_, old))| old.clone()));
            }
        }
        Ok(found.into_iter().collect())
    }

    fn series(&self, pattern: &str) -> Result<BTreeMap<(PathBuf, String), Series>> {
        let mut all: BTreeMap<_, Series> = BTreeMap::new();
        for (now, old) in self.files(pattern)? {
            let (key, number) = place(&now)?;
            all.entry(key).or_default().then.insert(number, (now, old));
        }
        for now in files(pattern)? {
            let (key, number) = place(&now)?;
            all.entry(key).or_default().now.insert(number, now);
        }
        Ok(all)
    }

    /// The gaps between the files of the snapshot and those of now.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn gaps(&self, rule: &Rule, depth: Depth) -> Result<Vec<Gap>> {
        let mut gaps = Vec::new();
        for pattern in &rule.grown {
            for (now, old) in self.files(pattern)? {
                gaps.extend(self.lost(&now, &old, depth)?);
            }
        }
        for pattern in &rule.numbered {
            let series = self.series(pattern)?;
            if series.is_empty() {
                let why = format!("there is no such file, neither now nor in @{}", self.snapshot);
                gaps.push(Gap { file: pattern.into(), why });
            }
            for series in series.into_values() {
                gaps.extend(self.holes(&series, rule.new_at_start, depth)?);
            }
        }
        for pattern in &rule.unchanged {
            let then = self.files(pattern)?;
            for (now, old) in &then {
                if stat_optional(now)?.is_none() {
                    gaps.push(self.gap(now, "of", "is gone"));
                } else if !same_at(now, old, depth)? {
                    gaps.push(self.gap(now, "is not as in", ""));
                }
            }
            let new =
                files(pattern)?.into_iter().filter(|path| !then.iter().any(|(now, _)| now == path));
            gaps.extend(new.map(|path| self.gap(&path, "was made after", "")));
        }
        Ok(gaps)
    }

    fn gap(&self, file: &Path, before: &str, behind: &str) -> Gap {
        let why = format!("{} {before} @{} {behind}", file.display(), self.snapshot);
        Gap { file: file.to_owned(), why: why.trim_end().to_owned() }
    }

    /// The gap in a file that is only appended to.
    fn lost(&self, now: &Path, old: &Path, depth: Depth) -> Result<Option<Gap>> {
        let Some(is) = stat_optional(now)? else { return Ok(Some(self.gap(now, "of", "is gone"))) };
        let was = old.metadata().with_context(|| format!("cannot look at {}", old.display()))?;
        if is.len() < was.len() {
            return Ok(Some(self.gap(now, "is shorter than in", "")));
        }
        Ok(if begins_with(now, old, depth)? {
            None
        } else {
            Some(self.gap(now, "was written over since", ""))
        })
    }

    fn holes(&self, series: &Series, new_at_start: bool, depth: Depth) -> Result<Vec<Gap>> {
        let mut gaps = Vec::new();
        let Some((&last, (file, old))) = series.then.last_key_value() else {
            let why = |file: &PathBuf| {
                format!(
                    "{} has no forerunner in @{}: where it begins cannot be told",
                    file.display(),
                    self.snapshot
                )
            };
            return Ok(series
                .now
                .first_key_value()
                .map(|(_, file)| Gap { file: file.clone(), why: why(file) })
                .into_iter()
                .collect());
        };
        for (number, now) in series.now.range(..last) {
            match series.then.get(number) {
                Some((_, old)) if same_at(now, old, depth)? => {}
                Some(_) => {
                    gaps.push(self.gap(now, "is another file than in", "the series began anew"))
                }
                None => gaps.push(self.gap(
                    now,
                    "is not in",
                    "although later ones are: the series began anew",
                )),
            }
        }
        // The product's own check of the capture compares its end with what comes after it.
        let purged = new_at_start && series.now.contains_key(&last.saturating_add(1));
        match self.lost(file, old, depth)? {
            Some(gap) if stat_optional(file)?.is_none() => {
                if !purged {
                    gaps.push(Gap {
                        why: format!(
                            "{}; it was the last one then, and nobody can tell whether it grew",
                            gap.why
                        ),
                        ..gap
                    });
                }
            }
            gap => gaps.extend(gap),
        }
        let mut before = last;
        for (&number, now) in series.now.range(last.saturating_add(1)..) {
            if number != before.saturating_add(1) {
                let missing = renumbered(now, before.saturating_add(1));
                let why = format!(
                    "{} is missing: {} is the next one that is there",
                    missing.display(),
                    now.display()
                );
                gaps.push(Gap { file: missing, why });
            }
            before = number;
        }
        Ok(gaps)
    }

    /// The same as an error.
    ///
    /// # Errors
    /// When there are gaps, and as [`Self::gaps`].
    pub fn holds(&self, rule: &Rule) -> Result<()> {
        let gaps = self.gaps(rule, Depth::Whole)?;
        if gaps.is_empty() {
            return Ok(());
        }
        let lines: String = gaps.iter().map(|gap| format!("\n  {}", gap.why)).collect();
        bail!("what was written since @{} cannot be captured whole:{lines}", self.snapshot)
    }
}

/// The files of a series, by number: those of the snapshot, each with its place now, and those of
/// now.
#[derive(Debug, Default)]
struct Series {
    then: BTreeMap<u64, (PathBuf, PathBuf)>,
    now: BTreeMap<u64, PathBuf>,
}

/// Where the last run of digits stands in a name.
fn digits(name: &str) -> Option<(usize, usize)> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let begin = name[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    Some((begin, end))
}

/// The series that a file belongs to, and its number in it.
fn place(path: &Path) -> Result<((PathBuf, String), u64)> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (begin, end) =
        digits(name).with_context(|| format!("{} has no number in its name", path.display()))?;
    let number = name[begin..end]
        .parse()
        .with_context(|| format!("the number of {} is too large", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(((folder, format!("{}#{}", &name[..begin], &name[end..])), number))
}

/// The name that the file of another number has.
fn renumbered(path: &Path, number: u64) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((begin, end)) = digits(name) else { return path.to_owned() };
    path.with_file_name(format!(
        "{}{number:0width$}{}",
        &name[..begin],
        &name[end..],
        width = end - begin
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::proof::snapshot::tests::Data;

    impl Data {
        /// The gaps, without the folder.
        fn gaps(&self, rule: &Rule) -> String {
            let then = Then { mounts: &self.mounts, snapshot: "before" };
            let lines: Vec<String> =
                then.gaps(rule, Depth::Whole).unwrap().into_iter().map(|gap| gap.why).collect();
            lines.join("\n").replace(&format!("{}/", self.dir.path().display()), "")
        }
    }

    fn binlog() -> (Data, Rule) {
        let data = Data::new(&[("bin.000002", "two"), ("bin.000003", "three")]);
        data.write("bin.000004", "four");
        data.write("bin.000005", "five");
        let rule = Rule { numbered: data.pattern("bin.[0-9]*"), ..Rule::default() };
        assert_eq!(data.gaps(&rule), "");
        (data, rule)
    }

    #[test]
    fn s1_a_series_goes_on_where_the_snapshot_ended() {
        let (data, rule) = binlog();
        // What is older than the snapshot's last one is in the snapshot.
        data.remove("bin.000002");
        data.write("bin.000003", "three, and more");
        assert_eq!(data.gaps(&rule), "");
        let then = Then { mounts: &data.mounts, snapshot: "before" };
        let ends = then.ends(&rule).unwrap();
        assert_eq!(ends, [data.dir.path().join(".zfs/snapshot/before/bin.000003")]);
    }

    #[test]
    fn s1_a_series_that_was_purged_has_a_hole() {
        let (data, rule) = binlog();
        data.remove("bin.000004");
        assert_eq!(
            data.gaps(&rule),
            "bin.000004 is missing: bin.000005 is the next one that is there"
        );
        data.write("bin.000004", "four");
        data.remove("bin.000003");
        assert_eq!(
            data.gaps(&rule),
            "bin.000003 of @before is gone; it was the last one then, and nobody can tell whether it grew"
        );
    }

    #[test]
    fn s1_a_series_that_was_reset_began_anew() {
        let (data, rule) = binlog();
        for name in ["bin.000002", "bin.000003", "bin.000004", "bin.000005"] {
            data.remove(name);
        }
        data.write("bin.000001", "one again");
        assert_eq!(
            data.gaps(&rule),
            "bin.000001 is not in @before although later ones are: the series began anew\n\
             bin.000003 of @before is gone; it was the last one then, \
             and nobody can tell whether it grew"
        );
        data.write("bin.000002", "two again");
        data.write("bin.000003", "THREE, and more");
        assert_eq!(
            data.gaps(&rule),
            "bin.000001 is not in @before although later ones are: the series began anew\n\
             bin.000002 is another file than in @before the series began anew\n\
             bin.000003 was written over since @before"
        );
        data.write("bin.000003", "th");
        assert!(data.gaps(&rule).ends_with("bin.000003 is shorter than in @before"));
    }

    #[test]
    fn a_series_that_the_snapshot_does_not_have_begins_nowhere() {
        let data = Data::new(&[]);
        let rule = Rule { numbered: data.pattern("bin.[0-9]*"), ..Rule::default() };
        assert!(data.gaps(&rule).ends_with("there is no such file, neither now nor in @before"));
        data.write("bin.000001", "one");
        assert_eq!(
            data.gaps(&rule),
            "bin.000001 has no forerunner in @before: where it begins cannot be told"
        );
    }

    #[test]
    fn s1_a_log_that_was_rewritten() {
        let data = Data::new(&[("a.1.incr.aof", "one"), ("a.manifest", "seq 1")]);
        let rule = Rule {
            grown: data.pattern("*.incr.aof"),
            unchanged: data.pattern("*.manifest"),
            ..Rule::default()
        };
        data.write("a.1.incr.aof", "one two");
        assert_eq!(data.gaps(&rule), "");
        // Even if the old file is kept as a history, what was written in between is lost.
        data.write("a.2.incr.aof", "three");
        data.write("a.manifest", "seq 2");
        assert_eq!(data.gaps(&rule), "a.manifest is not as in @before");
        data.remove("a.1.incr.aof");
        data.remove("a.manifest");
        data.write("b.manifest", "seq 2");
        assert_eq!(
            data.gaps(&rule),
            "a.1.incr.aof of @before is gone\na.manifest of @before is gone\nb.manifest was made \
                after @before"
        );
    }

    #[test]
    fn s1_a_link_on_the_way_leads_into_the_snapshot_not_past_it() {
        let data = Data::new(&[("a.1.incr.aof", "one")]);
        let links = tempfile::tempdir().unwrap();
        let link = links.path().join("what [is] *linked*");
        std::os::unix::fs::symlink(data.dir.path(), &link).unwrap();
        let pattern = glob::Pattern::escape(&link.to_string_lossy());
        let rule = Rule { grown: vec![format!("{pattern}/*.incr.aof")], ..Rule::default() };
        let then = Then { mounts: &data.mounts, snapshot: "before" };
        let now = link.join("a.1.incr.aof");
        let old = data.dir.path().canonicalize().unwrap().join(".zfs/snapshot/before/a.1.incr.aof");
        assert_eq!(then.of_file(&now).unwrap(), old);
        assert_eq!(then.files(&rule.grown[0]).unwrap(), [(now, old)]);
        data.write("a.1.incr.aof", "one two");
        assert_eq!(data.gaps(&rule), "");
        data.write("a.1.incr.aof", "on");
        assert!(data.gaps(&rule).ends_with("a.1.incr.aof is shorter than in @before"));
        // From one dataset into another one: the snapshot of that one shows what was there.
        let other = Data::new(&[("log/a.1.incr.aof", "one")]);
        std::os::unix::fs::symlink(other.dir.path().join("log"), data.dir.path().join("log"))
            .unwrap();
        let mounts = [data.mounts.clone(), other.mounts.clone()].concat();
        let then = Then { mounts: &mounts, snapshot: "before" };
        other.write("log/a.1.incr.aof", "two");
        let rule = Rule {
            grown: vec![format!("{}/log/*.aof", data.dir.path().display())],
            ..Rule::default()
        };
        let gaps = then.gaps(&rule, Depth::Whole).unwrap();
        assert!(gaps[0].why.ends_with("was written over since @before"), "{gaps:?}");
    }

    #[test]
    fn numbers_in_names() {
        assert_eq!(place(Path::new("/x/bin.000009")).unwrap().1, 9);
        assert_eq!(
            place(Path::new("/x/a2.1.incr.aof")).unwrap(),
            (("/x".into(), "a2.#.incr.aof".into()), 1)
        );
        assert!(place(Path::new("/x1/none")).is_err());
        assert_eq!(renumbered(Path::new("/x/bin.000009"), 10), Path::new("/x/bin.000010"));
        assert_eq!(renumbered(Path::new("/x/bin.999999"), 1_000_000), Path::new("/x/bin.1000000"));
    }

    /// Removed up to the last file of the snapshot, and that one, too: MariaDB begins a new file
    /// at each start, and its own check compares the ends.
    #[test]
    fn s10_a_purge_up_to_where_the_snapshot_ended_loses_nothing() {
        let data = Data::new(&[("bin.000002", "two"), ("bin.000003", "three")]);
        let mut rule = Rule { numbered: data.pattern("bin.[0-9]*"), ..Rule::default() };
        data.write("bin.000004", "four");
        fs::remove_file(data.dir.path().join("bin.000002")).unwrap();
        assert_eq!(data.gaps(&rule), "");
        fs::remove_file(data.dir.path().join("bin.000003")).unwrap();
        assert_eq!(
            data.gaps(&rule),
            "bin.000003 of @before is gone; it was the last one then, and nobody can tell whether \
             it grew"
        );
        rule.new_at_start = true;
        assert_eq!(data.gaps(&rule), "");
        // The next one is not there either: nobody can tell what it held.
        fs::rename(data.dir.path().join("bin.000004"), data.dir.path().join("bin.000005")).unwrap();
        assert!(data.gaps(&rule).contains("bin.000003 of @before is gone"));
        assert!(data.gaps(&rule).contains("bin.000004 is missing"));
    }

    #[test]
    fn s10_a_glance_sees_a_file_that_was_written_anew_whatever_its_size() {
        let long = "0123456789abcdef".repeat(32 * 1024);
        let data = Data::new(&[("a.aof", &long)]);
        let rule = Rule { grown: data.pattern("*.aof"), ..Rule::default() };
        let then = Then { mounts: &data.mounts, snapshot: "before" };
        let glance = || then.gaps(&rule, Depth::Glance).unwrap().len();
        data.write("a.aof", &format!("{long}more"));
        assert_eq!(glance(), 0);
        for other in [
            long.replacen('0', "x", 1),
            format!("{}x", &long[..long.len() - 1]),
            long[..100].to_owned(),
        ] {
            data.write("a.aof", &other);
            assert_eq!(glance(), 1);
        }
    }
}
