//! Whatever stands in a playbook or a site file.
#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "each target takes one of them")]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::playbook(bytes));
