//! Whatever `zfs`, `zpool` and /proc print.
#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each target takes one of them")]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::zfs(bytes));
