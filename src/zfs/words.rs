//! How many words a command takes, and long lists cut into parts.

/// The bytes of words that one command gets, as with `xargs(1)`. The kernel takes 2 MiB with the
/// environment, and less where the stack is limited (`execve(2)`).
pub(super) const WORDS: usize = 128 * 1024;

/// The bytes of words that one command may have at most, where it cannot be cut into several.
pub(super) const LONGEST: usize = 1536 * 1024;

/// The items in parts that a command with this many bytes of words takes.
pub(super) fn batches<T>(items: &[T], most: usize, bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut parts, mut start, mut size) = (Vec::new(), 0, 0);
    for (at, item) in items.iter().enumerate() {
        // Each word ends with a NUL, and there is a pointer to it.
        let more = bytes(item) + 9;
        if size + more > most && at > start {
            parts.push(&items[start..at]);
            (start, size) = (at, 0);
        }
        size += more;
    }
    if start < items.len() {
        parts.push(&items[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_where_a_command_is_full() {
        let words = vec!["x".repeat(250); 20_000];
        let parts = batches(&words, WORDS, String::len);
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), words.len());
        let size = |part: &[String]| part.iter().map(|word| word.len() + 9).sum::<usize>();
        assert!(parts.iter().all(|part| size(part) <= WORDS));
        assert!(parts.len() < 45, "{}", parts.len());
        assert_eq!(batches(&["y".repeat(WORDS)], WORDS, String::len).len(), 1);
        assert!(batches(&[] as &[String], WORDS, String::len).is_empty());
    }
}
