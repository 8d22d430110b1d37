//! Finds the settings of a server that do not have the required values.

use std::collections::{BTreeMap, BTreeSet};

use crate::product::stream::{HelperError, Streams, next_line};

/// What a setting must be.
#[derive(Debug, Default)]
struct Wanted<'a> {
    /// One of these, where there are any.
    one_of: BTreeSet<&'a str>,
    /// None of these.
    none_of: BTreeSet<&'a str>,
}

/// Reads `SHOW GLOBAL VARIABLES` (a name, a tab and a value on each line), and prints those that
/// are not as the arguments say, separated by commas: `NAME=VALUE` says what is right, several of
/// the same name say that any of them is; `NAME!=VALUE` says what is not.
pub(in crate::product) fn settings(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let mut wanted: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    let mut order = Vec::new();
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| HelperError::usage("mariadb-settings NAME=VALUE|NAME!=VALUE..."))?;
        let (name, not) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
        if !order.contains(&name) {
            order.push(name);
        }
        let wanted = wanted.entry(name).or_default();
        if not {
            wanted.none_of.insert(value)
        } else {
            wanted.one_of.insert(value)
        };
    }
    let (mut found, mut line) = (BTreeMap::new(), Vec::new());
    while next_line(streams.input, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        let (name, value) = text.split_once('\t').unwrap_or((&text, ""));
        if wanted.contains_key(name) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    let mut wrong = Vec::new();
    for name in order {
        let wanted = &wanted[name];
        match found.get(name).map(String::as_str) {
            None => wrong.push(format!("{name} is not known to this server")),
            Some(value) => {
                let right = wanted.one_of.is_empty() || wanted.one_of.contains(value);
                if !right || wanted.none_of.contains(value) {
                    wrong.push(format!("{name}={value}"));
                }
            }
        }
    }
    let said = if wrong.is_empty() { String::new() } else { wrong.join(", ") + "\n" };
    streams
        .output
        .write_all(said.as_bytes())
        .and_then(|()| streams.output.flush())
        .map_err(HelperError::Output)
}

#[cfg(test)]
mod tests {
    use crate::product::tests::on;

    const SHOWN: &[u8] =
        b"datadir\t/var/lib/mysql/\ninnodb_data_home_dir\t\nserver_id\t0\nbinlog_format\tMIXED\n";

    fn said(arguments: &[&str]) -> String {
        String::from_utf8(on("mariadb-settings", arguments, SHOWN).unwrap()).unwrap()
    }

    #[test]
    fn what_is_right_is_not_named() {
        assert_eq!(
            said(&[
                "datadir=/var/lib/mysql/",
                "innodb_data_home_dir=./",
                "innodb_data_home_dir=",
                "server_id!=1"
            ]),
            ""
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value() {
        let wrong = said(&[
            "binlog_format=ROW",
            "server_id!=0",
            "encrypt_binlog=OFF",
            "datadir=/x",
            "datadir=/y",
        ]);
        assert_eq!(
            wrong,
            "binlog_format=MIXED, server_id=0, encrypt_binlog is not known to this server, \
                datadir=/var/lib/mysql/\n"
        );
        assert!(
            on("mariadb-settings", &["datadir"], SHOWN)
                .unwrap_err()
                .starts_with("usage: backout helper mariadb-settings ")
        );
    }
}
