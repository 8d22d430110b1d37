//! Words as a person types them.

/// A word quoted for a POSIX shell where it needs it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:@,%{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.chars().any(char::is_control) {
        // Bash's form: a line end in a word must not look like the end of the command.
        format!("$'{}'", word.escape_debug().to_string().replace("\\\"", "\""))
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A word quoted for the shell of another host, whatever that shell is: nothing in it has a meaning there.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_it_needs_it() {
        assert_eq!(quote("a-b"), "a-b");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("${x}\n\"y\" it's"), r#"$'${x}\n"y" it\'s'"#);
    }
}
