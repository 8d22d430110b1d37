//! The name of a key as it stands in a list: on one line, whatever its bytes are.

/// A text on one line: bytes that are not printable as `\xNN`.
pub(super) fn plain(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' | 0..=31 | 127..=255 => text.push_str(&format!("\\x{byte:02x}")),
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

/// The bytes of such a text; `None` if it is none.
pub(super) fn bytes_of(plain: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(plain.len());
    let mut rest = plain;
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'\\' {
            let digits = std::str::from_utf8(behind.strip_prefix(b"x")?.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &behind[3..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_and_none_breaks_the_line() {
        let all: Vec<u8> = (0..=255).collect();
        let text = plain(&all);
        assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text}");
        assert_eq!(bytes_of(text.as_bytes()), Some(all));
        assert_eq!(plain(b"a b\\\n"), r"a b\x5c\x0a");
        for text in [r"\", r"\n", r"\x", r"\x5", r"\xg0"] {
            assert_eq!(bytes_of(text.as_bytes()), None, "{text}");
        }
    }
}
