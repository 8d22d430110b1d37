//! The documents are right: every command in them is run or named with the reason why not, every
//! file in them is read by what reads it, and every option that they name exists.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]
#![allow(clippy::disallowed_methods, reason = "a test makes its own files and processes")]
#![allow(clippy::print_stdout, reason = "it says how much is run")]

mod blocks;
mod files;
mod guide;
mod native;
#[allow(dead_code, reason = "the example makes them")]
mod pictures;
mod words;

use std::fmt::Write as _;

use blocks::{Block, documents, top};

/// Blocks of commands that no test runs as they stand: document, first words, reason.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("CONTRIBUTING.md", "vm-tests/test --quick", "it is what runs this test"),
    ("CONTRIBUTING.md", "cargo install --locked cargo-deny", "it fetches from the network"),
    ("CONTRIBUTING.md", "UPDATE=1 cargo test", "it writes what the golden tests compare with"),
    ("README.md", "./vm-tests/demo", "it makes virtual machines of its own; it is run by hand"),
    ("README.md", "apt-get install libzfslinux-dev", "it installs on the host, from the network"),
    ("README.md", "src/packaging/build deb", "the case package installs what it makes"),
    ("docs/operators-guide.md", "backout migrate --user", "the case messaging-coexistent does"),
    ("docs/operators-guide.md", "tar xzf backout-VERSION", "the case package does, in busybox"),
    (
        "docs/operators-guide.md",
        "backout --json report > db1.json",
        "golden/fleet.rs does, with other names",
    ),
    ("docs/playbook-authors-guide.md", "systemctl cat tallyd", "Tally does not exist"),
    ("docs/playbook-authors-guide.md", "ps -e -o pid,comm,args", "Tally does not exist"),
    ("docs/testing.md", "cargo test --no-default-features --test documents", "this is that test"),
    ("docs/testing.md", "ansible-lint", "it is fetched from the network"),
    ("docs/testing.md", "cargo fmt --check", "vm-tests/test --quick and --fuzz run the same"),
    ("docs/testing.md", "cargo test --no-default-features --test sessions", "vm-tests/test does"),
    ("docs/testing.md", "cargo test --release", "a measurement, by hand: it takes minutes"),
    ("playbooks/ansible/README.md", "ansible-galaxy", "the case ansible does, without a network"),
    (
        "playbooks/ansible/README.md",
        "ansible-playbook",
        "the case ansible does, with other names; it has not passed as a whole",
    ),
    ("playbooks/messaging-server/README.md", "/opt/sun/comms", "the product cannot be had"),
    ("vm-tests/README.md", "vm-tests/demo", "it makes virtual machines, and runs this test"),
];

/// Where somebody reads on whose block is refused.
const HOW: &str = "docs/testing.md, Documents and pictures";

/// A block that a case in a guest runs: `block DOCUMENT 'FIRST WORDS'`, and the case.
fn run_in_a_guest() -> Vec<(String, String, String)> {
    let call = regex::Regex::new(r"(?m)^\s*(?:[A-Z]+=(?:'[^']*'|\S+) )*block (\S+) '([^']+)'");
    let call = call.expect("a pattern");
    let mut calls = Vec::new();
    for entry in std::fs::read_dir(top().join("vm-tests/cases")).expect("folder") {
        let path = entry.expect("entry").path();
        let case = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let script = std::fs::read_to_string(&path).expect("a script");
        let found = call.captures_iter(&script);
        calls.extend(found.map(|it| (it[1].to_owned(), it[2].to_owned(), case.clone())));
    }
    calls
}

fn all_blocks() -> Vec<Block> {
    documents().expect("read").iter().flat_map(blocks::Document::blocks).collect()
}

/// A new block must be run, or say why not; and who names a block must name one that is there.
#[test]
fn every_block_of_commands_is_run_or_has_a_reason() {
    let not_run = NOT_RUN.iter().map(|(document, words, _)| (*document, *words, "not run"));
    let native = native::RUN.iter().map(|run| (run.document, run.words, "natively"));
    let guests = run_in_a_guest();
    let guests = guests.iter().map(|(document, words, case)| (&**document, &**words, &**case));
    let entries: Vec<(&str, &str, &str)> = not_run.chain(native).chain(guests).collect();
    let blocks: Vec<Block> = all_blocks().into_iter().filter(|block| block.is_commands()).collect();
    let mut faults = String::new();
    let fits = |entry: &(&str, &str, &str), block: &Block| {
        block.document == entry.0 && block.name().starts_with(entry.1)
    };
    for entry in &entries {
        let found = blocks.iter().filter(|block| fits(entry, block)).count();
        if found != 1 {
            let _ =
                writeln!(faults, "{}: {:?} ({}) names {found} blocks", entry.0, entry.1, entry.2);
        }
    }
    let (mut run, mut commands, mut commands_run) = (0, 0, 0);
    for block in &blocks {
        let who: Vec<_> = entries.iter().filter(|entry| fits(entry, block)).collect();
        let count = block.commands().len();
        commands += count;
        match who[..] {
            [] => {
                let _ =
                    writeln!(faults, "{}: nobody runs `{}` ({HOW})", block.place(), block.name());
            }
            [(_, _, "not run"), _, ..] => {
                let _ = writeln!(faults, "{}: it is run after all", block.place());
            }
            [(_, _, "not run")] => {}
            _ => (run, commands_run) = (run + 1, commands_run + count),
        }
    }
    println!("{} blocks of commands, {run} run, {} not", blocks.len(), NOT_RUN.len());
    println!("{commands} commands, {commands_run} run");
    for (document, words, reason) in NOT_RUN {
        println!("  not run: {document}: {words} ...: {reason}");
    }
    assert!(faults.is_empty(), "{faults}");
}

/// A block without a language is looked at by nobody.
#[test]
fn every_block_says_what_it_is() {
    let known = [
        ("sh", ""),
        ("sh", "program"),
        ("yaml", ""),
        ("toml", "watch"),
        ("toml", "smf"),
        ("json", ""),
        ("text", ""),
        ("text", "output"),
        ("ini", ""),
        ("conf", ""),
        ("toml", "tally"),
        ("toml", "tally-rc"),
        ("toml", "tally-smf"),
        ("toml", "site"),
        ("toml", "site-part"),
        ("toml", "command"),
        ("toml", "other"),
    ];
    for block in all_blocks() {
        let is = (&*block.language, &*block.kind);
        assert!(known.contains(&is), "{}: {is:?} is no kind of block ({HOW})", block.place());
    }
}

#[test]
fn every_picture_is_shown_and_small_and_of_no_machine() {
    let folder = top().join("docs/pictures");
    let shown: String =
        documents().expect("read").into_iter().map(|document| document.text).collect();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("folder") {
        let name = entry.expect("entry").file_name().into_string().expect("text");
        let text = std::fs::read_to_string(folder.join(&name)).expect("text");
        assert!(shown.contains(&format!("pictures/{name}")), "{name} is shown nowhere");
        assert!(text.len() < 60_000, "{name} has {} bytes", text.len());
        for path in ["/work", "/tmp/", "/home/", "/case/"] {
            assert!(!text.contains(path), "{name} shows {path}");
        }
        files.push(name);
    }
    let mut made: Vec<String> =
        pictures::PICTURES.iter().map(|picture| format!("{}.svg", picture.name)).collect();
    made.push(format!("{}.cast", pictures::CAST));
    made.sort();
    files.sort();
    assert_eq!(files, made);
}
