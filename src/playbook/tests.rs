//! The playbooks that come with backout, and those that must be refused with a message that helps.
//! `UPDATE=1 cargo test` writes the messages and the schemas anew: read the difference before it is
//! committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::playbook::built_in;
use crate::playbook::library::{self, LibraryError, find};
use crate::playbook::raw::schema;
use crate::playbook::{Validated, ValidatedSite};

fn folder() -> PathBuf {
    // Not CARGO_MANIFEST_DIR, so that the files are found from wherever the sources are built.
    let mut dir = PathBuf::from(file!());
    dir = if dir.is_absolute() { dir } else { Path::new(env!("CARGO_MANIFEST_DIR")).join(dir) };
    dir.ancestors().nth(3).unwrap().join("playbooks")
}

/// Compares with the file, or writes it.
fn golden(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        #[allow(clippy::disallowed_methods)]
        fs::write(path, text).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is not what comes out now (UPDATE=1 writes it):\n{text}",
        path.display()
    );
}

/// The lines that the page gives for SMF take the place of those of the playbook.
#[test]
fn the_commands_for_smf_make_a_valid_playbook() {
    let page = fs::read_to_string(folder().join("messaging-server/README.md")).unwrap();
    let given = page.split_once("```toml smf\n").unwrap().1.split_once("```").unwrap().0;
    let whole = fs::read_to_string(folder().join("messaging-server/playbook.toml")).unwrap();
    let (before, section) = whole.split_once("[service]\n").unwrap();
    let (section, after) = section.split_once("\n[").unwrap();
    let keys = ["stop = ", "start = ", "ready = "];
    let kept = section.lines().filter(|line| !keys.iter().any(|key| line.starts_with(key)));
    let kept = kept.collect::<Vec<_>>().join("\n");
    let text = format!("{before}{given}{kept}\n[{after}");
    let found = Validated::parse("smf", Some("messaging-server"), &text).unwrap();
    let service = &found.playbook().service;
    let stop = service.stop.as_ref().unwrap().template().to_string();
    assert!(stop.starts_with("/usr/sbin/svcadm disable -s svc:/"), "{stop}");
    assert!(service.units.is_empty(), "nothing of systemd");
}

#[test]
fn every_invalid_file_is_refused_with_its_message() {
    let mut files: Vec<PathBuf> = fs::read_dir(folder().join("invalid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (mut cases, mut messages) = (BTreeSet::new(), BTreeSet::new());
    for path in files {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|it| it == "txt") {
            messages.insert(stem);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let message = if stem.starts_with("site-") {
            ValidatedSite::parse::<LibraryError>(Path::new(file), &text, |name| find(name, &[]))
                .map(drop)
                .map_err(|error| error.to_string())
        } else {
            Validated::parse(file, Some(&stem), &text).map(drop).map_err(|error| error.to_string())
        };
        let message = message.err().unwrap_or_else(|| panic!("{file} is not refused"));
        golden(&path.with_extension("txt"), &format!("{message}\n"));
        cases.insert(stem);
    }
    assert!(cases.len() >= 25);
    assert_eq!(messages, cases, "a message without its file");
}

#[test]
fn the_schemas_are_those_of_the_types() {
    for (name, schema) in [("playbook", schema::playbook()), ("site", schema::site())] {
        let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
        golden(&folder().join(format!("{name}.schema.json")), &text);
    }
}

/// A server that is stopped, or does not let root in, is one fault.
#[test]
fn what_mariadb_is_asked_needs_the_login() {
    let mariadb = find("mariadb", &[]).unwrap();
    for requirement in &mariadb.requirements {
        let asks_the_server = requirement.command.template().to_string().contains("{socket}");
        let login = requirement.name.as_deref() == Some("login");
        let needs = asks_the_server && !login;
        // What needs the log's place needs the login, too.
        let named =
            |name: &str| mariadb.requirements.iter().find(|it| it.name.as_deref() == Some(name));
        let mut needed = requirement.needs.as_deref();
        while let Some(further) = needed.and_then(named).and_then(|it| it.needs.as_deref()) {
            needed = Some(further);
        }
        assert_eq!(needed == Some("login"), needs, "{}", requirement.about);
    }
}

/// Debian's packages, and those of MariaDB.org.
#[test]
fn the_versions_of_mariadb_are_found_whoever_made_the_packages() {
    let mariadb = find("mariadb", &[]).unwrap();
    for (shown, version) in [
        ("installed 1:10.11.14-0+deb12u2", "10.11.14"),
        ("installed 1:10.11.14+maria~deb12", "10.11.14"),
        ("installed 11.8.3+maria~deb13", "11.8.3"),
    ] {
        assert_eq!(mariadb.version.pattern.find(shown), Some(version), "{shown}");
    }
    let candidate = mariadb.upgrade.candidate_pattern.as_ref().unwrap();
    for line in [
        "Inst mariadb-server [1:10.11.14+maria~deb12] (1:11.8.3+maria~deb12 MariaDB:bookworm [all])",
        "Inst mariadb-server [1:10.11.14-0+deb12u2] (1:11.8.3-0+deb13u1 Debian:13.1/stable [amd64])",
    ] {
        assert_eq!(candidate.find(line), Some("11.8.3"), "{line}");
    }
}

/// Notes each field of the schema that a table has.
fn fields_of(
    all: &Value,
    schema: &Value,
    value: &DeValue<'_>,
    path: &str,
    found: &mut BTreeSet<String>,
) {
    let schema = resolved(all, schema);
    match value {
        DeValue::Table(table) => fields_of_table(all, schema, table, path, found),
        DeValue::Array(items) => items
            .iter()
            .for_each(|item| fields_of(all, &schema["items"], item.get_ref(), path, found)),
        _ => {}
    }
}

fn fields_of_table(
    all: &Value,
    schema: &Value,
    table: &DeTable<'_>,
    path: &str,
    found: &mut BTreeSet<String>,
) {
    for (key, value) in table.iter() {
        let name: &str = key.get_ref();
        match schema["properties"].get(name) {
            Some(field) => {
                found.insert(format!("{path}.{name}"));
                fields_of(
                    all,
                    field,
                    value.get_ref(),
                    resolved_name(field).unwrap_or(&format!("{path}.{name}")),
                    found,
                );
            }
            None => {
                let field = &schema["additionalProperties"];
                fields_of(all, field, value.get_ref(), resolved_name(field).unwrap_or(path), found);
            }
        }
    }
}

fn resolved_name(schema: &Value) -> Option<&str> {
    let inner = schema["anyOf"].as_array().map_or(schema, |parts| &parts[0]);
    let inner = if inner["items"].is_object() { &inner["items"] } else { inner };
    let inner = if inner["additionalProperties"].is_object() {
        &inner["additionalProperties"]
    } else {
        inner
    };
    inner["$ref"].as_str().and_then(|it| it.strip_prefix("#/$defs/"))
}

fn resolved<'v>(all: &'v Value, schema: &'v Value) -> &'v Value {
    let inner = schema["anyOf"].as_array().map_or(schema, |parts| &parts[0]);
    inner["$ref"].as_str().map_or(inner, |it| &all["$defs"][it.trim_start_matches("#/$defs/")])
}

#[test]
fn the_generic_playbook_has_every_field() {
    let all = schema::playbook();
    let text = fs::read_to_string(folder().join("generic/playbook.toml")).unwrap();
    let mut found = BTreeSet::new();
    fields_of_table(all, all, DeTable::parse(&text).unwrap().get_ref(), "Playbook", &mut found);
    let mut wanted = BTreeSet::new();
    let types = all["$defs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, schema)| (name.as_str(), schema))
        .chain([("Playbook", all)]);
    // These have the fields of `standby` once more, each of them optional.
    let again = ["StandbyBack", "FeedBack", "SwitchBack"];
    for (name, schema) in types.filter(|(name, _)| !again.contains(name)) {
        wanted.extend(
            schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(field, _)| format!("{name}.{field}")),
        );
    }
    let missing: Vec<&String> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "playbooks/generic/playbook.toml does not show {missing:?}");
}

#[test]
fn mariadb_s_ways_are_judged() {
    use crate::playbook::model::Verdict;
    let playbook = find("mariadb", &[]).unwrap();
    let verdict = |from: &str, to: &str| playbook.rule_for(from, to).map(|rule| rule.verdict);
    assert_eq!(verdict("10.11.19", "11.8.9"), Some(Verdict::Allow));
    assert_eq!(verdict("10.11.19", "11.4.2"), Some(Verdict::Warn));
    assert_eq!(verdict("10.11.14", "10.11.19"), Some(Verdict::Confirm));
    assert_eq!(verdict("10.6.22", "11.8.9"), Some(Verdict::Refuse));
    assert_eq!(verdict("11.8.9", "12.3.1"), Some(Verdict::Refuse));
    assert_eq!(verdict("12.1.1", "12.3.1"), None);
}

#[test]
fn messaging_server_s_ways_are_judged() {
    use crate::playbook::model::Verdict;
    let playbook = find("messaging-server", &[]).unwrap();
    let judged = |from: &str, to: &str| {
        playbook
            .rule_for(from, to)
            .map(|rule| (rule.verdict, rule.note.split(' ').next().unwrap().to_owned()))
    };
    for (from, to, verdict, begin) in [
        ("6.3.0", "8.0.2", Verdict::Refuse, "5.x"),
        ("7.0.5.28.0", "8.0.2", Verdict::Confirm, "Versions"),
        ("7.0.5.31.0", "8.0.2", Verdict::Warn, "The"),
        ("7.0.5.31.0", "8.0.1", Verdict::Warn, "The"),
        ("7.0.5.29.0", "7.0.5.31.0", Verdict::Warn, "Tested"),
        ("8.0.1", "8.0.2", Verdict::Warn, "Tested"),
    ] {
        assert_eq!(judged(from, to), Some((verdict, begin.to_owned())), "{from} {to}");
    }
    assert_eq!(judged("8.0.2", "8.1"), None);
    let pattern = &playbook.version.pattern;
    for (text, version) in [
        (
            "Oracle Communications Messaging Server 7u5-31.01(7.0.5.31.0) 64bit (built May  5 \
                2014)",
            "7.0.5.31.0",
        ),
        (
            "Oracle Communications Messaging Server 8.0.2.1.20220829 64bit (built Aug 29 2022)",
            "8.0.2.1.20220829",
        ),
    ] {
        assert_eq!(pattern.find(text).unwrap(), version);
    }
}

#[test]
fn what_is_allowed_but_odd_is_warned_of() {
    let text = include_str!("../../playbooks/messaging-server/playbook.toml")
        .replace("interrupted = \"rollback\"", "interrupted = \"continue\"")
        .replace(
            "[data]",
            "[variables.spare]\nabout = \"x\"\n\n[variables.root_password]\nabout \
            = \"x\"\n\n[data]",
        )
        .replace("5.x and 6.x cannot", "5.x and 6.x in {root} cannot");
    let playbook = Validated::parse("messaging-server.toml", None, &text).unwrap();
    let line = |needle: &str| 1 + text[..text.find(needle).unwrap()].matches('\n').count();
    let warnings: Vec<(usize, &str)> =
        playbook.warnings().iter().map(|warning| (warning.line, warning.what.as_str())).collect();
    assert_eq!(
        warnings,
        [
            (line("[variables.spare]"), "the variable `spare` is not used"),
            (
                line("[variables.root_password]"),
                "the value of the variable `root_password` is written into the journal and into \
                    command lines"
            ),
            (line("[variables.root_password]"), "the variable `root_password` is not used"),
            (
                line("note = \"5.x"),
                "`{root}` is shown as it stands here: names have values in commands and paths only"
            ),
            (
                line("interrupted ="),
                "an interrupted restore begins again from the start, as there is no `position`"
            ),
        ]
    );
}

#[test]
fn a_playbook_of_0_1_0_is_read_and_its_faults_have_their_places() {
    let now = find("generic", &[]).unwrap();
    let text = now.text().replace("[discover.", "[ask.").replace("[response_file", "[silent");
    let text =
        text.replace("{response_file}", "{silent_file}").replace("{target_position}", "{goal}");
    let former = Validated::parse("generic", Some("generic"), &text).unwrap();
    assert_eq!((former.discover.len(), former.response_file.is_some()), (1, true));
    let faulty = text.replace("pattern = 'id=([0-9a-f]+)'", "pattern = 'id='");
    let line = faulty[..faulty.find("'id='").unwrap()].matches('\n').count() + 1;
    let problems = Validated::parse("generic", Some("generic"), &faulty).unwrap_err();
    assert_eq!(problems.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [line]);
}

#[test]
fn a_playbook_is_the_same_when_it_is_written_and_read_again() {
    for listed in library::list(&[]).unwrap() {
        let valid = listed.playbook.unwrap();
        let (playbook, programs) = (valid.playbook().clone(), valid.programs().to_vec());
        let text = toml::to_string(&playbook).unwrap();
        let again = Validated::with_programs("again", Some(&playbook.name), &text, programs);
        assert_eq!(*again.unwrap_or_else(|error| panic!("{error}")).playbook(), playbook);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// A damaged file is answered for, never with a panic; and what is taken as valid is the same
    /// text again.
    #[test]
    fn no_damaged_file_makes_the_checks_panic(which in 0..built_in::BUILT_IN.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..4)) {
        let built_in::BuiltIn { name, text, .. } = built_in::BUILT_IN[which];
        let mut bytes = text.as_bytes().to_vec();
        for (at, edit) in edits {
            edit.make(&mut bytes, at);
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(problems) = Validated::parse("damaged", Some(name), &text) {
            prop_assert!(!problems.to_string().is_empty());
        }
        let site = ValidatedSite::parse(Path::new("site.toml"), &text, |_| Validated::parse("", None, built_in::BUILT_IN[0].text));
        prop_assert!(site.is_err() || text.contains("datasets"));
    }
}

/// What happens to a file.
#[derive(Debug, Clone)]
enum Damage {
    /// Some bytes are others.
    Bytes(Vec<u8>),
    /// So many bytes are gone.
    Gone(usize),
    /// So many bytes are there twice.
    Twice(usize),
    /// A piece of this language in a place where it does not belong.
    Word(&'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "{{",
        "{datadir}",
        "[[",
        "]",
        "\"",
        "'''",
        "=",
        "\n",
        "[a.b]\n",
        "0x",
        "inf",
        "1979-05-27",
        "argv = []\n",
        "(",
        "\\",
        "\u{202e}",
        "\0",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..5).prop_map(Damage::Bytes),
        (1..200usize).prop_map(Damage::Gone),
        (1..200usize).prop_map(Damage::Twice),
        words.prop_map(Damage::Word),
    ]
}

impl Damage {
    fn make(&self, bytes: &mut Vec<u8>, at: prop::sample::Index) {
        let at = at.index(bytes.len().max(1)).min(bytes.len());
        let end = |length: usize| (at + length).min(bytes.len());
        match self {
            Self::Bytes(new) => {
                let end = end(new.len());
                bytes.splice(at..end, new.iter().copied());
            }
            Self::Gone(length) => {
                let end = end(*length);
                bytes.drain(at..end);
            }
            Self::Twice(length) => {
                let again = bytes[at..end(*length)].to_vec();
                bytes.splice(at..at, again);
            }
            Self::Word(word) => {
                bytes.splice(at..at, word.bytes());
            }
        }
    }
}

/// A program of more than five lines is a file of its own, which can be tested, never a text in
/// TOML.
#[test]
fn no_program_stands_in_a_playbook() {
    fn texts<'v>(key: &str, value: &'v toml::Value, found: &mut Vec<&'v str>) {
        match value {
            toml::Value::String(text) if !["about", "note", "remedy", "text"].contains(&key) => {
                found.push(text)
            }
            toml::Value::Array(items) => items.iter().for_each(|item| texts(key, item, found)),
            toml::Value::Table(table) => {
                table.iter().for_each(|(key, item)| texts(key, item, found))
            }
            _ => {}
        }
    }
    for built_in in built_in::BUILT_IN {
        let value: toml::Value = toml::from_str(built_in.text).unwrap();
        let mut found = Vec::new();
        texts("", &value, &mut found);
        let long: Vec<&&str> = found.iter().filter(|text| text.lines().count() > 5).collect();
        assert!(long.is_empty(), "{}: make a program of this: {long:?}", built_in.name);
    }
}
