//! What a list shows of a key, made of what the log has of it.

use super::values::{KeyColumn, Stored};

/// Character sets of which each text becomes another one in utf8mb4.
const DISTINCT: [&str; 6] = ["utf8mb3", "utf8mb4", "utf16", "utf16le", "utf32", "latin1"];

impl KeyColumn {
    /// A value as SQL that has the text of it that `rows.sql` lists. `alone`: the key has no other
    /// column. `None`: it cannot be told, or another key might be shown alike.
    pub(super) fn shown(&self, stored: Stored, value: &[u8], alone: bool) -> Option<String> {
        let literal = self.literal(stored, value)?;
        Some(match self.kind.as_str() {
            "bit" => format!("HEX({literal})"),
            "datetime" | "timestamp" | "time" => {
                format!("'{}'", with_digits(literal.trim_matches('\''), stored.digits()?))
            }
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                format!("HEX({literal})")
            }
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                // Columns are joined with commas; what utf8mb4 does not have is a question mark.
                let joins = !alone && value.contains(&b',');
                let distinct = DISTINCT.contains(&self.charset.as_str())
                    || value.iter().all(|byte| byte.is_ascii() && *byte != b'?');
                if joins || !distinct {
                    return None;
                }
                format!("CONVERT({literal} USING utf8mb4)")
            }
            _ => literal,
        })
    }
}

/// A time with so many digits of its fraction.
fn with_digits(text: &str, digits: usize) -> String {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    match digits {
        0 => whole.to_owned(),
        _ => format!("{whole}.{part:0<digits$.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_digits_of_its_column() {
        for (text, digits, shown) in [
            ("-00:00:00.250000", 2, "-00:00:00.25"),
            ("2024-02-29 00:00:00.000000", 0, "2024-02-29 00:00:00"),
            ("0000-00-00 00:00:00", 3, "0000-00-00 00:00:00.000"),
        ] {
            assert_eq!(with_digits(text, digits), shown);
        }
    }
}
