//! Sizes, times and lists as people read them.

use chrono::DateTime;

/// `12 MiB`.
pub(super) fn size(bytes: u64) -> String {
    humansize::format_size(bytes, humansize::BINARY)
}

/// `2026-11-23 14:05 UTC`.
pub(super) fn date(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0)
        .map_or_else(|| format!("second {seconds}"), |time| time.format("%F %H:%M UTC").to_string())
}

/// `2026-11-23 14:05 UTC, 3 days ago`.
pub(super) fn made(now: i64, then: i64) -> String {
    let span = |seconds: u64| {
        let (count, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..3600 => (seconds / 60, "minute"),
            3600..86_400 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
    };
    let apart = now.abs_diff(then);
    if then > now {
        format!("{}, {} in the future", date(then), span(apart))
    } else {
        format!("{}, {} ago", date(then), span(apart))
    }
}

/// `one snapshot`, `3 snapshots`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("one {one}") } else { format!("{number} {one}s") }
}

/// The same for an irregular plural.
pub(super) fn count_of(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("one {one}") } else { format!("{number} {many}") }
}

/// `is one snapshot`, `are 3 snapshots`.
pub(super) fn are(number: usize, one: &str) -> String {
    format!("{} {}", if number == 1 { "is" } else { "are" }, count(number, one))
}

/// The first lines, and the number of the rest: a screen is not a log.
pub(super) fn at_most(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    const MOST: usize = 20;
    let mut lines: Vec<String> = lines.into_iter().collect();
    if lines.len() > MOST + 1 {
        let rest = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {rest} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(made(1_700_003_600, 1_700_000_000), "2023-11-14 22:13 UTC, 1 hour ago");
        assert_eq!(
            made(1_700_000_000, 1_700_000_090),
            "2023-11-14 22:14 UTC, 1 minute in the future"
        );
        assert_eq!(made(1_700_300_000, 1_700_000_000), "2023-11-14 22:13 UTC, 3 days ago");
    }

    #[test]
    fn long_lists_end() {
        assert_eq!(at_most((0..21).map(|i| i.to_string())).len(), 21);
        let lines = at_most((0..30).map(|i| i.to_string()));
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[20], "and 10 more");
    }
}
