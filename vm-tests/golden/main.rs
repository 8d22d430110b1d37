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
mod history;
mod input;
mod said;
mod states;
mod versions;
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
    for (folder, source) in
        [("states", include_str!("states.rs")), ("input", include_str!("input.rs"))]
    {
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
