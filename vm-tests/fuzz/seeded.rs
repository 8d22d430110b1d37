//! A short run of the fuzz targets with seeds that are always the same, without a fuzzer's
//! machinery. The long run: `vm-tests/test --fuzz`. `--rounds` makes it longer, `--seed` another
//! one.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

mod bodies;
#[path = "../harness.rs"]
mod harness;

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use fastrand::Rng;

use crate::harness::{HELP, Harness, test};

/// The readers, with texts that nobody would write.
#[derive(Debug, Parser)]
#[command(help_template = HELP)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    harness: Harness,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Options {
    /// Texts for each reader; by default some hundreds or thousands, which takes seconds.
    #[arg(long, value_name = "COUNT")]
    rounds: Option<u64>,
    /// What the texts are made from: the same, the same texts.
    #[arg(long, value_name = "NUMBER", default_value_t = 20_261_124)]
    seed: u64,
}

thread_local! {
    /// The last panic's message and place.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Changes a text as a fuzzer does: bits, bytes, pieces of it and of another one, numbers.
fn mutate(rng: &mut Rng, text: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(0..=text.len());
        let end = rng.usize(at..=text.len().min(at + 64));
        match rng.u8(0..9) {
            0 if at < text.len() => text[at] ^= 1 << rng.u8(0..8),
            1 if at < text.len() => text[at] = rng.u8(..),
            2 => drop(text.drain(at..end)),
            3 => {
                let piece = text[at..end].to_vec();
                text.splice(at..at, piece);
            }
            4 => {
                let from = rng.usize(0..=other.len());
                let piece = &other[from..rng.usize(from..=other.len().min(from + 64))];
                text.splice(at..end, piece.iter().copied());
            }
            5 => text.truncate(at),
            6 => drop(text.splice(at..end, *b"18446744073709551616")),
            7 => drop(text.splice(at..end, *b"-1")),
            _ => drop(text.splice(
                at..at,
                [b'"', b'\n', b'\t', b'{', b'}', b'@', b'/', 0][rng.usize(0..8)..].first().copied(),
            )),
        }
    }
}

fn run(options: Options, name: &str, corpus: &[Vec<u8>], rounds: u64, body: fn(&[u8])) {
    assert!(
        !corpus.is_empty() && corpus.iter().all(|text| !text.is_empty()),
        "nothing to begin from"
    );
    let Options { rounds: asked, seed } = options;
    for round in 0..asked.unwrap_or(rounds) {
        let mut rng = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(round));
        let mut text = corpus[rng.usize(0..corpus.len())].clone();
        let other = &corpus[rng.usize(0..corpus.len())];
        mutate(&mut rng, &mut text, other);
        if catch_unwind(|| body(&text)).is_err() {
            panic!(
                "{name}, seed {seed}, round {round}: {:?}: {}",
                String::from_utf8_lossy(&text),
                SAID.take()
            );
        }
    }
}

/// The files of a folder of this repository that end so.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Journals of format 1 as this version and earlier ones wrote them.
fn journals() -> Vec<Vec<u8>> {
    files("vm-tests/golden/journals", ".journal")
}

fn s8_no_damaged_journal_makes_the_reader_panic(options: Options) {
    run(options, "journal", &journals(), 1500, bodies::journal);
    run(options, "sealed journal", &journals(), 1500, bodies::sealed_journal);
}

fn no_playbook_or_site_makes_the_parser_panic(options: Options) {
    let built_in = backout::playbook::built_in::BUILT_IN.iter();
    let mut corpus: Vec<Vec<u8>> = built_in.map(|playbook| playbook.text.into()).collect();
    corpus.extend(files("playbooks/invalid", ".toml"));
    run(options, "playbook", &corpus, 300, bodies::playbook);
}

fn nothing_that_zfs_prints_makes_the_parsers_panic(options: Options) {
    let corpus: Vec<Vec<u8>> = [
        "tank/mysql\t1234\tfilesystem\t5678\t/var/lib/mysql\tyes\tnoauto\t-\n",
        "tank/my data@autosnap_2026-11-23_15:00:00_hourly\t99\t1732374000\t17\t0\t-\n",
        "tank@a\tbackout:mariadb-1\t1732374000\ntank@b\tkeep\t0\n",
        "tank\tONLINE\t1073741824\t1024\t-\toff\n",
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n",
        "backout:change\tlocal\tmariadb-1\nmountpoint\tinherited from tank\t/a\\040b\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    run(options, "zfs", &corpus, 10_000, bodies::zfs);
}

/// The run is worth something: a reader that stumbles is found.
fn a_reader_that_panics_is_found(options: Options) {
    let stumbles = |text: &[u8]| assert!(!text.contains(&b'@'), "stumbled");
    let corpus = [b"a journal of some length, with words".to_vec()];
    let options = Options { rounds: None, ..options };
    let found = catch_unwind(|| run(options, "stumbles", &corpus, 3000, stumbles))
        .expect_err("it is found");
    let said = found.downcast_ref::<String>().expect("a text");
    assert!(said.contains("stumbles, seed") && said.contains("stumbled"), "{said}");
}

fn main() -> ExitCode {
    let CommandLine { options, harness } = CommandLine::parse();
    // What a reader says is quoted with what made it say so.
    std::panic::set_hook(Box::new(|panic| SAID.set(panic.to_string())));
    harness.run(vec![
        test("s8_no_damaged_journal_makes_the_reader_panic", move || {
            s8_no_damaged_journal_makes_the_reader_panic(options)
        }),
        test("no_playbook_or_site_makes_the_parser_panic", move || {
            no_playbook_or_site_makes_the_parser_panic(options)
        }),
        test("nothing_that_zfs_prints_makes_the_parsers_panic", move || {
            nothing_that_zfs_prints_makes_the_parsers_panic(options)
        }),
        test("a_reader_that_panics_is_found", move || a_reader_that_panics_is_found(options)),
    ])
}
