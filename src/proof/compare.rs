//! The differences between two sorted lists.

use std::cmp::Ordering;
use std::io;

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
/// that occur twice count twice.
///
/// # Errors
/// When an item cannot be read, does not come in order, or `differs` fails.
pub fn compare(
    expected: impl Iterator<Item = io::Result<Vec<u8>>>,
    found: impl Iterator<Item = io::Result<Vec<u8>>>,
    mut differs: impl FnMut(Difference, &[u8]) -> io::Result<()>,
) -> io::Result<Proof> {
    let mut proof = Proof::default();
    let (mut expected, mut found) = (Ordered::new(expected), Ordered::new(found));
    let (mut left, mut right) = (expected.next()?, found.next()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        if let (Ordering::Less, Some(item)) = (order, &left) {
            proof.missing += 1;
            differs(Difference::Missing, item)?;
        }
        if let (Ordering::Greater, Some(item)) = (order, &right) {
            proof.unexpected += 1;
            differs(Difference::Unexpected, item)?;
        }
        if order != Ordering::Greater {
            proof.expected += 1;
            left = expected.after(left)?;
        }
        if order != Ordering::Less {
            proof.found += 1;
            right = found.after(right)?;
        }
    }
    Ok(proof)
}

/// Refuses items that are out of order: comparing them would prove nothing.
struct Ordered<I>(I);

impl<I: Iterator<Item = io::Result<Vec<u8>>>> Ordered<I> {
    fn new(items: I) -> Self {
        Self(items)
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.0.next().transpose()
    }

    fn after(&mut self, last: Option<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
        let next = self.next()?;
        if next.is_some() && next < last {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the list is not sorted"));
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Differences = Vec<(Difference, Vec<u8>)>;

    fn items(list: &[Vec<u8>]) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        list.iter().cloned().map(Ok)
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
