//! Symbolic links inside the data that point elsewhere.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use walkdir::{DirEntry, WalkDir};

use super::data::DataPath;
use super::datasets::{Root, goes_back};
use super::storage::StorageMap;
use super::text::at_most;
use super::{Facts, Finding, Kind, Sources};
use crate::host::pattern;
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
    /// Whether it is certainly data of the product: the playbook says so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_product: bool,
}

/// Links to these folders are configuration, certificates, programs or devices, not data.
const NOT_DATA: &[&str] =
    &["/dev", "/proc", "/sys", "/run", "/usr", "/etc", "/lib", "/bin", "/sbin", "/opt"];

/// PostgreSQL's tablespaces are two levels down, MySQL's linked databases one level.
const DEEP: usize = 3;

/// A message store has millions of files, so only its upper levels are searched.
const MANY: usize = 20_000;

/// `PATH_MAX`.
const LONGEST: u64 = 4096;

/// The links that point outside of the datasets, and the folders that were not searched completely.
pub(super) fn gather(
    sources: &Sources<'_>,
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
    let patterns = sources.playbook.data.link_files.iter();
    for pattern in patterns.filter_map(|pattern| sources.pattern(pattern).ok()) {
        // The check of the rights reports folders that cannot be read.
        for file in pattern::find(&pattern).unwrap_or_default() {
            links.extend(written(map, roots, &file));
        }
    }
    (links, unsearched)
}

/// Where a file leads whose first line is a path. Without one it leads nowhere.
fn written(map: &StorageMap<'_>, roots: &[Root], file: &Path) -> Option<LinkOut> {
    let mut line = String::new();
    let text = std::fs::File::open(file).ok()?.take(LONGEST);
    BufReader::new(text).read_line(&mut line).ok()?;
    let target = file.parent()?.join(line.trim_end());
    if line.trim_end().is_empty() {
        return None;
    }
    let target = target.canonicalize().unwrap_or(target);
    let dataset = map.location(&target).ok().and_then(|on| on.dataset);
    let listed = dataset.as_ref().is_some_and(|dataset| goes_back(roots, dataset));
    (!listed).then(|| LinkOut { link: file.to_owned(), target, dataset, of_product: true })
}

fn leads_off(map: &StorageMap<'_>, roots: &[Root], link: &Path) -> Option<LinkOut> {
    let target = link.canonicalize().ok()?;
    let dataset = map.location(&target).ok().and_then(|on| on.dataset);
    let listed = dataset.as_ref().is_some_and(|dataset| goes_back(roots, dataset));
    let off = !listed && !NOT_DATA.iter().any(|prefix| target.starts_with(prefix));
    off.then(|| LinkOut { link: link.to_owned(), target, dataset, of_product: false })
}

/// Links from the data to elsewhere, such as a tablespace.
pub(super) fn links(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::DataLinks;
    let mut findings = Vec::new();
    let line = |link: &LinkOut| {
        let on = link.dataset.as_ref().map_or_else(String::new, |on| format!(" on {on}"));
        format!("{} -> {}{on}", link.link.display(), link.target.display())
    };
    let (data, others): (Vec<&LinkOut>, Vec<&LinkOut>) =
        facts.links.iter().partition(|link| link.of_product);
    if !data.is_empty() {
        findings.push(
            Finding::refuse(ID, "Data of the product lies outside of the site's datasets.")
                .detail(at_most(data.iter().map(|link| line(link))))
                .detail(["It would be neither in the snapshot nor rolled back."])
                .remedy([
                    "Have the product move it into its data folder, or add the dataset that it \
                     lies on to `datasets` in the site file.",
                ]),
        );
    }
    if !others.is_empty() {
        let lines = others.iter().map(|link| line(link));
        let title = "Links in the data lead to places that are not rolled back with it.";
        let finding = if facts.occasion.is_downgrade() {
            Finding::warn(ID, title)
        } else {
            Finding::confirm(ID, title)
        };
        let mut datasets: Vec<String> =
            others.iter().filter_map(|link| Some(link.dataset.as_ref()?.to_string())).collect();
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
                .about(others.iter().map(|link| link.link.display().to_string())),
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
            of_product: false,
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
    fn s1_data_that_a_file_points_to_is_refused() {
        let host = Host::new();
        host.write("elsewhere/t.ibd", "");
        let outside = host.root.join("elsewhere/t.ibd").display().to_string();
        let inside = host.root.join("db/log/u.ibd").display().to_string();
        host.write("db/log/t.isl", &format!("{outside}\n"));
        host.write("db/log/u.isl", &inside);
        host.write("db/log/gone.isl", "/no/such/file");
        host.write("db/log/empty.isl", "");
        let facts = host.gather(Occasion::Upgrade, |_| {});
        let found: Vec<_> =
            facts.links.iter().map(|link| link.target.display().to_string()).collect();
        assert_eq!(found, ["/no/such/file".to_owned(), outside]);
        let finding = &links(&facts)[0];
        assert_eq!(finding.severity, super::super::Severity::Refuse);
        assert!(finding.detail[1].contains("log/t.isl -> "), "{finding}");
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
