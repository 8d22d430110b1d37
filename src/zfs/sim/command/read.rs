//! The commands that only read, and `zfs allow`, which does both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Answer, Commands, Words, unreachable};
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, Engine, Snapshot, SnapshotInfo, ZfsError};

fn size(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| bytes.to_string())
}

impl Commands {
    pub(super) fn pools(&self, words: &[String], to: &mut Answer) {
        for name in Words::new(words, "o").rest {
            let pool = name.parse().ok().and_then(|pool| self.engine.pool(&pool).ok().flatten());
            let Some(pool) = pool else {
                to.refuse("open", name, "no such pool");
                continue;
            };
            let (name, guid, size, free) = (pool.name, pool.guid, pool.size, pool.free);
            let _ = writeln!(to.out, "{name}\t{guid}\t{}\t{size}\t{free}\toff\twait", pool.health);
        }
    }

    pub(super) fn list(&self, words: &[String], to: &mut Answer) {
        let words = Words::new(words, "odst");
        let kinds: Vec<&str> = words.value("t").unwrap_or("filesystem").split(',').collect();
        let columns: Vec<&str> = words.value("o").unwrap_or("name").split(',').collect();
        let deep = words.has("r");
        let children = words.value("d") == Some("1");
        let of_snapshot = |to: &mut Answer, one: &SnapshotInfo| {
            let cells: Vec<String> =
                columns.iter().map(|column| snapshot_cell(one, column)).collect();
            let _ = writeln!(to.out, "{}", cells.join("\t"));
        };
        for name in &words.rest {
            if let Ok(snapshot) = name.parse::<Snapshot>() {
                match self.engine.snapshot_info(&snapshot) {
                    Ok(Some(one)) if kinds.contains(&"snapshot") => of_snapshot(to, &one),
                    _ => to.refuse("open", name, "dataset does not exist"),
                }
                continue;
            }
            let root = name.parse::<Dataset>().ok();
            let tree = root.map(|root| self.engine.tree(&root));
            let Some(Ok(tree)) = tree else {
                to.refuse("open", name, "dataset does not exist");
                continue;
            };
            let depth = if deep { tree.len() } else { 1 };
            for info in tree.iter().take(depth) {
                let kind = match info.kind {
                    DatasetKind::Filesystem => "filesystem",
                    DatasetKind::Volume => "volume",
                };
                if kinds.contains(&kind) {
                    let cells: Vec<String> =
                        columns.iter().map(|column| dataset_cell(info, kind, column)).collect();
                    let _ = writeln!(to.out, "{}", cells.join("\t"));
                }
                if kinds.contains(&"snapshot") && (deep || children) {
                    let all = self.engine.snapshots(&info.name).unwrap_or_default();
                    all.iter().for_each(|one| of_snapshot(to, one));
                }
                if kinds.contains(&"bookmark") && (deep || children) {
                    for one in self.engine.bookmarks(&info.name).unwrap_or_default() {
                        let _ = writeln!(to.out, "{}\t{}\t{}", one.name, one.guid, one.createtxg);
                    }
                }
            }
        }
    }

    /// The properties of a dataset or snapshot with their sources.
    fn properties(&self, name: &str) -> Result<Vec<(String, String, &'static str)>, ZfsError> {
        let world = self.engine.world();
        if let Ok(snapshot) = name.parse::<Snapshot>() {
            let found = &world.snapshot(&snapshot)?.properties;
            return Ok(found.iter().map(|(p, v)| (p.clone(), v.clone(), "local")).collect());
        }
        let dataset: Dataset = name.parse()?;
        let found = world.dataset(&dataset)?;
        let mut all: BTreeMap<&String, (&String, &str)> =
            found.received.iter().map(|(name, value)| (name, (value, "received"))).collect();
        all.extend(found.properties.iter().map(|(name, value)| (name, (value, "local"))));
        Ok(all
            .into_iter()
            .map(|(name, (value, from))| (name.clone(), value.clone(), from))
            .collect())
    }

    pub(super) fn get(&self, words: &[String], to: &mut Answer) {
        let words = Words::new(words, "osdt");
        let columns: Vec<&str> = words.value("o").unwrap_or("value").split(',').collect();
        let sources: Option<Vec<&str>> = words.value("s").map(|text| text.split(',').collect());
        let Some((properties, names)) = words.rest.split_first() else { return };
        let asked: Vec<&str> = properties.split(',').collect();
        let mut row = |name: &str, property: &str, value: &str, source: &str| {
            let cells: Vec<&str> = columns
                .iter()
                .map(|column| match *column {
                    "name" => name,
                    "property" => property,
                    "source" => source,
                    _ => value,
                })
                .collect();
            let _ = writeln!(to.out, "{}", cells.join("\t"));
        };
        let mut missing = Vec::new();
        for name in names {
            let Ok(all) = self.properties(name) else {
                missing.push(*name);
                continue;
            };
            for property in &asked {
                if let Some(since) = property.strip_prefix("written@") {
                    let dataset: Dataset = name.parse().unwrap_or_else(|_| unreachable());
                    let since = since.parse().ok().or_else(|| dataset.at(since).ok());
                    let written =
                        since.and_then(|at| self.engine.written_since(&dataset, &at).ok());
                    row(name, property, &size(written), "-");
                }
            }
            for (property, value, source) in &all {
                let wanted = asked.contains(&"all") || asked.contains(&property.as_str());
                let here = sources.as_ref().is_none_or(|sources| sources.contains(source));
                if wanted && here {
                    row(name, property, value, source);
                }
            }
            // Without `-s` each that is asked for by its name has a row.
            for property in asked.iter().filter(|_| sources.is_none()) {
                let known = |(found, _, _): &(String, String, _)| found == property;
                if !all.iter().any(known) && *property != "all" && !property.contains('@') {
                    row(name, property, "-", "-");
                }
            }
        }
        for name in missing {
            to.refuse("open", name, "dataset does not exist");
        }
    }

    pub(super) fn holds(&self, words: &[String], to: &mut Answer) {
        for name in Words::new(words, "").rest {
            let tags = name.parse().ok().and_then(|name| self.engine.holds(&name).ok());
            match tags {
                Some(tags) => {
                    for tag in tags {
                        let _ = writeln!(to.out, "{name}\t{tag}\tThu Jan  1  0:00 1970");
                    }
                }
                None => to.refuse("open", name, "dataset does not exist"),
            }
        }
    }

    /// Prints what others may do with a dataset, or gives it to them.
    pub(super) fn allow(&self, words: &[String], to: &mut Answer) {
        let Some((name, given)) = words.split_last() else { return };
        let Ok(dataset) = name.parse::<Dataset>() else { return };
        let all = std::slice::from_ref(&dataset);
        if !given.is_empty() {
            if let Err(error) = self.engine.delegate(&dataset, &[given.to_vec()]) {
                to.refused("allow", name, &error);
            }
            return;
        }
        let Ok(all) = self.engine.delegations_of(all) else {
            return to.refuse("open", name, "dataset does not exist");
        };
        if all.iter().all(|all| all.given.is_empty()) {
            return;
        }
        let _ = writeln!(to.out, "---- Permissions on {name} ----");
        for words in all.iter().flat_map(|all| &all.given) {
            let (title, rest) = match words.split_first() {
                Some((flag, rest)) if flag == "-l" => ("Local permissions:", rest),
                Some((flag, rest)) if flag == "-d" => ("Descendent permissions:", rest),
                Some((flag, rest)) if flag == "-c" => ("Create time permissions:", rest),
                Some((flag, rest)) if flag == "-s" => ("Permission sets:", rest),
                _ => ("Local+Descendent permissions:", words.as_slice()),
            };
            let line = rest.join(" ");
            let line = line.replace("-u ", "user ").replace("-g ", "group ");
            let _ = writeln!(to.out, "{title}\n\t{}", line.replace("-e ", "everyone "));
        }
    }
}

fn dataset_cell(info: &DatasetInfo, kind: &str, column: &str) -> String {
    let flag = |on: bool, yes: &str, no: &str| if on { yes } else { no }.to_owned();
    let volume = info.kind == DatasetKind::Volume;
    match column {
        "name" => info.name.to_string(),
        "guid" => info.guid.to_string(),
        "type" => kind.to_owned(),
        "mounted" if !volume => flag(info.mounted, "yes", "no"),
        "canmount" if !volume => info.canmount.clone(),
        "used" => info.used.to_string(),
        "referenced" => info.referenced.to_string(),
        "available" => info.available.to_string(),
        "written" => info.written.to_string(),
        "refquota" if !volume => info.refquota.unwrap_or_default().to_string(),
        "origin" => info.origin.as_ref().map_or("-".to_owned(), ToString::to_string),
        "keystatus" => info.keystatus.clone().unwrap_or_else(|| "-".to_owned()),
        "readonly" => flag(info.readonly, "on", "off"),
        "mountpoint" if !volume => {
            info.mountpoint.as_ref().map_or("none".to_owned(), |path| path.display().to_string())
        }
        _ => "-".to_owned(),
    }
}

fn snapshot_cell(one: &SnapshotInfo, column: &str) -> String {
    match column {
        "name" => one.name.to_string(),
        "guid" => one.guid.to_string(),
        "type" => "snapshot".to_owned(),
        "createtxg" => one.createtxg.to_string(),
        "creation" => one.creation.to_string(),
        "used" => one.used.to_string(),
        "referenced" => one.referenced.to_string(),
        "userrefs" => one.userrefs.to_string(),
        "clones" => {
            let names: Vec<&str> = one.clones.iter().map(Dataset::as_str).collect();
            if names.is_empty() { "-".to_owned() } else { names.join(",") }
        }
        _ => "-".to_owned(),
    }
}
