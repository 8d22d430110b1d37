//! Whatever `zfs`, `zpool` and /proc print, the parsers answer, never with a panic.
#![no_main]

use backout::guard::mounts;
use backout::zfs::cli::parse;
use backout::zfs::{Dataset, Snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (parse::datasets(text), parse::snapshots(text), parse::bookmarks(text), parse::pool(text), parse::value(text));
    let _ = parse::pairs(text, &["backout:change", "mountpoint"]);
    let _ = mounts::parse(text);
    for word in text.split_whitespace() {
        if let Ok(name) = word.parse::<Dataset>() {
            assert_eq!(name.as_str(), word);
        }
        if let Ok(name) = word.parse::<Snapshot>() {
            assert_eq!(name.as_str(), word);
            let _ = parse::holds(text, &name);
        }
    }
});
