//! Files that are not the product's, on a dataset that goes back: the data is only a folder of it.
//! They go back, too, but nothing captures what is written to them after the snapshot.

use std::path::{Path, PathBuf};

use super::data::DataPath;
use super::datasets::{self, DatasetFact, Root};
use super::sources::{Observed, Sources};
use super::text::at_most;
use super::{Facts, Finding, Kind};
use crate::host::mounts::Mount;
use crate::host::pattern;

/// What lies beside the data, the outermost folders and files only.
pub(super) fn gather(
    sources: &Sources<'_>,
    table: &Observed<Vec<Mount>>,
    roots: &[Root],
    data: &[DataPath],
) -> Vec<PathBuf> {
    let mut ours: Vec<PathBuf> = data.iter().filter_map(|data| data.real.clone().ok()).collect();
    let on_data = |fact: &&DatasetFact| {
        let Some(point) = fact.info.mountpoint.as_ref().filter(|_| fact.info.mounted) else {
            return false;
        };
        let holds = ours.iter().any(|path| path.starts_with(point));
        holds && !ours.iter().any(|path| point.starts_with(path))
    };
    let points: Vec<PathBuf> = datasets::all(roots)
        .filter(on_data)
        .filter_map(|fact| fact.info.mountpoint.clone())
        .collect();
    // The configuration is saved, and put back.
    let config = sources.playbook.data.config.iter().filter_map(|path| sources.text(path).ok());
    ours.extend(config.filter_map(|path| Path::new(&path).canonicalize().ok()));
    // Other file systems are not on this dataset.
    ours.extend(table.iter().flatten().map(|mount| mount.point.clone()));
    let mut found = Vec::new();
    for point in points {
        beside(&point, &ours, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

/// The entries of a folder that are none of `ours`; where one of `ours` is in an entry, of that
/// folder.
fn beside(folder: &Path, ours: &[PathBuf], found: &mut Vec<PathBuf>) {
    // The check of the rights reports a folder that cannot be read.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if ours.contains(&path)
            || [".zfs", "lost+found"].map(Into::into).contains(&entry.file_name())
        {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if ours.iter().any(|one| one.starts_with(&path)) {
            beside(&path, ours, found);
        } else if !is_folder || std::fs::read_dir(&path).is_ok_and(|mut all| all.next().is_some()) {
            found.push(path);
        }
    }
}

/// The product's log files within the data.
pub(super) fn find_logs(sources: &Sources<'_>) -> Vec<PathBuf> {
    let patterns = sources.playbook.data.logs.iter().filter_map(|it| sources.pattern(it).ok());
    // The check of the rights reports a folder that cannot be read.
    let mut found: Vec<PathBuf> =
        patterns.flat_map(|pattern| pattern::find(&pattern).unwrap_or_default()).collect();
    found.retain(|path| path.metadata().is_ok_and(|it| it.is_file() && it.len() > 0));
    found.sort();
    found.dedup();
    found
}

/// What is written to a log file after the snapshot does not come back.
pub(super) fn logs(facts: &Facts) -> Vec<Finding> {
    if facts.logs.is_empty() || !facts.data_strategy.is_zfs() {
        return Vec::new();
    }
    let fate = match (facts.occasion.is_downgrade(), facts.in_place()) {
        (true, true) => "What was written to them since the snapshot is destroyed.",
        (true, false) => {
            "What was written to them since the snapshot stays with the upgraded state, until \
             `commit`."
        }
        (false, _) => "A downgrade brings them back as they are in the snapshot.",
    };
    vec![
        Finding::warn(
            Kind::DataLogs,
            "The product's log files lie in the data, and go back with it.",
        )
        .detail(at_most(facts.logs.iter().map(|path| path.display().to_string())))
        .detail([fate])
        .remedy(["If they matter, copy them before a downgrade, or have the product write them \
                elsewhere."]),
    ]
}

/// Names them before the upgrade, and before what is written to them since is lost.
pub(super) fn other_files(facts: &Facts) -> Vec<Finding> {
    if facts.other_files.is_empty() || !facts.data_strategy.is_zfs() {
        return Vec::new();
    }
    let lines = at_most(facts.other_files.iter().map(|path| path.display().to_string()));
    let title =
        "The data is only a part of what is on its dataset. The rest would go back with it.";
    if facts.occasion.is_downgrade() && !facts.in_place() {
        return vec![Finding::warn(Kind::OtherFiles, title).detail(lines).detail([
            "What was written there since the snapshot stays with the upgraded state, and `commit` \
             asks before it destroys it.",
        ])];
    }
    let remedy = if facts.occasion.is_downgrade() {
        "Copy what you need of it to another place, then confirm."
    } else {
        "Move the data to a dataset of its own: stop the service, zfs create, move the folder, \
         start the service. Or confirm."
    };
    vec![
        Finding::confirm(Kind::OtherFiles, title)
            .detail(lines)
            .detail(["What is written there after the snapshot is neither captured nor restored."])
            .remedy([remedy])
            .about(facts.other_files.iter().map(|path| path.display().to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::Host;
    use super::*;

    #[test]
    fn s4_what_lies_beside_the_data_is_named() {
        let host = Host::new();
        let seen = |data: &str| {
            let data = host.root.join(data).display().to_string();
            let facts = host.gather(Occasion::Upgrade, |sources| {
                sources.values.insert("data".into(), data.clone());
            });
            let names = facts.other_files.iter();
            let names =
                names.map(|path| path.strip_prefix(&host.root).expect("below it").display());
            names.map(|path| path.to_string()).collect::<Vec<_>>().join(" ")
        };
        host.write("db/app/data/file", "");
        host.write("db/app/conf", "");
        host.write("db/www/index", "");
        crate::host::files::private_dir(&host.root.join("db/empty")).expect("made");
        assert_eq!(seen("db/app/data"), "db/app/conf db/www");
        assert_eq!(seen("db"), "", "all of it is data");
        assert_eq!(seen("elsewhere"), "", "another check is about that");
    }

    #[test]
    fn s1_log_files_that_are_not_captured_are_named() {
        let host = Host::new();
        host.write("db/host.err", "started");
        host.write("db/empty.err", "");
        let facts = host.gather(Occasion::Downgrade { in_place: false }, |_| {});
        let said = show(&logs(&facts)).replace(&host.root.display().to_string(), "");
        insta::assert_snapshot!(said, @r"
            warning: The product's log files lie in the data, and go back with it. [data-logs]
                     /db/host.err
                     What was written to them since the snapshot stays with the upgraded state, until `commit`.
              to do: If they matter, copy them before a downgrade, or have the product write them elsewhere.
            ");
    }

    #[test]
    fn what_is_said_of_it() {
        let mut facts = facts(Occasion::Upgrade);
        facts.other_files = vec!["/srv/www".into()];
        insta::assert_snapshot!(show(&other_files(&facts)), @r"
            confirm: The data is only a part of what is on its dataset. The rest would go back with it. [other-files]
                     /srv/www
                     What is written there after the snapshot is neither captured nor restored.
              to do: Move the data to a dataset of its own: stop the service, zfs create, move the folder, start the service. Or confirm.
            ");
        assert_eq!(other_files(&facts)[0].subjects, ["/srv/www"]);
        facts.occasion = Occasion::Downgrade { in_place: false };
        insta::assert_snapshot!(show(&other_files(&facts)), @r"
            warning: The data is only a part of what is on its dataset. The rest would go back with it. [other-files]
                     /srv/www
                     What was written there since the snapshot stays with the upgraded state, and `commit` asks before it destroys it.
            ");
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert_eq!(other_files(&facts)[0].severity, super::super::Severity::Confirm);
    }
}
