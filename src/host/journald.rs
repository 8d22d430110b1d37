//! systemd's journal: entries with fields, in its native protocol. An entry is a datagram; a field
//! is `NAME=value`, or `NAME`, the length and the value if that has more than one line.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// A longer value is cut: the rest is in the change's own log, and a datagram has a limit.
const LONGEST: usize = 16 << 10;

/// What the journal calls this program.
const IDENTIFIER: &str = "backout";

/// How urgent an entry is, as syslog counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Something failed.
    Error,
    /// Somebody should look.
    Warning,
    /// Something that a person wants to find later.
    Notice,
    /// All else.
    Info,
}

impl Priority {
    fn digit(self) -> &'static str {
        match self {
            Self::Error => "3",
            Self::Warning => "4",
            Self::Notice => "5",
            Self::Info => "6",
        }
    }
}

/// An entry: its message, how urgent it is, what kind of message it is (128 bits in hex, the same
/// for ever), and other fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// A line for a person.
    pub message: String,
    /// How urgent.
    pub priority: Priority,
    /// The kind of message.
    pub message_id: &'static str,
    /// Other fields. Names have capital letters, digits and underscores.
    pub fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// The datagram.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let own = [
            ("MESSAGE", self.message.as_str()),
            ("PRIORITY", self.priority.digit()),
            ("SYSLOG_IDENTIFIER", IDENTIFIER),
            ("MESSAGE_ID", self.message_id),
        ];
        let others = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in own.into_iter().chain(others) {
            let longest = LONGEST.min(value.len());
            let end = (0..=longest).rev().find(|at| value.is_char_boundary(*at));
            let value = &value[..end.unwrap_or_default()];
            bytes.extend_from_slice(name.as_bytes());
            if value.contains('\n') {
                bytes.push(b'\n');
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            } else {
                bytes.push(b'=');
            }
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    /// Sends it. A journal that does not read does not hold us.
    ///
    /// # Errors
    /// When nobody listens there, or the datagram cannot be sent at once.
    pub fn send(&self, socket: &Path) -> io::Result<()> {
        let sender = UnixDatagram::unbound()?;
        sender.set_nonblocking(true)?;
        sender.send_to(&self.bytes(), socket).map(drop)
    }
}

/// Whether what this process prints goes to the journal: a unit of systemd.
pub fn is_stdout() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some_and(|value| {
        let Ok(found) = nix::sys::stat::fstat(std::io::stdout()) else { return false };
        value.as_bytes() == format!("{}:{}", found.st_dev, found.st_ino).as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a datagram, as the journal's documentation says to read them.
    fn read(mut bytes: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            if let Some(equals) = bytes[..line].iter().position(|byte| *byte == b'=') {
                fields.push((text(&bytes[..equals]), text(&bytes[equals + 1..line])));
                bytes = &bytes[line + 1..];
            } else {
                let (name, rest) = (text(&bytes[..line]), &bytes[line + 1..]);
                let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
                fields.push((name, text(&rest[8..8 + length])));
                assert_eq!(rest[8 + length], b'\n');
                bytes = &rest[9 + length..];
            }
        }
        fields
    }

    #[test]
    fn an_entry_arrives_with_its_fields_whatever_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let journal = UnixDatagram::bind(&socket).unwrap();
        let entry = Entry {
            message: "two\nlines=1".into(),
            priority: Priority::Warning,
            message_id: "0123456789abcdef0123456789abcdef",
            fields: vec![
                ("BACKOUT_CHANGE", "db-1".into()),
                ("BACKOUT_STEP", "a=b".into()),
                ("BACKOUT_LONG", "é".repeat(LONGEST)),
            ],
        };
        entry.send(&socket).unwrap();
        let mut buffer = vec![0; 1 << 20];
        let length = journal.recv(&mut buffer).unwrap();
        let mut found = read(&buffer[..length]);
        let long = found.pop().unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            found,
            [
                ("MESSAGE", "two\nlines=1"),
                ("PRIORITY", "4"),
                ("SYSLOG_IDENTIFIER", "backout"),
                ("MESSAGE_ID", "0123456789abcdef0123456789abcdef"),
                ("BACKOUT_CHANGE", "db-1"),
                ("BACKOUT_STEP", "a=b"),
            ]
        );
        assert_eq!((long.0.as_str(), long.1.len()), ("BACKOUT_LONG", LONGEST));
    }

    #[test]
    fn a_journal_that_is_not_there_or_does_not_read_holds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let entry = Entry {
            message: "x".repeat(LONGEST),
            priority: Priority::Info,
            message_id: "0",
            fields: Vec::new(),
        };
        assert!(entry.send(&socket).is_err());
        let _deaf = UnixDatagram::bind(&socket).unwrap();
        assert!((0..10_000).any(|_| entry.send(&socket).is_err()), "its queue has an end");
    }
}
