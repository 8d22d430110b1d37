//! An old `zfs` command: `zfs list` without `-p`, `zfs holds` without `-H`, no channel programs,
//! fewer properties (Solaris, zfs-fuse, early illumos and FreeBSD). What `zfs list -p` would print
//! is put together from `zfs get -p`, which is older. What cannot be told is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use super::{CliEngine, parse};
use crate::host::exec::ExecError;
use crate::zfs::error::pool_of;
use crate::zfs::words::{WORDS, batches};
use crate::zfs::{Pool, Result, Snapshot, ZfsError};

/// Columns that an old one may lack, with what is meant then. Without encryption there is no key.
const LACKING: &[(&str, &str)] = &[("keystatus", "-"), ("written", "-"), ("clones", "")];

/// What the failed command said of itself.
fn said(error: &ZfsError) -> &str {
    match error {
        ZfsError::Exec(ExecError::Failed { stderr, .. }) => stderr,
        _ => "",
    }
}

/// Whether a command does not know this option.
pub(super) fn lacks_option(error: &ZfsError, option: char) -> bool {
    said(error).lines().any(|line| line.trim() == format!("invalid option '{option}'"))
}

/// Whether there is no such command.
fn lacks_command(error: &ZfsError) -> bool {
    said(error).lines().any(|line| line.starts_with("unrecognized command "))
}

/// The property that it does not know.
fn lacks_property(error: &ZfsError) -> Option<&str> {
    let words = "invalid property '";
    said(error)
        .lines()
        .find_map(|line| line.split_once(words)?.1.split_once('\''))
        .map(|(name, _)| name)
}

/// What it then cannot do, in place of its own words.
pub(super) fn explained(error: ZfsError) -> ZfsError {
    if lacks_command(&error) {
        return ZfsError::NoPrograms;
    }
    if !lacks_property(&error).is_some_and(|name| name.starts_with("written@")) {
        return error;
    }
    let detail = "this version is too old: it cannot tell what was written since a snapshot";
    ZfsError::Unexpected { command: "zfs".to_owned(), detail: detail.to_owned() }
}

/// How a command is run, and its error refined.
type Run<'a> = dyn Fn(&[&str]) -> Result<String> + 'a;

impl CliEngine {
    /// The rows of `zfs list`, whatever version it is. `options`: what is listed.
    pub(super) fn rows(
        &self,
        options: &[&str],
        columns: &str,
        names: &[&str],
        run: &Run<'_>,
    ) -> Result<String> {
        if !self.old.load(Ordering::Relaxed) {
            let words = [&["zfs", "list", "-Hp"], options, &["-o", columns, "--"], names].concat();
            match run(&words) {
                Err(error) if lacks_option(&error, 'p') => self.old.store(true, Ordering::Relaxed),
                result => return result,
            }
        }
        let words = [&["zfs", "list", "-H"], options, &["-o", "name", "--"], names].concat();
        let found = match run(&words) {
            Err(error) if said(&error).starts_with("invalid type 'bookmark'") => String::new(),
            result => result?,
        };
        let found: Vec<&str> = found.lines().collect();
        self.told(columns, &found, run)
    }

    /// The values of these columns, a row for each name.
    fn told(&self, columns: &str, names: &[&str], run: &Run<'_>) -> Result<String> {
        let columns: Vec<&str> = columns.split(',').collect();
        let mut asked: Vec<&str> = columns.iter().copied().filter(|name| *name != "name").collect();
        let mut values: BTreeMap<(String, String), String> = BTreeMap::new();
        for part in batches(names, WORDS, |name| name.len()) {
            let text = loop {
                let properties = asked.join(",");
                if asked.is_empty() {
                    break String::new();
                }
                let words =
                    ["zfs", "get", "-Hp", "-o", "name,property,source,value", "--", &properties];
                match run(&[&words, part].concat()) {
                    Ok(text) => break text,
                    Err(error) => {
                        let lacking = lacks_property(&error).unwrap_or_default().to_owned();
                        if !LACKING.iter().any(|(name, _)| *name == lacking) {
                            return Err(error);
                        }
                        asked.retain(|name| **name != lacking);
                    }
                }
            };
            // A value may have line ends in it, and pretend to be another property.
            let rows = parse::property_rows(&text, part, &asked).ok_or_else(|| {
                let detail =
                    "a property with a line end in it, such as a mountpoint, cannot be read";
                ZfsError::Unexpected { command: "zfs get".to_owned(), detail: detail.to_owned() }
            })?;
            for row in rows {
                let of = (row.name.to_owned(), row.property.to_owned());
                values.insert(of, row.value.to_owned());
            }
        }
        let clones = if columns.contains(&"clones") && !asked.contains(&"clones") {
            clones_of(names, run)?
        } else {
            BTreeMap::new()
        };
        let mut text = String::new();
        for name in names {
            let cells = columns.iter().map(|column| match *column {
                "name" => (*name).to_owned(),
                column => {
                    let told = values.get(&((*name).to_owned(), column.to_owned())).cloned();
                    let usual = || LACKING.iter().find(|it| it.0 == column).map(|it| it.1);
                    let cloned = clones.get(*name).filter(|_| column == "clones").cloned();
                    told.or(cloned).unwrap_or_else(|| usual().unwrap_or("-").to_owned())
                }
            });
            text.push_str(&cells.collect::<Vec<_>>().join("\t"));
            text.push('\n');
        }
        Ok(text)
    }

    /// The row of `zpool list`: the sizes are those of the pool's own dataset.
    pub(super) fn old_pool(&self, pool: &Pool) -> Result<String> {
        let name = pool.as_str();
        let run = |argv: &[&str]| self.read(argv).map_err(|error| super::refine(error, name));
        let text = run(&["zpool", "list", "-H", "-o", "name,guid,health,failmode", name])?;
        let sizes = run(&["zfs", "get", "-Hp", "-o", "value", "--", "used,available", name])?;
        let sizes: Vec<u64> = sizes.lines().filter_map(|line| line.parse().ok()).collect();
        let cells: Vec<&str> = text.trim_end().split('\t').collect();
        let ([name, guid, health, failmode], [used, free]) = (&cells[..], &sizes[..]) else {
            let (command, detail) = ("zpool list".to_owned(), format!("{text:?}"));
            return Err(ZfsError::Unexpected { command, detail });
        };
        // It imports no pool as read-only.
        Ok(format!("{name}\t{guid}\t{health}\t{}\t{free}\toff\t{failmode}\n", used + free))
    }
}

/// The clones of these snapshots, by what the datasets of their pools say of their origin: a
/// snapshot must not pass for one without clones.
fn clones_of(names: &[&str], run: &Run<'_>) -> Result<BTreeMap<String, String>> {
    let pools: BTreeSet<&str> = names.iter().map(|name| pool_of(name)).collect();
    let mut clones: BTreeMap<String, String> = BTreeMap::new();
    for pool in pools {
        let words = ["zfs", "get", "-r", "-Hp", "-o", "name,value", "--", "origin", pool];
        for line in run(&words)?.lines() {
            let Some((dataset, origin)) = line.split_once('\t').filter(|it| it.1 != "-") else {
                continue;
            };
            let all = clones.entry(origin.to_owned()).or_default();
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(dataset);
        }
    }
    Ok(clones)
}

/// The tags in the output of `zfs holds` without `-H`: columns below a header, each as wide as its
/// longest cell.
///
/// # Errors
/// When there is no such header, or a row is of another snapshot.
pub(super) fn holds(text: &str, snapshots: &[Snapshot]) -> Result<Vec<Vec<String>>> {
    let mut lines = text.lines();
    let Some(header) = lines.next() else { return parse::holds("", snapshots) };
    let wrong = |line: &str| ZfsError::Unexpected {
        command: "zfs holds".to_owned(),
        detail: format!("{line:?} is no hold of a snapshot asked about"),
    };
    let (tag, time) =
        header.find("TAG").zip(header.find("TIMESTAMP")).ok_or_else(|| wrong(header))?;
    let mut rows = String::new();
    for line in lines {
        let cells = line.get(..tag).zip(line.get(tag..time)).zip(line.get(time..));
        let ((name, tag), time) = cells.ok_or_else(|| wrong(line))?;
        rows.push_str(&format!("{}\t{}\t{time}\n", name.trim_end(), tag.trim_end()));
    }
    parse::holds(&rows, snapshots)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::exec::{Command, Printed, Runner, StandIn};
    use crate::zfs::rollback::Hands as _;
    use crate::zfs::sim::command::Commands;
    use crate::zfs::{Dataset, DatasetKind, Engine as _, FakeEngine};

    /// The properties that `zfs get` of an old one does not know.
    const UNKNOWN: [&str; 3] = ["keystatus", "written", "clones"];

    fn fails(text: &str) -> ExecError {
        ExecError::Failed {
            command: "zfs".into(),
            status: "exit status: 2".into(),
            code: Some(2),
            stderr: text.to_owned(),
            stdout: String::new(),
        }
    }

    /// As zfs-fuse 0.7.0 answers (pool version 23, 2011): its words, its options.
    fn answer(
        new: &Commands,
        command: &Command,
    ) -> Option<std::result::Result<Printed, ExecError>> {
        let argv: Vec<&str> = command.stages[0].iter().map(String::as_str).collect();
        let ask = |words: &[&str]| {
            new.answer(&Command::new(words.iter().copied())).unwrap().map(|it| it.stdout)
        };
        let refused = |text: String| Some(Err(fails(&text)));
        match argv[..] {
            ["zfs" | "zpool", "list", "-Hp", ..] => {
                refused("invalid option 'p'\nusage:\n\tlist [-rH][-d max] ...\n".into())
            }
            ["zfs", "list", .., "bookmark", "-o", _, "--", _] => {
                refused("invalid type 'bookmark'\nusage:\n".into())
            }
            ["zfs", "holds", "-H", ..] => refused("invalid option 'H'\nusage:\n".into()),
            ["zfs", "program", ..] => refused("unrecognized command 'program'\n".into()),
            ["zpool", "list", "-H", "-o", "name,guid,health,failmode", name] => {
                let text = ask(&["zpool", "list", "-Hp", "--", name]).unwrap();
                let cells: Vec<&str> = text.trim().split('\t').collect();
                let stdout = format!("{}\t{}\t{}\t{}\n", cells[0], cells[1], cells[2], cells[6]);
                Some(Ok(Printed { stdout, stderr: String::new() }))
            }
            ["zfs", "holds", ref names @ ..] => {
                let names: Vec<&str> = names.iter().copied().filter(|it| *it != "--").collect();
                let mut stdout = "NAME     TAG          TIMESTAMP\n".to_owned();
                for line in ask(&[&["zfs", "holds", "-H"], &names[..]].concat()).unwrap().lines() {
                    let cells: Vec<&str> = line.split('\t').collect();
                    stdout += &format!("{:9}{:13}{}\n", cells[0], cells[1], cells[2]);
                }
                Some(Ok(Printed { stdout, stderr: String::new() }))
            }
            ["zfs", "get", "-r", "-Hp", "-o", "name,value", "--", "origin", pool] => {
                let all = "filesystem,volume";
                let words = ["zfs", "list", "-Hp", "-r", "-t", all, "-o", "name,origin", pool];
                Some(Ok(Printed { stdout: ask(&words).unwrap(), stderr: String::new() }))
            }
            ["zfs", "get", "-Hp", "-o", columns, "--", properties, ref names @ ..]
                if !properties.contains(':') =>
            {
                let mut stdout = String::new();
                for property in properties.split(',') {
                    if UNKNOWN.contains(&property) || property.contains('@') {
                        let text =
                            format!("bad property list: invalid property '{property}'\nusage:");
                        return refused(text);
                    }
                    for name in names {
                        let all = "filesystem,volume,snapshot";
                        let words =
                            ["zfs", "list", "-Hp", "-d", "0", "-t", all, "-o", property, name];
                        let value = ask(&words).unwrap();
                        if columns.starts_with("name") {
                            stdout += &format!("{name}\t{property}\t-\t");
                        }
                        stdout += &value;
                    }
                }
                Some(Ok(Printed { stdout, stderr: String::new() }))
            }
            _ => new.answer(command),
        }
    }

    /// An engine on an old command, and on a new one, for the same pool: `t/a` with two snapshots,
    /// the first held twice and cloned.
    fn both() -> (CliEngine, CliEngine) {
        let (fake, name) = (FakeEngine::new(), |name: &str| name.parse::<Dataset>().unwrap());
        fake.add_pool(&"t".parse().unwrap()).unwrap();
        fake.create(&name("t/a"), DatasetKind::Filesystem, &[("mountpoint", "/a b")]).unwrap();
        fake.create(&name("t/a/v"), DatasetKind::Volume, &[]).unwrap();
        let snapshot = |short| name("t/a").at(short).unwrap();
        fake.snapshot(&[snapshot("one")], &[]).unwrap();
        fake.snapshot(&[snapshot("two")], &[]).unwrap();
        fake.hold(&snapshot("one"), "backout:x").unwrap();
        fake.hold(&snapshot("one"), "two words").unwrap();
        fake.clone_snapshot(&snapshot("one"), &name("t/c"), &[]).unwrap();
        fake.clone_snapshot(&snapshot("one"), &name("t/d"), &[]).unwrap();
        let commands = Commands::new(fake);
        let new = CliEngine::new(commands.runner());
        let mut runner = Runner::default();
        runner.stand_in = StandIn(Some(Arc::new(move |command| answer(&commands, command))));
        (CliEngine::new(runner), new)
    }

    #[test]
    fn an_old_command_tells_the_same_of_what_it_knows() {
        let (old, new) = both();
        let (t, a): (Dataset, Dataset) = ("t".parse().unwrap(), "t/a".parse().unwrap());
        let one = a.at("one").unwrap();
        assert_eq!(
            old.pool(&t.pool()).unwrap().map(|it| (it.guid, it.health)),
            new.pool(&t.pool()).unwrap().map(|it| (it.guid, it.health))
        );
        assert_eq!(old.snapshot_names_below(&t).unwrap(), new.snapshot_names_below(&t).unwrap());
        // But for what was written, which it cannot tell.
        let without = |mut all: Vec<crate::zfs::DatasetInfo>| {
            all.iter_mut().for_each(|it| it.written = 0);
            all
        };
        assert_eq!(without(old.tree(&t).unwrap()), without(new.tree(&t).unwrap()));
        assert_eq!(old.snapshots(&a).unwrap(), new.snapshots(&a).unwrap());
        assert_eq!(old.snapshots(&a).unwrap()[0].clones.len(), 2, "S4");
        assert_eq!(old.history(&t).unwrap().len(), new.history(&t).unwrap().len());
        let names = [one.clone(), a.at("two").unwrap()];
        assert_eq!(old.holds_of(&names).unwrap(), new.holds_of(&names).unwrap());
        assert_eq!(old.holds(&one).unwrap(), ["backout:x", "two words"]);
        assert_eq!(old.bookmarks(&a).unwrap(), []);
        assert_eq!(old.dataset(&"t/none".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn without_channel_programs_each_is_done_by_itself() {
        let (old, _) = both();
        let a: Dataset = "t/a".parse().unwrap();
        let names = [a.at("three").unwrap(), a.at("four").unwrap()];
        for name in &names {
            old.snapshot(std::slice::from_ref(name), &[]).unwrap();
        }
        let found = old.snapshot_infos(&names).unwrap();
        let list: Vec<_> = found.into_iter().map(|info| (info.name, info.guid)).collect();
        assert_eq!(list.len(), 2);
        old.destroy_snapshots(&list).unwrap();
        assert_eq!(old.snapshot_infos(&names).unwrap(), []);
        assert!(matches!(old.program("", &a.pool(), &[]), Err(ZfsError::NoPrograms)));
    }

    #[test]
    fn a_value_with_a_line_end_in_it_passes_for_no_other() {
        let (old, new) = both();
        let a: Dataset = "t/a".parse().unwrap();
        new.set(&a, "mountpoint", "/a\nt/a\tcanmount\t-\toff").unwrap();
        let why = old.tree(&a).unwrap_err().to_string();
        assert!(why.contains("a property with a line end in it"), "{why}");
    }

    #[test]
    fn what_it_cannot_do_is_said() {
        let (old, _) = both();
        let a: Dataset = "t/a".parse().unwrap();
        let why = old.written_since(&a, &a.at("one").unwrap()).unwrap_err().to_string();
        assert!(why.contains("cannot tell what was written since a snapshot"), "{why}");
        let why = old.written_since_each(&[a.at("one").unwrap()]).unwrap_err().to_string();
        assert!(why.contains("cannot tell what was written since a snapshot"), "{why}");
    }
}
