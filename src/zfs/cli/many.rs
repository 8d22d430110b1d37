//! Many datasets or snapshots with a constant number of commands. A list that is longer than a
//! command takes is cut into parts, as `xargs(1)` does.

use std::collections::{BTreeMap, BTreeSet};
use std::slice::from_ref;

use super::old;
use super::refine::{Meaning, only};
use super::{CHANGE_LIMIT, CliEngine, TREE_LIMIT, parse, refine};
use crate::host::exec::{Command, Printed};
use crate::zfs::words::{WORDS, batches};
use crate::zfs::{
    BookmarkInfo, Change, Dataset, DatasetInfo, DatasetKind, Engine, Guid, NewClone, Properties,
    Result, Snapshot, SnapshotInfo, ZfsError, outermost, verify,
};

/// Properties that children do not inherit. Plain `zfs inherit` refuses them, and the value `none`
/// stays local (`zfs-inherit(8)`).
const NOT_INHERITED: &[&str] = &["canmount", "quota", "refquota", "reservation", "refreservation"];

/// `zfs list` of named things.
fn names_of<'a, T>(items: &'a [T], name: impl Fn(&'a T) -> &'a str) -> Vec<&'a str> {
    items.iter().map(name).collect()
}

/// Those of the snapshots that have none of the same name above them in the list.
fn tops(snapshots: &[Snapshot]) -> Vec<&Snapshot> {
    let all: BTreeSet<&str> = snapshots.iter().map(Snapshot::as_str).collect();
    let above = |name: &&Snapshot| {
        let mut above = name.dataset().ancestors();
        above.any(|parent| all.contains(format!("{parent}@{}", name.short()).as_str()))
    };
    snapshots.iter().filter(|name| !above(name)).collect()
}

impl CliEngine {
    /// Runs a command about many names. Those for which it fails with this meaning do not count.
    /// `about` is what an error is about.
    fn about_many(&self, argv: &[&str], about: &str, but: Meaning, reads: bool) -> Result<Printed> {
        let limit = if reads { TREE_LIMIT } else { CHANGE_LIMIT };
        let command = Command::new(argv.iter().copied()).timeout(limit);
        match self.runner.attempt(&command) {
            Ok((printed, None)) => Ok(printed),
            Ok((printed, Some(_))) if only(but, &printed.stderr) => Ok(printed),
            Ok((_, Some(error))) | Err(error) => Err(refine(error, about)),
        }
    }

    fn list_named(&self, kinds: &str, columns: &str, names: &[&str]) -> Result<String> {
        let mut text = String::new();
        for part in batches(names, WORDS, |name| name.len()) {
            let last = part.last().unwrap_or(&"");
            let run =
                |argv: &[&str]| Ok(self.about_many(argv, last, Meaning::NotFound, true)?.stdout);
            text.push_str(&self.rows(&["-d", "0", "-t", kinds], columns, part, &run)?);
        }
        Ok(text)
    }

    pub(super) fn list_below(&self, kinds: &str, columns: &str, root: &Dataset) -> Result<String> {
        let name = root.as_str();
        let run = |argv: &[&str]| self.read_many(argv).map_err(|error| refine(error, name));
        self.rows(&["-r", "-t", kinds], columns, &[name], &run)
    }

    pub(super) fn infos(&self, names: &[Dataset]) -> Result<Vec<DatasetInfo>> {
        let words = names_of(names, Dataset::as_str);
        let text = self.list_named("filesystem,volume", parse::DATASET_COLUMNS, &words)?;
        let all = parse::datasets(&text)?.into_iter();
        let found: BTreeMap<Dataset, DatasetInfo> =
            all.map(|info| (info.name.clone(), info)).collect();
        Ok(names.iter().filter_map(|name| found.get(name).cloned()).collect())
    }

    pub(super) fn infos_of_snapshots(&self, names: &[Snapshot]) -> Result<Vec<SnapshotInfo>> {
        let words = names_of(names, Snapshot::as_str);
        let text = self.list_named("snapshot", parse::SNAPSHOT_COLUMNS, &words)?;
        let all = parse::snapshots(&text)?.into_iter();
        let found: BTreeMap<Snapshot, SnapshotInfo> =
            all.map(|info| (info.name.clone(), info)).collect();
        Ok(names.iter().filter_map(|name| found.get(name).cloned()).collect())
    }

    pub(super) fn bookmarks_of_tree(&self, root: &Dataset) -> Result<Vec<BookmarkInfo>> {
        parse::bookmarks(&self.list_below("bookmark", parse::BOOKMARK_COLUMNS, root)?)
    }

    pub(super) fn tags_of(&self, names: &[Snapshot]) -> Result<Vec<Vec<String>>> {
        let mut tags = Vec::new();
        for part in batches(names, WORDS, |name| name.as_str().len()) {
            let names = names_of(part, Snapshot::as_str);
            let name = part.first().map_or("", Snapshot::as_str);
            let ask = |words: &[&str]| {
                let text = self.read_many(&[words, &names[..]].concat());
                text.map_err(|error| refine(error, name))
            };
            tags.extend(match ask(&["zfs", "holds", "-H", "--"]) {
                Err(error) if old::lacks_option(&error, 'H') => {
                    old::holds(&ask(&["zfs", "holds", "--"])?, part)?
                }
                text => parse::holds(&text?, part)?,
            });
        }
        Ok(tags)
    }

    /// The properties of these sources; without `properties` all.
    pub(super) fn properties_of(
        &self,
        names: &[&str],
        properties: &[&str],
        sources: &str,
    ) -> Result<Vec<Properties>> {
        let asked = if properties.is_empty() { "all".to_owned() } else { properties.join(",") };
        let mut found = Vec::new();
        for part in batches(names, WORDS, |name| name.len()) {
            let text = |columns: &str| {
                let words = ["zfs", "get", "-Hp", "-s", sources, "-o", columns, "--", &asked];
                self.read_many(&[&words, part].concat())
                    .map_err(|error| refine(error, part.first().unwrap_or(&"")))
            };
            if !properties.is_empty()
                && let Some(here) = self.properties_at_once(part, properties, sources)?
            {
                found.extend(here);
                continue;
            }
            // A value may have line ends in it, and pretend to be another property.
            let keys = text("name,property")?;
            let keys: Vec<&str> = keys.split_terminator('\n').collect();
            let values = if keys.is_empty() { String::new() } else { text("name,property,value")? };
            let Some(pairs) = parse::pairs(&values, &keys) else {
                for name in part {
                    found.push(self.properties_one_by_one(name, properties, sources)?);
                }
                continue;
            };
            let mut of: BTreeMap<String, Properties> = BTreeMap::new();
            for (key, value) in pairs {
                if let Some((name, property)) = key.split_once('\t') {
                    of.entry(name.to_owned()).or_default().insert(property.to_owned(), value);
                }
            }
            found.extend(part.iter().map(|name| of.remove(*name).unwrap_or_default()));
        }
        Ok(found)
    }

    /// The same of named properties with one command. Without `-s` it prints a row for each,
    /// whether it is set or not. `None`: there are more lines than that, so that a value has line
    /// ends in it.
    fn properties_at_once(
        &self,
        names: &[&str],
        properties: &[&str],
        sources: &str,
    ) -> Result<Option<Vec<Properties>>> {
        let (asked, columns) = (properties.join(","), "name,property,source,value");
        let words = ["zfs", "get", "-Hp", "-o", columns, "--", &asked];
        let text = self
            .read_many(&[&words, names].concat())
            .map_err(|error| refine(error, names.first().unwrap_or(&"")))?;
        let Some(rows) = parse::property_rows(&text, names, properties) else { return Ok(None) };
        let mut of: BTreeMap<&str, Properties> = BTreeMap::new();
        for row in rows {
            if sources.split(',').any(|source| source == row.source) {
                let own = of.entry(row.name).or_default();
                own.insert(row.property.to_owned(), row.value.to_owned());
            }
        }
        Ok(Some(names.iter().map(|name| of.remove(name).unwrap_or_default()).collect()))
    }

    fn properties_one_by_one(
        &self,
        name: &str,
        properties: &[&str],
        sources: &str,
    ) -> Result<Properties> {
        let mut all = String::new();
        if properties.is_empty() {
            all = self.get_of(sources, "property", "all", name)?;
        }
        let mut found = Properties::new();
        for property in properties.iter().copied().chain(all.split_terminator('\n')) {
            if let Some(value) = parse::value(&self.get_of(sources, "value", property, name)?) {
                found.insert(property.to_owned(), value);
            }
        }
        Ok(found)
    }

    pub(super) fn written_each(&self, snapshots: &[Snapshot]) -> Result<Vec<u64>> {
        let mut of: BTreeMap<&str, Vec<Dataset>> = BTreeMap::new();
        for snapshot in snapshots {
            of.entry(snapshot.short()).or_default().push(snapshot.dataset());
        }
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for (short, datasets) in of {
            let property = format!("written@{short}");
            let names = names_of(&datasets, Dataset::as_str);
            for part in batches(&names, WORDS, |name| name.len()) {
                let words = ["zfs", "get", "-Hp", "-o", "name,value", "--", &property];
                let text = self
                    .read_many(&[&words, part].concat())
                    .map_err(|error| refine(error, part.first().unwrap_or(&"")))
                    .map_err(old::explained)?;
                for line in text.lines() {
                    let row = line.split_once('\t');
                    let row = row.and_then(|(name, bytes)| Some((name, bytes.parse().ok()?)));
                    let (name, bytes) = row.ok_or_else(|| ZfsError::Unexpected {
                        command: "zfs get".to_owned(),
                        detail: format!("{property} is {line:?}"),
                    })?;
                    found.insert(format!("{name}@{short}"), bytes);
                }
            }
        }
        let one = |name: &Snapshot| {
            found.get(name.as_str()).copied().ok_or_else(|| ZfsError::NotFound(name.to_string()))
        };
        snapshots.iter().map(one).collect()
    }

    fn without_tag(&self, snapshots: &[Snapshot], tag: &str, held: bool) -> Result<Vec<Snapshot>> {
        let tags = self.tags_of(snapshots)?;
        let left = snapshots.iter().zip(tags);
        Ok(left
            .filter(|(_, tags)| tags.iter().any(|found| found == tag) != held)
            .map(|(name, _)| name.clone())
            .collect())
    }

    /// Puts or takes away (`held`) the hold of each. With `-r` ZFS does it in one transaction for a
    /// whole tree; one name after the other, each waits for its own.
    pub(super) fn hold_each(
        &self,
        snapshots: &[Snapshot],
        tag: &str,
        held: bool,
    ) -> Result<Change> {
        let (verb, done) =
            if held { ("hold", Meaning::TagThere) } else { ("release", Meaning::NoTag) };
        let mut left = self.without_tag(snapshots, tag, held)?;
        if left.is_empty() {
            return Ok(Change::WasThere);
        }
        if left.len() == snapshots.len() && left.len() > 1 {
            for top in tops(&left) {
                let argv = ["zfs", verb, "-r", "--", tag, top.as_str()];
                self.about_many(&argv, top.as_str(), done, false)?;
            }
            left = self.without_tag(snapshots, tag, held)?;
        }
        for part in batches(&left, WORDS, |name| name.as_str().len()) {
            let names = names_of(part, Snapshot::as_str);
            let argv = [&["zfs", verb, "--", tag], &names[..]].concat();
            self.about_many(&argv, names.last().unwrap_or(&""), done, false)?;
        }
        verify::held_each(self, &left, tag, held)?;
        Ok(Change::Made)
    }

    pub(super) fn set_each(&self, datasets: &[Dataset], properties: &[(&str, &str)]) -> Result<()> {
        let pairs: Vec<String> =
            properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
        let names = names_of(datasets, Dataset::as_str);
        for part in batches(&names, WORDS, |name| name.len()) {
            self.change(&[&["zfs", "set"], &pairs[..], part].concat())
                .map_err(|error| refine(error, part.first().unwrap_or(&"")))?;
        }
        verify::set_each(self, datasets, properties)
    }

    pub(super) fn inherit_each(&self, datasets: &[Dataset], properties: &[&str]) -> Result<()> {
        let here = self.locals_of(datasets, properties)?;
        for property in properties {
            let set = datasets.iter().zip(&here).filter(|(_, here)| here.contains_key(*property));
            let names: Vec<&str> = set.map(|(name, _)| name.as_str()).collect();
            let flags: &[&str] = if NOT_INHERITED.contains(property) { &["-S"] } else { &[] };
            for part in batches(&names, WORDS, |name| name.len()) {
                self.change(&[&["zfs", "inherit"], flags, &["--", property], part].concat())
                    .map_err(|error| refine(error, part.first().unwrap_or(&"")))?;
            }
        }
        if here.iter().all(Properties::is_empty) {
            return Ok(());
        }
        let left = self.locals_of(datasets, properties)?;
        match datasets.iter().zip(left).find(|(_, left)| !left.is_empty()) {
            None => Ok(()),
            Some((name, left)) => Err(ZfsError::Unexpected {
                command: "zfs inherit".to_owned(),
                detail: format!("it succeeded, but {name} still has {left:?}"),
            }),
        }
    }

    pub(super) fn rename_each(&self, names: &[(Dataset, Dataset)]) -> Result<()> {
        let from: Vec<Dataset> = names.iter().map(|(from, _)| from.clone()).collect();
        let before = self.all_existing(&from)?;
        for ((from, to), info) in names.iter().zip(&before) {
            // `-u` is for file systems only (zfs-rename(8)). A volume is not mounted.
            let flags: &[&str] = if info.kind == DatasetKind::Filesystem { &["-u"] } else { &[] };
            let argv = [&["zfs", "rename"], flags, &["--", from.as_str(), to.as_str()]].concat();
            self.change(&argv).map_err(|error| refine(error, to.as_str()))?;
        }
        let guids: Vec<Guid> = before.iter().map(|info| info.guid).collect();
        verify::renamed_each(self, names, &guids)
    }

    pub(in crate::zfs) fn all_existing(&self, datasets: &[Dataset]) -> Result<Vec<DatasetInfo>> {
        let found = self.infos(datasets)?;
        let here: BTreeSet<&Dataset> = found.iter().map(|info| &info.name).collect();
        match datasets.iter().find(|name| !here.contains(name)) {
            Some(missing) => Err(ZfsError::NotFound(missing.to_string())),
            None => Ok(found),
        }
    }

    pub(super) fn mount_each(&self, datasets: &[Dataset]) -> Result<Change> {
        let found = self.all_existing(datasets)?;
        let away: Vec<&DatasetInfo> = found.iter().filter(|info| !info.mounted).collect();
        if away.is_empty() {
            return Ok(Change::WasThere);
        }
        for info in &away {
            let argv = ["zfs", "mount", "--", info.name.as_str()];
            self.about_many(&argv, info.name.as_str(), Meaning::Mounted, false)?;
        }
        verify::mounted_each(self, datasets, true)?;
        Ok(Change::Made)
    }

    pub(super) fn unmount_each(&self, datasets: &[Dataset]) -> Result<Change> {
        let found = self.all_existing(datasets)?;
        let away: Vec<&DatasetInfo> = found.iter().filter(|info| info.mounted).collect();
        if away.is_empty() {
            return Ok(Change::WasThere);
        }
        let mut inside: Vec<DatasetInfo> = Vec::new();
        for root in outermost(datasets, |name| name) {
            inside.extend(self.tree(root)?.into_iter().filter(|info| info.mounted));
        }
        let mut done: BTreeSet<&Dataset> = BTreeSet::new();
        for own in &away {
            // `zfs unmount` silently unmounts children, too. Here each is unmounted by itself.
            let others: Vec<&DatasetInfo> = inside
                .iter()
                .filter(|child| child.name != own.name && child.name.is_within(&own.name))
                .filter(|child| !done.contains(&child.name))
                .collect();
            let child = others.iter().find(|child| {
                matches!((&own.mountpoint, &child.mountpoint), (Some(own), Some(path)) if path.starts_with(own))
            });
            if let Some(child) = child {
                return Err(ZfsError::Busy {
                    what: own.name.to_string(),
                    detail: format!("{} is mounted below it", child.name),
                });
            }
            // Those that are mounted elsewhere, others may be using.
            let argv = match own.mountpoint.as_ref().and_then(|point| point.to_str()) {
                Some(point) if !others.is_empty() => vec!["umount", "--", point],
                _ => vec!["zfs", "unmount", "--", own.name.as_str()],
            };
            self.about_many(&argv, own.name.as_str(), Meaning::NotMounted, false)?;
            done.insert(&own.name);
        }
        verify::mounted_each(self, datasets, false)?;
        Ok(Change::Made)
    }

    pub(super) fn clone_each(&self, clones: &[NewClone]) -> Result<()> {
        let origins: Vec<Dataset> = clones.iter().map(|clone| clone.snapshot.dataset()).collect();
        let kinds: BTreeMap<Dataset, DatasetKind> =
            self.all_existing(&origins)?.into_iter().map(|info| (info.name, info.kind)).collect();
        let snapshots: Vec<Snapshot> = clones.iter().map(|clone| clone.snapshot.clone()).collect();
        let here: BTreeSet<Snapshot> =
            self.infos_of_snapshots(&snapshots)?.into_iter().map(|info| info.name).collect();
        if let Some(missing) = snapshots.iter().find(|name| !here.contains(name)) {
            return Err(ZfsError::NotFound(missing.to_string()));
        }
        let targets: Vec<Dataset> = clones.iter().map(|clone| clone.target.clone()).collect();
        if let Some(taken) = self.infos(&targets)?.first() {
            return Err(ZfsError::Exists(taken.name.to_string()));
        }
        for (clone, origin) in clones.iter().zip(&origins) {
            let kind = kinds.get(origin).copied().unwrap_or(DatasetKind::Filesystem);
            self.run_clone(clone, kind)
                .map_err(|error| self.without_clone(&clone.snapshot, &clone.target, error))?;
        }
        verify::cloned_each(self, clones)
    }

    fn run_clone(&self, clone: &NewClone, kind: DatasetKind) -> Result<()> {
        let pairs: Vec<String> = clone
            .properties
            .iter()
            .filter(|(name, _)| name != "canmount")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut argv = vec!["zfs", "clone"];
        let asked = clone.properties.iter().find(|(name, _)| name == "canmount");
        if kind == DatasetKind::Filesystem {
            // `zfs clone` mounts the clone, unless its properties forbid that.
            argv.extend(["-o", "canmount=noauto"]);
        }
        argv.extend(pairs.iter().flat_map(|pair| ["-o", pair.as_str()]));
        argv.extend(["--", clone.snapshot.as_str(), clone.target.as_str()]);
        self.change(&argv).map_err(|error| refine(error, clone.target.as_str()))?;
        match (kind, asked.map(|(_, value)| value.as_str())) {
            (DatasetKind::Volume, _) | (_, Some("noauto")) => Ok(()),
            (_, Some(value)) => self.set_each(from_ref(&clone.target), &[("canmount", value)]),
            (_, None) => self.inherit_each(from_ref(&clone.target), &["canmount"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::FakeEngine;
    use crate::zfs::sim::command::Commands;

    /// `zfs unmount` would unmount the one below, too.
    #[test]
    fn a_dataset_goes_alone_and_one_in_use_is_named() {
        let (fake, name) = (FakeEngine::new(), |name: &str| name.parse::<Dataset>().unwrap());
        fake.add_pool(&"t".parse().unwrap()).unwrap();
        for (dataset, place) in [("t/a", "/a"), ("t/a/b", "/elsewhere")] {
            fake.create(&name(dataset), DatasetKind::Filesystem, &[("mountpoint", place)]).unwrap();
        }
        let commands = Commands::new(fake.clone());
        let cli = CliEngine::new(commands.runner());
        fake.set_users(&name("t/a"), 1).unwrap();
        let error = cli.unmount(&name("t/a")).unwrap_err();
        assert!(matches!(&error, ZfsError::Busy { what, .. } if what == "t/a"), "{error:?}");
        fake.set_users(&name("t/a"), 0).unwrap();
        assert_eq!(cli.unmount(&name("t/a")).unwrap(), Change::Made);
        assert_eq!(cli.unmount(&name("t/a")).unwrap(), Change::WasThere);
        let below = fake.dataset(&name("t/a/b")).unwrap();
        assert!(below.is_some_and(|info| info.mounted));
    }

    /// The names of 200,000 snapshots take minutes. A hung pool is found by other means.
    #[test]
    fn a_tree_may_take_its_time() {
        let (fake, name) = (FakeEngine::new(), |name: &str| name.parse::<Dataset>().unwrap());
        fake.add_pool(&"t".parse().unwrap()).unwrap();
        let commands = Commands::new(fake);
        let cli = CliEngine::new(commands.runner());
        let root = name("t");
        cli.tree(&root).unwrap();
        cli.history(&root).unwrap();
        cli.snapshot_names_below(&root).unwrap();
        cli.bookmarks_below(&root).unwrap();
        cli.own_of(std::slice::from_ref(&root), &["quota"]).unwrap();
        let limits = commands.limits();
        assert!(limits.len() >= 5 && limits.iter().all(|it| it.as_secs() >= 3600), "{limits:?}");
    }

    #[test]
    fn the_highest_of_a_name_stand_for_what_is_below() {
        let names: Vec<Snapshot> = ["t/a@x", "t/a/b@x", "t/a/b@y", "t/ab@x", "t/c/d@x"]
            .iter()
            .map(|n| n.parse().unwrap())
            .collect();
        let found: Vec<&str> = tops(&names).into_iter().map(Snapshot::as_str).collect();
        assert_eq!(found, ["t/a@x", "t/a/b@y", "t/ab@x", "t/c/d@x"]);
    }
}
