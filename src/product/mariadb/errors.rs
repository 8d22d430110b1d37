//! What the server says, for people: without data, and told apart into rejects and troubles.

use regex::Regex;

/// How many characters of a statement or a message are shown.
const SHOWN: usize = 200;

/// ER_NO_SUCH_TABLE.
pub(super) const NO_SUCH_TABLE: u32 = 1146;

/// An error of the server or the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerError {
    /// Its number; 0 where there is none.
    pub(super) number: u32,
    /// Number, state and message in one line, without data.
    pub(super) text: String,
}

/// Troubles: not the transaction is at fault, but what the server had at that time. They do not
/// come again, or they come again for every transaction. Everything else is a reject.
///
/// Files and disk; memory; connection, limits and shutdown; locks and time; broken tables; a server
/// that must not write; the log.
const TROUBLES: &[std::ops::RangeInclusive<u32>] = &[
    1..=999,
    1002..=1004,
    1009..=1021,
    1023..=1029,
    1034..=1043,
    1045..=1045,
    1047..=1047,
    1053..=1053,
    1076..=1080,
    1105..=1105,
    1114..=1114,
    1119..=1119,
    1129..=1130,
    1135..=1135,
    1137..=1137,
    1152..=1161,
    1180..=1182,
    1184..=1184,
    1188..=1190,
    1192..=1192,
    1194..=1195,
    1197..=1197,
    1203..=1203,
    1205..=1207,
    1213..=1213,
    1223..=1223,
    1226..=1226,
    1257..=1257,
    1290..=1290,
    1296..=1297,
    1317..=1317,
    1373..=1375,
    1436..=1436,
    1459..=1459,
    1533..=1533,
    1545..=1545,
    1547..=1548,
    1557..=1557,
    1577..=1577,
    1595..=1598,
    1610..=1610,
    1613..=1614,
    1637..=1637,
    1665..=1665,
    1689..=1690,
    1698..=1698,
    1705..=1705,
    1712..=1712,
    1792..=1792,
    1805..=1805,
    1812..=1816,
    1836..=1836,
    1874..=1875,
    1877..=1878,
    1880..=1881,
    1915..=1915,
    1927..=1927,
    1932..=1932,
    1940..=1940,
    1950..=1950,
    1965..=1965,
    1969..=1969,
    1976..=1976,
    2000..=2999,
    3024..=3024,
    3100..=3101,
    4031..=4031,
    4166..=4166,
];

/// Numbers of the operating system's errors that are troubles, whatever the server's own is:
/// input and output, memory, files, room, a file system that cannot be written to, quota.
const SYSTEM: &[u32] = &[5, 12, 23, 24, 28, 30, 122];
/// The number of an error that a storage engine names by another number.
const ENGINE: u32 = 1030;
/// What of these is a trouble: a broken table or index, a full file, locks, an engine that is gone.
/// (173, for one, is a row that cannot be: a time after 2038.)
const ENGINES: &[u32] = &[
    126, 127, 128, 132, 134, 135, 136, 137, 144, 145, 146, 147, 149, 155, 156, 157, 158, 159, 161,
    165, 175, 180, 189, 190, 192, 193, 194, 195, 196,
];

impl ServerError {
    /// Reads the first error among the lines that a client wrote.
    pub(super) fn first_of(lines: &str) -> Option<Self> {
        let pattern =
            Regex::new(r"(?m)^ERROR (\d+)(?: \((\w+)\))?(?: at line \d+)?: (.*)$").ok()?;
        let found = pattern.captures(lines)?;
        let number = found[1].parse().unwrap_or_default();
        let state = found.get(2).map_or(String::new(), |state| format!(" ({})", state.as_str()));
        let text = format!("ERROR {number}{state}: {}", without_data(number, &found[3]));
        Some(Self { number, text: in_one_line(&text) })
    }

    /// What the server would say of a table that is not there.
    pub(super) fn no_such(table: &str) -> Self {
        let number = NO_SUCH_TABLE;
        Self { number, text: format!("ERROR {number} (42S02): Table {table} doesn't exist") }
    }

    /// Whether the server will say the same again, because of the transaction.
    pub(super) fn is_reject(&self) -> bool {
        let system = Regex::new(r#"(?:errno|error)(?:: | )"?(\d+)\b"#).is_ok_and(|pattern| {
            pattern.captures_iter(&self.text).filter_map(|found| found[1].parse().ok()).any(
                |number| {
                    let engine = self.number == ENGINE && ENGINES.contains(&number);
                    SYSTEM.contains(&number) || engine
                },
            )
        });
        !system && !TROUBLES.iter().any(|range| range.contains(&self.number))
    }
}

/// Errors whose quotes hold only names of what there is or is not: schemas, tables, columns,
/// variables, collations, engines, accounts. What other errors quote may be a value.
const NAMES: &[u32] = &[
    1007, 1008, 1032, 1044, 1049, 1050, 1051, 1054, 1060, 1061, 1067, 1068, 1069, 1071, 1072, 1075,
    1091, 1109, 1115, 1128, 1133, 1142, 1143, 1146, 1170, 1176, 1193, 1227, 1231, 1238, 1253, 1267,
    1273, 1286, 1304, 1305, 1346, 1347, 1356, 1359, 1360, 1396, 1451, 1452, 1505, 1517, 1537, 1539,
    1648, 1728, 1901, 1911, 4025, 4078, 4161,
];

/// The message without values: what stands in single quotes, except for names.
fn without_data(number: u32, message: &str) -> String {
    if NAMES.contains(&number) {
        return message.to_owned();
    }
    // `Duplicate entry 'it's' for key 'PRIMARY'`: a value may hold quotes, so all is left out from
    // the first to the last, except for the key's name.
    let (message, key) = match message.rsplit_once("' for key '") {
        Some((before, key)) => (format!("{before}'"), format!(" for key '{key}")),
        None => (message.to_owned(), String::new()),
    };
    // `Can't` has no quote in it.
    let bytes = message.as_bytes();
    let letter =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_lowercase);
    let quote =
        |at: &usize| bytes[*at] == b'\'' && !(letter(at.checked_sub(1)) && letter(Some(at + 1)));
    let ends = (0..bytes.len()).find(quote).zip((0..bytes.len()).rev().find(quote));
    let hidden = ends
        .filter(|(first, last)| first < last)
        .map(|(first, last)| format!("{}'…'{}", &message[..first], &message[last + 1..]));
    hidden.unwrap_or(message) + &key
}

/// A statement as it is shown: no secrets, and no values.
pub(super) fn shown(statement: &[u8]) -> String {
    let text = String::from_utf8_lossy(&statement[..statement.len().min(4 * SHOWN)]).into_owned();
    let text = in_one_line(&text);
    let first = text.split(' ').next().unwrap_or_default().to_uppercase();
    if ["INSERT", "REPLACE", "UPDATE", "DELETE", "LOAD", "CALL", "DO", "SET", "SELECT", "WITH"]
        .contains(&first.as_str())
    {
        return format!("{} …", text.split(' ').take(3).collect::<Vec<_>>().join(" "));
    }
    match Regex::new(r"(?is)\b(IDENTIFIED|PASSWORD)\b.*") {
        Ok(secret) => secret.replace(&text, "$1 …").into_owned(),
        Err(_) => first,
    }
}

/// One line of at most [`SHOWN`] characters.
pub(super) fn in_one_line(text: &str) -> String {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = plain.chars().filter(|c| !c.is_control()).collect();
    if plain.chars().count() <= SHOWN {
        return plain;
    }
    plain.chars().take(SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> ServerError {
        ServerError::first_of(&format!("warning\n{line}\nmore")).unwrap()
    }

    #[test]
    fn values_are_not_shown_and_names_are() {
        let text = |line: &str| error(line).text;
        assert_eq!(
            text("ERROR 1062 (23000) at line 7: Duplicate entry 'it's secret' for key 'PRIMARY'"),
            "ERROR 1062 (23000): Duplicate entry '…' for key 'PRIMARY'"
        );
        assert_eq!(
            text("ERROR 1064 (42000) at line 2: You have an error near 'x = 'secret'' at line 1"),
            "ERROR 1064 (42000): You have an error near '…' at line 1"
        );
        assert_eq!(
            text("ERROR 1000 (HY000) at line 2: Can't find 'a'b', sorry"),
            "ERROR 1000 (HY000): Can't find '…', sorry"
        );
        assert_eq!(
            text("ERROR 1146 (42S02) at line 2: Table 'shop.t' doesn't exist"),
            "ERROR 1146 (42S02): Table 'shop.t' doesn't exist"
        );
        assert_eq!(
            text("ERROR 2006 (HY000) at line 2: Server has gone away"),
            "ERROR 2006 (HY000): Server has gone away"
        );
        let long = text(&format!("ERROR 1146 (42S02) at line 2: {}", "x".repeat(100_000)));
        assert_eq!(long.chars().count(), SHOWN);
        assert_eq!(ServerError::first_of("no error"), None);
    }

    #[test]
    fn statements_are_shown_without_secrets_and_values() {
        assert_eq!(shown(b"CREATE USER u IDENTIFIED BY 'x'"), "CREATE USER u IDENTIFIED …");
        assert_eq!(shown(b"INSERT INTO t VALUES ('x')"), "INSERT INTO t …");
        assert_eq!(shown(b"ALTER TABLE t\n  ADD v VECTOR(3)"), "ALTER TABLE t ADD v VECTOR(3)");
    }

    #[test]
    fn s8_rejects_are_told_from_troubles() {
        for trouble in [
            "ERROR 1021 (HY000): Disk full (/tmp); waiting for someone to free some space",
            "ERROR 1114 (HY000) at line 1: The table 't' is full",
            "ERROR 1205 (HY000) at line 1: Lock wait timeout exceeded",
            "ERROR 1213 (40001) at line 1: Deadlock found",
            "ERROR 2006 (HY000) at line 1: Server has gone away",
            "ERROR 2013 (HY000) at line 1: Lost connection",
            "ERROR 1041 (HY000) at line 1: Out of memory",
            "ERROR 5 (HY000) at line 1: Out of memory (Needed 4194304 bytes)",
            "ERROR 1005 (HY000) at line 1: Can't create table `d`.`t` (errno: 28 \"No space left\")",
            "ERROR 1006 (HY000) at line 1: Can't create database 'x' (errno: 122)",
            "ERROR 1030 (HY000) at line 1: Got error 28 from storage engine",
            "ERROR 1030 (HY000) at line 1: Got error 126 \"Index file is crashed\"",
            "ERROR 1950 (HY000) at line 1: An attempt was made to binlog GTID 0-1-8",
            "ERROR 1969 (70100) at line 1: Query execution was interrupted (max_statement_time)",
            "ERROR 1290 (HY000) at line 1: The server is running with the --read-only option",
        ] {
            assert!(!error(trouble).is_reject(), "{trouble}");
        }
        for reject in [
            "ERROR 1005 (HY000) at line 1: Can't create table `d`.`t` (errno: 150 \"Foreign key\")",
            "ERROR 1030 (HY000) at line 1: Got error 173 \"The event could not be processed\"",
            "ERROR 1032 (HY000) at line 1: Can't find record in 't'",
            "ERROR 1062 (23000) at line 1: Duplicate entry '28' for key 'PRIMARY'",
            "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax",
            "ERROR 1067 (42000) at line 1: Invalid default value for 'v'",
            "ERROR 1146 (42S02) at line 1: Table 'd.t' doesn't exist",
            "ERROR 1193 (HY000) at line 1: Unknown system variable 'x'",
            "ERROR 1231 (42000) at line 1: Variable 'time_zone' can't be set",
            "ERROR 4161 (HY000) at line 1: Unknown data type: 'VECTOR'",
        ] {
            assert!(error(reject).is_reject(), "{reject}");
        }
    }
}
