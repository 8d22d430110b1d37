//! What a journal has, in words for people: answers, results of steps, spans of time.

use chrono::TimeDelta;

use crate::journal::{OpenQuestion, Output};

/// A person's answer, in words.
pub fn answered(question: OpenQuestion) -> &'static str {
    match question {
        OpenQuestion::Differences => "a person answered for the differences",
        OpenQuestion::Rejects => "a person answered for what the previous version rejects",
        OpenQuestion::TryAgain => "a person said: try again",
        OpenQuestion::Repair => "a person asked to carry whole what differs",
    }
}

/// What a step came to, in words.
pub(super) fn result(output: &Output) -> Option<String> {
    match output {
        Output::Nothing | Output::Snapshots { .. } | Output::Datasets { .. } => None,
        Output::Files { list } => {
            let bytes: u64 = list.iter().map(|file| file.size).sum();
            let size = humansize::format_size(bytes, humansize::BINARY);
            Some(format!("{}, {size}", counted(list.len() as u64, "file", "files")))
        }
        Output::Whole { list } => Some(counted(list.len() as u64, "item", "items")),
        Output::Text { text } => Some(text.clone()),
        Output::Version { version } => Some(format!("version {version}")),
        Output::Inventory { items, .. } => Some(counted(*items, "item", "items")),
        Output::Proof(proof) => Some(proof.to_string()),
        Output::Users { list } => Some(counted(list.len() as u64, "user", "users")),
        Output::Rejects { count, .. } => {
            Some(format!("{} left out", counted(*count, "item", "items")))
        }
    }
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// How long after the last line.
pub(super) fn after(waited: TimeDelta) -> String {
    format!("after {}", spent(waited))
}

/// A time span for people: `0.4 s`, `1 min 20 s`, `2 h 3 min`.
pub fn spent(span: TimeDelta) -> String {
    // A clock that was set back makes no negative time.
    let milliseconds = span.num_milliseconds().max(0);
    let seconds = milliseconds / 1000;
    let two = |first: i64, one: &str, rest: i64, other: &str| match rest {
        0 => format!("{first} {one}"),
        _ => format!("{first} {one} {rest} {other}"),
    };
    match seconds {
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..172_800 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "days", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_has_two_units_at_most() {
        for (milliseconds, said) in [
            (-5, "0.0 s"),
            (0, "0.0 s"),
            (449, "0.4 s"),
            (9_999, "9.9 s"),
            (10_000, "10 s"),
            (80_000, "1 min 20 s"),
            (420_000, "7 min"),
            (7_380_000, "2 h 3 min"),
            (200_000_000, "2 days 7 h"),
        ] {
            assert_eq!(spent(TimeDelta::milliseconds(milliseconds)), said);
        }
    }
}
