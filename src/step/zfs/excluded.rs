//! What stands beside the data for a while (kept data, a standby, clones for a comparison) is
//! excluded from snapshots and replication, where a tool goes by a property of the dataset. What the
//! dataset had before is remembered on it, and comes back when it takes its place.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::step::Context;
use crate::zfs::{Dataset, Properties};

/// The properties: of zfs-auto-snapshot and the tools that follow it, and of syncoid. Each with the
/// one that remembers its value.
const ASKED: [(&str, &str); 2] = [
    ("com.sun:auto-snapshot", "backout:com.sun:auto-snapshot"),
    ("syncoid:sync", "backout:syncoid:sync"),
];

/// Their value for a dataset that is to be passed over.
const EXCLUDED: &str = "false";

/// What is remembered of a dataset without a value of its own.
const NOT_SET: &str = "-";

/// What excludes a dataset.
pub(in crate::step) const PROPERTIES: [(&str, &str); 2] =
    [(ASKED[0].0, EXCLUDED), (ASKED[1].0, EXCLUDED)];

/// The properties that remember.
pub(in crate::step) const REMEMBERED: [&str; 2] = [ASKED[0].1, ASKED[1].1];

/// Excludes a dataset, and remembers what it will have later.
fn set_aside(own: &mut Properties) {
    in_place(own);
    for (name, remembered) in ASKED {
        let before = own.insert(name.to_owned(), EXCLUDED.to_owned());
        own.insert(remembered.to_owned(), before.unwrap_or_else(|| NOT_SET.to_owned()));
    }
}

/// What a dataset has when it is in its place.
pub(in crate::step) fn in_place(own: &mut Properties) {
    for (name, remembered) in ASKED {
        match own.remove(remembered) {
            None => {}
            Some(before) if before == NOT_SET => drop(own.remove(name)),
            Some(before) => drop(own.insert(name.to_owned(), before)),
        }
    }
}

/// Sets `properties` of datasets, excludes them, and remembers what they had.
pub(in crate::step) fn exclude(
    context: &Context<'_>,
    datasets: &[Dataset],
    properties: &[(&str, &str)],
) -> Result<()> {
    let asked: Vec<&str> = ASKED.iter().flat_map(|(name, kept)| [*name, *kept]).collect();
    let all = context.engine.own_of(datasets, &asked)?;
    let mut alike: BTreeMap<Properties, Vec<Dataset>> = BTreeMap::new();
    for (dataset, mut own) in datasets.iter().zip(all) {
        set_aside(&mut own);
        alike.entry(own).or_default().push(dataset.clone());
    }
    for (own, datasets) in alike {
        let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // One command: clients may be waiting.
        let set: Vec<(&str, &str)> = properties.iter().copied().chain(own).collect();
        context.engine.set_all(&datasets, &set)?;
    }
    Ok(())
}

/// Gives them back what they had.
pub(in crate::step) fn include(context: &Context<'_>, datasets: &[Dataset]) -> Result<()> {
    let all = context.engine.locals_of(datasets, &REMEMBERED)?;
    for (name, remembered) in ASKED {
        let mut alike: BTreeMap<&str, Vec<Dataset>> = BTreeMap::new();
        for (dataset, own) in datasets.iter().zip(&all) {
            if let Some(before) = own.get(remembered) {
                alike.entry(before).or_default().push(dataset.clone());
            }
        }
        // The memory goes last: it says that there is something to give back.
        for (before, datasets) in alike {
            match before {
                NOT_SET => context.engine.inherit_all(&datasets, &[name, remembered])?,
                before => {
                    context.engine.set_all(&datasets, &[(name, before)])?;
                    context.engine.inherit_all(&datasets, &[remembered])?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dataset_had_comes_back() {
        let with = |value: Option<&str>| {
            let mut own = Properties::new();
            own.insert("atime".to_owned(), "off".to_owned());
            if let Some(value) = value {
                own.insert("com.sun:auto-snapshot".to_owned(), value.to_owned());
            }
            own
        };
        for value in [None, Some("true"), Some("false")] {
            let mut own = with(value);
            set_aside(&mut own);
            set_aside(&mut own);
            assert!(
                PROPERTIES.iter().all(|(name, value)| own.get(*name).is_some_and(|it| it == value))
            );
            in_place(&mut own);
            assert_eq!(own, with(value));
            // Of one that is not excluded, nothing changes.
            in_place(&mut own);
            assert_eq!(own, with(value));
        }
    }
}
