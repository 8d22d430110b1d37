//! A stand-in for a mail server with a classic message store, for tests only: the real one is
//! proprietary and cannot be had.
//!
//! It answers to the real one's command names, keeps real files and real processes, and refuses
//! what the vendor's documentation says the real one refuses. Where that says nothing,
//! `config/msg.conf` decides. It is one program: the name by which it is called says what it does.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "commands talk to their caller")]
#![expect(
    clippy::disallowed_methods,
    reason = "it is no part of backout, and reads the clock as a mail server does"
)]

mod audit;
mod backup;
mod daemon;
mod directory;
mod home;
mod package;
mod restore;
mod store;
mod stream;
mod tools;
mod view;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().collect();
    let mut name =
        Path::new(&args[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    args.remove(0);
    if name.starts_with("messaging") && !args.is_empty() {
        name = args.remove(0);
    }
    match run(&name, &args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, args: &[String]) -> Result<ExitCode> {
    match name {
        "start-msg" => daemon::start_msg(args),
        "stop-msg" => daemon::stop_msg(args),
        "msprobe" => daemon::msprobe(),
        "imsbackup" => backup::imsbackup(args),
        "imsrestore" => restore::imsrestore(args),
        "imsimta" => view::imsimta(args),
        "imcheck" => view::imcheck(args),
        "mboxutil" => view::mboxutil(args),
        "reconstruct" => view::reconstruct(args),
        "commpkg" => package::commpkg(args),
        "configure" => package::configure(args),
        "useconfig" => package::useconfig(args),
        "ha_ip_config" => package::ha_ip_config(args),
        // The tests' own.
        "mkinstaller" => package::mkinstaller(args),
        "deliver" => tools::deliver(args),
        "imap" => tools::imap(args),
        "directory" => directory::directory(args),
        "audit" => audit::audit(args),
        daemon if daemon::is_daemon(daemon) => daemon::serve(daemon),
        other => bail!("no such command: {other}"),
    }
}

/// The value behind an option, written `--name VALUE`, `--name=VALUE` or `-n VALUE`.
fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    args.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(name) {
        Some("") => args.get(at + 1).map(String::as_str),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    })
}

/// The words that are neither options nor their values. `valued`: the options that take one.
fn operands<'a>(args: &'a [String], valued: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if valued.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') || word == "-" {
            found.push(word.as_str());
        }
    }
    found
}

fn flag(args: &[String], name: &str) -> bool {
    args.iter().any(|word| word == name)
}
