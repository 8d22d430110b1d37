//! Blocks that are files: each is read by what reads such a file, or stands in a test as well.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use backout::playbook::library::{self, LibraryError};
use backout::playbook::{Validated, ValidatedSite};

use super::all_blocks;
use super::blocks::{Block, top};

/// Where the lines of a configuration file stand as well, so that a test runs with them: document,
/// first words, file.
const CONFIGURATION: &[(&str, &str, &str)] = &[
    (
        "docs/operators-guide.md",
        "# /etc/systemd/system/front",
        "vm-tests/cases/held-connections.sh",
    ),
    ("docs/operators-guide.md", "[tank/redis.upgraded]", "vm-tests/cases/snapshot-tools.sh"),
    ("playbooks/mariadb/README.md", "[mariadbd]", "vm-tests/guest/mariadb.sh"),
    ("playbooks/redis/README.md", "appendonly yes", "vm-tests/guest/redis.sh"),
];

/// Configuration that no test runs with: document, first words, reason.
const NOT_TRIED: &[(&str, &str, &str)] = &[
    ("docs/operators-guide.md", "filesystems: {", "zrepl is in no archive that tests may use"),
    ("playbooks/mariadb/README.md", "# /etc/apt/preferences.d/mariadb", "its page says how"),
    ("playbooks/postgresql/README.md", "wal_level", "a size, which each host has its own of"),
];

fn of_kind(language: &str, kind: &str) -> Vec<Block> {
    let mut blocks = all_blocks();
    blocks.retain(|block| block.language == language && block.kind == kind);
    assert!(!blocks.is_empty(), "no {language} {kind}");
    blocks
}

/// The playbook of the author's guide: what `playbook new --from` writes by itself, and then block
/// by block what the guide adds.
pub fn tally() -> String {
    let head = "format = 1\nname = \"tally\"\ntitle = \"Tally\"\n\n";
    let parts: Vec<String> = of_kind("toml", "tally").into_iter().map(|block| block.text).collect();
    format!("{head}{}", parts.join("\n"))
}

#[test]
fn the_playbook_of_the_guide_passes_the_check() {
    let text = tally();
    if let Err(problems) = Validated::parse("the guide", Some("tally"), &text) {
        panic!("{problems}\n{text}");
    }
}

/// The program that the guide gives for FreeBSD's rc.
fn rc() -> String {
    let mut programs = of_kind("sh", "program");
    programs.retain(|block| block.text.starts_with("# sh rc.sh "));
    assert_eq!(programs.len(), 1, "one block begins like this");
    programs.remove(0).text
}

/// What the guide gives for a platform takes the place of the same parts of tally's playbook.
#[test]
fn the_examples_without_systemd_pass_the_check() {
    for (kind, stops) in [("tally-rc", "sh "), ("tally-smf", "svcadm disable -s svc:/")] {
        let mut whole: toml::Table = tally().parse().expect("the playbook");
        let blocks = of_kind("toml", kind);
        assert_eq!(blocks.len(), 1, "{kind}");
        let mut given: toml::Table = blocks[0].text.parse().expect("the example");
        let alone = whole["service"]["maintenance"].clone();
        given["service"].as_table_mut().expect("a table").insert("maintenance".into(), alone);
        whole.extend(given);
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("tally");
        std::fs::create_dir(&at).expect("made");
        let text = toml::to_string(&whole).expect("written");
        std::fs::write(at.join("playbook.toml"), &text).expect("written");
        std::fs::write(at.join("rc.sh"), rc()).expect("written");
        let found = match library::load_playbook(&at) {
            Ok(found) => found,
            Err(problems) => panic!("{kind}: {problems}\n{text}"),
        };
        let service = &found.playbook().service;
        let stop = service.stop.as_ref().expect("a command").template().to_string();
        assert!(stop.starts_with(stops), "{kind}: {stop}");
        assert!(service.units.is_empty(), "{kind}: nothing of systemd");
    }
}

/// `service` as rc has it: `onestop` fails if the service does not run, and `onestart` if it does.
const SERVICE: &str = r#"#!/bin/sh
cd "$STATE" && [ "$1" = tallyd ] || exit 64
case $2 in
  disable) rm -f enabled ;;
  enable) : >enabled ;;
  onestatus) [ -e up ] ;;
  onestop) rm up ;;
  onestart) [ ! -e up ] && : >up ;;
  *) exit 64 ;;
esac
"#;

#[test]
fn the_program_for_rc_may_run_again_and_holds_over_a_boot() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let put = |name: &str, text: &str| std::fs::write(at(name), text).expect("written");
    let there = |name: &str| at(name).is_file();
    put("rc.sh", &rc());
    put("service", SERVICE);
    std::fs::set_permissions(at("service"), std::fs::Permissions::from_mode(0o755)).expect("set");
    let path = std::env::var("PATH").unwrap_or_default();
    let run = |what: &str| {
        let mut command = std::process::Command::new("sh");
        command.arg(at("rc.sh")).args([what, "tallyd"]).env("STATE", folder.path());
        command.env("PATH", format!("{}:{path}", folder.path().display()));
        command.output().expect("started").status.code()
    };
    for (what, up) in [("start", true), ("start", true), ("stop", false), ("stop", false)] {
        assert_eq!(run(what), Some(0), "{what}");
        assert_eq!((there("up"), there("enabled")), (up, up), "{what}");
    }
    // Killed between the two.
    put("enabled", "");
    assert_eq!((run("stop"), there("enabled")), (Some(0), false));
    put("up", "");
    assert_eq!((run("start"), there("enabled")), (Some(0), true));
    assert_eq!(run("restart"), Some(2));
}

fn site(text: &str) -> Result<(ValidatedSite, Validated), LibraryError> {
    ValidatedSite::parse(Path::new("site.toml"), text, |name| library::find(name, &[]))
}

#[test]
fn every_site_file_passes_the_check() {
    for block in of_kind("toml", "site") {
        if let Err(error) = site(&block.text) {
            panic!("{}: {error}", block.place());
        }
    }
}

#[test]
fn every_part_of_a_site_file_passes_with_the_rest() {
    for block in of_kind("toml", "site-part") {
        let rest = "playbook = \"redis\"\ndatasets = [\"tank/redis\"]\nupgrade_to = \"8.0\"\n";
        let rest = format!("{rest}[variables]\nrelease = \"trixie\"\n");
        if let Err(error) = site(&format!("{rest}{}", block.text)) {
            panic!("{}: {error}", block.place());
        }
    }
}

#[test]
fn every_file_for_the_watch_is_read() {
    for block in of_kind("toml", "watch") {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().canonicalize().expect("path").join("watch.toml");
        std::fs::write(&file, &block.text).expect("written");
        let read = backout::procedure::watch::Config::read(&file);
        assert!(read.is_ok_and(|config| config.notify.is_some()), "{}", block.place());
    }
}

/// Programs of a few lines: a shell can read them.
#[test]
fn every_program_is_one() {
    for block in of_kind("sh", "program") {
        let shell = std::process::Command::new("/bin/sh").args(["-n", "-c", &block.text]).status();
        assert!(shell.expect("runs").success(), "{}", block.place());
    }
}

/// Rules of a monitor name metrics that there are.
#[test]
fn every_metric_in_a_rule_is_written() {
    let written = std::fs::read_to_string(top().join("src/report/metrics.rs")).expect("read");
    let metric = regex::Regex::new(r"\bbackout_[a-z_]+").expect("a pattern");
    for block in of_kind("yaml", "") {
        for name in metric.find_iter(&block.text) {
            let known = written.contains(&format!("{:?}", name.as_str()));
            assert!(known, "{}: no metric {}", block.place(), name.as_str());
        }
    }
}

/// Parts of a playbook that stand alone: TOML, with helpers that there are.
#[test]
fn commands_of_playbooks_are_toml_and_name_helpers_that_there_are() {
    let known = super::words::helpers();
    let named = regex::Regex::new(r#""helper", "([a-z-]+)""#).expect("a pattern");
    for block in ["command", "other", "smf"].into_iter().flat_map(|kind| of_kind("toml", kind)) {
        if let Err(error) = block.text.parse::<toml::Table>() {
            panic!("{}: {error}", block.place());
        }
        for helper in named.captures_iter(&block.text) {
            assert!(
                known.contains(helper[1].trim()),
                "{}: no helper {}",
                block.place(),
                &helper[1]
            );
        }
    }
}

/// An object that is shown has the keys of one that comes out.
#[test]
fn every_json_object_has_the_keys_of_a_real_one() {
    let keys = |value: &serde_json::Value| -> BTreeSet<String> {
        value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let findings = backout_findings();
    for block in of_kind("json", "") {
        let shown: serde_json::Value = serde_json::from_str(&block.text).expect("JSON");
        assert_eq!(shown["result"], "findings", "{}: add the real one here", block.place());
        assert_eq!(keys(&shown), keys(&findings), "{}", block.place());
    }
}

fn backout_findings() -> serde_json::Value {
    let source = std::fs::read_to_string(top().join("src/cli/render/text.rs")).expect("read");
    let made = r#"json!({ "result": "findings", "change": change, "findings": findings })"#;
    assert!(source.contains(made), "it is made in another way now");
    serde_json::json!({ "result": "findings", "change": "", "findings": [] })
}

/// What a program prints stands in a test of that program.
#[test]
fn every_output_that_is_shown_is_in_a_test() {
    let mut sources = String::new();
    for entry in walkdir::WalkDir::new(top().join("src")) {
        let path = entry.expect("entry").into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(path).expect("read"));
        }
    }
    let sources = sources.replace("\\\"", "\"");
    for block in of_kind("text", "output") {
        for line in block.text.lines() {
            let end = line.rsplit(": ").next().unwrap_or(line);
            assert!(sources.contains(end), "{}: no test has {end:?}", block.place());
        }
    }
}

fn words(line: &str) -> String {
    line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_configuration_file_is_one_that_a_test_runs_with() {
    let mut blocks = of_kind("ini", "");
    blocks.extend(of_kind("conf", ""));
    let named = |(document, first, _): &&(&str, &str, &str), block: &Block| {
        block.document == *document && block.text.starts_with(first)
    };
    for entry in CONFIGURATION.iter().chain(NOT_TRIED) {
        let found = blocks.iter().filter(|block| named(&entry, block)).count();
        assert_eq!(found, 1, "{}: {:?} names {found} blocks", entry.0, entry.1);
    }
    for block in &blocks {
        if NOT_TRIED.iter().any(|entry| named(&entry, block)) {
            continue;
        }
        let entry = CONFIGURATION.iter().find(|entry| named(entry, block));
        let (_, _, file) = entry.unwrap_or_else(|| panic!("{}: nobody tries it", block.place()));
        let text = std::fs::read_to_string(top().join(file)).expect("read");
        let text: String = text.lines().map(|line| format!("{}\n", words(line))).collect();
        for line in block.text.lines().map(words).filter(|line| !line.is_empty()) {
            assert!(text.contains(&line), "{}: {file} has no {line:?}", block.place());
        }
    }
}
