//! The layers of `src/`, as the paths in its files show them.
//!
//! Two rules:
//!
//! - No file uses a name of a layer above its own.
//! - No files use each other in a circle, in whatever number of steps. A folder's root (`mod.rs`, or
//!   the file with the folder's name) may use the files in it: it lists them, and hands on to them
//!   what they implement. They may use what the root defines, and nothing that leads back to
//!   themselves by another way.
//!
//! What counts as a use: each path that begins with `crate`, `self`, `super` or a module of the
//! file itself, in code, in `use` and in macros. A name leads to the file that defines it, not to a
//! `mod.rs` that only re-exports it; and a re-export (`pub use`) is no use by the file that has it,
//! except across layers. Code for tests (`#[cfg(test)]`) may look anywhere.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

mod source;

use std::collections::{BTreeMap, BTreeSet};

use source::{Crate, Use};

/// The layers, the lowest first.
const LAYERS: &[&str] = &[
    "host",
    "zfs",
    "playbook",
    "product",
    "journal",
    "proof",
    "preflight",
    "step",
    "strategy",
    "change",
    "report",
    "procedure",
    "cli",
];

/// Uses of a layer above that are still there: the file, the layer, and how many at most. An entry
/// that is not needed any more fails; none may be added.
const TOLERATED_UPWARDS: &[(&str, &str, usize)] = &[];

/// Files that still stand in a circle: the folder, and how many at most. The same holds.
const TOLERATED_IN_CIRCLES: &[(&str, usize)] = &[];

fn layer(file: &str) -> Option<usize> {
    let name = file.strip_prefix("src/")?.split(['/', '.']).next()?;
    LAYERS.iter().position(|layer| *layer == name)
}

fn read() -> Crate {
    Crate::read(env!("CARGO_MANIFEST_DIR").as_ref())
}

#[test]
fn every_file_is_of_a_layer() {
    let it = read();
    let strangers: Vec<&str> = it.files().filter(|file| layer(file).is_none()).collect();
    assert_eq!(strangers, ["src/lib.rs"], "only the root is of no layer");
}

#[test]
fn nothing_is_used_from_a_layer_above() {
    let mut found: BTreeMap<(String, &str), Vec<Use>> = BTreeMap::new();
    for it in read().uses() {
        if let (Some(from), Some(to)) = (layer(&it.from), layer(&it.to))
            && to > from
        {
            found.entry((it.from.clone(), LAYERS[to])).or_default().push(it);
        }
    }
    let mut wrong = Vec::new();
    for ((file, above), uses) in &found {
        let allowed =
            TOLERATED_UPWARDS.iter().find(|it| it.0 == file && it.1 == *above).map_or(0, |it| it.2);
        if uses.len() > allowed {
            let names: Vec<&str> = uses.iter().map(|it| it.path.as_str()).collect();
            wrong.push(format!(
                "{file} uses {above}, a layer above: {} (tolerated: {allowed})",
                names.join(", ")
            ));
        }
    }
    for (file, above, _) in TOLERATED_UPWARDS {
        if !found.keys().any(|it| it.0 == *file && it.1 == *above) {
            wrong.push(format!("{file} does not use {above} any more: remove its entry"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a file stands in the folder that the other one is the root of.
fn is_below(file: &str, root: &str) -> bool {
    let folder =
        root.strip_suffix("/mod.rs").or(root.strip_suffix("/lib.rs")).or(root.strip_suffix(".rs"));
    folder.is_some_and(|folder| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for it in read().uses().into_iter().filter(|it| !it.reexported && !is_below(&it.to, &it.from)) {
        uses.entry(it.from).or_default().insert(it.to);
    }
    let reached = |file: &str| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![file]);
        while let Some(at) = left.pop() {
            for to in uses.get(at).into_iter().flatten() {
                if seen.insert(to.as_str()) {
                    left.push(to);
                }
            }
        }
        seen
    };
    let all: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|file| (file.as_str(), reached(file))).collect();
    let mut circles: BTreeSet<Vec<&str>> = BTreeSet::new();
    for (file, reach) in all.iter().filter(|(file, reach)| reach.contains(*file)) {
        let circle = reach.iter().filter(|to| all.get(*to).is_some_and(|back| back.contains(file)));
        circles.insert(circle.copied().collect());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in circles.iter().flatten() {
        let name = layer(file).map_or("src", |at| LAYERS[at]);
        *counts.entry(name).or_default() += 1;
    }
    let shown = |circle: &Vec<&str>| {
        let inner: BTreeSet<&str> = circle.iter().copied().collect();
        let lines = circle.iter().map(|file| {
            let to = uses.get(*file).into_iter().flatten().filter(|to| inner.contains(to.as_str()));
            format!("  {file} -> {}", to.cloned().collect::<Vec<_>>().join(" "))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let allowed =
        |name: &str| TOLERATED_IN_CIRCLES.iter().find(|it| it.0 == name).map_or(0, |it| it.1);
    let mut wrong: Vec<String> = Vec::new();
    for (name, count) in &counts {
        if *count > allowed(name) {
            let of_it = |circle: &&Vec<&str>| {
                circle.iter().any(|file| layer(file).map_or("src", |at| LAYERS[at]) == *name)
            };
            let lines: Vec<String> = circles.iter().filter(of_it).map(shown).collect();
            wrong.push(format!(
                "{count} files of {name} are in circles (tolerated: {}):\n{}",
                allowed(name),
                lines.join("\n  and\n")
            ));
        }
    }
    for (name, _) in TOLERATED_IN_CIRCLES {
        if !counts.contains_key(name) {
            wrong.push(format!("{name} has no circles any more: remove its entry"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
