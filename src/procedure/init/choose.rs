//! What the answers of the host come to. Pure: nothing is read here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::host::mounts::{Mount, mount_of};
use crate::playbook::Extractor;
use crate::playbook::model::{Playbook, Verdict};
use crate::playbook::version::{compare, version_is};
use crate::zfs::Dataset;

/// The values in what a command printed: one a line, each once, in their order.
pub fn values(printed: &str, pattern: Option<&Extractor>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let value = |line: &str| match pattern {
        Some(pattern) => pattern.find(line).map(str::to_owned),
        None => Some(line.to_owned()),
    };
    let values = printed.lines().map(str::trim).filter_map(value);
    values.filter(|value| !value.is_empty() && seen.insert(value.clone())).collect()
}

/// Whether the playbook brings this version to that one: it is a later one, and not refused.
pub fn leads_to(playbook: &Playbook, installed: &str, version: &str) -> bool {
    compare(installed, version).is_lt()
        && playbook.rule_for(installed, version).is_some_and(|rule| rule.verdict != Verdict::Refuse)
}

/// What `upgrade_to` becomes for a version that the host shows: its first parts, if the playbook
/// proposes them, so that a later correction of it is meant, too.
pub fn wanted(proposed: Option<&str>, version: &str) -> String {
    let first = proposed.filter(|proposed| version_is(version, proposed));
    first.unwrap_or(version).to_owned()
}

/// A path of the data that is not on a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOnZfs {
    /// The path.
    pub path: PathBuf,
    /// The file system that it is on, and where that is mounted.
    pub on: Option<(String, PathBuf)>,
}

/// The datasets that these paths are on, each once; of one within another, the outer one. The paths
/// have no symbolic links in them.
///
/// # Errors
/// The first path that is not on ZFS.
pub fn datasets(paths: &[PathBuf], mounts: &[Mount]) -> Result<Vec<Dataset>, NotOnZfs> {
    let mut found: Vec<Dataset> = Vec::new();
    for path in paths {
        let dataset = dataset(path, mounts)?;
        if !found.iter().any(|other| dataset == *other || dataset.is_within(other)) {
            found.retain(|other| !other.is_within(&dataset));
            found.push(dataset);
        }
    }
    Ok(found)
}

fn dataset(path: &Path, mounts: &[Mount]) -> Result<Dataset, NotOnZfs> {
    let mount = mount_of(mounts, path);
    let not = || NotOnZfs {
        path: path.to_owned(),
        on: mount.map(|mount| (mount.fstype.clone(), mount.point.clone())),
    };
    let zfs = mount.filter(|mount| mount.fstype == "zfs");
    zfs.and_then(|mount| mount.source.parse().ok()).ok_or_else(not)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mounts;
    use crate::playbook::library;

    const TABLE: &str = "\
22 1 253:1 / / rw - ext4 /dev/vda1 rw
40 22 0:35 / /var/lib/mysql rw - zfs tank/mysql rw
41 40 0:36 / /var/lib/mysql/log rw - zfs tank/mysql/log rw
42 22 0:37 / /srv/log rw - zfs tank/log rw
";

    #[test]
    fn each_line_is_a_value_and_what_does_not_match_is_none() {
        assert_eq!(values(" a\n\nb \na\n", None), ["a", "b"]);
        let pattern: Extractor = serde_json::from_str("\"^n=([a-z]+)\"").expect("a pattern");
        let printed = "n=trixie\nx\nn=bookworm\nn=trixie";
        assert_eq!(values(printed, Some(&pattern)), ["trixie", "bookworm"]);
    }

    #[test]
    fn only_later_versions_that_the_playbook_does_not_refuse() {
        let playbook = library::find("mariadb", &[]).expect("built in");
        let leads = |to: &str| leads_to(&playbook, "10.11.11", to);
        assert_eq!(
            ["11.8.3", "10.11.11", "10.6.1", "12.1"].map(leads),
            [true, false, false, false]
        );
        assert_eq!(wanted(Some("11.8"), "11.8.3"), "11.8");
        assert_eq!(wanted(Some("11.8"), "11.4.2"), "11.4.2");
        assert_eq!(wanted(None, "11.4.2"), "11.4.2");
    }

    #[test]
    fn the_outer_dataset_stands_for_what_is_below_it() {
        let mounts = mounts::parse(TABLE.as_bytes());
        let on = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            datasets(&paths, &mounts)
                .map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(on(&["/var/lib/mysql/log", "/var/lib/mysql"]).expect("zfs"), ["tank/mysql"]);
        assert_eq!(
            on(&["/var/lib/mysql", "/srv/log/x", "/srv/log"]).expect("zfs"),
            ["tank/mysql", "tank/log"]
        );
        let not = on(&["/var/lib/mysql", "/var/lib/redis"]).expect_err("ext4");
        assert_eq!(not.path, Path::new("/var/lib/redis"));
        assert_eq!(not.on, Some(("ext4".to_owned(), "/".into())));
    }
}
