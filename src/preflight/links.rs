//! Symbolic links inside the data that point elsewhere.

use std::path::{Path, PathBuf};

use serde::Serialize;
use walkdir::{DirEntry, WalkDir};

use super::data::DataPath;
use super::datasets::{Root, goes_back};
use super::storage::StorageMap;
use super::text::at_most;
use super::{Facts, Finding, Kind};
use crate::host::quote::quote;
use crate::zfs::Dataset;

/// A symbolic link inside the data that points elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkOut {
    /// The link.
    pub link: PathBuf,
    /// Where it leads.
    pub target: PathBuf,
    /// The dataset there, if it is one.
    pub dataset: Option<Dataset>,
}

/// Links to these folders are configuration, certificates, programs or devices, not data.
const NOT_DATA: &[&str] =
    &["/dev", "/proc", "/sys", "/run", "/usr", "/etc", "/lib", "/bin", "/sbin", "/opt"];

/// PostgreSQL's tablespaces are two levels down, MySQL's linked databases one level.
const DEEP: usize = 3;

/// A message store has millions of files, so only its upper levels are searched.
const MANY: usize = 20_000;

/// The links that point outside of the datasets, and the folders that were not searched completely.
pub(super) fn gather(
    map: &StorageMap<'_>,
    roots: &[Root],
    data: &[DataPath],
) -> (Vec<LinkOut>, Vec<String>) {
    let (mut links, mut unsearched) = (Vec::new(), Vec::new());
    for folder in data.iter().filter_map(|data| data.real.as_ref().ok()) {
        // The check of the rights reports folders that cannot be read.
        let mut entries = WalkDir::new(folder).min_depth(1).max_depth(DEEP).into_iter().flatten();
        let found = entries.by_ref().take(MANY).filter(DirEntry::path_is_symlink);
        links.extend(found.filter_map(|link| leads_off(map, roots, link.path())));
        if entries.next().is_some() {
            unsearched.push(folder.display().to_string());
        }
    }
    (links, unsearched)
}

fn leads_off(map: &StorageMap<'_>, roots: &[Root], link: &Path) -> Option<LinkOut> {
    let target = link.canonicalize().ok()?;
    let dataset = map.location(&target).ok().and_then(|on| on.dataset);
    let listed = dataset.as_ref().is_some_and(|dataset| goes_back(roots, dataset));
    let off = !listed && !NOT_DATA.iter().any(|prefix| target.starts_with(prefix));
    off.then(|| LinkOut { link: link.to_owned(), target, dataset })
}

/// Links from the data to elsewhere, such as a tablespace.
pub(super) fn links(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::DataLinks;
    let mut findings = Vec::new();
    if !facts.links.is_empty() {
        let lines = facts.links.iter().map(|link| {
            let on =
                link.dataset.as_ref().map_or_else(String::new, |dataset| format!(" on {dataset}"));
            format!("{} -> {}{on}", link.link.display(), link.target.display())
        });
        let title = "Links in the data lead to places that are not rolled back with it.";
        let finding = if facts.occasion.is_downgrade() {
            Finding::warn(ID, title)
        } else {
            Finding::confirm(ID, title)
        };
        let mut datasets: Vec<String> = facts
            .links
            .iter()
            .filter_map(|link| Some(link.dataset.as_ref()?.to_string()))
            .collect();
        datasets.sort();
        datasets.dedup();
        let add = datasets
            .into_iter()
            .map(|name| format!("Add \"{name}\" to `datasets` in the site file."));
        findings.push(
            finding
                .detail(at_most(lines))
                .remedy(
                    add.chain(["If it is data (a tablespace, a linked folder), move it to the \
                    datasets; if not, confirm."
                        .to_owned()]),
                )
                .about(facts.links.iter().map(|link| link.link.display().to_string())),
        );
    }
    if !facts.links_unsearched.is_empty() {
        findings.push(
            Finding::warn(ID, "Some folders are too large to be searched completely for links.")
                .detail(facts.links_unsearched.iter().cloned())
                .remedy(
                    facts
                        .links_unsearched
                        .iter()
                        .map(|path| format!("find {} -type l", quote(path))),
                ),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::Host;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_out() {
        let mut facts = facts(Occasion::Upgrade);
        let dataset = "fast/space".parse().ok();
        facts.links = vec![LinkOut {
            link: "/srv/db/pg_tblspc/16400".into(),
            target: "/fast/space".into(),
            dataset,
        }];
        facts.links_unsearched = vec!["/srv/db".into()];
        insta::assert_snapshot!(show(&links(&facts)), @r#"
            confirm: Links in the data lead to places that are not rolled back with it. [data-links]
                     /srv/db/pg_tblspc/16400 -> /fast/space on fast/space
              to do: Add "fast/space" to `datasets` in the site file.
                     If it is data (a tablespace, a linked folder), move it to the datasets; if not, confirm.

            warning: Some folders are too large to be searched completely for links. [data-links]
                     /srv/db
              to do: find /srv/db -type l
            "#);
    }

    #[test]
    fn links_are_found_on_the_host() {
        let host = Host::new();
        host.write("elsewhere/space", "");
        host.write("db/log/inside", "");
        symlink(host.root.join("elsewhere"), host.root.join("db/link")).expect("link");
        symlink(host.root.join("db/log"), host.root.join("db/fine")).expect("link");
        symlink("/etc/hostname", host.root.join("db/conf")).expect("link");
        let facts = host.gather(Occasion::Check, |_| {});
        assert_eq!(facts.links.len(), 1);
        assert_eq!(facts.links[0].target, host.root.join("elsewhere"));
    }
}
