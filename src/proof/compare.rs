//! The differences between two sorted lists.

use std::cmp::Ordering;
use std::io;

use super::lines::Lines;
use crate::journal::Proof;

/// Which list lacks an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is only in the expected list.
    Missing,
    /// It is only in the list that was found.
    Unexpected,
}

impl Difference {
    /// In one word, which is also the suffix of the file of all such items.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
        }
    }
}

/// Compares two lists whose items come in order, and hands on each item that only one has. Items
/// that occur twice count twice. Of each list one item at a time is in memory.
///
/// # Errors
/// When an item cannot be read, does not come in order, or `differs` fails.
pub fn compare(
    expected: impl Lines,
    found: impl Lines,
    mut differs: impl FnMut(Difference, &[u8]) -> io::Result<()>,
) -> io::Result<Proof> {
    let mut proof = Proof::default();
    each(expected, found, |which, item| {
        proof.add(which);
        which.map_or(Ok(()), |what| differs(what, item))
    })?;
    Ok(proof)
}

impl Proof {
    /// Counts an item that both lists have (`None`), or one of them.
    pub(super) fn add(&mut self, which: Option<Difference>) {
        self.expected += u64::from(which != Some(Difference::Unexpected));
        self.found += u64::from(which != Some(Difference::Missing));
        self.missing += u64::from(which == Some(Difference::Missing));
        self.unexpected += u64::from(which == Some(Difference::Unexpected));
    }
}

/// The same with every item: `None` for one that both lists have.
///
/// # Errors
/// As [`compare`].
pub fn each(
    expected: impl Lines,
    found: impl Lines,
    mut handle: impl FnMut(Option<Difference>, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (mut expected, mut found) = (Ordered::new(expected)?, Ordered::new(found)?);
    loop {
        let order = match (expected.item(), found.item()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        let (which, item) = match order {
            Ordering::Less => (Some(Difference::Missing), expected.item()),
            Ordering::Greater => (Some(Difference::Unexpected), found.item()),
            Ordering::Equal => (None, found.item()),
        };
        handle(which, item.unwrap_or_default())?;
        if order != Ordering::Greater {
            expected.advance()?;
        }
        if order != Ordering::Less {
            found.advance()?;
        }
    }
    Ok(())
}

/// Refuses items that are out of order: comparing them would prove nothing.
struct Ordered<L> {
    lines: L,
    item: Vec<u8>,
    /// The next item is read into the place of the last one.
    spare: Vec<u8>,
    there: bool,
}

impl<L: Lines> Ordered<L> {
    fn new(lines: L) -> io::Result<Self> {
        let mut this = Self { lines, item: Vec::new(), spare: Vec::new(), there: false };
        this.there = this.lines.next(&mut this.item)?;
        Ok(this)
    }

    fn item(&self) -> Option<&[u8]> {
        self.there.then_some(self.item.as_slice())
    }

    fn advance(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.item, &mut self.spare);
        self.there = self.lines.next(&mut self.item)?;
        if self.there && self.item < self.spare {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the list is not sorted"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Differences = Vec<(Difference, Vec<u8>)>;

    struct Listed<'a>(std::slice::Iter<'a, Vec<u8>>);

    impl Lines for Listed<'_> {
        fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
            let next = self.0.next();
            line.clone_from(next.unwrap_or(&Vec::new()));
            Ok(next.is_some())
        }
    }

    fn items(list: &[Vec<u8>]) -> impl Lines {
        Listed(list.iter())
    }

    fn differences(expected: &[Vec<u8>], found: &[Vec<u8>]) -> io::Result<(Proof, Differences)> {
        let mut all = Vec::new();
        let proof = compare(items(expected), items(found), |what, item| {
            all.push((what, item.to_vec()));
            Ok(())
        })?;
        Ok((proof, all))
    }

    fn lines(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn an_item_twice_is_not_an_item_once() {
        let (expected, found) = (lines(&["a", "b", "b", "c"]), lines(&["b", "c", "c", "d"]));
        let (proof, all) = differences(&expected, &found).expect("compared");
        let word = |what, item: &str| (what, item.as_bytes().to_vec());
        let (missing, unexpected) = (Difference::Missing, Difference::Unexpected);
        assert_eq!(
            all,
            [word(missing, "a"), word(missing, "b"), word(unexpected, "c"), word(unexpected, "d")]
        );
        assert_eq!(proof, Proof { expected: 4, found: 4, missing: 2, unexpected: 2 });
    }

    #[test]
    fn a_list_that_is_not_sorted_proves_nothing() {
        assert!(differences(&lines(&["b", "a"]), &lines(&["a", "b"])).is_err());
    }

    proptest! {
        #[test]
        fn taking_the_differences_away_makes_both_equal(mut expected: Vec<Vec<u8>>, mut found: Vec<Vec<u8>>) {
            expected.sort();
            found.sort();
            let (proof, all) = differences(&expected, &found).expect("compared");
            let without = |list: &[Vec<u8>], gone: Difference| {
                let mut list = list.to_vec();
                for (_, item) in all.iter().filter(|(what, _)| *what == gone) {
                    let at = list.iter().position(|other| other == item).expect("it was there");
                    list.remove(at);
                }
                list
            };
            let count = |gone| all.iter().filter(|(what, _)| *what == gone).count() as u64;
            prop_assert_eq!(without(&expected, Difference::Missing), without(&found, Difference::Unexpected));
            prop_assert_eq!((proof.expected, proof.found), (expected.len() as u64, found.len() as u64));
            prop_assert_eq!(proof.missing, count(Difference::Missing));
            prop_assert_eq!(proof.unexpected, count(Difference::Unexpected));
        }
    }
}
