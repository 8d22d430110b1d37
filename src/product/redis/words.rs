//! Lines of the server's own files: words, some of them in quotes.

/// The words of a line as the server splits it; `None` where quotes are not closed.
pub(super) fn words(line: &str) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    let mut rest = line.bytes().peekable();
    loop {
        while rest.next_if(u8::is_ascii_whitespace).is_some() {}
        let mut word = Vec::new();
        match rest.peek().copied() {
            None => return Some(all),
            Some(quote @ (b'"' | b'\'')) => {
                rest.next();
                loop {
                    match rest.next()? {
                        byte if byte == quote => break,
                        b'\\' if quote == b'"' => word.push(escaped(&mut rest)?),
                        b'\\' if rest.next_if_eq(&quote).is_some() => word.push(quote),
                        byte => word.push(byte),
                    }
                }
                if rest.peek().is_some_and(|next| !next.is_ascii_whitespace()) {
                    return None;
                }
            }
            Some(_) => {
                while let Some(byte) = rest.next_if(|byte| !byte.is_ascii_whitespace()) {
                    word.push(byte);
                }
            }
        }
        all.push(word);
    }
}

/// The byte behind a `\` within double quotes.
fn escaped(rest: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Option<u8> {
    Some(match rest.next()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        b'x' => {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        }
        byte => byte,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_the_server_splits_them() {
        let split = |line| {
            words(line).map(|all| all.iter().map(|it| String::from_utf8_lossy(it).into()).collect())
        };
        let some = |words: &[&str]| Some(words.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(split("  dir  /var/lib/redis "), some(&["dir", "/var/lib/redis"]));
        assert_eq!(split(r#"file "a b\x21\"" 'it\'s' """#), some(&["file", "a b!\"", "it's", ""]));
        for line in ["a \"b", "a 'b", "\"a\"b", r#""\xg0""#] {
            assert_eq!(split(line), None::<Vec<String>>, "{line}");
        }
    }
}
