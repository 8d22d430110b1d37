//! The lists of what users have, each user's items by themselves. Of a list one item at a time is
//! in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::compare::{Difference, each};
use super::inventory;
use super::lines::{self, PACKED};
use super::sort::{self, Sorted, sorted};
use crate::host::files::{beside, stat_optional};
use crate::journal::Proof;
use crate::playbook::Extractor;

/// The lines that belong to these users, sorted. The pattern finds the user's name. `scratch`: a
/// folder for what does not fit into memory.
///
/// # Errors
/// When it is found in no line, or the list cannot be read.
pub fn read(
    source: &mut dyn BufRead,
    pattern: &Extractor,
    users: &[String],
    scratch: &Path,
) -> Result<Sorted> {
    let wanted: BTreeSet<&str> = users.iter().map(String::as_str).collect();
    let (matched, mut first) = (std::cell::Cell::new(false), std::cell::RefCell::new(None));
    let of_users = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let user = pattern.find(&line);
        matched.set(matched.get() || user.is_some());
        if !matched.get() && !line.trim().is_empty() {
            first.borrow_mut().get_or_insert_with(|| line.clone().into_owned());
        }
        user.is_some_and(|user| wanted.contains(user))
    };
    let lines = sorted(source, sort::RUN, scratch, of_users)
        .with_context(|| format!("the list cannot be sorted in {}", scratch.display()))?;
    // With a pattern that matches no line, every comparison would succeed.
    if let Some(first) = first.get_mut().take().filter(|_| !matched.get()) {
        bail!(
            "no line of the list matches its pattern for users, /{pattern}/; the first is: {first}"
        );
    }
    sort::room(scratch, lines.size()?)?;
    Ok(lines)
}

/// The compressed file of a list.
pub fn packed(list: &Path) -> PathBuf {
    beside(list, PACKED)
}

/// Writes a sorted list to its compressed file.
///
/// # Errors
/// When it cannot be written.
pub fn keep(list: &Path, lines: Sorted) -> Result<()> {
    inventory::keep(&packed(list), lines).map(drop)
}

/// Compares the list of what users had with the list of what they have: each user's proof, and the
/// first items that differ, `shown` at most. Returns how many differ as well.
///
/// # Errors
/// When a list cannot be read, or is not sorted.
pub fn prove(
    expected: &Path,
    found: &Path,
    pattern: &Extractor,
    users: &[String],
    shown: usize,
) -> Result<Compared> {
    let mut all = Compared {
        proofs: users.iter().map(|user| (user.clone(), Proof::default())).collect(),
        ..Compared::default()
    };
    let open = |list: &Path| {
        let path = packed(list);
        lines::of(&path).with_context(|| format!("cannot open {}", path.display()))
    };
    each(open(expected)?, open(found)?, |which, item| {
        let item = String::from_utf8_lossy(item);
        let user = pattern.find(&item).unwrap_or_default();
        if let Some(proof) = all.proofs.get_mut(user) {
            proof.add(which);
        }
        if let Some(what) = which {
            all.differing += 1;
            if all.shown.len() < shown {
                all.shown.push((user.to_owned(), what, item.clone().into_owned()));
            }
        }
        Ok(())
    })
    .context("what users have could not be compared")?;
    Ok(all)
}

/// See [`prove`].
#[derive(Debug, Default)]
pub struct Compared {
    /// Of each user.
    pub proofs: BTreeMap<String, Proof>,
    /// How many items differ.
    pub differing: u64,
    /// The first of them: the user, what is wrong, the item.
    pub shown: Vec<(String, Difference, String)>,
}

/// Makes the compressed file of a list that 0.1.0 wrote: not compressed, and each user's items by
/// themselves.
///
/// # Errors
/// When it cannot be read or written.
pub fn renew(list: &Path, pattern: &Extractor, users: &[String], scratch: &Path) -> Result<()> {
    if !matches!(stat_optional(list), Ok(Some(_))) {
        return Ok(());
    }
    let mut source = lines::of(list).with_context(|| format!("cannot open {}", list.display()))?;
    keep(list, read(&mut source, pattern, users, scratch)?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn pattern(text: &str) -> Extractor {
        text.to_owned().try_into().unwrap()
    }

    fn items(text: &str, of: &str, users: &[&str]) -> Result<String> {
        let dir = tempfile::tempdir().unwrap();
        let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
        let list = dir.path().join("list");
        keep(&list, read(&mut text.as_bytes(), &pattern(of), &users, dir.path())?)?;
        let mut text = String::new();
        lines::of(&packed(&list)).unwrap().read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn lines_belong_to_the_user_whose_name_is_whole() {
        let of = r"^user/([^/|]+)";
        let text = "user/ann|1|x\nuser/anna|2|x\nuser/ann/Sent|3|x\nheading\nuser/ben|4|x\n";
        assert_eq!(items(text, of, &["ann", "cleo"]).unwrap(), "user/ann/Sent|3|x\nuser/ann|1|x\n");
        assert_eq!(items("", of, &["ann"]).unwrap(), "");
        let text = items("\nbox ann 1\n", of, &["ann"]).unwrap_err().to_string();
        assert!(text.ends_with("the first is: box ann 1"), "{text}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn each_user_is_compared_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (pattern, users) = (pattern("^(ann|ben|cleo)"), ["ann".to_owned(), "ben".to_owned()]);
        let (expected, found) = (dir.path().join("a"), dir.path().join("b"));
        // As 0.1.0 wrote it.
        std::fs::write(&expected, "ann 1\nann 2\nben 1\n").unwrap();
        renew(&expected, &pattern, &users, dir.path()).unwrap();
        let mut text = "ann 2\ncleo 1\nben 1\nann 3\n".as_bytes();
        keep(&found, read(&mut text, &pattern, &users, dir.path()).unwrap()).unwrap();
        let compared = prove(&expected, &found, &pattern, &users, 1).unwrap();
        let ann = compared.proofs["ann"];
        assert_eq!((ann.expected, ann.found, ann.missing, ann.unexpected), (2, 2, 1, 1));
        assert_eq!(compared.differing, 2);
        assert_eq!(compared.shown, [("ann".into(), Difference::Missing, "ann 1".into())]);
        assert!(compared.proofs["ben"].holds() && compared.proofs["ben"].found == 1);
        assert_eq!(compared.proofs.len(), 2);
    }
}
