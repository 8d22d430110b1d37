//! What our HTML pages have in common.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("report.css");

/// A page of ours around what it shows.
pub(super) fn whole(title: &str, header: &Markup, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (header) }
                main { (main) }
                footer { "backout " (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// The colour of a badge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mood {
    /// Nothing to do.
    Good,
    /// Something to decide, or under way.
    Mild,
    /// Somebody must act.
    Bad,
    /// Not begun.
    Pale,
}

impl Mood {
    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Mild => "mild",
            Self::Bad => "bad",
            Self::Pale => "pale",
        }
    }
}

/// A text in which what is between backquotes is typed.
pub(super) fn code(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    html! {
        // One that nothing closes is only a sign.
        @if parts.len().is_multiple_of(2) { (text) }
        @else {
            @for (i, part) in parts.iter().enumerate() {
                @if i % 2 == 1 { code { (part) } } @else { (part) }
            }
        }
    }
}
