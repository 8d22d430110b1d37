//! What must hold whatever stands in a file: the fuzz targets and the short seeded run of `cargo
//! test` share it.

use std::path::Path;

use backout::host::mounts;
use backout::journal::file;
use backout::playbook::{Problems, Validated, ValidatedSite, built_in};
use backout::step::State;
use backout::zfs::cli::parse;
use backout::zfs::{Dataset, Snapshot};

/// Reading a journal and folding it does not panic; and the whole lines before a fault are the ones
/// that were written.
pub fn journal(bytes: &[u8]) {
    if let Ok(reading) = file::decode(Path::new("journal"), bytes) {
        assert!(reading.length as usize <= bytes.len());
        let again = file::decode(Path::new("journal"), &bytes[..reading.length as usize])
            .expect("what was read once is read again");
        assert_eq!(again.lines, reading.lines);
        let _ = State::fold(&reading.lines);
    }
}

/// The same with checksums that fit, so that what stands behind them is reached: each line is taken
/// for a record.
pub fn sealed_journal(bytes: &[u8]) {
    let mut sealed = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        // A line of a journal brings a checksum along, which does not fit any more.
        let record = line.get(9..).filter(|_| line[0] != b'{').unwrap_or(line);
        sealed.extend_from_slice(format!("{:08x} ", crc32fast::hash(record)).as_bytes());
        sealed.extend_from_slice(record);
        sealed.push(b'\n');
    }
    journal(&sealed);
}

/// A playbook and a site file are taken or refused.
pub fn playbook(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(problems) = Validated::parse("fuzzed", None, text) {
        assert!(!problems.to_string().is_empty());
    }
    let playbook = |_: &str| Validated::parse("built in", None, built_in::BUILT_IN[0].text);
    let _: Result<_, Problems> = ValidatedSite::parse(Path::new("site.toml"), text, playbook);
}

/// Whatever `zfs`, `zpool` and /proc print, the parsers answer.
pub fn zfs(bytes: &[u8]) {
    let _ = mounts::parse(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (
        parse::datasets(text),
        parse::snapshots(text),
        parse::bookmarks(text),
        parse::pool(text),
        parse::value(text),
    );
    let _ = parse::pairs(text, &["backout:change", "mountpoint"]);
    for word in text.split_whitespace() {
        if let Ok(name) = word.parse::<Dataset>() {
            assert_eq!(name.as_str(), word);
        }
        if let Ok(name) = word.parse::<Snapshot>() {
            assert_eq!(name.as_str(), word);
            let _ = parse::holds(text, std::slice::from_ref(&name));
        }
    }
}
