//! Everything that is printed: text for people, JSON for programs.

pub mod json;
mod plan;
mod progress;
mod text;

pub use plan::plan;
pub use progress::Watcher;
pub use text::{error, findings, finished, found, status};

use std::io::Write as _;

/// Prints a line; a reader that went away (`| head`) is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
