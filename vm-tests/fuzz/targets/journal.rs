//! Whatever stands in a journal, reading it and folding it does not panic; and the whole lines before a fault are the ones that were written.
#![no_main]

use std::path::Path;

use backout::journal::{State, file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reading) = file::decode(Path::new("journal"), bytes) {
        assert!(reading.length as usize <= bytes.len());
        let again = file::decode(Path::new("journal"), &bytes[..reading.length as usize]).expect("what was read once is read again");
        assert_eq!(again.lines, reading.lines);
        let _ = State::fold(&reading.lines);
    }
});
