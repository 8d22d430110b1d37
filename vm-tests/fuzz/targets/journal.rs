//! Whatever stands in a journal, with and without a checksum that fits.
#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each target takes some of them")]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bodies::journal(bytes);
    bodies::sealed_journal(bytes);
});
