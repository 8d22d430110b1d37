//! What people read, word for word.
//!
//! `screens/` are sessions that need no files (trycmd). `states/` and `input/` are sessions in a
//! world made for each: a state folder with a journal that the library itself wrote, a site file,
//! no ZFS and no other program. A picture of the world is taken before and after each command: it
//! must change nothing.
//!
//! A screen that was changed on purpose is written anew with
//!
//! ```text
//! UPDATE=1 cargo test --test cli
//! TRYCMD=overwrite cargo test --test cli
//! ```
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]
#![allow(clippy::disallowed_methods, reason = "a test makes its own files and processes")]

mod commands;
mod first_use;
mod fleet;
mod history;
mod input;
mod said;
mod states;
mod versions;
mod watching;
mod world;

/// Screens that are the same on every host.
#[test]
fn screens() {
    trycmd::TestCases::new()
        .register_bin("backout", std::path::Path::new(env!("CARGO_BIN_EXE_backout")))
        .env("BACKOUT_SITE", "/nonexistent/site.toml")
        .env("BACKOUT_STATE", "/nonexistent/state")
        .env("COLUMNS", "80")
        .env("TZ", "UTC")
        .case("vm-tests/golden/screens/*.trycmd")
        .run();
}

/// A golden file that no test reads any more would be believed for ever.
#[test]
fn no_golden_file_is_left_over() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vm-tests/golden");
    for (folder, source) in [
        ("states", include_str!("states.rs")),
        ("input", include_str!("input.rs")),
        ("first-use", include_str!("first_use.rs")),
        ("fleet", include_str!("fleet.rs")),
        ("watching", include_str!("watching.rs")),
    ] {
        for entry in std::fs::read_dir(here.join(folder)).expect("folder") {
            let name = entry.expect("entry").file_name().into_string().expect("name");
            let stem = name.trim_end_matches(".txt");
            let named = [format!("\"{stem}\""), format!("\"{folder}/{stem}\"")]
                .iter()
                .any(|name| source.contains(name.as_str()));
            assert!(named, "{folder}/{name} belongs to no test");
        }
    }
}

/// A page for each command, with the options of every command in it, and a script that a shell can
/// read.
#[test]
fn manual_and_completions() {
    let folder = tempfile::tempdir().expect("folder");
    let backout = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_backout");
        std::process::Command::new(binary).args(arguments).output().expect("runs")
    };
    let path = folder.path().to_str().expect("text");
    assert!(backout(&["man", path]).status.success());
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert!(page("backout.8").contains("backout\\-downgrade(8)"));
    assert!(page("backout-downgrade.8").contains("\\-\\-in\\-place"));
    assert!(page("backout-playbook-check.8").contains("\\-\\-site"));
    let script = backout(&["completions", "bash"]);
    assert!(String::from_utf8_lossy(&script.stdout).contains("complete -F _backout"));
    assert!(!backout(&["man", "/nonexistent"]).status.success());
}
