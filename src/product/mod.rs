//! Small programs for the products that ship with this tool: `backout helper NAME ARGUMENT...`.
//!
//! A playbook names one as `{backout} helper NAME`, mostly within a pipe. Each reads its input as a
//! stream and holds one statement of it at most. What a journal under way may name stays: a helper
//! keeps its name and the meaning of its arguments.

mod dpkg;
mod mariadb;
mod redis;

use std::ffi::OsString;
use std::io::{self, BufRead, Write};

/// Why a helper did not do what it is for.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// Its name or its arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// What it looked at is not as it must be.
    #[error("{0}")]
    Failed(String),
    /// Its input cannot be read.
    #[error("cannot read the input: {0}")]
    Input(#[source] io::Error),
    /// What it prints cannot be written.
    #[error("cannot write the output (a broken pipe: the next program of it has ended): {0}")]
    Output(#[source] io::Error),
}

/// What a helper gets and where it prints.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub output: &'a mut dyn Write,
}

/// One helper.
struct Helper {
    name: &'static str,
    arguments: &'static str,
    run: fn(&[String], &mut Streams<'_>) -> Result<(), HelperError>,
}

const HELPERS: &[Helper] = &[
    Helper { name: "dpkg-repair", arguments: "[--release RELEASE] [PACKAGE-FILE...]", run: dpkg::repair },
    Helper { name: "mariadb-past-rejects", arguments: "FILE CLIENT [ARGUMENT...]", run: mariadb::past_rejects },
    Helper { name: "mariadb-replay", arguments: "", run: mariadb::replay },
    Helper { name: "mariadb-settings", arguments: "NAME=VALUE|NAME!=VALUE...", run: mariadb::settings },
    Helper { name: "mariadb-verify-log", arguments: "POSITION", run: mariadb::verify_log },
    Helper { name: "redis-past-rejects", arguments: "REDIS-CLI [ARGUMENT...]", run: redis::past_rejects },
];

/// Runs the helper of this name.
///
/// # Errors
/// When there is none, its arguments are wrong, or it fails.
pub fn run(name: &str, arguments: &[OsString], streams: &mut Streams<'_>) -> Result<(), HelperError> {
    let known = || HELPERS.iter().map(|helper| helper.name).collect::<Vec<_>>().join(", ");
    let helper = HELPERS
        .iter()
        .find(|helper| helper.name == name)
        .ok_or_else(|| HelperError::Usage(format!("there is no helper {name:?}; the helpers are {}", known())))?;
    let text = |argument: &OsString| {
        let unread = || HelperError::Usage(format!("the argument {} is not text", argument.display()));
        argument.to_str().map(str::to_owned).ok_or_else(unread)
    };
    let arguments = arguments.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    (helper.run)(&arguments, streams)
}

/// The arguments are not those of this helper.
fn usage(name: &str) -> HelperError {
    let arguments = HELPERS.iter().find(|helper| helper.name == name).map_or("", |helper| helper.arguments);
    HelperError::Usage(format!("usage: backout helper {name} {arguments}"))
}

/// A line longer than this is none: the products' own limit for a statement is 1 GiB.
const LONGEST_LINE: u64 = (1 << 30) + (1 << 20);

/// Reads the next line, without its end, into `line`. Returns whether there was one.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool, HelperError> {
    use io::Read as _;
    line.clear();
    let read = input.take(LONGEST_LINE).read_until(b'\n', line).map_err(HelperError::Input)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 == LONGEST_LINE {
        return Err(HelperError::Failed("a line of the input is longer than 1 GiB".into()));
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a helper on a text; what it printed, or the reason.
    pub(super) fn on(name: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let (mut input, mut output) = (input, Vec::new());
        let mut streams = Streams { input: &mut input, output: &mut output };
        run(name, &arguments, &mut streams).map_err(|error| error.to_string())?;
        Ok(output)
    }

    /// A file that is kept in a playbook's folder.
    pub(super) fn kept(path: &str) -> Vec<u8> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn an_unknown_helper_is_answered_with_the_known_ones() {
        let said = on("mariadb-reply", &[], b"").unwrap_err();
        assert!(said.starts_with("there is no helper \"mariadb-reply\"; the helpers are dpkg-repair, "), "{said}");
    }

    #[test]
    fn lines_are_read_with_and_without_an_end() {
        let mut input: &[u8] = b"one\n\ntwo";
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        while next_line(&mut input, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["one", "", "two"]);
    }

    #[test]
    fn the_helpers_are_in_the_order_of_their_names() {
        assert!(HELPERS.is_sorted_by_key(|helper| helper.name));
    }
}
