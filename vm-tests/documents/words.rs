//! Commands and options that the documents name in a sentence or in a block, asked of the tool's
//! own parser.

use std::collections::BTreeSet;

use backout::cli::Cli;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::blocks::{documents, top};

/// A usage line in all ways that it can be typed: `[--keep|--in-place]`, `start|stop`.
fn ways(usage: &str) -> Vec<String> {
    let usage = usage.replace("\\|", "|").replace(" …", "").replace(" ...", "");
    let part = regex::Regex::new(r"\[[^\]]*\]|\S+").expect("a pattern");
    let mut ways = vec![String::new()];
    for part in part.find_iter(&usage) {
        let optional = part.as_str().starts_with('[');
        let words = part.as_str().trim_matches(['[', ']']);
        let mut next: Vec<String> = if optional { ways.clone() } else { Vec::new() };
        for way in &ways {
            next.extend(words.split('|').map(|words| format!("{way} {words}").trim().to_owned()));
        }
        ways = next;
    }
    ways
}

/// The names of `backout helper NAME`: it tells them to whoever does not know them.
pub fn helpers() -> BTreeSet<String> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_backout"));
    let output = command.args(["helper", "unknown"]).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.split([' ', ',', '\n']).map(str::to_owned).filter(|name| name.contains('-')).collect()
}

/// Whether the tool understands it. What is missing may be missing: it stands in a sentence.
fn understood(line: &str, complete: bool) -> Result<(), String> {
    let words = shlex::split(line).ok_or("quotes")?;
    let end = words.iter().position(|word| [">", "|", "2>"].contains(&&**word));
    let words = words[..end.unwrap_or(words.len())].iter().map(|word| match &**word {
        "SHELL" => "bash",
        "COMMAND" => "status",
        // A value with a form of its own.
        "SECONDS" => "5",
        word => word,
    });
    let words: Vec<&str> = words.collect();
    if let ["backout", "helper", name, ..] = words[..] {
        return if name == "--help" || helpers().contains(name) {
            Ok(())
        } else {
            Err("no such helper".to_owned())
        };
    }
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(()),
            ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                if !complete =>
            {
                Ok(())
            }
            _ => Err(error.to_string()),
        },
    }
}

#[test]
fn every_command_in_a_sentence_is_understood() {
    let (mut faults, mut seen) = (String::new(), 0);
    for document in documents().expect("read") {
        for (line, code) in document.inline() {
            if !code.starts_with("backout ") {
                continue;
            }
            for way in ways(&code) {
                seen += 1;
                if let Err(error) = understood(&way, false) {
                    faults += &format!("{}:{line}: `{way}`: {error}\n", document.name);
                }
            }
        }
    }
    println!("{seen} commands in sentences");
    assert!(faults.is_empty() && seen > 100, "{seen}\n{faults}");
}

#[test]
fn every_command_in_a_block_is_understood() {
    let mut faults = String::new();
    for block in super::all_blocks().iter().filter(|block| block.is_commands()) {
        for command in block.commands() {
            let fault = match command.split_whitespace().next() {
                Some("backout") => understood(&command, true).err(),
                Some("cargo") => no_such_test(&command),
                Some("./vm-tests/demo" | "vm-tests/demo" | "vm-tests/test") => {
                    no_such_option(&command)
                }
                _ => None,
            };
            if let Some(fault) = fault {
                faults += &format!("{}: `{command}`: {fault}\n", block.place());
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// `cargo test --test NAME` names a test that there is.
fn no_such_test(command: &str) -> Option<String> {
    let cargo = std::fs::read_to_string(top().join("Cargo.toml")).expect("read");
    let known = |name: &&str| cargo.contains(&format!("[[test]]\nname = {name:?}"));
    let mut names = command.split(" --test ").skip(1).filter_map(|rest| rest.split(' ').next());
    names.find(|name| !known(name)).map(|name| format!("there is no test {name}"))
}

/// The options of a script are in its head.
fn no_such_option(command: &str) -> Option<String> {
    let mut words = command.split_whitespace();
    let script = words.next()?.trim_start_matches("./");
    let text = std::fs::read_to_string(top().join(script)).expect("read");
    let mut options = words.filter(|word| word.starts_with("--") && *word != "--help");
    let unknown = options.find(|option| !text.contains(&format!("{option})")))?;
    Some(format!("{script} has no {unknown}"))
}

fn options_of(command: &clap::Command, all: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        all.extend(argument.get_long().map(|long| format!("--{long}")));
    }
    for command in command.get_subcommands() {
        options_of(command, all);
    }
}

/// `--accept NAME` alone, in a sentence: some command has such an option, or a script of ours.
#[test]
fn every_option_in_a_sentence_exists() {
    let mut known = BTreeSet::new();
    let mut command = Cli::command();
    command.build();
    options_of(&command, &mut known);
    let mut scripts = String::new();
    for file in ["test", "demo", "bench", "lib/options.sh", "sessions/main.rs", "harness.rs"] {
        scripts += &std::fs::read_to_string(top().join("vm-tests").join(file)).expect("read");
    }
    let option = regex::Regex::new(r"^--[a-z][a-z-]+").expect("a pattern");
    let mut faults = String::new();
    for document in documents().expect("read") {
        for (line, code) in document.inline() {
            for word in code.split([' ', '|', '[', ']']).filter(|_| code.starts_with("--")) {
                let Some(word) = option.find(word) else { continue };
                let word = word.as_str();
                let field = word.trim_start_matches('-').replace('-', "_");
                let of_a_script = scripts.contains(word) || scripts.contains(&format!("{field}:"));
                if !known.contains(word) && !of_a_script {
                    faults += &format!("{}:{line}: nothing has {word}\n", document.name);
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
