//! Everything that is printed: text for people, JSON for programs.

pub mod fleet;
pub mod fleet_page;
pub mod guide;
mod html;
pub mod journald;
pub mod json;
mod live;
mod plan;
mod progress;
pub mod story;
pub mod story_page;
mod text;
mod wrap;

pub use plan::plan;
pub use progress::Watcher;
pub use text::{error, findings, finished, found, status};

use std::borrow::Cow;
use std::io::Write as _;

/// The text without characters that a terminal would obey: what commands print, and what files are
/// called, is part of it.
fn printable(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Prints a line; a reader that went away (`| head`) is no error.
pub fn line(text: &str) {
    let _ = told(text);
}

/// The same with a sentence, broken between words for a terminal. `more`: what the lines after the
/// first begin with.
pub fn sentence(text: &str, more: &str) {
    line(&wrap::wrapped(text, more));
}

/// The same. Whether somebody reads still.
fn told(text: &str) -> bool {
    writeln!(std::io::stdout().lock(), "{}", printable(text)).is_ok()
}

/// Empties the terminal, for something that is shown again.
pub fn clear() {
    raw(b"\x1b[H\x1b[2J");
}

/// Prints bytes that are the tool's own, such as a script for a shell.
pub fn raw(bytes: &[u8]) {
    let _ = std::io::stdout().lock().write_all(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_and_names_bring_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\rb\u{7}\u{9b}c"), "a\\u{1b}[2J\\rb\\u{7}\\u{9b}c");
        assert!(matches!(printable("one\n\ttwo é"), Cow::Borrowed("one\n\ttwo é")));
    }
}
