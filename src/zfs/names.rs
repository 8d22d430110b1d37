//! Names of pools, datasets and snapshots, checked when they are made (`zfs(8)`,
//! `zpool-create(8)`).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name that ZFS would not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not the name of a {what}: {why}")]
pub struct NameError {
    name: String,
    what: &'static str,
    why: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(
            Debug,
            Clone,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Serialize,
            Deserialize,
            JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as ZFS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                match $check(name) {
                    Ok(()) => Ok(Self(name.to_owned())),
                    Err(why) => Err(NameError { name: name.to_owned(), what: $what, why }),
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
    };
}

name_type!(
    /// A pool.
    Pool, "pool", check_pool
);
name_type!(
    /// A file system or volume: `pool/path/to`.
    Dataset, "dataset", check_dataset
);
name_type!(
    /// A snapshot: `pool/path/to@name`.
    Snapshot, "snapshot", check_snapshot
);

/// A ZFS identity number (property `guid`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Guid(pub u64);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Dataset {
    /// The pool that contains it.
    pub fn pool(&self) -> Pool {
        Pool(self.0.split('/').next().unwrap_or_default().to_owned())
    }

    /// Its snapshot of that name.
    ///
    /// # Errors
    /// When the name cannot be the name of a snapshot.
    pub fn at(&self, snapshot: &str) -> Result<Snapshot, NameError> {
        format!("{}@{snapshot}", self.0).parse()
    }

    /// The dataset whose name is this one with `suffix` appended.
    ///
    /// # Errors
    /// When the result is too long or not a name.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, NameError> {
        format!("{}{suffix}", self.0).parse()
    }

    /// Whether it is `other` or below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The datasets above it, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + use<> {
        let mut name = self.0.clone();
        std::iter::from_fn(move || {
            name.truncate(name.rfind('/')?);
            Some(Self(name.clone()))
        })
    }

    /// The same dataset when its ancestor `from` is called `to`.
    ///
    /// # Errors
    /// When the result is not a name.
    pub fn moved(&self, from: &Self, to: &Self) -> Result<Self, NameError> {
        match self.0.strip_prefix(&from.0) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", to.0).parse()
            }
            _ => Ok(self.clone()),
        }
    }
}

/// Those whose dataset is not below the dataset of another of them, in this order.
pub fn outermost<T>(all: &[T], dataset: impl Fn(&T) -> &Dataset) -> Vec<&T> {
    let names: BTreeSet<&Dataset> = all.iter().map(&dataset).collect();
    let below = |it: &&T| dataset(it).ancestors().any(|above| names.contains(&above));
    all.iter().filter(|it| !below(it)).collect()
}

impl Snapshot {
    /// The dataset that it is a snapshot of.
    pub fn dataset(&self) -> Dataset {
        Dataset(self.0.split('@').next().unwrap_or_default().to_owned())
    }

    /// The part after the `@`.
    pub fn short(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, name)| name)
    }
}

/// Maximum length of a complete name in bytes: ZFS_MAX_DATASET_NAME_LEN without the terminating
/// NUL.
pub const MAX_NAME: usize = 255;

fn check_component(part: &str) -> Result<(), &'static str> {
    // zfs(8): letters, digits, and - _ . : and (in the code, not the page) the space.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.: ".contains(c);
    match part {
        "" => Err("a part of it is empty"),
        "." | ".." => Err("`.` and `..` are not allowed as a part"),
        _ if part.chars().all(allowed) => Ok(()),
        _ => Err("only letters, digits and `-_.: ` are allowed"),
    }
}

fn check_pool(name: &str) -> Result<(), &'static str> {
    check_component(name)?;
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err("a pool's name begins with a letter");
    }
    if name.len() > MAX_NAME {
        return Err("it is too long");
    }
    Ok(())
}

fn check_dataset(name: &str) -> Result<(), &'static str> {
    if name.contains('@') {
        return Err("a `@` makes it a snapshot");
    }
    if name.len() > MAX_NAME {
        return Err("it is longer than 255 bytes");
    }
    let mut parts = name.split('/');
    check_pool(parts.next().unwrap_or_default())?;
    parts.try_for_each(check_component)
}

fn check_snapshot(name: &str) -> Result<(), &'static str> {
    if name.len() > MAX_NAME {
        return Err("it is longer than 255 bytes");
    }
    let (dataset, short) = name.split_once('@').ok_or("it has no `@`")?;
    check_dataset(dataset)?;
    check_component(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["tank", "tank/a", "tank/a b/c:d", "t-1/x.y_z"] {
            assert!(good.parse::<Dataset>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/tank",
            "tank/",
            "tank//a",
            "1tank",
            "-rf",
            "tank/a@b",
            "tank/ä",
            "tank/a;b",
            "tank/a\nb",
            "tank/..",
        ] {
            assert!(bad.parse::<Dataset>().is_err(), "{bad}");
        }
        assert!("tank@x".parse::<Snapshot>().is_ok());
        for bad in ["tank", "tank@", "tank@a@b", "tank@a/b", "tank@%x"] {
            assert!(bad.parse::<Snapshot>().is_err(), "{bad}");
        }
        assert!(format!("tank/{}", "x".repeat(251)).parse::<Dataset>().is_err());
    }

    #[test]
    fn a_child_moves_with_its_ancestor() {
        let (a, b): (Dataset, Dataset) = ("t/a".parse().unwrap(), "t/b".parse().unwrap());
        let child: Dataset = "t/a/x".parse().unwrap();
        assert_eq!(child.moved(&a, &b).unwrap().as_str(), "t/b/x");
        let other: Dataset = "t/ab".parse().unwrap();
        assert_eq!(other.moved(&a, &b).unwrap(), other);
        assert!(!other.is_within(&a));
        assert!(child.is_within(&a));
        let above: Vec<String> = child.ancestors().map(String::from).collect();
        assert_eq!(above, ["t/a", "t"]);
    }
}
