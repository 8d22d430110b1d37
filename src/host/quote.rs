//! Words as a person would type them in a POSIX shell.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// A word or path as a person would type it: quoted if necessary, for any POSIX shell. What a
/// terminal would not show as it is (control characters, marks that reverse text, bytes that are
/// not UTF-8) is written in octal digits, so that nothing hides in a displayed line.
pub fn quote(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain(text) => text.to_owned(),
        Ok(text) if !text.contains(is_hidden) => shell(text),
        _ => printed(bytes),
    }
}

/// A word quoted for the shell of another host: nothing in it is special there.
pub fn shell(word: &str) -> String {
    // It only refuses NUL, which no argument can contain.
    shlex::try_quote(word).map_or_else(|_| printed(word.as_bytes()), Into::into)
}

/// Words that no shell changes. `shlex` alone would quote `=` and `,`, as in `canmount=noauto`.
fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:@,%".contains(c);
    !text.is_empty() && !text.starts_with('=') && text.chars().all(is_plain)
}

/// Not displayed as it is, or changes how the text around it is displayed.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `"$(printf 'a\nb')"` is the only one-line form that every POSIX shell understands; dash does not
/// know `$'a\nb'`. A shell strips newlines at the end of the output, so they follow the
/// substitution.
fn printed(bytes: &[u8]) -> String {
    let ends = bytes.iter().rev().take_while(|byte| **byte == b'\n').count();
    let (body, ends) = bytes.split_at(bytes.len() - ends);
    let mut format = String::new();
    for chunk in body.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => format.push_str("\\n"),
                '\t' => format.push_str("\\t"),
                '\\' => format.push_str("\\\\"),
                '%' => format.push_str("%%"),
                '\'' => format.push_str("'\\''"),
                // An option of printf; the history of an interactive shell.
                '-' if format.is_empty() => octal(&mut format, b"-"),
                '!' => octal(&mut format, b"!"),
                c if is_hidden(c) => octal(&mut format, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => format.push(c),
            }
        }
        octal(&mut format, chunk.invalid());
    }
    let ends = "\n".repeat(ends.len());
    format!("\"$(printf '{format}'){ends}\"")
}

fn octal(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\{byte:03o}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::exec::{Command, Runner};

    /// What shells make of a quoted word, in hexadecimal digits: quoting is tested, not believed.
    fn read_by_shells(quoted: &str) -> Vec<String> {
        let script = format!("printf %s {quoted} | od -An -v -tx1");
        let read = |shell: &&str| {
            let output = Runner::default().run(&Command::new([*shell, "-c", &script]));
            output.map_or_else(
                |error| error.to_string(),
                |output| output.stdout.split_whitespace().collect(),
            )
        };
        ["sh", "bash"].iter().map(read).collect()
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        hex::encode(bytes)
    }

    #[test]
    fn a_word_with_control_characters_is_read_by_every_shell_and_is_one_line() {
        for word in ["a\u{7}b", "li\nne", "it's\n${x} \"y\" `z` 100% \\n!", "-n\t", "\u{7f}é\u{9b}"]
        {
            let quoted = quote(word);
            for read in read_by_shells(&quoted) {
                assert_eq!(read, hexadecimal(word.as_bytes()), "{quoted}");
            }
            assert!(!quoted.contains(char::is_control), "{quoted:?}");
        }
    }

    #[test]
    fn a_word_is_quoted_where_it_needs_it() {
        assert_eq!(quote("canmount=noauto"), "canmount=noauto");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("{a,b}"), "'{a,b}'");
        assert_eq!(quote("=ls"), "'=ls'");
        assert_eq!(quote("it's"), r#""it's""#);
        assert_eq!(quote("${x}\n\"y\" it's"), r#""$(printf '${x}\n"y" it'\''s')""#);
        assert_eq!(quote("a\u{202e}b"), r#""$(printf 'a\342\200\256b')""#);
        assert_eq!(quote(OsStr::from_bytes(b"a\xffb")), r#""$(printf 'a\377b')""#);
        assert_eq!(quote("set -e\n"), "\"$(printf 'set -e')\n\"");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn whatever_a_word_holds_every_shell_reads_it(
            bytes in prop_oneof![
                prop::collection::vec(1u8.., 0..20),
                r#"[-a{},!'"$`%\\ =~*\n\t\x07é]{0,12}"#.prop_map(String::into_bytes),
            ],
        ) {
            let word = OsStr::from_bytes(&bytes);
            let mut forms = vec![quote(word)];
            forms.extend(word.to_str().map(shell));
            for quoted in forms {
                for read in read_by_shells(&quoted) {
                    prop_assert_eq!(read, hexadecimal(&bytes), "{}", quoted);
                }
            }
        }
    }
}
