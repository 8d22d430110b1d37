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

#[path = "../harness.rs"]
mod harness;
mod mariadb;
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
    /// How many of each product.
    #[arg(long, value_name = "N", default_value_t = 10)]
    sessions: u64,
    /// The first one's seed; the others follow it.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Leave out the statements with these numbers, counted from 0 ("3,7-9"): to find the few
    /// that matter.
    #[arg(long, value_name = "NUMBERS", default_value = "")]
    without: String,
    /// Keep the folders of failed sessions, and say where they are.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    harness: Harness,
}

/// A product's session, by its seed: `Err` says what was lost or silently different.
type Session = fn(seed: u64, without: &[u64]) -> Result<String>;

const PRODUCTS: &[(&str, Session)] = &[("mariadb", mariadb::session), ("redis", redis::session)];

/// How long one session may take, in seconds.
const LIMIT: &str = "600";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        // The tool under test is this program: the playbooks' `{backout}`.
        Some("helper") => return backout::cli::main(),
        Some("session") => return inside(&words[2..]),
        _ => {}
    }
    let options = Options::parse();
    // Without roots nothing runs, and the names stay the same.
    let random = || if options.roots.is_some() { fastrand::u64(..1_000_000_000) } else { 0 };
    let first = options.seed.unwrap_or_else(random);
    let trials = PRODUCTS.iter().flat_map(|(product, _)| {
        let options = &options;
        (first..first + options.sessions).map(move |seed| trial(options, product, seed))
    });
    let trials = trials.collect();
    if options.roots.is_some() {
        println!("seeds {first} to {}", first + options.sessions.saturating_sub(1));
    }
    options.harness.run(trials)
}

fn trial(options: &Options, product: &'static str, seed: u64) -> Trial {
    let (roots, without, keep) = (options.roots.clone(), options.without.clone(), options.keep);
    let ignored = roots.is_none();
    Trial::test(format!("{product}_{seed}"), move || {
        let roots = roots.unwrap_or_default();
        apart(&roots, product, seed, &without, keep).map_err(|error| format!("{error:#}").into())
    })
    .with_ignored_flag(ignored)
}

/// Runs one in namespaces of its own, with a folder of its own.
fn apart(roots: &Path, product: &str, seed: u64, without: &str, keep: bool) -> Result<()> {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm-tests/sessions");
    let shm = Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::Builder::new().prefix("backout-session-").tempdir_in(base)?;
    world::prepare(&recipe, folder.path())?;
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", LIMIT]).arg(recipe.join("enter")).arg(roots);
    command.arg(folder.path()).arg(std::env::current_exe()?);
    command.args(["session", product, &seed.to_string(), without]);
    let output = command.output().context("cannot start a session")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() {
        println!("{product} {seed}: {}", said.trim_end());
        return Ok(());
    }
    let kept =
        if keep { format!("\nits folder: {}", folder.keep().display()) } else { String::new() };
    bail!("seed {seed}: {}\n{}{kept}", output.status, said.trim_end())
}

/// One session, with the namespaces around it.
fn inside(words: &[String]) -> ExitCode {
    let run = || -> Result<String> {
        let [product, seed, without] = words else { bail!("session PRODUCT SEED WITHOUT") };
        let known = PRODUCTS.iter().find(|(name, _)| name == product);
        let (_, session) = known.with_context(|| format!("no such product: {product}"))?;
        session(seed.parse()?, &numbers(without)?)
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
