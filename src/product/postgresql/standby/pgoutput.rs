//! What the plugin `pgoutput` writes: the messages of PostgreSQL's protocol of logical replication,
//! version 1, as far as they tell which rows were written.

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// How the rows of a table are written from now on.
    Relation(Relation<'a>),
    /// A row: the table's number, what there was of it, what there is.
    Row { table: u32, old: Option<Tuple<'a>>, new: Option<Tuple<'a>> },
    /// All rows of these tables are gone.
    Truncate(Vec<u32>),
    /// Where a transaction begins or ends, types, and what else names no row.
    Other,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation<'a> {
    /// Its number.
    pub(super) table: u32,
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    /// The names of the columns that are written.
    pub(super) columns: Vec<&'a str>,
}

/// The values of a row, in the order of the relation's columns.
pub(super) type Tuple<'a> = Vec<Value<'a>>;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    /// It is stored apart, and was not written again.
    Unchanged,
    Text(&'a str),
}

/// Reads one message; nothing if it is none of this protocol.
pub(super) fn message(bytes: &[u8]) -> Option<Message<'_>> {
    let (kind, rest) = bytes.split_first()?;
    let mut rest = Rest(rest);
    let read = match kind {
        b'R' => Message::Relation(rest.relation()?),
        b'I' => {
            let table = rest.u32()?;
            let new = rest.after(b'N')?;
            Message::Row { table, old: None, new: Some(new) }
        }
        b'U' => {
            let table = rest.u32()?;
            let old = match rest.u8()? {
                b'K' | b'O' => Some(rest.tuple()?),
                b'N' => None,
                _ => return None,
            };
            let new = if old.is_some() { rest.after(b'N')? } else { rest.tuple()? };
            Message::Row { table, old, new: Some(new) }
        }
        b'D' => {
            let table = rest.u32()?;
            let old = match rest.u8()? {
                b'K' | b'O' => rest.tuple()?,
                _ => return None,
            };
            Message::Row { table, old: Some(old), new: None }
        }
        b'T' => {
            let count = rest.u32()?;
            let _options = rest.u8()?;
            Message::Truncate((0..count).map(|_| rest.u32()).collect::<Option<_>>()?)
        }
        b'B' | b'C' | b'O' | b'Y' | b'M' => return Some(Message::Other),
        _ => return None,
    };
    rest.0.is_empty().then_some(read)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A text that ends with a zero.
    fn text(&mut self) -> Option<&'a str> {
        let length = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(length)?;
        self.u8()?;
        std::str::from_utf8(text).ok()
    }

    fn relation(&mut self) -> Option<Relation<'a>> {
        let (table, schema, name) = (self.u32()?, self.text()?, self.text()?);
        let _identity = self.u8()?;
        let mut columns = Vec::new();
        for _ in 0..self.u16()? {
            let _flags = self.u8()?;
            columns.push(self.text()?);
            let _type = (self.u32()?, self.u32()?);
        }
        Some(Relation { table, schema, name, columns })
    }

    /// A row behind this letter.
    fn after(&mut self, letter: u8) -> Option<Tuple<'a>> {
        (self.u8()? == letter).then(|| self.tuple())?
    }

    fn tuple(&mut self) -> Option<Tuple<'a>> {
        let count = self.u16()?;
        (0..count).map(|_| self.value()).collect()
    }

    fn value(&mut self) -> Option<Value<'a>> {
        match self.u8()? {
            b'n' => Some(Value::Null),
            b'u' => Some(Value::Unchanged),
            b't' => {
                let length = self.u32()?;
                let text = self.take(usize::try_from(length).ok()?)?;
                std::str::from_utf8(text).ok().map(Value::Text)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value::{Null, Text, Unchanged};
    use super::*;

    /// Of PostgreSQL 17, for a table `tiny (k text, n int, big text, PRIMARY KEY (k))`.
    const RELATION: &str = "520000421d7075626c69630074696e7900640003016b0000000019ffffffff006e\
        0000000017ffffffff006269670000000019ffffffff";
    const INSERT: &str = "490000421d4e0003740000000361275c7400000001316e";
    const UPDATE: &str = "550000421d4e000374000000036f6c6474000000013275";
    const NEW_KEY: &str = "550000421d4b0003740000000361275c6e6e4e00037400000001627400000001316e";
    const DELETE: &str = "440000421d4b00037400000001626e6e";
    const TRUNCATE: &str = "5400000001000000421d";
    const BEGIN: &str = "4200000000028cc37000030476eb42c1a600000376";

    fn bytes(digits: &str) -> Vec<u8> {
        hex::decode(digits).expect("digits")
    }

    #[test]
    fn the_servers_messages_are_read() {
        let relation = Relation {
            table: 16925,
            schema: "public",
            name: "tiny",
            columns: vec!["k", "n", "big"],
        };
        let row = |old, new| Message::Row { table: 16925, old, new };
        for (digits, expected) in [
            (RELATION, Message::Relation(relation)),
            (INSERT, row(None, Some(vec![Text("a'\\"), Text("1"), Null]))),
            (UPDATE, row(None, Some(vec![Text("old"), Text("2"), Unchanged]))),
            (
                NEW_KEY,
                row(Some(vec![Text("a'\\"), Null, Null]), Some(vec![Text("b"), Text("1"), Null])),
            ),
            (DELETE, row(Some(vec![Text("b"), Null, Null]), None)),
            (TRUNCATE, Message::Truncate(vec![16925])),
            (BEGIN, Message::Other),
        ] {
            assert_eq!(message(&bytes(digits)), Some(expected));
        }
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_not_taken_for_a_message() {
        for digits in [RELATION, INSERT, UPDATE, NEW_KEY, DELETE, TRUNCATE] {
            let mut bytes = bytes(digits);
            for length in 0..bytes.len() {
                assert_eq!(message(&bytes[..length]), None, "{digits} {length}");
            }
            bytes.push(0);
            assert_eq!(message(&bytes), None, "{digits} and more");
        }
        // A later version's message, and a value in the binary format.
        assert_eq!(message(b"S\0\0\0\x01"), None);
        assert_eq!(message(b"I\0\0\0\x01N\0\x01b\0\0\0\x01x"), None);
    }
}
