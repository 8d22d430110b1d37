//! Lines of prose for a terminal.

use std::io::IsTerminal as _;

/// A line of prose, broken between words for a terminal; `more`: what the lines after the first
/// begin with. A log gets each sentence on one line, for searching.
pub(super) fn wrapped(line: &str, more: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return line.to_owned();
    }
    let options = textwrap::Options::with_termwidth();
    let options = options.break_words(false).word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(line, options.subsequent_indent(more))
}

/// Text with a word before it, all such texts below each other.
pub(super) fn labelled(label: &str, text: &str) -> String {
    wrapped(&format!("{label:12} {text}"), "             ")
}

/// The width of a page of text.
const WIDTH: usize = 80;

/// A lead, and words broken behind it.
pub(super) fn filled(lead: &str, column: usize, words: &str) -> String {
    let more = " ".repeat(column);
    let options = textwrap::Options::new(WIDTH)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(lead)
        .subsequent_indent(&more);
    textwrap::fill(words, options)
}
