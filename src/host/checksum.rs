//! SHA-256, in hexadecimal digits as `sha256sum(1)` prints it.

use std::io::{self, BufReader, Read, Write};

use sha2::{Digest, Sha256};

/// That of a text.
pub fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The checksum of everything that is left to read, and its length in bytes.
///
/// # Errors
/// When it cannot be read to its end.
pub fn sha256_of(source: impl Read) -> io::Result<(String, u64)> {
    let mut hashing = Hashing::new(io::sink());
    let size = io::copy(&mut BufReader::with_capacity(256 << 10, source), &mut hashing)?;
    Ok((hashing.finish().1, size))
}

/// Passes on what is written, and keeps the checksum of it.
pub struct Hashing<W> {
    to: W,
    hasher: Sha256,
}

impl<W> Hashing<W> {
    /// Of what is written from now on.
    pub fn new(to: W) -> Self {
        Self { to, hasher: Sha256::new() }
    }

    /// Where it was written, and the checksum.
    pub fn finish(self) -> (W, String) {
        (self.to, hex::encode(self.hasher.finalize()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_what_sha256sum_prints() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256("abc"), known);
        assert_eq!(sha256_of(b"abc".as_slice()).expect("read"), (known.to_owned(), 3));
        let mut hashing = Hashing::new(Vec::new());
        hashing.write_all(b"ab").and_then(|()| hashing.write_all(b"c")).expect("written");
        assert_eq!(hashing.finish(), (b"abc".to_vec(), known.to_owned()));
    }
}
