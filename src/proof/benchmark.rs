//! How long a list of ten million items takes, and how much memory:
//! `cargo test --release --no-default-features --lib ten_million -- --ignored --nocapture`.
//!
//! `sort` gets 48 MiB, and its own default of threads. The list is like the one of MariaDB's rows:
//! a table, a key, a SHA-256, in the order of the key's number.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::time::{Duration, Instant};

use super::inventory::{keep, path, prove, read};
use crate::host::checksum::sha256;
use crate::host::exec::{Command, Runner};
use crate::journal::Side;

const ITEMS: u64 = 10_000_000;

/// The most memory that this process had since the last call with `reset`, in KiB.
fn peak(reset: bool) -> u64 {
    if reset {
        File::options()
            .write(true)
            .open("/proc/self/clear_refs")
            .and_then(|mut file| file.write_all(b"5"))
            .expect("reset");
    }
    let status = fs::read_to_string("/proc/self/status").expect("read");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("told");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
#[ignore = "takes minutes, and 4 GB in the folder for temporary files"]
fn ten_million_items_take_little_memory_and_about_as_long_as_sort() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (raw, sorted) = (dir.path().join("raw"), dir.path().join("sorted"));
    let mut file = BufWriter::new(File::create(&raw).expect("created"));
    let base = sha256("base");
    for item in 0..ITEMS {
        // As good as a hash, and quicker.
        let mixed = (item.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(23);
        writeln!(file, "shop.orders\t{item}\t{mixed:016x}{:016x}{}", !mixed, &base[32..])
            .expect("written");
    }
    file.into_inner().expect("flushed").sync_all().expect("synced");
    let mut sort = Command::new(["sort", "-S", "48M", "-T"]).timeout(Duration::from_secs(3600));
    sort.stages[0].push(dir.path().display().to_string());
    sort.stages[0].push(raw.display().to_string());
    sort.env.insert("LC_ALL".into(), "C".into());
    sort.stdout = Some(sorted.clone());
    let begin = Instant::now();
    Runner::default().run(&sort).expect("sorted");
    File::open(&sorted).and_then(|file| file.sync_all()).expect("synced");
    let by_sort = seconds(begin);
    let size = sorted.metadata().expect("there").len();
    let before = peak(true);
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut packed = 0;
    for side in [Side::Upgraded, Side::Previous] {
        let begin = Instant::now();
        let mut source = BufReader::with_capacity(64 << 10, File::open(&raw).expect("opened"));
        let list = path(dir.path(), "rows", side);
        let lines = read(&mut source, &[], dir.path()).expect("read");
        assert_eq!(keep(&list, lines).expect("kept").0, ITEMS);
        packed = list.metadata().expect("there").len();
        times.push(seconds(begin));
    }
    let compared = Instant::now();
    let (proof, _) = prove(dir.path(), "rows", 5, None, None).expect("compared");
    assert!(proof.holds() && proof.found == ITEMS);
    let (comparing, all) = (seconds(compared), seconds(begin));
    let (after, ratio) = (peak(false), times[1] / by_sort);
    eprintln!(
        "{ITEMS} items, {size} bytes, {packed} compressed; sort -S 48M: {by_sort:.1} s; a list: \
         {:.1} and {:.1} s ({ratio:.2} times sort); the comparison: {comparing:.1} s; all {all:.1} \
         s; memory at most {after} KiB (before: {before})",
        times[0], times[1]
    );
    // For vm-tests/bench.
    println!(
        "overhead\t-\t-\ta list of ten million items, beside sort -S 48M, natively\t{:.1} {by_sort:.1} s",
        times[1]
    );
    assert!(after <= 64 << 10, "more than 64 MiB");
    assert!(ratio <= 1.5, "more than 1.5 times sort's time");
}
