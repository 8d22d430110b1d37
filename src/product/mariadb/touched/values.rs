//! Values in rows of the log: how long they are, and what a key is as SQL.

use std::fmt::Write as _;

use super::super::query::Bytes;

/// A column, as an event says that names the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    kind: u8,
    more: [u8; 2],
}

const TINY: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 3;
const FLOAT: u8 = 4;
const DOUBLE: u8 = 5;
const NULL: u8 = 6;
const TIMESTAMP: u8 = 7;
const LONGLONG: u8 = 8;
const INT24: u8 = 9;
const DATE: u8 = 10;
const TIME: u8 = 11;
const DATETIME: u8 = 12;
const YEAR: u8 = 13;
const NEWDATE: u8 = 14;
const VARCHAR: u8 = 15;
const BIT: u8 = 16;
const TIMESTAMP2: u8 = 17;
const DATETIME2: u8 = 18;
const TIME2: u8 = 19;
const BLOB_COMPRESSED: u8 = 140;
const VARCHAR_COMPRESSED: u8 = 141;
const NEWDECIMAL: u8 = 246;
const ENUM: u8 = 247;
const SET: u8 = 248;
const TINY_BLOB: u8 = 249;
const BLOB: u8 = 252;
const VAR_STRING: u8 = 253;
const STRING: u8 = 254;
const GEOMETRY: u8 = 255;

impl Stored {
    /// Reads what an event has more about a column of this kind.
    pub(super) fn read(kind: u8, more: &mut Bytes<'_>) -> Option<Self> {
        let count = match kind {
            FLOAT | DOUBLE | TIMESTAMP2 | DATETIME2 | TIME2 | BLOB_COMPRESSED => 1,
            TINY_BLOB..=BLOB | GEOMETRY => 1,
            VARCHAR | VARCHAR_COMPRESSED | BIT | NEWDECIMAL | ENUM | SET | VAR_STRING | STRING => 2,
            TINY..=NEWDATE => 0,
            _ => return None,
        };
        let mut both = [0; 2];
        both[..count].copy_from_slice(more.take(count)?);
        Some(Self { kind, more: both })
    }

    /// The bytes that a text of it may have.
    fn longest(self) -> usize {
        let [first, second] = self.more.map(usize::from);
        match self.kind {
            // Two bits of the length are hidden in the kind that it really is.
            STRING => second | ((first & 0x30) ^ 0x30) << 4,
            _ => first | second << 8,
        }
    }

    /// The digits of a time's fraction.
    pub(super) fn digits(self) -> Option<usize> {
        matches!(self.kind, TIMESTAMP2 | DATETIME2 | TIME2).then_some(usize::from(self.more[0]))
    }

    /// What it really is.
    fn really(self) -> u8 {
        match self.kind {
            STRING if matches!(self.more[0], ENUM | SET) => self.more[0],
            kind => kind,
        }
    }

    /// The bytes of the next value, without its length.
    pub(super) fn value<'a>(self, bytes: &mut Bytes<'a>) -> Option<&'a [u8]> {
        let [first, second] = self.more.map(usize::from);
        let fraction = first.div_ceil(2);
        let length = match self.really() {
            NULL => 0,
            TINY | YEAR => 1,
            SHORT => 2,
            INT24 | DATE | TIME | NEWDATE => 3,
            LONG | FLOAT | TIMESTAMP => 4,
            LONGLONG | DOUBLE | DATETIME => 8,
            TIMESTAMP2 => 4 + fraction,
            DATETIME2 => 5 + fraction,
            TIME2 => 3 + fraction,
            BIT => second + usize::from(first > 0),
            NEWDECIMAL => decimal_bytes(first, second)?,
            ENUM | SET => second,
            VARCHAR | VARCHAR_COMPRESSED | VAR_STRING | STRING => {
                counted(bytes, if self.longest() > 255 { 2 } else { 1 })?
            }
            TINY_BLOB..=BLOB | BLOB_COMPRESSED | GEOMETRY => counted(bytes, first)?,
            _ => return None,
        };
        bytes.take(length)
    }
}

fn counted(bytes: &mut Bytes<'_>, width: usize) -> Option<usize> {
    let length = bytes.take(width.min(8))?;
    usize::try_from(length.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))).ok()
}

/// The bytes of so many digits.
const DIGITS: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

fn decimal_bytes(precision: usize, scale: usize) -> Option<usize> {
    let whole = precision.checked_sub(scale)?;
    let bytes = |digits: usize| digits / 9 * 4 + DIGITS[digits % 9];
    Some(bytes(whole) + bytes(scale))
}

/// A column of a key, as the server says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyColumn {
    /// Its place among the columns, from 0.
    pub(super) at: usize,
    /// `int`, `varchar` and so on.
    pub(super) kind: String,
    pub(super) unsigned: bool,
    /// Its character set, if it is a text.
    pub(super) charset: String,
    /// The bytes that it may have, if it is bytes.
    pub(super) bytes: usize,
    /// A number that is shown with more or fewer digits than it has.
    pub(super) padded: bool,
}

impl KeyColumn {
    /// Whether its values can be told from what the log has.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self.kind.as_str(), "float" | "double")
    }

    /// Whether it can also be told how a list shows its values.
    pub(super) fn is_shown(&self) -> bool {
        // The log has the number of a word. And ucs2 may hold what is no character.
        let told = self.is_told() && !self.padded && self.charset != "ucs2";
        told && !matches!(self.kind.as_str(), "enum" | "set")
    }

    /// A value as SQL, which compares with the column as the value itself. It has no comma and no
    /// line break. `None`: it cannot be told.
    pub(super) fn literal(&self, stored: Stored, value: &[u8]) -> Option<String> {
        let little = || value.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        Some(match stored.really() {
            TINY | SHORT | INT24 | LONG | LONGLONG if self.unsigned => little().to_string(),
            TINY | SHORT | INT24 | LONG | LONGLONG => {
                let spare = 64 - 8 * u32::try_from(value.len()).ok()?;
                (little().cast_signed() << spare >> spare).to_string()
            }
            // 0 is no 1900.
            YEAR => match value.first()? {
                0 => "'0000'".to_owned(),
                year => format!("'{}'", 1900 + u32::from(*year)),
            },
            BIT => big(value).to_string(),
            ENUM | SET => little().to_string(),
            NEWDECIMAL => decimal(value, usize::from(stored.more[0]), usize::from(stored.more[1]))?,
            DATE | NEWDATE => {
                let date = little();
                format!("'{:04}-{:02}-{:02}'", date >> 9, date >> 5 & 15, date & 31)
            }
            DATETIME2 => datetime(value)?,
            TIME2 => time(value)?,
            TIMESTAMP2 => timestamp(value)?,
            VARCHAR | VAR_STRING | STRING | TINY_BLOB..=BLOB => self.text(value)?,
            _ => return None,
        })
    }

    fn text(&self, value: &[u8]) -> Option<String> {
        let filled = |length: usize| {
            // Zeros at the end are left out in the log.
            let mut filled = value.to_vec();
            filled.resize(length.max(value.len()), 0);
            hex::encode(filled)
        };
        Some(match self.kind.as_str() {
            "binary" => format!("X'{}'", filled(self.bytes)),
            "uuid" => format!("CAST(X'{}' AS UUID)", filled(16)),
            "inet6" => format!("CAST(X'{}' AS INET6)", filled(16)),
            "inet4" => format!("CAST(X'{}' AS INET4)", filled(4)),
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                format!("X'{}'", hex::encode(value))
            }
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext"
                if is_word(&self.charset) =>
            {
                format!("_{} X'{}'", self.charset, hex::encode(value))
            }
            _ => return None,
        })
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn big(value: &[u8]) -> u64 {
    value.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The part of a second, of so many bytes, in microseconds.
fn micros(bytes: usize, part: u64) -> Option<u64> {
    Some(part * 10_u64.pow(u32::try_from(6_usize.checked_sub(2 * bytes)?).ok()?))
}

fn datetime(value: &[u8]) -> Option<String> {
    let (whole, part) = value.split_at_checked(5)?;
    let whole = big(whole).checked_sub(1 << 39)?;
    let (date, clock) = (whole >> 17, whole & 0x1ffff);
    let months = date >> 5;
    Some(format!(
        "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
        months / 13,
        months % 13,
        date & 31,
        clock >> 12,
        clock >> 6 & 63,
        clock & 63,
        micros(part.len(), big(part))?
    ))
}

fn time(value: &[u8]) -> Option<String> {
    let part = value.len().checked_sub(3)?;
    let zero = 1_i64 << (8 * value.len() - 1);
    let apart = i64::try_from(big(value)).ok()? - zero;
    let (sign, apart) = (if apart < 0 { "-" } else { "" }, apart.unsigned_abs());
    let (clock, fraction) = (apart >> (8 * part), apart & ((1 << (8 * part)) - 1));
    Some(format!(
        "'{sign}{:02}:{:02}:{:02}.{:06}'",
        clock >> 12,
        clock >> 6 & 63,
        clock & 63,
        micros(part, fraction)?
    ))
}

/// In UTC, as text: a server misses rows with `IN (FROM_UNIXTIME(...), FROM_UNIXTIME(...))`.
fn timestamp(value: &[u8]) -> Option<String> {
    let (seconds, part) = value.split_at_checked(4)?;
    let (seconds, micros) = (big(seconds), micros(part.len(), big(part))?);
    if (seconds, micros) == (0, 0) {
        return Some("'0000-00-00 00:00:00'".to_owned());
    }
    let at = chrono::DateTime::from_timestamp(seconds.cast_signed(), 0)?;
    Some(format!("'{}.{micros:06}'", at.format("%Y-%m-%d %H:%M:%S")))
}

/// Nine digits in four bytes each, the first and the last ones in fewer. The highest bit is the
/// sign: it is set for a positive number, and all bits of a negative one are turned.
fn decimal(value: &[u8], precision: usize, scale: usize) -> Option<String> {
    let negative = value.first()? & 0x80 == 0;
    let mut plain: Vec<u8> = value.to_vec();
    plain[0] ^= 0x80;
    if negative {
        plain.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let mut bytes = Bytes(&plain);
    let whole = precision.checked_sub(scale)?;
    let mut text = if negative { "-".to_owned() } else { String::new() };
    let mut digits = |count: usize| {
        let number = big(bytes.take(DIGITS[count])?);
        if count > 0 {
            let _ = write!(text, "{number:0count$}");
        }
        Some(())
    };
    digits(whole % 9)?;
    (0..whole / 9).try_for_each(|_| digits(9))?;
    let dot = usize::from(negative) + whole;
    (0..scale / 9).try_for_each(|_| digits(9))?;
    digits(scale % 9)?;
    text.insert_str(dot, if whole == 0 { "0." } else { "." });
    Some(text.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: &str) -> KeyColumn {
        KeyColumn { kind: kind.into(), charset: "latin1".into(), bytes: 4, ..KeyColumn::default() }
    }

    fn literal(kind: &str, code: u8, more: [u8; 2], value: &[u8]) -> Option<String> {
        column(kind).literal(Stored { kind: code, more }, value)
    }

    #[test]
    fn keys_are_written_as_sql() {
        for (kind, code, more, value, sql) in [
            ("tinyint", TINY, [0, 0], &[0xff][..], "-1"),
            ("mediumint", INT24, [0, 0], &[0xfe, 0xff, 0xff], "-2"),
            ("bigint", LONGLONG, [0, 0], &[1, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775807"),
            ("year", YEAR, [0, 0], &[124], "'2024'"),
            ("year", YEAR, [0, 0], &[0], "'0000'"),
            ("bit", BIT, [2, 1], &[2, 5], "517"),
            ("enum", STRING, [ENUM, 1], &[2], "2"),
            ("date", DATE, [0, 0], &[0x7d, 0xd0, 0x0f], "'2024-03-29'"),
            ("varchar", VARCHAR, [10, 0], b"ab", "_latin1 X'6162'"),
            ("binary", STRING, [254, 4], b"ab", "X'61620000'"),
            ("varbinary", VARCHAR, [10, 0], b"", "X''"),
            ("inet4", STRING, [254, 4], &[1, 2], "CAST(X'01020000' AS INET4)"),
            ("timestamp", TIMESTAMP2, [0, 0], &[0, 0, 0, 0], "'0000-00-00 00:00:00'"),
            ("timestamp", TIMESTAMP2, [2, 0], &[0, 0, 1, 0, 7], "'1970-01-01 00:04:16.070000'"),
            ("decimal", NEWDECIMAL, [5, 2], &[0x80, 0x01, 0x05], "001.05"),
            ("decimal", NEWDECIMAL, [5, 2], &[0x7f, 0xfe, 0xfa], "-001.05"),
            ("decimal", NEWDECIMAL, [3, 0], &[0x80, 0x0c], "012"),
            ("decimal", NEWDECIMAL, [2, 2], &[0x85], "0.05"),
        ] {
            assert_eq!(literal(kind, code, more, value).as_deref(), Some(sql), "{kind} {value:?}");
        }
        let unsigned = KeyColumn { unsigned: true, ..column("int") };
        let stored = Stored { kind: LONG, more: [0, 0] };
        assert_eq!(unsigned.literal(stored, &[0xff; 4]).as_deref(), Some("4294967295"));
        assert_eq!(literal("float", FLOAT, [4, 0], &[0; 4]), None);
        assert_eq!(literal("geometry", GEOMETRY, [4, 0], &[0; 4]), None);
    }

    #[test]
    fn s9_a_value_is_no_statement() {
        let odd = KeyColumn { charset: "latin1 X'' OR 1".into(), ..column("varchar") };
        assert_eq!(odd.literal(Stored { kind: VARCHAR, more: [10, 0] }, b"x"), None);
        let found = literal("varchar", VARCHAR, [90, 0], b"' OR 1;\n").unwrap();
        assert_eq!(found, "_latin1 X'27204f5220313b0a'");
    }
}
