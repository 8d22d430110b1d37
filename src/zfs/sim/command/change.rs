//! The commands that make changes.

use std::fmt::Write as _;

use super::{Answer, Commands, Words, unreachable};
use crate::zfs::{Dataset, Engine, Guid, RollbackMethod, RollbackTarget, Snapshot, ZfsError};

impl Commands {
    /// `umount -- PATH`.
    pub(super) fn umount(&self, words: &[String], to: &mut Answer) {
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

    pub(super) fn change(&self, verb: &str, words: &[String], to: &mut Answer) {
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
    pub(super) fn program(&self, words: &[String], to: &mut Answer) {
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
