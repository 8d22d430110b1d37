//! Sessions of clients that nobody wrote by hand: some of them on the previous version, some on the
//! new one, then the playbook's way back, and a comparison that does not use the playbook's lists.
//!
//! Real servers of two versions run natively in two roots ([`enter`](world)); what ZFS does is
//! simulated, with copies of folders for snapshots and clones. All else is the tool's own: plan,
//! journal, steps, the playbook's commands.
//!
//! ```text
//! cargo test --test sessions -- --roots "$(vm-tests/sessions/roots)" --sessions 10
//! ```
//!
//! Without `--roots` they are reported as ignored, not as passed. Each prints its seed; `--seed S
//! --sessions 1` runs it again, `--keep` keeps its folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails loudly")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it says what a session did")]
#![expect(
    clippy::disallowed_methods,
    reason = "it starts servers and clients, beside the tool's own commands"
)]

mod clients;
mod dice;
#[path = "../harness.rs"]
mod harness;
mod mariadb;
mod outcome;
mod postgresql;
mod process;
mod redis;
mod way;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use libtest_mimic::Trial;

use crate::harness::{HELP, Harness};

/// Random sessions of clients, an upgrade, more of them, and the way back.
#[derive(Debug, Parser)]
#[command(help_template = HELP)]
struct Options {
    /// The roots that the servers run in: what `vm-tests/sessions/roots` prints.
    #[arg(long, value_name = "DIR")]
    roots: Option<PathBuf>,
    /// How many of each kind; of those that take long, a fifth.
    #[arg(long, value_name = "N", default_value_t = 10)]
    sessions: u64,
    /// The first one's seed; the others follow it.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Leave out the statements with these numbers, counted from 0 ("3,7-9"): to find the few
    /// that matter.
    #[arg(long, value_name = "NUMBERS", default_value = "")]
    without: String,
    /// Run a failed session again and again with fewer statements, and say which ones matter.
    #[arg(long)]
    shrink: bool,
    /// Keep the folders of failed sessions, and say where they are.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    harness: Harness,
}

/// A product's session that somebody wrote: its text.
type Case = fn(text: &str) -> Result<String>;

/// Those of a product are the files in `PRODUCT/cases/`. A first line `-- not yet: REASON` says that
/// one does not pass so far: it is ignored.
const CASES: &[(&str, Case)] = &[("mariadb", mariadb::case)];

/// A product's session, by its seed: `Err` says what was lost or silently different.
type Session = fn(seed: u64, without: &[u64]) -> Result<String>;

const PRODUCTS: &[(&str, Session)] = &[
    ("mariadb", mariadb::session),
    ("mariadb_feed", mariadb::feed::session),
    ("mariadb_gone", mariadb::feed::gone),
    ("mariadb_keys", mariadb::keys::session),
    ("mariadb_switch", mariadb::feed::switch),
    ("postgresql", postgresql::session),
    ("postgresql_slots", postgresql::feed::slots),
    ("postgresql_switch", postgresql::feed::session),
    ("redis", redis::session),
    ("redis_switch", redis::switch),
];

/// Those that take long: of these there is a fifth as many.
const LONG: &[&str] = &[
    "mariadb_feed",
    "mariadb_keys",
    "mariadb_switch",
    "postgresql_slots",
    "postgresql_switch",
    "redis_switch",
];

/// How long one session may take, in seconds, on a busy machine.
const LIMIT: &str = "600";

/// Where the product's roots are: both versions of PostgreSQL are installed on one host.
fn roots_of(roots: &Path, product: Option<&String>) -> PathBuf {
    match product {
        Some(product) if product.starts_with("postgresql") => roots.join("postgresql"),
        _ => roots.to_owned(),
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        // The tool under test is this program: the playbooks' `{backout}`.
        Some("helper") => return backout::cli::main(),
        Some("session" | "case") => return inside(&words[1..]),
        _ => {}
    }
    let options = Options::parse();
    // Without roots nothing runs, and the names stay the same.
    let random = || if options.roots.is_some() { fastrand::u64(..1_000_000_000) } else { 0 };
    let first = options.seed.unwrap_or_else(random);
    let trials = PRODUCTS.iter().flat_map(|(product, _)| {
        let options = &options;
        let long = LONG.contains(product);
        let count = if long { options.sessions.div_ceil(5) } else { options.sessions };
        (first..first + count).map(move |seed| trial(options, product, seed))
    });
    let trials = trials.chain(cases(&options)).collect();
    if options.roots.is_some() {
        println!("seeds {first} to {}", first + options.sessions.saturating_sub(1));
    }
    options.harness.run(trials)
}

fn recipe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vm-tests/sessions")
}

/// The sessions that somebody wrote.
fn cases(options: &Options) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (product, _) in CASES {
        let mut files: Vec<PathBuf> = std::fs::read_dir(recipe().join(product).join("cases"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let not_yet = text.lines().next().is_some_and(|line| line.contains("not yet: "));
            let (roots, keep) = (options.roots.clone(), options.keep);
            let ignored = not_yet || roots.is_none();
            let run = move || {
                let what = ["case", product, &file.display().to_string()].map(str::to_owned);
                apart(&roots.unwrap_or_default(), &what, keep)
                    .map_err(|error| format!("{error:#}").into())
            };
            trials.push(
                Trial::test(format!("{product}_case_{name}"), run).with_ignored_flag(ignored),
            );
        }
    }
    trials
}

fn trial(options: &Options, product: &'static str, seed: u64) -> Trial {
    let (roots, without, keep) = (options.roots.clone(), options.without.clone(), options.keep);
    let there = |roots: &PathBuf| roots_of(roots, Some(&product.to_owned())).is_dir();
    let ignored = !roots.as_ref().is_some_and(there);
    let shrink = options.shrink;
    Trial::test(format!("{product}_{seed}"), move || {
        let roots = roots.unwrap_or_default();
        let run = |without: &str| {
            let what = ["session", product, &seed.to_string(), without].map(str::to_owned);
            apart(&roots, &what, keep && !shrink)
        };
        let Err(error) = run(&without) else { return Ok(()) };
        let text = format!("{error:#}");
        // At once: the list of failures stands at the end of a run, which may be cut off.
        println!("{text}");
        Err(if shrink { shrunk(&text, &run).into() } else { text.into() })
    })
    .with_ignored_flag(ignored)
}

/// Runs one in namespaces of its own, with a folder of its own.
fn apart(roots: &Path, what: &[String], keep: bool) -> Result<()> {
    let shm = Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("backout-session-").tempdir_in(base)?;
    world::prepare(&recipe(), folder.path())?;
    let mut command = Command::new("timeout");
    let product = what.get(1);
    command.args(["--kill-after=10", LIMIT]).arg(recipe().join("enter"));
    command.arg(roots_of(roots, product));
    command.arg(folder.path()).arg(std::env::current_exe()?).args(what);
    let postgresql = product.is_some_and(|product| product.starts_with("postgresql"));
    if postgresql {
        postgresql::prepare(folder.path())?;
    }
    if postgresql || product.is_some_and(|product| product.starts_with("redis")) {
        // A helper starts a server in a folder of its own, which both roots must have.
        command.env("TMPDIR", "/srv/tmp");
    }
    let output = command.output().context("cannot start a session")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() {
        println!("{}: {}", told(what), said.trim_end());
        return Ok(());
    }
    let kept =
        if keep { format!("\nits folder: {}", folder.keep().display()) } else { String::new() };
    bail!("{}: {}\n{}{kept}", told(what), output.status, said.trim_end())
}

/// What ran, in few words.
fn told(what: &[String]) -> String {
    let last = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
    what[1..].iter().map(last).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// Leaves out statements, many and then fewer at a time, for as long as the session fails.
fn shrunk(first: &str, run: &dyn Fn(&str) -> Result<()>) -> String {
    let count = |text: &str| {
        let at = text.find(" statements")?;
        text[..at].rsplit(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    let Some(all) = count(first) else { return first.to_owned() };
    let mut kept: Vec<u64> = (0..all).collect();
    let mut last = first.to_owned();
    let mut size = all / 2;
    while size > 0 {
        let mut at = 0;
        while at < kept.len() {
            let end = kept.len().min(at + size as usize);
            let fewer = [&kept[..at], &kept[end..]].concat();
            match run(&without(all, &fewer)) {
                Err(error) if same_fault(first, &format!("{error:#}")) => {
                    last = format!("{error:#}");
                    kept = fewer;
                }
                _ => at = end,
            }
        }
        size /= 2;
    }
    format!("{last}\nthe statements that matter: {kept:?}; --without {}", without(all, &kept))
}

/// Whether a session with fewer statements fails as the first one did: by its first words, and by
/// the number of the server's error.
fn same_fault(first: &str, other: &str) -> bool {
    let of = |text: &str| {
        let text = text.split_once('\n').map_or("", |(_, said)| said);
        let words: String = text
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .take(90)
            .take_while(|c| *c != '(')
            .collect();
        let error = text.find("ERROR ").map(|at| text[at..].chars().take(10).collect::<String>());
        (words, error)
    };
    of(first) == of(other)
}

/// The numbers up to `all` that are not kept, as `--without` takes them.
fn without(all: u64, kept: &[u64]) -> String {
    let gone = (0..all).filter(|number| !kept.contains(number));
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in gone {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>().join(",")
}

/// One session, with the namespaces around it.
fn inside(words: &[String]) -> ExitCode {
    let run = || -> Result<String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["session", product, seed, without] => {
                let known = PRODUCTS.iter().find(|(name, _)| *name == product);
                let (_, session) = known.context("no such product")?;
                session(seed.parse()?, &numbers(without)?)
            }
            ["case", product, file] => {
                let known = CASES.iter().find(|(name, _)| *name == product);
                let (_, case) = known.context("no such product")?;
                case(&std::fs::read_to_string(file)?)
            }
            _ => bail!("session PRODUCT SEED WITHOUT, or case PRODUCT FILE"),
        }
    };
    match run() {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `3,7-9`.
fn numbers(text: &str) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        all.extend(first.parse::<u64>()?..=last.parse()?);
    }
    Ok(all)
}
