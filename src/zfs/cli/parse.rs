//! Pure parsers of what `zfs` and `zpool` print with `-H -p` (`zfs-list(8)`, `zfs-get(8)`): one
//! line a row, one tab between columns.
//!
//! A column that cannot be read is an error, never a guess. The only column that may hold a tab
//! itself (the mountpoint) comes last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::zfs::{
    BookmarkInfo, Dataset, DatasetInfo, DatasetKind, Guid, PoolInfo, Result, Snapshot,
    SnapshotInfo, ZfsError,
};

/// Columns of [`datasets`].
pub const DATASET_COLUMNS: &str = "name,guid,type,mounted,canmount,used,referenced,available,written,refquota,origin,keystatus,readonly,mountpoint";
/// Columns of [`snapshots`].
pub const SNAPSHOT_COLUMNS: &str = "name,guid,createtxg,creation,used,referenced,userrefs,clones";
/// Columns of [`history`]: what only a snapshot has, and then [`DATASET_COLUMNS`].
pub const HISTORY_COLUMNS: &str = "createtxg,creation,userrefs,clones,name,guid,type,mounted,canmount,used,referenced,available,written,refquota,origin,keystatus,readonly,mountpoint";
/// Columns of [`bookmarks`].
pub const BOOKMARK_COLUMNS: &str = "name,guid,createtxg";
/// Columns of [`pool`].
pub const POOL_COLUMNS: &str = "name,guid,health,size,free,readonly,failmode";

fn wrong(detail: String) -> ZfsError {
    ZfsError::Unexpected { command: "zfs".to_owned(), detail }
}

fn rows<const N: usize>(text: &str) -> impl Iterator<Item = Result<[&str; N]>> {
    text.split_terminator('\n').map(|line| {
        let fields: Vec<&str> = line.splitn(N, '\t').collect();
        <[&str; N]>::try_from(fields).map_err(|fields| {
            let count = fields.len();
            wrong(format!(
                "{count} columns instead of {N} in {line:?}: a property with a line end in it, \
                    such as a mountpoint, cannot be read"
            ))
        })
    })
}

fn number<T: std::str::FromStr>(what: &str, field: &str) -> Result<T> {
    field.parse().map_err(|_| wrong(format!("{what} is {field:?}, not a number")))
}

/// A number, or `-` for none.
fn number_or_zero(what: &str, field: &str) -> Result<u64> {
    if field == "-" { Ok(0) } else { number(what, field) }
}

fn flag(what: &str, field: &str) -> Result<bool> {
    match field {
        "yes" | "on" => Ok(true),
        "no" | "off" | "-" => Ok(false),
        _ => Err(wrong(format!("{what} is {field:?}"))),
    }
}

/// Rows of `zfs list -o` [`DATASET_COLUMNS`].
///
/// # Errors
/// When a row has an unexpected form.
pub fn datasets(text: &str) -> Result<Vec<DatasetInfo>> {
    rows::<14>(text).map(|row| dataset(row?)).collect()
}

fn dataset(row: [&str; 14]) -> Result<DatasetInfo> {
    let [
        name,
        guid,
        kind,
        mounted,
        canmount,
        used,
        referenced,
        available,
        written,
        refquota,
        origin,
        key,
        readonly,
        mountpoint,
    ] = row;
    Ok(DatasetInfo {
        name: name.parse()?,
        guid: Guid(number("guid", guid)?),
        kind: match kind {
            "filesystem" => DatasetKind::Filesystem,
            "volume" => DatasetKind::Volume,
            other => return Err(wrong(format!("{name:?} is of type {other:?}"))),
        },
        mountpoint: match mountpoint {
            "none" | "legacy" | "-" => None,
            path => Some(PathBuf::from(path)),
        },
        mounted: flag("mounted", mounted)?,
        canmount: if canmount == "-" { "on".to_owned() } else { canmount.to_owned() },
        used: number("used", used)?,
        referenced: number("referenced", referenced)?,
        available: number("available", available)?,
        written: number_or_zero("written", written)?,
        refquota: match refquota {
            "-" | "none" | "0" => None,
            bytes => Some(number("refquota", bytes)?),
        },
        origin: if origin == "-" { None } else { Some(origin.parse()?) },
        keystatus: if matches!(key, "-" | "none") { None } else { Some(key.to_owned()) },
        readonly: flag("readonly", readonly)?,
    })
}

/// Rows of `zfs list -t filesystem,volume,snapshot -o` [`HISTORY_COLUMNS`]: each dataset with its
/// snapshots, parents before children and the oldest snapshot first.
///
/// # Errors
/// When a row has an unexpected form, or a snapshot's dataset has none.
pub fn history(text: &str) -> Result<Vec<(DatasetInfo, Vec<SnapshotInfo>)>> {
    let (mut datasets, mut all) = (Vec::new(), Vec::new());
    for row in rows::<18>(text) {
        let [createtxg, creation, userrefs, clones, row @ ..] = row?;
        let [name, guid, kind, _, _, used, referenced, ..] = row;
        if kind == "snapshot" {
            all.push(snapshot([
                name, guid, createtxg, creation, used, referenced, userrefs, clones,
            ])?);
        } else {
            datasets.push(dataset(row)?);
        }
    }
    sort_tree(&mut datasets);
    let mut of: BTreeMap<Dataset, Vec<SnapshotInfo>> =
        datasets.iter().map(|info| (info.name.clone(), Vec::new())).collect();
    for snapshot in all {
        let Some(list) = of.get_mut(&snapshot.name.dataset()) else {
            return Err(wrong(format!("{} is of no dataset that was listed", snapshot.name)));
        };
        list.push(snapshot);
    }
    let with = |info: DatasetInfo| {
        let mut list = of.remove(&info.name).unwrap_or_default();
        list.sort_by_key(|snapshot| snapshot.createtxg);
        (info, list)
    };
    Ok(datasets.into_iter().map(with).collect())
}

/// Puts parents before children. A space sorts before a slash, so comparing whole names would
/// separate a dataset from its children.
pub fn sort_tree(all: &mut [DatasetInfo]) {
    all.sort_by(|a, b| a.name.as_str().split('/').cmp(b.name.as_str().split('/')));
}

/// Rows of `zfs list -t snapshot -o` [`SNAPSHOT_COLUMNS`], oldest first.
///
/// # Errors
/// When a row has an unexpected form.
pub fn snapshots(text: &str) -> Result<Vec<SnapshotInfo>> {
    let mut all = rows::<8>(text).map(|row| snapshot(row?)).collect::<Result<Vec<_>>>()?;
    all.sort_by_key(|snapshot| snapshot.createtxg);
    Ok(all)
}

fn snapshot(row: [&str; 8]) -> Result<SnapshotInfo> {
    let [name, guid, createtxg, creation, used, referenced, userrefs, clones] = row;
    Ok(SnapshotInfo {
        name: name.parse()?,
        guid: Guid(number("guid", guid)?),
        createtxg: number("createtxg", createtxg)?,
        creation: number("creation", creation)?,
        used: number("used", used)?,
        referenced: number("referenced", referenced)?,
        userrefs: number("userrefs", userrefs)?,
        // No name holds a comma.
        clones: clones
            .split(',')
            .filter(|name| !matches!(*name, "" | "-"))
            .map(|name| Ok(name.parse()?))
            .collect::<Result<_>>()?,
    })
}

/// Rows of `zfs list -t bookmark -o` [`BOOKMARK_COLUMNS`], oldest first.
///
/// # Errors
/// When a row has an unexpected form.
pub fn bookmarks(text: &str) -> Result<Vec<BookmarkInfo>> {
    let mut all = rows::<3>(text)
        .map(|row| {
            let [name, guid, createtxg] = row?;
            let (dataset, short) =
                name.split_once('#').ok_or_else(|| wrong(format!("{name:?} is no bookmark")))?;
            // Follows the same rules as the name of a snapshot.
            dataset.parse::<Dataset>()?.at(short)?;
            Ok(BookmarkInfo {
                name: name.to_owned(),
                guid: Guid(number("guid", guid)?),
                createtxg: number("createtxg", createtxg)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    all.sort_by_key(|bookmark| bookmark.createtxg);
    Ok(all)
}

/// The row of `zpool list -o` [`POOL_COLUMNS`].
///
/// # Errors
/// When there is not exactly one row, or it has an unexpected form.
pub fn pool(text: &str) -> Result<PoolInfo> {
    let mut all = rows::<7>(text);
    let (Some(row), None) = (all.next(), all.next()) else {
        return Err(wrong(format!("not one row: {text:?}")));
    };
    let [name, guid, health, size, free, readonly, failmode] = row?;
    Ok(PoolInfo {
        name: name.parse()?,
        guid: Guid(number("guid", guid)?),
        health: health.to_owned(),
        // A pool that cannot be opened has no size.
        size: number_or_zero("size", size)?,
        free: number_or_zero("free", free)?,
        readonly: flag("readonly", readonly)?,
        failmode: failmode.to_owned(),
    })
}

/// The tags in the output of `zfs holds -H` about these snapshots: rows of name, tag, time. A tag
/// may contain anything, even tabs.
///
/// # Errors
/// When a row belongs to another snapshot or has no tag.
pub fn holds(text: &str, snapshots: &[Snapshot]) -> Result<Vec<Vec<String>>> {
    let places: BTreeMap<&str, usize> =
        snapshots.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let mut tags = vec![Vec::new(); snapshots.len()];
    for line in text.split_terminator('\n') {
        let row = line.split_once('\t').and_then(|(name, rest)| {
            let (tag, _time) = rest.rsplit_once('\t')?;
            Some((*places.get(name)?, tag))
        });
        let (place, tag) =
            row.ok_or_else(|| wrong(format!("{line:?} is no hold of a snapshot asked about")))?;
        tags[place].push(tag.to_owned());
    }
    Ok(tags)
}

/// The value in the output of `zfs get -s local -o value` for one property; `None` if there is no
/// output. It may contain tabs and newlines.
pub fn value(text: &str) -> Option<String> {
    // With `-s local`, a property from another source prints no line at all. So an empty line is an
    // empty value.
    text.strip_suffix('\n').map(str::to_owned)
}

/// The pairs in the output of `zfs get -s local -o property,value all`, if each of `names` (printed
/// by `-o property`, without newlines) has exactly one line, in the same order. `None` if a value
/// with newlines makes this ambiguous.
pub fn pairs(text: &str, names: &[&str]) -> Option<Vec<(String, String)>> {
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    if lines.len() != names.len() {
        return None;
    }
    lines
        .iter()
        .zip(names)
        .map(|(line, name)| {
            let value = line.strip_prefix(name)?.strip_prefix('\t')?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect()
}

/// A line of `zfs get -o name,property,source,value`.
#[derive(Debug, PartialEq, Eq)]
pub struct PropertyRow<'a> {
    /// Of the dataset or snapshot.
    pub name: &'a str,
    /// Which property.
    pub property: &'a str,
    /// `local`, `received`, `default`, `-`, and so on.
    pub source: &'a str,
    /// Its value; `-` if there is none.
    pub value: &'a str,
}

/// Its lines, if there is exactly one for each of the `names` and `properties`. `None` otherwise: a
/// value with newlines makes more of them.
pub fn property_rows<'a>(
    text: &'a str,
    names: &[&str],
    properties: &[&str],
) -> Option<Vec<PropertyRow<'a>>> {
    let row = |line: &'a str| {
        let mut cells = line.splitn(4, '\t');
        let (name, property, source) = (cells.next()?, cells.next()?, cells.next()?);
        Some(PropertyRow { name, property, source, value: cells.next()? })
    };
    let rows: Vec<PropertyRow<'a>> = text.split_terminator('\n').map(row).collect::<Option<_>>()?;
    let found: BTreeSet<(&str, &str)> = rows.iter().map(|row| (row.name, row.property)).collect();
    let asked = |name| properties.iter().map(move |property| (name, *property));
    let all: BTreeSet<(&str, &str)> = names.iter().flat_map(|name| asked(*name)).collect();
    (rows.len() == all.len() && found == all).then_some(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROW: &str = "t/a \
        b:c\t18446744073709551615\tfilesystem\tyes\tnoauto\t98304\t24576\t65536\t0\t0\t-\t-\toff\t/srv/a b\tc\n";

    #[test]
    fn a_dataset_is_read() {
        let all = datasets(ROW).unwrap();
        assert_eq!(all.len(), 1);
        let one = &all[0];
        assert_eq!(one.name.as_str(), "t/a b:c");
        assert_eq!(one.guid, Guid(u64::MAX));
        assert_eq!(one.mountpoint.as_deref(), Some(std::path::Path::new("/srv/a b\tc")));
        assert!(
            one.mounted
                && !one.readonly
                && one.origin.is_none()
                && one.refquota.is_none()
                && one.keystatus.is_none()
        );
        assert_eq!(
            (one.canmount.as_str(), one.used, one.referenced, one.available),
            ("noauto", 98304, 24576, 65536)
        );
    }

    #[test]
    fn a_volume_and_a_clone_are_read() {
        let text = "t/v\t1\tvolume\t-\t-\t1\t1\t1\t-\t-\tt/x@y z\tavailable\ton\t-\n";
        let one = &datasets(text).unwrap()[0];
        assert_eq!(one.kind, DatasetKind::Volume);
        assert_eq!(one.origin.as_ref().map(Snapshot::as_str), Some("t/x@y z"));
        assert_eq!(
            (one.canmount.as_str(), one.mountpoint.is_none(), one.keystatus.as_deref()),
            ("on", true, Some("available"))
        );
    }

    #[test]
    fn rows_that_are_not_as_expected_are_errors() {
        for bad in [
            "t\n",
            "\n",
            "t\t-1\tfilesystem\tyes\ton\t1\t1\t1\t1\t0\t-\t-\toff\t/t\n",
            "t\t1\tsnapshot\tyes\ton\t1\t1\t1\t1\t0\t-\t-\toff\t/t\n",
            "t\t1\tfilesystem\tmaybe\ton\t1\t1\t1\t1\t0\t-\t-\toff\t/t\n",
            "t\t1\tfilesystem\tyes\ton\t1.5K\t1\t1\t1\t0\t-\t-\toff\t/t\n",
            "t/\u{fffd}\t1\tfilesystem\tyes\ton\t1\t1\t1\t1\t0\t-\t-\toff\t/t\n",
        ] {
            assert!(datasets(bad).is_err(), "{bad:?}");
        }
        assert!(datasets("").unwrap().is_empty());
        assert!(pool("").is_err());
        assert!(pool("a\t1\tONLINE\t1\t1\toff\nb\t1\tONLINE\t1\t1\toff\n").is_err());
        assert!(bookmarks("t/a@b\t1\t2\n").is_err());
    }

    #[test]
    fn snapshots_are_in_order_of_their_transaction_group() {
        let text = "t/a@z\t1\t30\t1700000000\t0\t24576\t0\t\nt/a@auto \
            2024-01-01_10:00\t2\t4\t1600000000\t0\t24576\t2\tt/c 1,t/c:2\n";
        let all = snapshots(text).unwrap();
        assert_eq!(all[0].name.short(), "auto 2024-01-01_10:00");
        assert_eq!(
            all[0].clones.iter().map(Dataset::as_str).collect::<Vec<_>>(),
            ["t/c 1", "t/c:2"]
        );
        assert_eq!((all[0].userrefs, all[1].clones.len()), (2, 0));
    }

    #[test]
    fn datasets_and_their_snapshots_are_told_apart() {
        assert!(HISTORY_COLUMNS.ends_with(DATASET_COLUMNS));
        let text = "2\t1600000000\t-\t-\tt/a\t5\tfilesystem\tyes\ton\t1\t2\t3\t4\t0\t-\t-\toff\t/srv/a\tb\n\
                    30\t1700000000\t1\tt/c\tt/a@z\t1\tsnapshot\t-\t-\t0\t9\t-\t9\t-\t-\t-\t-\t-\n\
                    4\t1600000000\t0\t\tt/a@auto 1\t2\tsnapshot\t-\t-\t0\t9\t-\t9\t-\t-\t-\t-\t-\n\
                    2\t1600000000\t-\t-\tt/a/x\t6\tvolume\t-\t-\t1\t2\t3\t4\t-\t-\t-\toff\t-\n\
                    2\t1600000000\t-\t-\tt/a b\t7\tfilesystem\tno\ton\t1\t2\t3\t4\t0\t-\t-\toff\tnone\n";
        let all = history(text).unwrap();
        let said: Vec<_> =
            all.iter().map(|(info, list)| (info.name.as_str(), list.len())).collect();
        assert_eq!(said, [("t/a", 2), ("t/a/x", 0), ("t/a b", 0)]);
        assert_eq!(all[0].0.mountpoint.as_deref(), Some(std::path::Path::new("/srv/a\tb")));
        assert_eq!(all[0].1[0].name.short(), "auto 1");
        assert_eq!((all[0].1[1].userrefs, all[0].1[1].clones.len()), (1, 1));
        assert!(history(&text.replace("t/a\t5", "t/b\t5")).is_err());
    }

    #[test]
    fn a_pool_without_a_size_is_read() {
        let one = pool("t\t5\tUNAVAIL\t-\t-\t-\t-\n").unwrap();
        assert_eq!((one.health.as_str(), one.size, one.readonly), ("UNAVAIL", 0, false));
    }

    #[test]
    fn tags_of_holds_may_hold_anything() {
        let snapshot: Snapshot = "t/a b@c d".parse().unwrap();
        let text =
            "t/a b@c d\tmy tag\tThu Jan  1  0:00 1970\nt/a b@c d\ta\tb\tThu Jan  1  0:00 1970\n";
        let other: Snapshot = "t/a b@c".parse().unwrap();
        assert_eq!(
            holds(text, &[other, snapshot.clone()]).unwrap(),
            [vec![], vec!["my tag", "a\tb"]]
        );
        assert!(holds("t/a@c\tx\ty\n", std::slice::from_ref(&snapshot)).is_err());
    }

    #[test]
    fn an_empty_value_is_not_no_value() {
        assert_eq!(value(""), None);
        assert_eq!(value("\n"), Some(String::new()));
        assert_eq!(value("a\nb\t\n"), Some("a\nb\t".to_owned()));
    }

    #[test]
    fn pairs_refuse_a_value_that_looks_like_a_line() {
        assert_eq!(pairs("a:b\tx\ncanmount\toff\n", &["a:b"]), None);
        assert_eq!(pairs("a:b\tx\ncanmount\toff\n", &["canmount", "a:b"]), None);
        assert_eq!(
            pairs("a:b\tx\ty\n", &["a:b"]),
            Some(vec![("a:b".to_owned(), "x\ty".to_owned())])
        );
    }

    #[test]
    fn rows_of_properties_refuse_a_value_that_looks_like_a_line() {
        let (names, asked) = (["t/a", "t/b"], ["a:b", "canmount"]);
        // In the order of the names, whatever order they were asked in.
        let rows = "t/b\ta:b\t-\t-\nt/b\tcanmount\tlocal\toff\n\
            t/a\ta:b\tlocal\tx\ty\nt/a\tcanmount\tdefault\ton\n";
        let found = property_rows(rows, &names, &asked).unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!((found[2].source, found[2].value), ("local", "x\ty"));
        // Its value says that canmount is set.
        let lies = "t/a\ta:b\tlocal\tx\nt/a\tcanmount\tlocal\toff\nt/a\tcanmount\tdefault\ton\n";
        assert_eq!(property_rows(lies, &["t/a"], &asked), None);
        assert_eq!(property_rows("t/a\ta:b\tlocal\tx\n", &["t/a"], &asked), None);
        assert_eq!(property_rows("", &["t/a"], &asked), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "[a-z0-9/@#:, \t\n-]{0,200}") {
            let _ = (datasets(&text), history(&text), snapshots(&text), bookmarks(&text), pool(&text), value(&text));
            let _ = (pairs(&text, &["a"]), property_rows(&text, &["a"], &["b"]));
        }

        #[test]
        fn every_name_comes_back(dataset in "[a-z][a-zA-Z0-9_.: -]{0,20}(/[a-zA-Z0-9_: \
            -]{1,20}){0,3}", short in "[a-zA-Z0-9_: -]{1,30}", guid: u64, txg: u64) {
            let line = format!("{dataset}@{short}\t{guid}\t{txg}\t0\t0\t0\t0\t-\n");
            let all = snapshots(&line).unwrap();
            prop_assert_eq!(all[0].name.as_str(), format!("{dataset}@{short}"));
            prop_assert_eq!((all[0].guid.0, all[0].createtxg), (guid, txg));
        }

        #[test]
        fn every_value_comes_back(property in "[a-z]{1,9}:[a-z]{1,9}", text in "[^\0]{0,60}") {
            prop_assert_eq!(value(&format!("{text}\n")), Some(text.clone()));
            if !text.contains('\n') {
                prop_assert_eq!(pairs(&format!("{property}\t{text}\n"), &[&property]), Some(vec![(property, text)]));
            }
        }
    }
}
