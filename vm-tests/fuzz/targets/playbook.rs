//! Whatever stands in a playbook or a site file, it is taken or refused, never with a panic.
#![no_main]

use std::path::Path;

use backout::playbook::{Problems, Validated, ValidatedSite, library};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(problems) = Validated::parse("fuzzed", None, text) {
        assert!(!problems.to_string().is_empty());
    }
    let playbook = |_: &str| Validated::parse("built in", None, library::BUILT_IN[0].1);
    let _: Result<_, Problems> = ValidatedSite::parse(Path::new("site.toml"), text, playbook);
});
