//! The commands `zfs` and `zpool` on the simulated world, for tests of the engine that runs them:
//! they answer as the real ones do, and each is recorded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::FakeEngine;
use crate::host::exec::{Command, ExecError, Printed, Runner, StandIn};
use crate::zfs::{
    Dataset, DatasetKind, Engine, Guid, RollbackMethod, RollbackTarget, Snapshot, SnapshotInfo,
    ZfsError,
};

/// The commands on a world, and which were run.
#[derive(Clone)]
pub(crate) struct Commands {
    engine: FakeEngine,
    ran: Arc<Mutex<Vec<Vec<String>>>>,
}

/// What one command prints, and whether it fails.
#[derive(Default)]
struct Answer {
    out: String,
    err: String,
}

impl Answer {
    fn refuse(&mut self, verb: &str, name: &str, why: &str) {
        let _ = writeln!(self.err, "cannot {verb} '{name}': {why}");
    }

    fn refused(&mut self, verb: &str, name: &str, error: &ZfsError) {
        let why = match error {
            ZfsError::NotFound(_) => "dataset does not exist".to_owned(),
            ZfsError::Exists(_) => "dataset already exists".to_owned(),
            ZfsError::Busy { .. } => "dataset is busy".to_owned(),
            ZfsError::NoSpace(_) => "out of space".to_owned(),
            other => other.to_string(),
        };
        self.refuse(verb, name, &why);
    }
}

/// The words of a command: its options with their values, and what follows them.
struct Words<'a> {
    options: Vec<(&'a str, &'a str)>,
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// `valued`: the options that take a value.
    fn new(words: &'a [String], valued: &str) -> Self {
        let (mut options, mut rest) = (Vec::new(), Vec::new());
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some("-") => rest.extend(words.by_ref()),
                Some(flags) if !flags.is_empty() && rest.is_empty() => {
                    for at in 0..flags.len() {
                        let flag = &flags[at..=at];
                        let value =
                            if valued.contains(flag) { words.next().unwrap_or("") } else { "" };
                        options.push((flag, value));
                    }
                }
                _ => rest.push(word),
            }
        }
        Self { options, rest }
    }

    fn has(&self, flag: &str) -> bool {
        self.options.iter().any(|(found, _)| *found == flag)
    }

    fn value(&self, flag: &str) -> Option<&'a str> {
        self.options.iter().find(|(found, _)| *found == flag).map(|(_, value)| *value)
    }

    /// The values of `-o name=value`.
    fn pairs(&self) -> Vec<(&'a str, &'a str)> {
        let pairs = self.options.iter().filter(|(flag, _)| *flag == "o");
        pairs.filter_map(|(_, pair)| pair.split_once('=')).collect()
    }
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| bytes.to_string())
}

impl Commands {
    pub(crate) fn new(engine: FakeEngine) -> Self {
        Self { engine, ran: Arc::default() }
    }

    /// Runs them instead of the system's.
    pub(crate) fn runner(&self) -> Runner {
        let mut runner = Runner::default();
        let this = self.clone();
        runner.stand_in = StandIn(Some(Arc::new(move |command| this.answer(command))));
        runner
    }

    /// Those that were run since the last call.
    pub(crate) fn taken(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.ran.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None`: another command.
    pub(crate) fn answer(&self, command: &Command) -> Option<Result<Printed, ExecError>> {
        let argv = command.stages.first()?;
        let [program, verb, words @ ..] = argv.as_slice() else { return None };
        if !matches!(program.as_str(), "zfs" | "zpool" | "umount") || verb == "version" {
            return None;
        }
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).push(argv.clone());
        let mut to = Answer::default();
        match (program.as_str(), verb.as_str()) {
            ("zpool", "list") => self.pools(words, &mut to),
            ("zfs", "list") => self.list(words, &mut to),
            ("zfs", "get") => self.get(words, &mut to),
            ("zfs", "holds") => self.holds(words, &mut to),
            ("zfs", "program") => self.program(words, &mut to),
            ("zfs", "allow") => self.allow(words, &mut to),
            ("zfs", verb) => self.change(verb, words, &mut to),
            ("umount", _) => self.umount(words, &mut to),
            _ => return None,
        }
        if to.err.is_empty() {
            return Some(Ok(Printed { stdout: to.out, stderr: String::new() }));
        }
        Some(Err(ExecError::Failed {
            command: argv.join(" "),
            status: "exit status: 1".to_owned(),
            code: Some(1),
            stderr: to.err,
            stdout: to.out,
        }))
    }

    /// `umount -- PATH`.
    fn umount(&self, words: &[String], to: &mut Answer) {
        for path in words {
            let mounted = self.engine.at(path.as_ref());
            let why = match mounted.map(|name| self.engine.unmount(&name)) {
                Some(Ok(_)) => continue,
                Some(Err(ZfsError::Busy { .. })) => "target is busy.",
                _ => "not mounted.",
            };
            let _ = writeln!(to.err, "umount: {path}: {why}");
        }
    }

    fn pools(&self, words: &[String], to: &mut Answer) {
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

    fn list(&self, words: &[String], to: &mut Answer) {
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

    fn get(&self, words: &[String], to: &mut Answer) {
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
        }
        for name in missing {
            to.refuse("open", name, "dataset does not exist");
        }
    }

    fn holds(&self, words: &[String], to: &mut Answer) {
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
    fn allow(&self, words: &[String], to: &mut Answer) {
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

    /// The snapshots of that name of the dataset and all below it.
    fn same_below(&self, snapshot: &Snapshot) -> Vec<Snapshot> {
        let tree = self.engine.tree(&snapshot.dataset()).unwrap_or_default();
        let all = tree.iter().filter_map(|info| info.name.at(snapshot.short()).ok());
        all.filter(|name| matches!(self.engine.snapshot_info(name), Ok(Some(_)))).collect()
    }

    fn tags(&self, verb: &str, words: &[String], to: &mut Answer) {
        let words = Words::new(words, "");
        let Some((tag, names)) = words.rest.split_first() else { return };
        for name in names {
            let Ok(snapshot) = name.parse::<Snapshot>() else { continue };
            let all =
                if words.has("r") { self.same_below(&snapshot) } else { vec![snapshot.clone()] };
            let tagged = |name: &Snapshot| {
                self.engine.holds(name).is_ok_and(|tags| tags.iter().any(|found| found == tag))
            };
            if verb == "hold" && all.iter().any(tagged) {
                to.refuse("hold snapshot", name, "tag already exists on this dataset");
                continue;
            }
            if verb == "release" && !all.iter().any(tagged) {
                to.refuse("release hold from snapshot", name, "no such tag on this dataset");
                continue;
            }
            for one in all {
                let done = if verb == "hold" {
                    self.engine.hold(&one, tag)
                } else {
                    self.engine.release(&one, tag)
                };
                if let Err(error) = done {
                    to.refused(verb, name, &error);
                }
            }
        }
    }

    fn change(&self, verb: &str, words: &[String], to: &mut Answer) {
        if matches!(verb, "hold" | "release") {
            return self.tags(verb, words, to);
        }
        let words = Words::new(words, if verb == "inherit" { "" } else { "o" });
        let engine = &self.engine;
        let dataset = |name: &str| name.parse::<Dataset>().unwrap_or_else(|_| unreachable());
        let done = match (verb, words.rest.as_slice()) {
            ("snapshot", names) => {
                let names: Vec<Snapshot> = names.iter().filter_map(|n| n.parse().ok()).collect();
                let all = if words.has("r") {
                    let below = names.iter().flat_map(|name| {
                        let tree = engine.tree(&name.dataset()).unwrap_or_default();
                        let short = name.short().to_owned();
                        tree.into_iter().filter_map(move |info| info.name.at(&short).ok())
                    });
                    below.collect()
                } else {
                    names
                };
                engine.snapshot(&all, &words.pairs())
            }
            ("clone", [from, target]) => match from.parse() {
                Ok(from) => engine.clone_snapshot(&from, &dataset(target), &words.pairs()),
                Err(error) => Err(ZfsError::from(error)),
            },
            ("create", [name]) => engine.create_filesystem(&dataset(name), &words.pairs()),
            ("rename", [from, target]) => engine.rename(&dataset(from), &dataset(target)),
            ("promote", [name]) => engine.promote(&dataset(name)).map(drop),
            ("mount", [name]) => engine.mount(&dataset(name)).map(drop),
            ("unmount", [name]) => engine.unmount(&dataset(name)).map(drop),
            ("set", words) => {
                let (pairs, names): (Vec<&str>, Vec<&str>) =
                    words.iter().partition(|word| word.contains('='));
                for name in names {
                    for (property, value) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
                        if let Err(error) = engine.set(&dataset(name), property, value) {
                            to.refused("set property for", name, &error);
                        }
                    }
                }
                Ok(())
            }
            ("inherit", [property, names @ ..]) => {
                for name in names {
                    if let Err(error) = engine.inherit(&dataset(name), property) {
                        to.refused("inherit", name, &error);
                    }
                }
                Ok(())
            }
            ("destroy", [name]) => match name.parse::<Snapshot>() {
                Ok(snapshot) => match engine.snapshot_info(&snapshot) {
                    Ok(Some(info)) => engine.destroy_snapshot(&snapshot, info.guid).map(drop),
                    _ => Err(ZfsError::NotFound((*name).to_owned())),
                },
                Err(_) => match engine.dataset(&dataset(name)) {
                    Ok(Some(info)) => engine.destroy_dataset(&info.name, info.guid).map(drop),
                    _ => Err(ZfsError::NotFound((*name).to_owned())),
                },
            },
            (verb, words) => {
                to.refuse(verb, &words.join(" "), "the stand-in does not know this");
                Ok(())
            }
        };
        if let Err(error) = done {
            to.refused(verb, words.rest.last().unwrap_or(&""), &error);
        }
    }

    /// `zfs program`: what the programs of this module do.
    fn program(&self, words: &[String], to: &mut Answer) {
        let words = Words::new(words, "tm");
        let [_pool, path, arguments @ ..] = words.rest.as_slice() else { return };
        let script = std::fs::read_to_string(path).unwrap_or_default();
        let said = if script == crate::zfs::rollback::PROGRAM {
            self.roll_back(arguments)
        } else {
            self.many(arguments)
        };
        to.out = serde_json::json!({ "return": said }).to_string();
    }

    fn many(&self, arguments: &[&str]) -> String {
        let [mode, pairs @ ..] = arguments else { return String::new() };
        let guid = |text: &str| Guid(text.parse::<i64>().unwrap_or_default().cast_unsigned());
        for pair in pairs.chunks(2) {
            let [name, id] = pair else { continue };
            let done = match (*mode, name.parse::<Snapshot>(), name.parse::<Dataset>()) {
                ("snapshots", Ok(name), _) => self.engine.destroy_snapshot(&name, guid(id)),
                ("datasets", _, Ok(name)) => self.engine.destroy_dataset(&name, guid(id)),
                ("promote", _, Ok(name)) => self.engine.promote(&name),
                _ => return format!("unknown\t{name}\t"),
            };
            if let Err(error) = done {
                return format!("refused\t{name}\t{error}");
            }
        }
        "done".to_owned()
    }

    fn roll_back(&self, arguments: &[&str]) -> String {
        let [mode, _property, mark, triples @ ..] = arguments else { return String::new() };
        let guid = |text: &str| Guid(text.parse::<i64>().unwrap_or_default().cast_unsigned());
        let mut targets: Vec<RollbackTarget> = Vec::new();
        for triple in triples.chunks(3) {
            let [kind, name, id] = triple else { continue };
            match (*kind, name.parse::<Snapshot>(), targets.last_mut()) {
                ("T", Ok(snapshot), _) => targets.push(RollbackTarget {
                    snapshot,
                    guid: guid(id),
                    newer: Vec::new(),
                    newer_bookmarks: Vec::new(),
                }),
                ("N", Ok(snapshot), Some(target)) => target.newer.push((snapshot, guid(id))),
                (_, _, Some(target)) => target.newer_bookmarks.push((*name).to_owned()),
                _ => {}
            }
        }
        let done = if *mode == "check" {
            self.engine.may_roll_back(&targets, mark, RollbackMethod::Program).map(|()| "ready")
        } else {
            self.engine.rollback(&targets, mark, RollbackMethod::Program).map(|()| "done")
        };
        done.map_or_else(|error| format!("refused\t{error}\t"), str::to_owned)
    }
}

fn unreachable() -> Dataset {
    panic!("no name of a dataset")
}

fn dataset_cell(info: &crate::zfs::DatasetInfo, kind: &str, column: &str) -> String {
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
